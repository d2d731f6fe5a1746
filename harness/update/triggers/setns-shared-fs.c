// SPDX-License-Identifier: GPL-2.0-only
/*
 * "mount: refuse setns() with a shared fs_struct again": a process that shares
 * its root and working directory with another one must not enter a mount
 * namespace. With a pidfd and more than one type of namespace, mntns_install()
 * looked at a fresh copy of the structure, which nobody shares, and accepted.
 *
 * File: fs/namespace.c
 */
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static pid_t start(unsigned long flags)
{
	pid_t pid;

	pid = syscall(SYS_clone, flags | SIGCHLD, NULL, NULL, NULL, NULL);
	if (pid < 0)
		err(1, "clone");
	if (pid)
		return pid;
	for (;;)
		pause();
}

static void stop(pid_t pid)
{
	kill(pid, SIGKILL);
	if (waitpid(pid, NULL, 0) != pid)
		err(1, "waitpid");
}

int main(void)
{
	pid_t target, sharer;
	int fd, failed, error;

	target = start(CLONE_NEWNS | CLONE_NEWCGROUP);
	fd = syscall(SYS_pidfd_open, target, 0);
	if (fd < 0)
		err(1, "pidfd_open");

	sharer = start(CLONE_FS);
	failed = setns(fd, CLONE_NEWNS | CLONE_NEWCGROUP);
	error = errno;
	stop(sharer);
	stop(target);
	if (failed && error != EINVAL) {
		errno = error;
		err(1, "setns");
	}
	puts(failed ? "new" : "old");
	return 0;
}
