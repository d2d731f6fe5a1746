// SPDX-License-Identifier: GPL-2.0-only
/*
 * The part of the benchmark that runs in the guest as a program: switches patches
 * and takes the time, keeps tasks asleep or busy, counts what system calls cost.
 *
 * Results go to the standard output, one to a line: name, a tab, a number.
 */
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define LIVE_TIMEOUT_S	100

static int64_t now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000LL + ts.tv_nsec;
}

static void print(const char *name, int64_t value)
{
	printf("%s\t%lld\n", name, (long long)value);
}

static void snooze(long ms)
{
	struct timespec ts = { ms / 1000, ms % 1000 * 1000000 };

	nanosleep(&ts, NULL);
}

/* The number in /sys/PATH, -1 if there is no such file any more. */
static int64_t read_number(const char *path)
{
	char buf[32];
	int fd = open(path, O_RDONLY);
	ssize_t len;

	if (fd < 0)
		return -1;
	len = read(fd, buf, sizeof(buf) - 1);
	close(fd);
	if (len <= 0)
		return -1;
	buf[len] = '\0';
	return atoll(buf);
}

/*
 * livepatch answers before it is done. "transition" of NAME says when it is; the
 * whole directory is gone once a patch is disabled.
 */
static int64_t wait_for_transition(const char *name)
{
	char path[PATH_MAX];
	int64_t start = now();

	snprintf(path, sizeof(path), "/sys/kernel/livepatch/%s/transition",
		 name);
	while (read_number(path) == 1) {
		snooze(1);
		if (now() - start > LIVE_TIMEOUT_S * 1000000000LL)
			return -1;
	}
	return now();
}

static void wait_until_gone(const char *name)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "/sys/kernel/livepatch/%s", name);
	while (!access(path, F_OK))
		snooze(1);
}

static void *read_file(const char *path, size_t *size)
{
	struct stat st;
	char *buf;
	int fd = open(path, O_RDONLY);

	if (fd < 0 || fstat(fd, &st))
		err(1, "%s", path);
	buf = malloc(st.st_size);
	*size = st.st_size;
	if (!buf || read(fd, buf, *size) != st.st_size)
		err(1, "%s", path);
	close(fd);
	return buf;
}

static int64_t read_parameter(const char *name, const char *parameter)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "/sys/module/%s/parameters/%s", name,
		 parameter);
	return read_number(path);
}

/* Load the module NAME in DIR. Return how long the system call took. */
static int64_t init_module(const char *dir, const char *name)
{
	char path[PATH_MAX];
	int64_t start;
	size_t size;
	void *image;

	snprintf(path, sizeof(path), "%s/%s.ko", dir, name);
	image = read_file(path, &size);
	start = now();
	if (syscall(SYS_init_module, image, size, ""))
		err(1, "%s", path);
	return now() - start;
}

/*
 * load SYSTEM DIR NAME: load the module; "insert" is until insmod would be done,
 * "enable" from when the module asked until the patch is live, everywhere.
 */
static int load(char **argv)
{
	int livepatch = !strcmp(argv[0], "livepatch");
	int64_t insert = init_module(argv[1], argv[2]), live;

	if (livepatch)
		live = wait_for_transition(argv[2]);
	else
		live = read_parameter(argv[2], "answered");
	print("insert", insert);
	print("enable", live < 0 ? -1 :
	      live - read_parameter(argv[2], "asked"));
	return 0;
}

/* insert DIR NAME: load a module that is no patch. */
static int insert(char **argv)
{
	print("insert", init_module(argv[0], argv[1]));
	return 0;
}

/* switch SYSTEM NAME 0|1: until it is done, everywhere. */
static int do_switch(char **argv)
{
	int livepatch = !strcmp(argv[0], "livepatch");
	char path[PATH_MAX];
	int64_t start;
	int fd;

	snprintf(path, sizeof(path), "/sys/kernel/%s/%s/enabled", argv[0],
		 argv[1]);
	fd = open(path, O_WRONLY);
	if (fd < 0)
		err(1, "%s", path);
	start = now();
	if (write(fd, argv[2], 1) != 1)
		err(1, "%s", path);
	if (livepatch)
		wait_until_gone(argv[1]);
	print(*argv[2] == '0' ? "disable" : "write", now() - start);
	return 0;
}

/* set CHANGES: write them into "switch", until they are done. */
static int do_set(char **argv)
{
	const char path[] = "/sys/kernel/kpatch/switch";
	size_t len = strlen(argv[0]);
	int64_t start;
	int fd = open(path, O_WRONLY);

	if (fd < 0)
		err(1, "%s", path);
	start = now();
	if (write(fd, argv[0], len) != (ssize_t)len)
		err(1, "%s", path);
	print("set", now() - start);
	return 0;
}

/* unload NAME */
static int unload(char **argv)
{
	int64_t start, tries = 0;

	/* livepatch lets go of the module a moment after it is done. */
	for (;;) {
		start = now();
		if (!syscall(SYS_delete_module, argv[0], O_NONBLOCK))
			break;
		if ((errno != EAGAIN && errno != EBUSY) || ++tries > 10000)
			err(1, "%s", argv[0]);
		snooze(1);
	}
	print("unload", now() - start);
	return 0;
}

static int pipes[2];
static uint32_t futex_word;
static const char *work;

static void *run_thread(void *arg)
{
	char buf[4096];
	int zero;

	(void)arg;
	zero = open("/dev/zero", O_RDONLY);
	for (;;) {
		if (!strcmp(work, "pause"))
			pause();
		else if (!strcmp(work, "pipe"))
			read(pipes[0], buf, 1);
		else if (!strcmp(work, "futex"))
			syscall(SYS_futex, &futex_word, FUTEX_WAIT, 0, NULL,
				NULL, 0);
		else if (!strcmp(work, "tick"))
			snooze(1);
		else if (!strcmp(work, "read"))
			read(zero, buf, sizeof(buf));
		else if (!strcmp(work, "getpid"))
			syscall(SYS_getpid);
		else
			return NULL;
	}
}

static void start_threads(unsigned long count)
{
	pthread_attr_t attr;
	pthread_t thread;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 32768);
	pthread_attr_setguardsize(&attr, 0);
	while (count--) {
		errno = pthread_create(&thread, &attr, run_thread, NULL);
		if (errno)
			err(1, "pthread_create");
	}
}

static void fork_forever(void)
{
	for (;;) {
		pid_t pid = fork();

		if (pid < 0)
			err(1, "fork");
		if (!pid)
			_exit(0);
		waitpid(pid, NULL, 0);
	}
}

/*
 * tasks COUNT WORK: keep so many threads at that until the process is killed,
 * whose number is printed when all are at it.
 */
static int tasks(char **argv)
{
	int ready[2];
	pid_t pid;
	char c;

	work = argv[1];
	if (pipe(pipes) || pipe(ready))
		err(1, "pipe");
	pid = fork();
	if (pid < 0)
		err(1, "fork");
	if (pid) {
		close(ready[1]);
		if (read(ready[0], &c, 1) != 1)
			errx(1, "no such tasks");
		printf("%d\n", pid);
		return 0;
	}
	/* A reader of this output must not have to wait for the end of the program. */
	close(STDOUT_FILENO);
	if (!strcmp(work, "fork")) {
		write(ready[1], "", 1);
		fork_forever();
	}
	start_threads(strtoul(argv[0], NULL, 0));
	/* They come to where they sleep. */
	snooze(300);
	write(ready[1], "", 1);
	close(ready[1]);
	for (;;)
		pause();
}

#define ROUNDS	1000

static void cost_syscall(void)
{
	int64_t start;
	int i;

	for (i = 0; i < 10; i++) {
		int j;

		start = now();
		for (j = 0; j < ROUNDS; j++)
			syscall(SYS_getppid);
		print("syscall", (now() - start) / ROUNDS);
	}
}

static void cost_fork(void)
{
	int64_t start;
	int i;

	for (i = 0; i < 200; i++) {
		pid_t pid;

		start = now();
		pid = fork();
		if (!pid)
			_exit(0);
		waitpid(pid, NULL, 0);
		print("fork", now() - start);
	}
}

/* Two processes that wait for each other: two switches in each round. */
static void cost_switch(void)
{
	int there[2], back[2], i;
	int64_t start;
	char c = 0;
	pid_t pid;

	if (pipe(there) || pipe(back))
		err(1, "pipe");
	pid = fork();
	if (!pid) {
		close(there[1]);
		while (read(there[0], &c, 1) == 1)
			write(back[1], &c, 1);
		_exit(0);
	}
	for (i = 0; i < 30; i++) {
		int j;

		start = now();
		for (j = 0; j < ROUNDS; j++) {
			write(there[1], &c, 1);
			read(back[0], &c, 1);
		}
		print("switch", (now() - start) / ROUNDS / 2);
	}
	close(there[1]);
	waitpid(pid, NULL, 0);
}

/* costs: of what every system does all day. */
static int costs(char **argv)
{
	(void)argv;
	cost_syscall();
	cost_fork();
	cost_switch();
	return 0;
}

static const struct command {
	const char *name;
	int args;
	int (*run)(char **argv);
} commands[] = {
	{ "load", 3, load },
	{ "insert", 2, insert },
	{ "switch", 3, do_switch },
	{ "set", 1, do_set },
	{ "unload", 1, unload },
	{ "tasks", 2, tasks },
	{ "costs", 0, costs },
};

int main(int argc, char **argv)
{
	size_t i;

	for (i = 0; i < sizeof(commands) / sizeof(*commands); i++) {
		if (argc > 1 && !strcmp(argv[1], commands[i].name) &&
		    argc == 2 + commands[i].args)
			return commands[i].run(argv + 2);
	}
	errx(1, "no such command, or not with these arguments");
}
