// SPDX-License-Identifier: GPL-2.0-only
/*
 * "fs/proc/task_mmu: pin mm_users in do_pagemap_scan()": PAGEMAP_SCAN on the
 * pagemap file of a process that has ended walked its empty address space and
 * returned 0. It fails with ESRCH now.
 *
 * File: fs/proc/task_mmu.c
 */
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

struct scan {
	uint64_t size;
	uint64_t flags;
	uint64_t start;
	uint64_t end;
	uint64_t walk_end;
	uint64_t vec;
	uint64_t vec_len;
	uint64_t max_pages;
	uint64_t category_inverted;
	uint64_t category_mask;
	uint64_t category_anyof_mask;
	uint64_t return_mask;
};

#define SCAN_PAGEMAP	_IOWR('f', 16, struct scan)
#define IS_PRESENT	(1 << 3)

static int scan(int fd)
{
	struct scan arg = {
		.size = sizeof(arg),
		.start = 0x10000,
		.end = 0x20000,
		.category_mask = IS_PRESENT,
		.return_mask = IS_PRESENT,
	};

	return ioctl(fd, SCAN_PAGEMAP, &arg);
}

int main(void)
{
	char name[64];
	int fd, failed;
	pid_t pid;

	pid = fork();
	if (pid < 0)
		err(1, "fork");
	if (!pid)
		for (;;)
			pause();
	snprintf(name, sizeof(name), "/proc/%d/pagemap", pid);
	fd = open(name, O_RDONLY);
	failed = fd < 0 ? 0 : scan(fd);
	kill(pid, SIGKILL);
	if (waitpid(pid, NULL, 0) != pid)
		err(1, "waitpid");
	if (fd < 0) {
		puts("skip: no pagemap");
		return 0;
	}
	if (failed)
		err(1, "PAGEMAP_SCAN");

	failed = scan(fd);
	if (failed && errno != ESRCH)
		err(1, "PAGEMAP_SCAN after the end");
	puts(failed ? "new" : "old");
	return 0;
}
