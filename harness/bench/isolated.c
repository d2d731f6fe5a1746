// SPDX-License-Identifier: GPL-2.0-only
/*
 * What one CPU notices of a command that runs on the others.
 *
 * isolated CPU WARMUP_MS SETTLE_MS COMMAND...: run a loop in user space on CPU, then
 * COMMAND, and print what has changed: name, a tab, a number. The names are those of
 * /proc/interrupts; "switches", how often the loop had to leave the CPU; and "gap_ns",
 * the longest time between two rounds of the loop. Exits with the status of COMMAND.
 *
 * If TRACE_MARKER is set, it is the file to write "begin" and "end" to.
 *
 * isolated pause: sleep in pause(2) until a signal arrives.
 */
#define _GNU_SOURCE
#include <err.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MAX_LINES	256
#define NAME_LEN	16

struct snapshot {
	int nr;
	char name[MAX_LINES][NAME_LEN];
	long count[MAX_LINES];
};

struct shared {
	atomic_bool running;
	_Atomic int64_t gap;
};

static int64_t now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000LL + ts.tv_nsec;
}

static void snooze(long ms)
{
	struct timespec ts = { ms / 1000, ms % 1000 * 1000000 };

	nanosleep(&ts, NULL);
}

/* The loop makes no system call and causes no page fault. */
static void loop(struct shared *shared, int cpu)
{
	int64_t last, time;
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) || mlockall(MCL_CURRENT) ||
	    sched_setaffinity(0, sizeof(set), &set))
		err(1, "loop");
	shared->running = true;
	last = now();
	for (;;) {
		time = now();
		if (time - last > shared->gap)
			shared->gap = time - last;
		last = time;
	}
}

static FILE *open_file(const char *path)
{
	FILE *file = fopen(path, "r");

	if (!file)
		err(1, "%s", path);
	return file;
}

/* The column of CPU in /proc/interrupts, which lists only CPUs that are online. */
static int find_column(char *head, int cpu)
{
	char name[16], *word;
	int column = 0;

	snprintf(name, sizeof(name), "CPU%d", cpu);
	for (word = strtok(head, " \n"); word; word = strtok(NULL, " \n")) {
		if (!strcmp(word, name))
			return column;
		column++;
	}
	errx(1, "CPU %d is not online", cpu);
}

static void add(struct snapshot *s, const char *name, long count)
{
	if (s->nr == MAX_LINES)
		errx(1, "too many interrupts");
	snprintf(s->name[s->nr], NAME_LEN, "%s", name);
	s->count[s->nr++] = count;
}

static void read_interrupts(struct snapshot *s, int cpu)
{
	FILE *file = open_file("/proc/interrupts");
	char *line = NULL, *at, *end;
	size_t size = 0;
	int column, i;
	long count;

	if (getline(&line, &size, file) < 0)
		err(1, "/proc/interrupts");
	column = find_column(line, cpu);
	while (getline(&line, &size, file) > 0) {
		at = strchr(line, ':');
		if (!at)
			continue;
		*at++ = '\0';
		for (i = 0; i <= column; i++, at = end) {
			count = strtol(at, &end, 10);
			if (end == at)
				break;
		}
		/* ERR and MIS have one number for all CPUs. */
		if (i > column)
			add(s, line + strspn(line, " "), count);
	}
	free(line);
	fclose(file);
}

static void read_switches(struct snapshot *s, pid_t pid)
{
	char path[64], *line = NULL;
	size_t size = 0;
	FILE *file;
	long count;

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	file = open_file(path);
	while (getline(&line, &size, file) > 0) {
		if (sscanf(line, "nonvoluntary_ctxt_switches: %ld", &count) == 1)
			add(s, "switches", count);
	}
	free(line);
	fclose(file);
}

static void take(struct snapshot *s, int cpu, pid_t pid)
{
	s->nr = 0;
	read_interrupts(s, cpu);
	read_switches(s, pid);
}

static void print_difference(const struct snapshot *before,
			     const struct snapshot *after)
{
	int i;

	if (before->nr != after->nr)
		errx(1, "an interrupt came or went");
	for (i = 0; i < after->nr; i++)
		printf("%s\t%ld\n", after->name[i],
		       after->count[i] - before->count[i]);
}

static int run(char **command)
{
	int status;
	pid_t pid = fork();

	if (pid < 0)
		err(1, "fork");
	if (!pid) {
		dup2(STDERR_FILENO, STDOUT_FILENO);
		execvp(command[0], command);
		err(127, "%s", command[0]);
	}
	if (waitpid(pid, &status, 0) != pid)
		err(1, "wait");
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

/* The counters are read between the two marks. */
static void mark(const char *text)
{
	const char *path = getenv("TRACE_MARKER");
	FILE *file;

	if (!path)
		return;
	file = fopen(path, "w");
	if (!file || fputs(text, file) < 0 || fclose(file))
		err(1, "%s", path);
}

int main(int argc, char **argv)
{
	static struct snapshot before, after;
	struct shared *shared;
	int cpu, status;
	pid_t pid;

	if (argc == 2 && !strcmp(argv[1], "pause")) {
		pause();
		return 0;
	}
	if (argc < 5)
		errx(2, "usage: isolated CPU WARMUP_MS SETTLE_MS COMMAND...");
	cpu = atoi(argv[1]);
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED)
		err(1, "mmap");
	pid = fork();
	if (pid < 0)
		err(1, "fork");
	if (!pid)
		loop(shared, cpu);
	while (!shared->running) {
		snooze(1);
		if (waitpid(pid, NULL, WNOHANG))
			errx(1, "the loop has ended");
	}
	snooze(atoi(argv[2]));
	mark("begin");
	take(&before, cpu, pid);
	shared->gap = 0;
	status = run(argv + 4);
	snooze(atoi(argv[3]));
	take(&after, cpu, pid);
	mark("end");
	print_difference(&before, &after);
	printf("gap_ns\t%lld\n", (long long)shared->gap);
	kill(pid, SIGKILL);
	return status;
}
