// SPDX-License-Identifier: GPL-2.0-only
/*
 * "loop: check for read-write open mode on LOOP_SET_STATUS in compat ioctl":
 * who can only read a loop device could change it by the ioctl of a 32-bit
 * program. It fails with EPERM now, as that of a 64-bit one did.
 *
 * int $0x80 is a system call of a 32-bit program in a 64-bit one, too.
 *
 * File: drivers/block/loop.c
 */
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define NOBODY 65534
#define NR_GETPID_32 20
#define NR_IOCTL_32 54

static sigjmp_buf unavailable;

static void segv(int sig)
{
	(void)sig;
	siglongjmp(unavailable, 1);
}

static int call32(long ret, long a, long b, void *c)
{
	asm volatile("int $0x80" : "+a" (ret) : "b" (a), "c" (b), "d" (c)
		     : "memory", "r8", "r9", "r10", "r11");
	return ret;
}

/* As nobody: -EPERM, or 0 */
static int set_status(int fd, void *status)
{
	if (setresgid(NOBODY, NOBODY, NOBODY) || setresuid(NOBODY, NOBODY, NOBODY))
		err(1, "setresuid");
	return call32(NR_IOCTL_32, fd, LOOP_SET_STATUS, status);
}

static int open_loop(void)
{
	int control, number, fd;
	char name[32];

	control = open("/dev/loop-control", O_RDWR);
	if (control < 0 && !system("modprobe -q loop"))
		control = open("/dev/loop-control", O_RDWR);
	if (control < 0)
		return -1;
	number = ioctl(control, LOOP_CTL_GET_FREE);
	close(control);
	if (number < 0)
		err(1, "LOOP_CTL_GET_FREE");
	snprintf(name, sizeof(name), "/dev/loop%d", number);
	fd = open(name, O_RDONLY);
	if (fd < 0)
		err(1, "%s", name);
	return fd;
}

int main(void)
{
	int fd, file, status;
	char *info;
	pid_t pid;

	signal(SIGSEGV, segv);
	if (sigsetjmp(unavailable, 1)) {
		puts("skip: no 32-bit system calls");
		return 0;
	}
	if (call32(NR_GETPID_32, 0, 0, NULL) != getpid())
		errx(1, "getpid");
	signal(SIGSEGV, SIG_DFL);

	/* A status of zeros changes nothing. */
	info = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
	file = memfd_create("trigger", 0);
	if (info == MAP_FAILED || file < 0 || ftruncate(file, 65536))
		err(1, "memory");
	fd = open_loop();
	if (fd < 0) {
		puts("skip: no loop devices");
		return 0;
	}
	if (ioctl(fd, LOOP_SET_FD, file))
		err(1, "LOOP_SET_FD");

	pid = fork();
	if (!pid)
		_exit(-set_status(fd, info));
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		err(1, "fork");
	if (ioctl(fd, LOOP_CLR_FD))
		err(1, "LOOP_CLR_FD");
	if (!WIFEXITED(status) || (WEXITSTATUS(status) && WEXITSTATUS(status) != EPERM))
		errx(1, "the child ended with status %#x", status);
	puts(WEXITSTATUS(status) ? "new" : "old");
	return 0;
}
