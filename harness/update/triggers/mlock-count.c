// SPDX-License-Identifier: GPL-2.0-only
/*
 * "mm/mlock: use a long for the page count in mlock_fixup()": the pages of a
 * mapping that gets locked were counted in an int. 8 TiB have 2^31 pages, and
 * VmLck in /proc/PID/status became negative.
 *
 * The pages are locked when they are used, and none of them is.
 *
 * File: mm/mlock.c
 */
#define _GNU_SOURCE
#include <err.h>
#include <stdio.h>
#include <sys/mman.h>

#define SIZE (8UL << 40)

#ifndef MLOCK_ONFAULT
#define MLOCK_ONFAULT 1
#endif

static unsigned long long locked_kb(void)
{
	unsigned long long kb = 0;
	char line[256];
	int found = 0;
	FILE *f;

	f = fopen("/proc/self/status", "r");
	if (!f)
		err(1, "/proc/self/status");
	while (fgets(line, sizeof(line), f))
		found |= sscanf(line, "VmLck: %llu", &kb) == 1;
	fclose(f);
	if (!found)
		errx(1, "there is no VmLck");
	return kb;
}

int main(void)
{
	unsigned long long before, kb;
	void *p;

	p = mmap(NULL, SIZE, PROT_NONE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (p == MAP_FAILED)
		err(1, "mmap");
	before = locked_kb();
	if (mlock2(p, SIZE, MLOCK_ONFAULT))
		err(1, "mlock2");
	kb = locked_kb();
	puts(kb - before == SIZE >> 10 ? "new" : "old");
	return 0;
}
