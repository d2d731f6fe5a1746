// SPDX-License-Identifier: GPL-2.0-only
/*
 * User-space load for the tests that find tasks inside functions.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/select.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define BITS_PER_WORD	(8 * sizeof(long))
/* select() keeps six sets of this size on the kernel stack. */
#define SET_WORDS	5
#define NR_SETS		3
#define MAX_FD		((int)(SET_WORDS * BITS_PER_WORD))

static int print_usage(void)
{
	fprintf(stderr,
		"usage: kpatch_active exit [COUNT]\n"
		"       kpatch_active exits\n"
		"       kpatch_active select NAME ADDRESS...\n");
	return 2;
}

/* One child exits and is reaped automatically. */
static void lose_child(void)
{
	if (!fork())
		_exit(0);
	/* With SIGCHLD ignored this returns once all children are gone. */
	wait(NULL);
}

/* exit: start all children first, then wait until they are gone. */
static int do_exit(int count)
{
	signal(SIGCHLD, SIG_IGN);
	while (count--) {
		if (!fork())
			_exit(0);
	}
	wait(NULL);
	return 0;
}

/* exits: lose children forever, with a pause after each one. */
static void do_exits(void)
{
	signal(SIGCHLD, SIG_IGN);
	for (;;) {
		lose_child();
		usleep(30000);
	}
}

/*
 * select: sleep in select() with the addresses in all registers and throughout
 * the file descriptor sets, which the kernel copies to its stack.
 */

/* Open a file that never becomes ready at each number that is set in @sets. */
static void open_fds(unsigned long sets[NR_SETS][SET_WORDS])
{
	int set, i, pipes[2], never;

	if (pipe(pipes))
		exit(1);
	never = fcntl(pipes[0], F_DUPFD, MAX_FD + 1);
	if (fcntl(pipes[1], F_DUPFD, MAX_FD + 2) < 0 || never < 0)
		exit(1);
	for (set = 0; set < NR_SETS; set++) {
		for (i = 0; i < MAX_FD; i++) {
			if (sets[set][i / BITS_PER_WORD] >> i % BITS_PER_WORD & 1)
				dup2(never, i);
		}
	}
}

static long call_select(unsigned long sets[NR_SETS][SET_WORDS],
			unsigned long addr)
{
#ifdef __x86_64__
	long ret, except = (long)sets[2];

	/* The red zone below the stack pointer may be in use. */
	asm volatile("lea -128(%%rsp), %%rsp\n\t"
		     "push %%rbx\n\t"
		     "push %%rbp\n\t"
		     "mov %[addr], %%rbx\n\t"
		     "mov %[addr], %%rbp\n\t"
		     "mov %[addr], %%r9\n\t"
		     "mov %[addr], %%r12\n\t"
		     "mov %[addr], %%r13\n\t"
		     "mov %[addr], %%r14\n\t"
		     "mov %[addr], %%r15\n\t"
		     "xor %%r8, %%r8\n\t"
		     "mov %[except], %%r10\n\t"
		     "syscall\n\t"
		     "pop %%rbp\n\t"
		     "pop %%rbx\n\t"
		     "lea 128(%%rsp), %%rsp"
		     : "=a" (ret), [except] "+c" (except)
		     : "a" (SYS_select), "D" ((long)MAX_FD), "S" (sets[0]),
		       "d" (sets[1]), [addr] "r" (addr)
		     : "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15",
		       "memory");
	return ret;
#else
	return select(MAX_FD, (fd_set *)sets[0], (fd_set *)sets[1],
		      (fd_set *)sets[2], NULL);
#endif
}

static int do_select(const char *name, char **addresses, int nr)
{
	unsigned long sets[NR_SETS][SET_WORDS];
	int i;

	for (i = 0; i < NR_SETS * SET_WORDS; i++)
		sets[i / SET_WORDS][i % SET_WORDS] =
			strtoul(addresses[i % nr], NULL, 0);
	open_fds(sets);
	prctl(PR_SET_NAME, name);
	return call_select(sets, sets[0][0]) != 0;
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";

	if (!strcmp(what, "exits") && argc == 2)
		do_exits();
	if (!strcmp(what, "exit") && argc <= 3)
		return do_exit(argc == 3 ? atoi(argv[2]) : 1);
	if (!strcmp(what, "select") && argc > 3)
		return do_select(argv[2], argv + 3, argc - 3);
	return print_usage();
}
