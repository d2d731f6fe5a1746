// SPDX-License-Identifier: GPL-2.0-only
/*
 * "compat: avoid double rounding in times()": for a 32-bit program times(2)
 * converted clock ticks to jiffies and back. With 250 jiffies in a second, an
 * odd number of ticks became the even one below.
 *
 * int $0x80 is a system call of a 32-bit program in a 64-bit one, too.
 *
 * File: kernel/sys.c
 */
#define _GNU_SOURCE
#include <err.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/times.h>

#define NR_TIMES_32 43

static sigjmp_buf unavailable;

static void segv(int sig)
{
	(void)sig;
	siglongjmp(unavailable, 1);
}

static uint32_t times32(uint32_t *ticks)
{
	long ret = NR_TIMES_32;

	asm volatile("int $0x80" : "+a" (ret) : "b" (ticks)
		     : "memory", "r8", "r9", "r10", "r11");
	return ret;
}

/* Use processor time until the user's or the system's was odd three times. */
static int is_exact(uint32_t *ticks)
{
	struct tms before, after;
	int odd = 0;

	while (odd < 3) {
		times(&before);
		times32(ticks);
		times(&after);
		if (after.tms_utime > 400)
			errx(1, "no odd number of ticks");
		if (before.tms_utime != after.tms_utime ||
		    before.tms_stime != after.tms_stime)
			continue;
		if (ticks[0] != (uint32_t)before.tms_utime ||
		    ticks[1] != (uint32_t)before.tms_stime) {
			if ((ticks[0] | ticks[1]) & 1)
				errx(1, "%u and %u ticks", ticks[0], ticks[1]);
			return 0;
		}
		if ((before.tms_utime | before.tms_stime) & 1) {
			odd++;
			while (after.tms_utime == before.tms_utime &&
			       after.tms_stime == before.tms_stime)
				times(&after);
		}
	}
	return 1;
}

int main(void)
{
	uint32_t *ticks;

	ticks = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
	if (ticks == MAP_FAILED)
		err(1, "mmap");
	signal(SIGSEGV, segv);
	if (sigsetjmp(unavailable, 1)) {
		puts("skip: no 32-bit system calls");
		return 0;
	}
	times32(ticks);
	puts(is_exact(ticks) ? "new" : "old");
	return 0;
}
