// SPDX-License-Identifier: GPL-2.0-only
/*
 * "ipc/shm: fix RSS accounting for hugetlb shared memory": the pages of a
 * segment in huge pages were counted in small ones and then multiplied by the
 * number of small pages in a huge one once more. SHM_INFO shows the sum.
 *
 * File: ipc/shm.c
 */
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/shm.h>
#include <unistd.h>

#define POOL "/proc/sys/vm/nr_hugepages"
#define SIZE (2UL << 20)

static long pool(long set)
{
	long n = 0;
	FILE *f;

	f = fopen(POOL, set < 0 ? "r" : "w");
	if (!f)
		return -1;
	if (set < 0 ? fscanf(f, "%ld", &n) != 1 : fprintf(f, "%ld", set) < 0)
		err(1, POOL);
	if (fclose(f))
		err(1, POOL);
	return n;
}

int main(void)
{
	struct shm_info info;
	unsigned long pages;
	long before;
	int id, failed;
	char *p;

	before = pool(-1);
	if (before < 0) {
		puts("skip: no huge pages");
		return 0;
	}
	if (unshare(CLONE_NEWIPC)) {
		if (errno != EINVAL)
			err(1, "unshare");
		puts("skip: no IPC namespaces");
		return 0;
	}
	pool(before + 1);
	if (pool(-1) <= before) {
		puts("skip: no memory for a huge page");
		return 0;
	}

	id = shmget(IPC_PRIVATE, SIZE, SHM_HUGETLB | 0600);
	p = id < 0 ? (void *)-1 : shmat(id, NULL, 0);
	failed = p == (void *)-1;
	if (failed)
		warn("shmget and shmat");
	if (!failed) {
		*p = 1;
		failed = shmctl(0, SHM_INFO, (void *)&info) < 0;
		shmdt(p);
	}
	if (id >= 0)
		shmctl(id, IPC_RMID, NULL);
	pool(before);
	if (failed)
		return 1;

	pages = SIZE / sysconf(_SC_PAGESIZE);
	if (info.shm_rss != pages && info.shm_rss != pages * pages)
		errx(1, "%lu pages", info.shm_rss);
	puts(info.shm_rss == pages ? "new" : "old");
	return 0;
}
