// SPDX-License-Identifier: GPL-2.0-only
/*
 * Triggers the bugs that the patches of test-fixes.sh fix, and prints what a program
 * gets to see.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/if_alg.h>
#include <linux/if_arp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* They need <sys/socket.h>. */
#include <linux/llc.h>
#include <linux/phonet.h>
#include <linux/vm_sockets.h>

#define RR_FILE "/proc/sys/kernel/sched_rr_timeslice_ms"
/* The time slice that is written to RR_FILE, in milliseconds. */
#define RR_MS 100
#define SEQ_FILE "/proc/devices"
/* Within the first record of SEQ_FILE. */
#define SEQ_OFFSET 3
#define MAX_FILE 16384
#define VSOCK_MINIMUM 1048576
/* Asks for an algorithm that is not asynchronous: CRYPTO_ALG_ASYNC in the kernel. */
#define ALG_MASK 0x80
/* Those that nothing else uses. */
#define FIRST_SAP 0x04
#define NUM_SAPS 30
/* What a server asks for, and what it needs. */
#define BACKLOG 4096
#define NUM_CONNECTIONS 200
/* More pages than a user may have, see test-fixes.sh; and what a pipe has without a limit. */
#define NUM_PIPES 12
#define PIPE_SIZE 65536
/* No process has this pid. */
#define NO_PID 0x3fffffff

static char outcome[sizeof(((struct utsname *)NULL)->release)];

static int print_usage(void)
{
	fprintf(stderr,
		"usage: kpatch_trigger BUG\n"
		"       kpatch_trigger BUG FIXED BROKEN\n"
		"       BUG: uname rr mlockall personality pread lseek vsock alg phonet\n"
		"            llc_bind llc_send somaxconn rr_write rr_read pipe\n"
		"            setown sgid\n"
		"       The second form goes on until SIGTERM, checks that each outcome is\n"
		"       one of these two, and prints how often each was seen.\n");
	return 2;
}

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static void set_outcome(const char *text)
{
	snprintf(outcome, sizeof(outcome), "%s", text);
}

/* The outcome of a system call: an errno, or success. */
static void set_result(long ret)
{
	set_outcome(ret < 0 ? strerrorname_np(errno) : "success");
}

static int open_socket(int family, int type, int protocol)
{
	int fd = socket(family, type, protocol);

	if (fd < 0)
		die("socket");
	return fd;
}

static void trigger_uname(void)
{
	struct utsname name;

	if (personality(PER_LINUX | UNAME26) < 0 || uname(&name))
		die("uname");
	set_outcome(name.release);
}

static void trigger_rr(void)
{
	ssize_t len;
	int fd;

	fd = open(RR_FILE, O_RDWR);
	if (fd < 0 || write(fd, "-1", 2) != 2)
		die("cannot write " RR_FILE);
	len = pread(fd, outcome, sizeof(outcome) - 1, 0);
	if (len < 0)
		die("cannot read " RR_FILE);
	close(fd);
	outcome[len] = '\0';
	outcome[strcspn(outcome, "\n")] = '\0';
}

/* Which unit the file gives the time slice in; a jiffy may be a millisecond. */
static void trigger_rr_read(void)
{
	struct timespec jiffy;
	bool is_ms, is_jiffies;
	char text[16];
	ssize_t len;
	int fd;

	fd = open(RR_FILE, O_RDONLY);
	if (fd < 0)
		die("cannot open " RR_FILE);
	len = read(fd, text, sizeof(text) - 1);
	if (len < 0)
		die("cannot read " RR_FILE);
	close(fd);
	text[len] = '\0';
	text[strcspn(text, "\n")] = '\0';

	/* The resolution of this clock is one jiffy. */
	if (clock_getres(CLOCK_MONOTONIC_COARSE, &jiffy))
		die("clock_getres");
	is_ms = atol(text) == RR_MS;
	is_jiffies = atol(text) == RR_MS * 1000000L / jiffy.tv_nsec;
	if (is_ms && is_jiffies)
		set_outcome("both");
	else if (is_ms)
		set_outcome("milliseconds");
	else if (is_jiffies)
		set_outcome("jiffies");
	else
		set_outcome(text);
}

static void trigger_rr_write(void)
{
	char text[16];
	int fd, len;

	len = snprintf(text, sizeof(text), "%d", RR_MS);
	fd = open(RR_FILE, O_WRONLY);
	if (fd < 0 || write(fd, text, len) != len)
		die("cannot write " RR_FILE);
	close(fd);
	trigger_rr_read();
}

static void trigger_mlockall(void)
{
	set_result(mlockall(MCL_ONFAULT));
}

/* With a bit that no personality has. */
static void trigger_personality(void)
{
	set_result(syscall(SYS_personality, (unsigned long)(PER_LINUX | 1ULL << 32)));
}

/* Returns the length of what is left to read, from @offset or from the position. */
static size_t read_rest(int fd, char *buf, off_t offset, bool seeks)
{
	size_t total = 0;
	ssize_t len;

	if (seeks && lseek(fd, offset, SEEK_SET) != offset)
		die("lseek");
	do {
		if (seeks)
			len = read(fd, buf + total, MAX_FILE - total);
		else
			len = pread(fd, buf + total, MAX_FILE - total, offset + total);
		if (len < 0)
			die("cannot read " SEQ_FILE);
		total += len;
	} while (len);
	return total;
}

static void read_middle(bool seeks)
{
	static char whole[MAX_FILE], rest[MAX_FILE];
	size_t whole_len, rest_len;
	const char *what;
	int fd;

	fd = open(SEQ_FILE, O_RDONLY);
	if (fd < 0)
		die("cannot open " SEQ_FILE);
	whole_len = read_rest(fd, whole, 0, true);
	close(fd);
	/* A new file, which has not read anything. */
	fd = open(SEQ_FILE, O_RDONLY);
	if (fd < 0)
		die("cannot open " SEQ_FILE);
	rest_len = read_rest(fd, rest, SEQ_OFFSET, seeks);
	close(fd);

	if (rest_len + SEQ_OFFSET == whole_len &&
	    !memcmp(rest, whole + SEQ_OFFSET, rest_len))
		what = "the rest";
	else if (rest_len > whole_len &&
		 !memcmp(rest + rest_len - whole_len, whole, whole_len))
		what = "repeated";
	else
		what = "other text";
	set_outcome(what);
}

static void trigger_pread(void)
{
	read_middle(false);
}

static void trigger_lseek(void)
{
	read_middle(true);
}

static void trigger_vsock(void)
{
	uint64_t minimum = VSOCK_MINIMUM, size = 0, maximum = 0;
	socklen_t len = sizeof(size);
	int fd;

	fd = open_socket(AF_VSOCK, SOCK_STREAM, 0);
	if (setsockopt(fd, AF_VSOCK, SO_VM_SOCKETS_BUFFER_MIN_SIZE, &minimum,
		       sizeof(minimum)) ||
	    getsockopt(fd, AF_VSOCK, SO_VM_SOCKETS_BUFFER_SIZE, &size, &len) ||
	    getsockopt(fd, AF_VSOCK, SO_VM_SOCKETS_BUFFER_MAX_SIZE, &maximum, &len))
		die("socket option");
	close(fd);
	set_outcome(size > maximum ? "above maximum" : "in bounds");
}

/* An algorithm that later kernels still offer to programs. */
static void trigger_alg(void)
{
	struct sockaddr_alg address = {
		.salg_family = AF_ALG,
		.salg_type = "hash",
		.salg_mask = ALG_MASK,
		.salg_name = "md5",
	};
	int fd;

	fd = open_socket(AF_ALG, SOCK_SEQPACKET, 0);
	set_result(bind(fd, (struct sockaddr *)&address, sizeof(address)));
	close(fd);
}

static void trigger_phonet(void)
{
	int fd;

	fd = open_socket(AF_PHONET, SOCK_SEQPACKET, PN_PROTO_PIPE);
	set_result(ioctl(fd, SIOCPNENABLEPIPE, 0));
	close(fd);
}

/* The kernel refuses what is no Ethernet device, or looks for the device and uses it. */
static void set_llc_result(long ret, int refusal)
{
	if (ret < 0 && errno == refusal)
		set_outcome("refused");
	else if (ret >= 0 || errno == ENODEV)
		set_outcome("searched");
	else
		set_result(ret);
}

static void trigger_llc_bind(void)
{
	struct sockaddr_llc address = {
		.sllc_family = AF_LLC,
		.sllc_arphrd = ARPHRD_LOOPBACK,
		.sllc_sap = FIRST_SAP + 2 * (getpid() % NUM_SAPS),
	};
	int fd, ret;

	fd = open_socket(AF_LLC, SOCK_DGRAM, 0);
	do {
		ret = bind(fd, (struct sockaddr *)&address, sizeof(address));
	} while (ret && (errno == EBUSY || errno == EADDRINUSE));
	set_llc_result(ret, EAFNOSUPPORT);
	close(fd);
}

/* The socket is bound when it sends for the first time. */
static void trigger_llc_send(void)
{
	struct sockaddr_llc address = {
		.sllc_family = AF_LLC,
		.sllc_arphrd = ARPHRD_NONE,
		.sllc_sap = FIRST_SAP,
	};
	int fd;

	fd = open_socket(AF_LLC, SOCK_DGRAM, 0);
	set_llc_result(sendto(fd, "", 1, 0, (struct sockaddr *)&address, sizeof(address)),
		       EINVAL);
	close(fd);
}

/* Clients that connect to a server before it accepts the first one. */
static void trigger_somaxconn(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	socklen_t len = sizeof(address);
	int server, fds[NUM_CONNECTIONS], count = 0, ret;

	/* The kernel chooses the address. */
	server = open_socket(AF_UNIX, SOCK_STREAM, 0);
	if (bind(server, (struct sockaddr *)&address, sizeof(sa_family_t)) ||
	    getsockname(server, (struct sockaddr *)&address, &len) ||
	    listen(server, BACKLOG))
		die("cannot listen");
	do {
		fds[count] = open_socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
		ret = connect(fds[count++], (struct sockaddr *)&address, len);
	} while (!ret && count < NUM_CONNECTIONS);
	set_result(ret);
	while (count)
		close(fds[--count]);
	close(server);
}

static void trigger_setown(void)
{
	int fds[2];

	if (pipe(fds))
		die("pipe");
	set_result(fcntl(fds[0], F_SETOWN, NO_PID));
	close(fds[0]);
	close(fds[1]);
}

/* The first number that a child process that is nobody finds out. */
static int ask_nobody(uid_t uid, int (*find_out)(const void *arg), const void *arg)
{
	int fds[2], answer;
	pid_t pid;

	if (pipe(fds))
		die("pipe");
	pid = fork();
	if (pid < 0)
		die("fork");
	if (!pid) {
		if (setgroups(0, NULL) || setresgid(uid, uid, uid) || setresuid(uid, uid, uid))
			_exit(1);
		answer = find_out(arg);
		_exit(write(fds[1], &answer, sizeof(answer)) != sizeof(answer));
	}
	close(fds[1]);
	if (read(fds[0], &answer, sizeof(answer)) != sizeof(answer))
		die("a child process has failed");
	close(fds[0]);
	waitpid(pid, NULL, 0);
	return answer;
}

static int last_pipe_size(const void *count)
{
	int fds[2], i;

	for (i = 0; i < *(const int *)count; i++) {
		if (pipe(fds))
			return -1;
	}
	return fcntl(fds[0], F_GETPIPE_SZ);
}

/* A user that has no other process. */
static void trigger_pipe(void)
{
	const int count = NUM_PIPES;
	int size = ask_nobody(100000 + getpid(), last_pipe_size, &count);

	if (size < 0)
		die("the pipes cannot be made");
	set_outcome(size < PIPE_SIZE ? "limited" : "unlimited");
}

static int make_executable(const void *directory)
{
	int dirfd = *(const int *)directory, fd;
	struct stat status;

	umask(0);
	fd = openat(dirfd, "executable", O_CREAT | O_EXCL | O_WRONLY, 02755);
	if (fd < 0 || fstat(fd, &status))
		return -1;
	unlinkat(dirfd, "executable", 0);
	return status.st_mode & S_ISGID;
}

/* Of a user who is not in the group. */
static void trigger_sgid(void)
{
	const char *tmpdir = getenv("TMPDIR");
	char path[4096];
	int fd, bit;

	snprintf(path, sizeof(path), "%s/kpatch_XXXXXX", tmpdir ? tmpdir : "/tmp");
	if (!mkdtemp(path) || chmod(path, 02777))
		die("cannot make a directory");
	fd = open(path, O_RDONLY | O_DIRECTORY);
	bit = ask_nobody(65534, make_executable, &fd);
	close(fd);
	if (rmdir(path) || bit < 0)
		die("cannot make a file");
	set_outcome(bit ? "group of the directory" : "none");
}

static const struct {
	const char *name;
	void (*trigger)(void);
} bugs[] = {
	{ "uname", trigger_uname },
	{ "rr", trigger_rr },
	{ "mlockall", trigger_mlockall },
	{ "personality", trigger_personality },
	{ "pread", trigger_pread },
	{ "lseek", trigger_lseek },
	{ "vsock", trigger_vsock },
	{ "alg", trigger_alg },
	{ "phonet", trigger_phonet },
	{ "llc_bind", trigger_llc_bind },
	{ "llc_send", trigger_llc_send },
	{ "somaxconn", trigger_somaxconn },
	{ "rr_write", trigger_rr_write },
	{ "rr_read", trigger_rr_read },
	{ "pipe", trigger_pipe },
	{ "setown", trigger_setown },
	{ "sgid", trigger_sgid },
	{ NULL, NULL }
};

static int repeat(void (*trigger)(void), const char *fixed, const char *broken)
{
	unsigned long times_fixed = 0, times_broken = 0;
	sigset_t signals;

	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	while (!sigpending(&signals) && !sigismember(&signals, SIGTERM)) {
		trigger();
		if (!strcmp(outcome, fixed)) {
			times_fixed++;
		} else if (!strcmp(outcome, broken)) {
			times_broken++;
		} else {
			fprintf(stderr, "neither '%s' nor '%s': '%s'\n", fixed, broken,
				outcome);
			return 1;
		}
	}
	printf("%lu %lu\n", times_fixed, times_broken);
	return 0;
}

int main(int argc, char **argv)
{
	size_t i;

	if (argc != 2 && argc != 4)
		return print_usage();
	for (i = 0; bugs[i].name; i++) {
		if (strcmp(bugs[i].name, argv[1]))
			continue;
		if (argc == 4)
			return repeat(bugs[i].trigger, argv[2], argv[3]);
		bugs[i].trigger();
		puts(outcome);
		return 0;
	}
	return print_usage();
}
