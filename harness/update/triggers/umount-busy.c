// SPDX-License-Identifier: GPL-2.0-only
/*
 * "fs: don't silently unmount busy mounts" (CVE-2026-98996): umount(2) also
 * removes the mounts that receive the umount by propagation, and must fail if
 * one of these is in use. propagate_mount_busy() took every mount with another
 * mount in it for one that stays, but it goes if that other one goes too.
 *
 * top is shared and receiver its slave. inner, another slave of top, is mounted
 * at receiver/dir, and a tmpfs at inner/dir. With top/dir, both go. inner is
 * in use, so umount of top/dir has to fail with EBUSY.
 *
 * File: fs/pnode.c
 */
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

static void make(const char *dir)
{
	if (mkdir(dir, 0755))
		err(1, "mkdir %s", dir);
}

static void attach(const char *from, const char *to, const char *type,
		   unsigned long flags)
{
	if (mount(from, to, type, flags, NULL))
		err(1, "mount at %s", to);
}

int main(void)
{
	char dir[] = "/run/triggerXXXXXX";
	int fd, failed, error;

	if (unshare(CLONE_NEWNS))
		err(1, "unshare");
	attach("none", "/", NULL, MS_REC | MS_PRIVATE);
	if (!mkdtemp(dir))
		err(1, "mkdtemp");
	attach("trigger", dir, "tmpfs", 0);
	if (chdir(dir))
		err(1, "chdir");
	make("top");
	make("receiver");

	attach("trigger", "top", "tmpfs", 0);
	make("top/dir");
	attach("none", "top", NULL, MS_SHARED);
	attach("top", "receiver", NULL, MS_BIND);
	attach("none", "receiver", NULL, MS_SLAVE);

	attach("trigger", "top/dir", "tmpfs", 0);
	if (umount2("receiver/dir", 0))
		err(1, "umount receiver/dir");
	attach("top", "receiver/dir", NULL, MS_BIND);
	attach("none", "receiver/dir", NULL, MS_SLAVE);
	attach("trigger", "receiver/dir/dir", "tmpfs", 0);

	fd = open("receiver/dir", O_PATH | O_DIRECTORY);
	if (fd < 0)
		err(1, "open");
	failed = umount2("top/dir", 0);
	error = errno;
	close(fd);
	if (failed && error != EBUSY) {
		errno = error;
		err(1, "umount top/dir");
	}
	if (failed && umount2("top/dir", 0))
		err(1, "umount top/dir without a user");

	if (chdir("/") || umount2(dir, MNT_DETACH) || rmdir(dir))
		err(1, "clean up");
	puts(failed ? "new" : "old");
	return 0;
}
