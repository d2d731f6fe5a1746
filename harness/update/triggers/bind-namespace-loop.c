// SPDX-License-Identifier: GPL-2.0-only
/*
 * "namespace: check a recursive bind mount for mount namespace loops": a mount
 * namespace must not contain a mount of its own file, because both would stay
 * for ever. do_loopback() looked at the source of a bind mount only, not at
 * the mounts below it.
 *
 * The source here is a mount of a PID namespace's file, and what is mounted on
 * it is the file of the mount namespace that the copy is made in.
 *
 * File: fs/namespace.c
 */
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

static void attach(const char *from, const char *to, unsigned long flags)
{
	if (mount(from, to, NULL, flags, NULL))
		err(1, "mount %s at %s", from, to);
}

/* In the inner namespace: what is the errno of the bind mount, 0 if it succeeds? */
static int copy(int source, int ready, int go, const char *to)
{
	char name[64], byte = 0;
	int error;

	if (unshare(CLONE_NEWNS))
		err(1, "unshare");
	if (write(ready, &byte, 1) != 1 || read(go, &byte, 1) != 1)
		err(1, "pipe");

	snprintf(name, sizeof(name), "/proc/self/fd/%d", source);
	error = mount(name, to, NULL, MS_BIND | MS_REC, NULL) ? errno : 0;
	/* Break the loop again. */
	if (!error && (umount2(to, 0) || umount2(to, 0)))
		err(1, "umount %s", to);
	return error;
}

int main(void)
{
	char name[64], file[] = "/run/triggerXXXXXX", to[] = "/run/triggerXXXXXX";
	int source, status, ready[2], go[2];
	char byte = 0;
	pid_t pid;

	source = mkstemp(file);
	if (source < 0)
		err(1, "mkstemp");
	close(source);
	source = mkstemp(to);
	if (source < 0)
		err(1, "mkstemp");
	close(source);
	if (unshare(CLONE_NEWNS))
		err(1, "unshare");
	attach("none", "/", MS_REC | MS_PRIVATE);
	attach("/proc/self/ns/pid", file, MS_BIND);
	source = open(file, O_PATH);
	if (source < 0)
		err(1, "open");
	if (pipe(ready) || pipe(go))
		err(1, "pipe");

	pid = fork();
	if (pid < 0)
		err(1, "fork");
	if (!pid)
		return copy(source, ready[1], go[0], to);
	close(ready[1]);
	if (read(ready[0], &byte, 1) != 1)
		errx(1, "the child failed");

	snprintf(name, sizeof(name), "/proc/%d/ns/mnt", pid);
	attach(name, file, MS_BIND);
	if (write(go[1], &byte, 1) != 1 || waitpid(pid, &status, 0) != pid)
		err(1, "wait");
	if (umount2(file, 0) || umount2(file, MNT_DETACH) ||
	    unlink(file) || unlink(to))
		err(1, "clean up");
	if (!WIFEXITED(status) ||
	    (WEXITSTATUS(status) && WEXITSTATUS(status) != EINVAL))
		errx(1, "the child ended with status %#x", status);
	puts(WEXITSTATUS(status) ? "new" : "old");
	return 0;
}
