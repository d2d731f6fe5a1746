// SPDX-License-Identifier: GPL-2.0-only
/*
 * Things that an unprivileged program can do to keep functions from being
 * switched. The program starts as root, to get what an administrator or a setuid
 * helper would provide, such as a FUSE mount, then drops all privileges and
 * attacks.
 *
 * It prints "ready TID" once the attack is in place, TID being the potential
 * blocker, and "answer VALUE" for the return value of a call.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/fuse.h>
#include <linux/io_uring.h>
#include <linux/seccomp.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define NOBODY 65534
#define NAP_MS 1500
#define STACK_SIZE 16384
#define SKIP 4

static int print_usage(void);

static void die(const char *what)
{
	fprintf(stderr, "kpatch_hostile: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* The kernel or its configuration lacks a feature: not a failure. */
static void give_up(const char *what)
{
	printf("skip %s: %s\n", what, strerror(errno));
	exit(SKIP);
}

static void drop_privileges(void)
{
	if (setresgid(NOBODY, NOBODY, NOBODY) ||
	    setresuid(NOBODY, NOBODY, NOBODY))
		die("giving up privileges");
	/* As for a program started without privileges: own our files in /proc. */
	prctl(PR_SET_DUMPABLE, 1);
	prctl(PR_SET_NAME, "hostile");
}

static void say_ready(pid_t tid)
{
	printf("ready %d\n", tid);
	fflush(stdout);
}

static void say_answer(long value)
{
	printf("answer %ld\n", value);
	fflush(stdout);
}

static long result_of(long ret)
{
	return ret < 0 ? -errno : ret;
}

static long now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Avoids do_nanosleep(), which some tests patch. */
static void nap_ms(long ms)
{
	poll(NULL, 0, ms);
}

static void pause_for_ever(void)
{
	for (;;)
		pause();
}

/* A child that dies with its parent; returns 0 in the child. */
static pid_t fork_child(void)
{
	pid_t pid = fork();

	if (pid < 0)
		die("fork");
	if (!pid)
		prctl(PR_SET_PDEATHSIG, SIGKILL);
	return pid;
}

static void block_signal(int sig)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, sig);
	sigprocmask(SIG_BLOCK, &set, NULL);
}

/* The signal must be blocked. */
static void wait_for_signal(int sig)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, sig);
	while (sigwaitinfo(&set, NULL) != sig)
		;
}

static void pin_to_cpu(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	sched_setaffinity(0, sizeof(set), &set);
}

static char state_of(pid_t pid)
{
	char path[64], text[256] = "", *end;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	file = fopen(path, "r");
	if (!file)
		return 'X';
	if (!fgets(text, sizeof(text), file))
		text[0] = 0;
	fclose(file);
	end = strrchr(text, ')');
	return end ? end[2] : 'X';
}

/* @states are letters as ps prints them; any of them will do. */
static void wait_for_state(pid_t pid, const char *states)
{
	while (!strchr(states, state_of(pid)))
		nap_ms(10);
}

static void put_file(const char *dir, const char *name, const char *text)
{
	char path[512];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, O_WRONLY);
	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		die(path);
	close(fd);
}

/*
 * pidns: the init process of a PID namespace is killed and, while it exits, waits
 * for another process of the namespace: a zombie child of ours that we never reap.
 */
static int do_pidns(char **args)
{
	pid_t first, second;

	drop_privileges();
	if (unshare(CLONE_NEWUSER | CLONE_NEWPID))
		give_up("namespaces");
	first = fork_child();
	if (!first)
		pause_for_ever();
	second = fork_child();
	if (!second)
		pause_for_ever();
	kill(first, SIGKILL);
	wait_for_state(second, "Z");
	nap_ms(100);
	say_ready(first);
	pause_for_ever();
	return 0;
}

/*
 * userfault KIND: a thread waits in the kernel for a page, forever unless SIGUSR1
 * tells us to deliver it. Such a userfaultfd takes root,
 * vm.unprivileged_userfaultfd or /dev/userfaultfd; a mapped file of a FUSE file
 * system has the same effect without them.
 */
static char *page;
static int uffd, fds[2];
static const char *file_name;
static atomic_int victim;
static atomic_bool answered;
static long victim_result, victim_ms;

static void open_userfaultfd(void)
{
	struct uffdio_api api = { .api = UFFD_API };

	uffd = syscall(SYS_userfaultfd, O_CLOEXEC);
	if (uffd < 0 || ioctl(uffd, UFFDIO_API, &api))
		give_up("userfaultfd");
}

static void watch_page(void)
{
	struct uffdio_register reg = { .mode = UFFDIO_REGISTER_MODE_MISSING };
	long size = sysconf(_SC_PAGESIZE);

	page = mmap(NULL, size, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	reg.range.start = (unsigned long)page;
	reg.range.len = size;
	if (page == MAP_FAILED || ioctl(uffd, UFFDIO_REGISTER, &reg))
		die("UFFDIO_REGISTER");
}

static void wait_for_fault(void)
{
	struct uffd_msg msg;

	if (read(uffd, &msg, sizeof(msg)) != sizeof(msg))
		die("userfaultfd");
}

static void deliver_page(void)
{
	struct uffdio_zeropage zero = {
		.range.start = (unsigned long)page,
		.range.len = sysconf(_SC_PAGESIZE),
	};

	if (ioctl(uffd, UFFDIO_ZEROPAGE, &zero))
		die("UFFDIO_ZEROPAGE");
}

static void open_eventfd(void)
{
	fds[0] = eventfd(1, 0);
	if (fds[0] < 0)
		die("eventfd");
}

static long call_read(void)
{
	return syscall(SYS_read, fds[0], page, 8);
}

/* The kernel writes to the page only if the sleep is interrupted. */
static long call_nanosleep(void)
{
	struct timespec nap = {
		.tv_sec = NAP_MS / 1000,
		.tv_nsec = NAP_MS % 1000 * 1000000,
	};

	return syscall(SYS_nanosleep, &nap, page);
}

static void open_pipe(void)
{
	if (pipe(fds))
		die("pipe");
}

/* Faults while it holds the lock of the pipe. */
static long call_write(void)
{
	return syscall(SYS_write, fds[1], page, 8);
}

static long call_process_vm_readv(void)
{
	char text[8];
	struct iovec to = { text, sizeof(text) }, from = { page, sizeof(text) };

	return syscall(SYS_process_vm_readv, getpid(), &to, 1, &from, 1, 0);
}

static void open_file(void)
{
	fds[0] = open(file_name, O_RDONLY);
	if (fds[0] < 0)
		die(file_name);
}

static void open_nothing(void)
{
}

static const struct fault {
	const char *name;
	void (*open)(void);
	long (*call)(void);
} faults[] = {
	{ "read", open_eventfd, call_read },
	{ "nanosleep", open_nothing, call_nanosleep },
	{ "write", open_pipe, call_write },
	{ "process_vm_readv", open_nothing, call_process_vm_readv },
	{ "file", open_file, call_read },
	{ NULL }
};

static const struct fault *fault;

static void *run_victim(void *arg)
{
	long start = now_ms();

	victim = syscall(SYS_gettid);
	victim_result = result_of(fault->call());
	victim_ms = now_ms() - start;
	answered = true;
	pause_for_ever();
	return NULL;
}

static void start_victim(const char *name)
{
	pthread_t thread;

	for (fault = faults; fault->name && strcmp(fault->name, name); fault++)
		;
	if (!fault->name)
		exit(print_usage());
	open_userfaultfd();
	drop_privileges();
	fault->open();
	watch_page();
	if (pthread_create(&thread, NULL, run_victim, NULL))
		die("pthread_create");
	while (!victim)
		nap_ms(1);
}

static void finish_victim(void)
{
	wait_for_signal(SIGUSR1);
	deliver_page();
	while (!answered)
		nap_ms(10);
	printf("took %ld\n", victim_ms);
	say_answer(victim_result);
	pause_for_ever();
}

static int do_userfault(char **args)
{
	file_name = args[1];
	block_signal(SIGUSR1);
	start_victim(args[0]);
	if (fault->call == call_nanosleep)
		wait_for_state(victim, "S");
	else
		wait_for_fault();
	say_ready(victim);
	finish_victim();
	return 0;
}

static void ignore_signal(int sig)
{
}

/*
 * spin: like userfault, but with a signal pending for the thread. The kernel
 * neither lets it leave nor lets it sleep.
 */
static int do_spin(char **args)
{
	struct sigaction action = { .sa_handler = ignore_signal };

	block_signal(SIGUSR1);
	sigaction(SIGUSR2, &action, NULL);
	start_victim("read");
	wait_for_fault();
	syscall(SYS_tgkill, getpid(), victim, SIGUSR2);
	say_ready(victim);
	finish_victim();
	return 0;
}

/*
 * pipe COUNT: one writer of a pipe waits for a page; COUNT others wait for that
 * writer, and no signal wakes them.
 */
static atomic_int last_writer;

static void *run_writer(void *arg)
{
	last_writer = syscall(SYS_gettid);
	result_of(syscall(SYS_write, fds[1], "x", 1));
	pause_for_ever();
	return NULL;
}

static int do_pipe(char **args)
{
	int count = atoi(args[0]);
	pthread_t thread;

	block_signal(SIGUSR1);
	start_victim("write");
	wait_for_fault();
	while (count--) {
		last_writer = 0;
		if (pthread_create(&thread, NULL, run_writer, NULL))
			die("pthread_create");
		while (!last_writer)
			nap_ms(1);
		wait_for_state(last_writer, "D");
	}
	say_ready(last_writer);
	finish_victim();
	return 0;
}

/* fuse: a process waits for a FUSE server, this program, that never answers. */
static void answer_init(int fd)
{
	char request[FUSE_MIN_READ_BUFFER * 16];
	const struct fuse_in_header *in = (void *)request;
	struct {
		struct fuse_out_header header;
		struct fuse_init_out init;
	} out = { .header.len = sizeof(out) };

	if (read(fd, request, sizeof(request)) < 0)
		die("/dev/fuse");
	out.header.unique = in->unique;
	out.init.major = FUSE_KERNEL_VERSION;
	out.init.minor = FUSE_KERNEL_MINOR_VERSION;
	out.init.max_write = 4096;
	if (in->opcode != FUSE_INIT || write(fd, &out, sizeof(out)) < 0)
		die("FUSE_INIT");
	/* Read the next request, so that it cannot be withdrawn. */
	if (read(fd, request, sizeof(request)) < 0)
		die("/dev/fuse");
}

/* Does the work of fusermount. Returns a file descriptor of the root. */
static int mount_fuse(int fd)
{
	char dir[] = "/tmp/kpatch_hostile.XXXXXX", options[128];
	const char *tmp = getenv("TMPDIR");
	int root;

	if (tmp && chdir(tmp))
		die(tmp);
	if (!mkdtemp(tmp ? dir + 5 : dir))
		die(dir);
	snprintf(options, sizeof(options),
		 "fd=%d,rootmode=40000,user_id=%d,group_id=%d", fd, NOBODY,
		 NOBODY);
	if (mount("hostile", tmp ? dir + 5 : dir, "fuse",
		  MS_NOSUID | MS_NODEV, options))
		give_up("mounting a FUSE file system");
	root = open(tmp ? dir + 5 : dir, O_PATH | O_DIRECTORY);
	umount2(tmp ? dir + 5 : dir, MNT_DETACH);
	rmdir(tmp ? dir + 5 : dir);
	if (root < 0)
		die(dir);
	return root;
}

static int do_fuse(char **args)
{
	int fd = open("/dev/fuse", O_RDWR | O_CLOEXEC), root;
	pid_t pid;

	if (fd < 0)
		give_up("/dev/fuse");
	root = mount_fuse(fd);
	drop_privileges();
	pid = fork_child();
	if (!pid) {
		close(fd);
		result_of(openat(root, "file", O_RDONLY));
		_exit(0);
	}
	answer_init(fd);
	wait_for_state(pid, "SD");
	say_ready(pid);
	pause_for_ever();
	return 0;
}

/*
 * stopped KIND: a process is stopped: by a signal ("signal"), or by its tracer,
 * where it enters a system call ("syscall") or where it forks ("fork").
 */
static pid_t start_tracee(long options)
{
	pid_t pid = fork_child();

	if (!pid) {
		ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		raise(SIGSTOP);
		for (;;) {
			if (!syscall(SYS_fork))
				_exit(0);
			waitpid(-1, NULL, 0);
		}
	}
	if (waitpid(pid, NULL, 0) != pid ||
	    ptrace(PTRACE_SETOPTIONS, pid, NULL, options | PTRACE_O_EXITKILL))
		give_up("ptrace");
	return pid;
}

static int do_stopped(char **args)
{
	pid_t pid;

	drop_privileges();
	if (!strcmp(args[0], "signal")) {
		pid = fork_child();
		if (!pid)
			pause_for_ever();
		kill(pid, SIGSTOP);
		wait_for_state(pid, "T");
	} else if (!strcmp(args[0], "syscall")) {
		pid = start_tracee(0);
		ptrace(PTRACE_SYSCALL, pid, NULL, NULL);
		waitpid(pid, NULL, 0);
	} else if (!strcmp(args[0], "fork")) {
		pid = start_tracee(PTRACE_O_TRACEFORK);
		ptrace(PTRACE_CONT, pid, NULL, NULL);
		waitpid(pid, NULL, 0);
	} else {
		return print_usage();
	}
	say_ready(pid);
	pause_for_ever();
	return 0;
}

/* seccomp: a supervisor never decides about a system call. */
static int listen_for(int nr)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			 offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, nr, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog prog = { 4, filter };
	int fd;

	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	fd = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
		     SECCOMP_FILTER_FLAG_NEW_LISTENER |
		     SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV, &prog);
	if (fd < 0)
		give_up("seccomp");
	return fd;
}

static int do_seccomp(char **args)
{
	struct seccomp_notif *notif = calloc(1, 4096);
	pid_t pid;
	int fd;

	drop_privileges();
	fd = listen_for(SYS_getppid);
	pid = fork_child();
	if (!pid) {
		syscall(SYS_getppid);
		_exit(0);
	}
	if (ioctl(fd, SECCOMP_IOCTL_NOTIF_RECV, notif))
		give_up("seccomp");
	say_ready(pid);
	pause_for_ever();
	return 0;
}

/* uring: wait for an io_uring completion without any submission. */
static int do_uring(char **args)
{
	struct io_uring_params params = {};
	pid_t pid;
	int fd;

	drop_privileges();
	fd = syscall(SYS_io_uring_setup, 4, &params);
	if (fd < 0)
		give_up("io_uring");
	pid = fork_child();
	if (!pid) {
		result_of(syscall(SYS_io_uring_enter, fd, 0, 1,
				  IORING_ENTER_GETEVENTS, NULL, 0));
		pause_for_ever();
	}
	wait_for_state(pid, "S");
	say_ready(pid);
	pause_for_ever();
	return 0;
}

/*
 * dump: a process with two threads dumps core to a program that never reads it.
 * The test has set core_pattern.
 */
static void *wait_in_thread(void *arg)
{
	victim = syscall(SYS_gettid);
	pause_for_ever();
	return NULL;
}

static void dump_core(void)
{
	struct rlimit limit = { RLIM_INFINITY, RLIM_INFINITY };
	size_t size = 1 << 20;
	pthread_t thread;

	setrlimit(RLIMIT_CORE, &limit);
	/* More than a pipe holds. */
	memset(malloc(size), 1, size);
	if (pthread_create(&thread, NULL, wait_in_thread, NULL))
		_exit(1);
	while (!victim)
		nap_ms(1);
	abort();
}

static int do_dump(char **args)
{
	struct rlimit limit = { RLIM_INFINITY, RLIM_INFINITY };
	pid_t pid;

	setrlimit(RLIMIT_CORE, &limit);
	drop_privileges();
	pid = fork_child();
	if (!pid)
		dump_core();
	nap_ms(1000);
	wait_for_state(pid, "SD");
	say_ready(pid);
	pause_for_ever();
	return 0;
}

/*
 * freeze DIR: a process that sleeps in futex_wait() is frozen by its cgroup, DIR,
 * which is delegated to us, of either version.
 */
static bool is_v1(const char *dir)
{
	char path[512];

	snprintf(path, sizeof(path), "%s/freezer.state", dir);
	return !access(path, F_OK);
}

static int do_freeze(char **args)
{
	uint32_t word = 0;
	char text[16];
	pid_t pid;

	put_file(args[0], "cgroup.procs", "0");
	drop_privileges();
	pid = fork_child();
	if (!pid) {
		prctl(PR_SET_NAME, "sleeper");
		/* FUTEX_WAIT */
		say_answer(result_of(syscall(SYS_futex, &word, 0, 0, NULL,
					     NULL, 0)));
		_exit(0);
	}
	wait_for_state(pid, "S");
	snprintf(text, sizeof(text), "%d", pid);
	put_file(args[0], "frozen/cgroup.procs", text);
	if (is_v1(args[0]))
		put_file(args[0], "frozen/freezer.state", "FROZEN");
	else
		put_file(args[0], "frozen/cgroup.freeze", "1");
	nap_ms(200);
	say_ready(pid);
	pause_for_ever();
	return 0;
}

/* throttle DIR COUNT: COUNT processes call getpid() in a cgroup with a tiny quota */
static int do_throttle(char **args)
{
	int i, count = atoi(args[1]);
	pid_t pid = 0;

	put_file(args[0], "cgroup.procs", "0");
	drop_privileges();
	for (i = 0; i < count; i++) {
		pid = fork_child();
		if (!pid) {
			for (;;)
				syscall(SYS_getpid);
		}
	}
	say_ready(pid);
	pause_for_ever();
	return 0;
}

static void start_hogs(int count, int cpu)
{
	while (count--) {
		if (fork_child())
			continue;
		pin_to_cpu(cpu);
		for (;;)
			;
	}
}

static void make_idle(void)
{
	struct sched_param param = {};

	if (sched_setscheduler(0, SCHED_IDLE, &param))
		die("SCHED_IDLE");
}

/*
 * starve COUNT HOGS: COUNT processes call getpid() in a loop, but hardly get the
 * CPU any more, since HOGS others use it.
 */
static int do_starve(char **args)
{
	int i, count = atoi(args[0]);
	pid_t pid = 0;

	drop_privileges();
	for (i = 0; i < count; i++) {
		pid = fork_child();
		if (!pid) {
			pin_to_cpu(0);
			make_idle();
			for (;;)
				syscall(SYS_getpid);
		}
	}
	nap_ms(200);
	start_hogs(atoi(args[1]), 0);
	nap_ms(500);
	say_ready(pid);
	pause_for_ever();
	return 0;
}

/*
 * exiters COUNT HOGS: COUNT processes lose the CPU in exit_notify(), which wakes
 * their parent, and do not get it back, since HOGS others use it.
 */
static void exit_idle(void)
{
	make_idle();
	_exit(0);
}

static int do_exiters(char **args)
{
	int count = atoi(args[0]);
	pid_t pid = 0;

	block_signal(SIGCHLD);
	pin_to_cpu(0);
	drop_privileges();
	start_hogs(1, 0);
	while (count--) {
		pid = fork_child();
		if (!pid)
			exit_idle();
		wait_for_signal(SIGCHLD);
	}
	start_hogs(atoi(args[1]), 0);
	say_ready(pid);
	pause_for_ever();
	return 0;
}

/*
 * zombies COUNT: on SIGUSR1 a process exits that has COUNT zombie children, which
 * it never waits for.
 */
static int do_zombies(char **args)
{
	int count = atoi(args[0]);
	pid_t pid;

	block_signal(SIGUSR1);
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	drop_privileges();
	signal(SIGCHLD, SIG_IGN);
	pid = fork_child();
	if (pid) {
		wait_for_signal(SIGUSR1);
		kill(pid, SIGUSR1);
		pause_for_ever();
	}
	signal(SIGCHLD, SIG_DFL);
	while (count--) {
		pid = fork();
		if (!pid)
			_exit(0);
		if (pid < 0)
			die("fork");
	}
	wait_for_state(pid, "Z");
	say_ready(getpid());
	wait_for_signal(SIGUSR1);
	_exit(0);
}

/*
 * spawn COUNT: COUNT processes each start a thread every millisecond. The threads
 * sleep in eventfd_read(), the processes elsewhere.
 */
static void *sleep_in_eventfd(void *arg)
{
	uint64_t value;

	syscall(SYS_read, fds[0], &value, sizeof(value));
	pause_for_ever();
	return NULL;
}

/* After this many threads another process takes over. */
#define MAX_SPAWNED 200

static void spawn(void)
{
	pthread_attr_t attr;
	pthread_t thread;
	int i;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK_SIZE);
	for (i = 0; i < MAX_SPAWNED; i++) {
		nap_ms(1);
		if (pthread_create(&thread, &attr, sleep_in_eventfd, NULL))
			break;
	}
	_exit(0);
}

static int do_spawn(char **args)
{
	int count = atoi(args[0]);
	pid_t pid = 0;

	drop_privileges();
	/* The new function answers tasks of this name, and keeps others busy. */
	prctl(PR_SET_NAME, "sleeper");
	fds[0] = eventfd(0, EFD_SEMAPHORE);
	while (count--) {
		pid = fork_child();
		if (!pid) {
			for (;;) {
				pid = fork_child();
				if (!pid)
					spawn();
				waitpid(pid, NULL, 0);
			}
		}
	}
	nap_ms(200);
	say_ready(pid);
	pause_for_ever();
	return 0;
}

/*
 * relay COUNT MS: each of COUNT threads sleeps in select() for 20 ms, about every
 * MS ms, and elsewhere in between. So threads keep entering select().
 */
static int relay_ms;

static void *run_relay(void *arg)
{
	unsigned int seed = (unsigned long)arg;

	nap_ms(rand_r(&seed) % relay_ms);
	for (;;) {
		struct timeval tv = { .tv_usec = 20000 };

		syscall(SYS_select, 0, NULL, NULL, NULL, &tv);
		nap_ms(relay_ms / 2 + rand_r(&seed) % relay_ms);
	}
	return NULL;
}

static int do_relay(char **args)
{
	pthread_attr_t attr;
	pthread_t thread;
	long i;

	drop_privileges();
	/* The new function answers tasks of this name, and keeps others busy. */
	prctl(PR_SET_NAME, "sleeper");
	relay_ms = atoi(args[1]);
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK_SIZE);
	for (i = 0; i < atoi(args[0]); i++) {
		if (pthread_create(&thread, &attr, run_relay, (void *)i))
			die("pthread_create");
	}
	nap_ms(relay_ms);
	say_ready(getpid());
	pause_for_ever();
	return 0;
}

/* hogs COUNT: on each CPU COUNT processes spin */
static int do_hogs(char **args)
{
	int cpu, count = atoi(args[0]);

	drop_privileges();
	for (cpu = 0; cpu < sysconf(_SC_NPROCESSORS_ONLN); cpu++)
		start_hogs(count, cpu);
	say_ready(getpid());
	pause_for_ever();
	return 0;
}

/* storm KIND COUNT: COUNT processes do nothing but KIND */
static void storm_fork(void)
{
	pid_t pid = fork();

	if (!pid)
		_exit(0);
	waitpid(pid, NULL, 0);
}

static void storm_exec(void)
{
	pid_t pid = fork();

	if (!pid) {
		execl("/proc/self/exe", "kpatch_hostile", "nothing", NULL);
		_exit(1);
	}
	waitpid(pid, NULL, 0);
}

/* A timer interrupts every sleep. */
static void storm_signal(void)
{
	struct itimerval timer = { { 0, 1000 }, { 0, 1000 } };
	struct sigaction action = { .sa_handler = ignore_signal };

	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &timer, NULL);
	for (;;)
		pause();
}

/* The stopper thread of a CPU has to migrate the process. */
static void storm_affinity(void)
{
	pin_to_cpu(0);
	pin_to_cpu(sysconf(_SC_NPROCESSORS_ONLN) - 1);
}

static const struct storm {
	const char *name;
	void (*once)(void);
} storms[] = {
	{ "fork", storm_fork },
	{ "exec", storm_exec },
	{ "signal", storm_signal },
	{ "affinity", storm_affinity },
	{ NULL }
};

static int do_storm(char **args)
{
	int count = atoi(args[1]);
	const struct storm *storm;

	for (storm = storms; storm->name && strcmp(storm->name, args[0]);
	     storm++)
		;
	if (!storm->name)
		return print_usage();
	drop_privileges();
	while (count--) {
		if (fork_child())
			continue;
		for (;;)
			storm->once();
	}
	say_ready(getpid());
	pause_for_ever();
	return 0;
}

static int do_nothing(char **args)
{
	return 0;
}

static const struct mode {
	const char *name;
	int nr_args;
	int (*run)(char **args);
	const char *args;
} modes[] = {
	{ "pidns", 0, do_pidns, "" },
	{ "userfault", 1, do_userfault,
	  "read|nanosleep|write|process_vm_readv|file [FILE]" },
	{ "spin", 0, do_spin, "" },
	{ "pipe", 1, do_pipe, "COUNT" },
	{ "fuse", 0, do_fuse, "" },
	{ "stopped", 1, do_stopped, "signal|syscall|fork" },
	{ "seccomp", 0, do_seccomp, "" },
	{ "uring", 0, do_uring, "" },
	{ "dump", 0, do_dump, "" },
	{ "freeze", 1, do_freeze, "DIR" },
	{ "throttle", 2, do_throttle, "DIR COUNT" },
	{ "starve", 2, do_starve, "COUNT HOGS" },
	{ "exiters", 2, do_exiters, "COUNT HOGS" },
	{ "zombies", 1, do_zombies, "COUNT" },
	{ "spawn", 1, do_spawn, "COUNT" },
	{ "relay", 2, do_relay, "COUNT MS" },
	{ "hogs", 1, do_hogs, "COUNT" },
	{ "storm", 2, do_storm, "fork|exec|signal|affinity COUNT" },
	/* Started by "storm exec". */
	{ "nothing", 0, do_nothing, "" },
	{ NULL }
};

static int print_usage(void)
{
	const struct mode *mode;

	for (mode = modes; mode->name; mode++)
		fprintf(stderr, "usage: kpatch_hostile %s %s\n", mode->name,
			mode->args);
	return 2;
}

int main(int argc, char **argv)
{
	const struct mode *mode;

	for (mode = modes; mode->name && argc > 1; mode++) {
		if (!strcmp(mode->name, argv[1]) && argc >= mode->nr_args + 2)
			return mode->run(argv + 2);
	}
	return print_usage();
}
