// SPDX-License-Identifier: GPL-2.0-only
/*
 * "splice: avoid stale f_pos writeback on error": a splice(2) that failed still
 * stored the position that the file had when it began, so that a change of the
 * position in between got lost. do_splice() leaves it alone after an error now.
 *
 * A thread splices from a file to a full pipe and waits. The position of the
 * file is changed, and the thread interrupted by a signal.
 *
 * File: fs/splice.c
 */
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

static int file, ends[2];
static atomic_int tid;

static void ignore(int sig)
{
	(void)sig;
}

static void *splicer(void *unused)
{
	ssize_t n;

	(void)unused;
	tid = syscall(SYS_gettid);
	n = splice(file, NULL, ends[1], NULL, 100, 0);
	if (n >= 0 || errno != EINTR)
		err(1, "splice returned %zd", n);
	return NULL;
}

static char state(void)
{
	char name[64], line[256], *p;
	FILE *f;

	snprintf(name, sizeof(name), "/proc/self/task/%d/stat", tid);
	f = fopen(name, "r");
	if (!f || !fgets(line, sizeof(line), f))
		err(1, "%s", name);
	fclose(f);
	p = strrchr(line, ')');
	return p ? p[2] : 0;
}

int main(void)
{
	struct sigaction action = { .sa_handler = ignore };
	static char data[4096];
	pthread_t thread;
	off_t pos;

	file = memfd_create("trigger", 0);
	if (file < 0 || write(file, data, 1000) != 1000 || lseek(file, 0, SEEK_SET))
		err(1, "memfd");
	if (pipe2(ends, O_NONBLOCK))
		err(1, "pipe2");
	while (write(ends[1], data, sizeof(data)) > 0)
		;
	if (fcntl(ends[1], F_SETFL, 0) || sigaction(SIGUSR1, &action, NULL))
		err(1, "prepare");

	errno = pthread_create(&thread, NULL, splicer, NULL);
	if (errno)
		err(1, "pthread_create");
	while (!tid || state() != 'S')
		usleep(1000);

	if (lseek(file, 500, SEEK_SET) != 500)
		err(1, "lseek");
	pthread_kill(thread, SIGUSR1);
	pthread_join(thread, NULL);

	pos = lseek(file, 0, SEEK_CUR);
	if (pos != 0 && pos != 500)
		errx(1, "the position is %lld", (long long)pos);
	puts(pos ? "new" : "old");
	return 0;
}
