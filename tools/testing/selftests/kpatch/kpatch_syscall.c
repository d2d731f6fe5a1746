// SPDX-License-Identifier: GPL-2.0-only
/*
 * Makes system calls with all six arguments as they are given, by the entry of 64-bit
 * programs or by that of 32-bit programs.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define NUM_ARGS 6
#define UNSUPPORTED 4

static const struct {
	const char *name;
	long nr;
	long nr32;
} calls[] = {
	{ "get_robust_list", SYS_get_robust_list, 312 },
	{ "getpid", SYS_getpid, 20 },
	{ "mlockall", SYS_mlockall, 152 },
	{ "personality", SYS_personality, 136 },
	{ "process_vm_readv", SYS_process_vm_readv, 347 },
	{ NULL }
};

static int print_usage(void)
{
	fprintf(stderr,
		"usage: kpatch_syscall 64|32 NAME [ARG...]\n"
		"       Prints what the call returns. Exits with %d if the kernel has no such\n"
		"       entry.\n", UNSUPPORTED);
	return 2;
}

static void on_fault(int sig)
{
	_exit(UNSUPPORTED);
}

#ifdef __x86_64__

/* The register of the last argument may be the frame pointer. */
static long call32(long nr, const long *args)
{
	long ret = nr, last = args[5];

	signal(SIGSEGV, on_fault);
	asm volatile("xchg %[last], %%rbp\n\t"
		     "int $0x80\n\t"
		     "xchg %[last], %%rbp"
		     : "+a" (ret), [last] "+r" (last)
		     : "b" (args[0]), "c" (args[1]), "d" (args[2]), "S" (args[3]),
		       "D" (args[4])
		     : "r8", "r9", "r10", "r11", "memory");
	return (int)ret;
}

static long call64(long nr, const long *args)
{
	register long r10 asm("r10") = args[3];
	register long r8 asm("r8") = args[4];
	register long r9 asm("r9") = args[5];
	long ret = nr;

	asm volatile("syscall"
		     : "+a" (ret)
		     : "D" (args[0]), "S" (args[1]), "d" (args[2]), "r" (r10), "r" (r8),
		       "r" (r9)
		     : "rcx", "r11", "memory");
	return ret;
}

#else

static long call32(long nr, const long *args)
{
	exit(UNSUPPORTED);
}

static long call64(long nr, const long *args)
{
	long ret = syscall(nr, args[0], args[1], args[2], args[3], args[4], args[5]);

	return ret == -1 ? -errno : ret;
}

#endif

int main(int argc, char **argv)
{
	long args[NUM_ARGS] = { 0 };
	int i;

	if (argc < 3 || argc > 3 + NUM_ARGS)
		return print_usage();
	for (i = 3; i < argc; i++)
		args[i - 3] = strtoll(argv[i], NULL, 0);
	for (i = 0; calls[i].name; i++) {
		if (strcmp(calls[i].name, argv[2]))
			continue;
		if (!strcmp(argv[1], "64"))
			printf("%ld\n", call64(calls[i].nr, args));
		else if (!strcmp(argv[1], "32"))
			printf("%ld\n", call32(calls[i].nr32, args));
		else
			return print_usage();
		return 0;
	}
	return print_usage();
}
