// SPDX-License-Identifier: GPL-2.0-only
/*
 * User-space load for the kpatch tests: system calls whose functions are being
 * switched.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define NEW_GETPID_OFFSET 1000000

static int print_usage(void)
{
	fprintf(stderr,
		"usage: kpatch_user getpid PROCESSES ENABLED ROUNDS\n"
		"       kpatch_user spin PROCESSES\n"
		"       kpatch_user pause NAME\n"
		"       kpatch_user watch FILE SECONDS\n"
		"       kpatch_user weakopen FILE\n"
		"       kpatch_user proftimer\n");
	return 2;
}

/*
 * getpid: PROCESSES call getpid() in a loop while ENABLED is switched ROUNDS
 * times. A round is one switch. Each call checks beforehand whether another
 * process has seen the new state, and whether the write has returned; in either
 * case the call must not see the old state any more.
 */
struct shared {
	atomic_int round;	/* the current switch, 0: exit */
	atomic_int on;		/* what it switches to */
	atomic_int seen;	/* last round in which a call saw the result */
	atomic_int done;	/* last round in which the write had returned */
	atomic_long calls;
	atomic_long mixed;	/* old after another call was new */
	atomic_long late;	/* old after the write had returned */
	atomic_long wrong;	/* neither old nor new */
};

static void judge_call(struct shared *s, long pid)
{
	int round = atomic_load(&s->round);
	int on = atomic_load(&s->on);
	bool seen = atomic_load(&s->seen) == round;
	bool done = atomic_load(&s->done) == round;
	long got = syscall(SYS_getpid);
	bool is_new = got == pid + NEW_GETPID_OFFSET;

	atomic_fetch_add(&s->calls, 1);
	if (!is_new && got != pid)
		atomic_fetch_add(&s->wrong, 1);
	/* If the next switch has begun this call proves nothing. */
	if (atomic_load(&s->round) != round)
		return;
	if (is_new == on)
		atomic_store(&s->seen, round);
	else if (done)
		atomic_fetch_add(&s->late, 1);
	else if (seen)
		atomic_fetch_add(&s->mixed, 1);
}

/*
 * Yield, to give up the CPU outside the function. Under full preemption a task
 * may be preempted in the function, and then stays inside until all others have
 * run; out of a hundred such tasks some would always be inside.
 */
static void call_getpid(struct shared *s, long pid)
{
	while (atomic_load(&s->round)) {
		judge_call(s, pid);
		sched_yield();
	}
	_exit(0);
}

static int write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY), ret = 0;

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		ret = -errno;
	if (fd >= 0)
		close(fd);
	return ret;
}

static int switch_once(struct shared *s, const char *enabled, int round)
{
	int ret;

	atomic_store(&s->on, round % 2);
	atomic_store(&s->round, round);
	ret = write_file(enabled, round % 2 ? "1" : "0");
	if (!ret)
		atomic_store(&s->done, round);
	usleep(50000);
	return ret;
}

static int count_failures(struct shared *s, int failed)
{
	long calls = atomic_load(&s->calls), mixed = atomic_load(&s->mixed);
	long late = atomic_load(&s->late), wrong = atomic_load(&s->wrong);

	printf("# %ld calls, %ld mixed, %ld late, %ld wrong, %d refused\n",
	       calls, mixed, late, wrong, failed);
	return !calls || mixed || late || wrong || failed;
}

static int do_getpid(int processes, const char *enabled, int rounds)
{
	struct shared *s = mmap(NULL, sizeof(*s), PROT_READ | PROT_WRITE,
				MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int i, failed = 0;

	if (s == MAP_FAILED)
		return 1;
	/* The patch is enabled; rounds start at 2, which disables it. */
	atomic_store(&s->on, 1);
	atomic_store(&s->round, 1);
	for (i = 0; i < processes; i++) {
		if (!fork())
			call_getpid(s, syscall(SYS_gettid));
	}
	for (i = 2; i < rounds + 2; i++)
		failed += !!switch_once(s, enabled, i);
	atomic_store(&s->round, 0);
	while (wait(NULL) > 0)
		;
	return count_failures(s, failed);
}

/* spin: PROCESSES call the functions that the tests patch, until killed. */
static void spin(void)
{
	struct statfs buf;

	for (;;) {
		syscall(SYS_getpid);
		statfs("/proc", &buf);
		sched_yield();
	}
}

static int do_spin(int processes)
{
	int i;

	for (i = 1; i < processes; i++) {
		if (!fork())
			spin();
	}
	spin();
	return 0;
}

static void ignore(int sig)
{
}

/*
 * pause: sleep in pause(), under the name NAME, until SIGUSR1 arrives, and print
 * the return value.
 */
static int do_pause(const char *name)
{
	struct sigaction act = { .sa_handler = ignore };
	long ret;

	sigaction(SIGUSR1, &act, NULL);
	prctl(PR_SET_NAME, name);
	ret = syscall(SYS_pause);
	printf("%ld\n", ret < 0 ? (long)-errno : ret);
	return 0;
}

static atomic_int expired;

static void expire(int sig)
{
	atomic_store(&expired, 1);
}

/*
 * proftimer: does a timer that counts our CPU time expire? The limit is CPU time
 * as well: other processes decide how fast it passes.
 */
static int do_proftimer(void)
{
	struct itimerval timer = { .it_value.tv_usec = 50000 };
	struct sigaction act = { .sa_handler = expire };
	struct timespec now;

	sigaction(SIGPROF, &act, NULL);
	setitimer(ITIMER_PROF, &timer, NULL);
	do {
		clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	} while (!atomic_load(&expired) && now.tv_sec < 3);
	puts(atomic_load(&expired) ? "expired" : "silent");
	return 0;
}

/* Print the first line of a file, or the error of reading it. */
static void print_file(const char *what, int fd)
{
	char buf[4096];
	ssize_t len = pread(fd, buf, sizeof(buf) - 1, 0);

	if (len < 0) {
		printf("%s: %s\n", what, strerror(errno));
	} else {
		buf[len] = '\0';
		printf("%s: %.*s\n", what, (int)strcspn(buf, "\n"), buf);
	}
	fflush(stdout);
}

/*
 * watch: read FILE, wait until poll() reports a change, and read it again. Give
 * up after SECONDS: poll() checks the file once more when it times out, and may
 * find a change that woke no waiter.
 */
static int do_watch(const char *file, int seconds)
{
	struct pollfd pollfd = { .events = POLLPRI | POLLERR };
	time_t end = time(NULL) + seconds;

	pollfd.fd = open(file, O_RDONLY);
	if (pollfd.fd < 0)
		return 1;
	print_file("before", pollfd.fd);
	if (poll(&pollfd, 1, seconds * 1000) == 1 &&
	    pollfd.revents & POLLPRI && time(NULL) < end)
		print_file("after", pollfd.fd);
	else
		puts("no change");
	return 0;
}

static int set_admin(bool on)
{
	struct __user_cap_header_struct head = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];

	if (syscall(SYS_capget, &head, data))
		return -1;
	data[0].effective &= ~(1U << CAP_SYS_ADMIN);
	if (on)
		data[0].effective |= 1U << CAP_SYS_ADMIN;
	return syscall(SYS_capset, &head, data);
}

/* weakopen: open FILE without CAP_SYS_ADMIN, and read it with CAP_SYS_ADMIN. */
static int do_weakopen(const char *file)
{
	int fd;

	if (set_admin(false))
		return 1;
	fd = open(file, O_RDONLY);
	if (fd < 0 || set_admin(true))
		return 1;
	print_file("weak", fd);
	close(fd);
	fd = open(file, O_RDONLY);
	if (fd < 0)
		return 1;
	print_file("strong", fd);
	return 0;
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";

	if (!strcmp(what, "getpid") && argc == 5)
		return do_getpid(atoi(argv[2]), argv[3], atoi(argv[4]));
	if (!strcmp(what, "spin") && argc == 3)
		return do_spin(atoi(argv[2]));
	if (!strcmp(what, "pause") && argc == 3)
		return do_pause(argv[2]);
	if (!strcmp(what, "watch") && argc == 4)
		return do_watch(argv[2], atoi(argv[3]));
	if (!strcmp(what, "weakopen") && argc == 3)
		return do_weakopen(argv[2]);
	if (!strcmp(what, "proftimer") && argc == 2)
		return do_proftimer();
	return print_usage();
}
