// SPDX-License-Identifier: GPL-2.0-only
/*
 * "block: reject block device inodes with i_rdev == 0 in lookup_bdev()": 0:0
 * is the number of no block device, but lookup_bdev() returned it, and the
 * caller had to find out: a mount failed with ENXIO. Now it fails with ENODEV.
 *
 * File: block/bdev.c
 */
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

static int has_fuseblk(void)
{
	char line[128];
	int found = 0;
	FILE *f;

	f = fopen("/proc/filesystems", "r");
	if (!f)
		err(1, "/proc/filesystems");
	while (fgets(line, sizeof(line), f))
		found |= !!strstr(line, "\tfuseblk\n");
	fclose(f);
	return found;
}

int main(void)
{
	char dir[] = "/run/triggerXXXXXX", options[128];
	int fuse, failed, error;

	if (!has_fuseblk() && system("modprobe -q fuse"))
		warnx("modprobe fuse failed");
	fuse = open("/dev/fuse", O_RDWR);
	if (fuse < 0 || !has_fuseblk()) {
		puts("skip: no fuseblk");
		return 0;
	}

	if (unshare(CLONE_NEWNS))
		err(1, "unshare");
	if (mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL))
		err(1, "mount");
	if (!mkdtemp(dir) || mount("trigger", dir, "tmpfs", 0, NULL) || chdir(dir))
		err(1, "%s", dir);
	if (mknod("device", S_IFBLK | 0600, makedev(0, 0)) || mkdir("dir", 0755))
		err(1, "mknod");

	snprintf(options, sizeof(options),
		 "fd=%d,rootmode=40000,user_id=0,group_id=0", fuse);
	failed = mount("device", "dir", "fuseblk", 0, options);
	error = errno;
	if (chdir("/") || umount2(dir, MNT_DETACH) || rmdir(dir))
		err(1, "clean up");
	if (!failed || (error != ENXIO && error != ENODEV)) {
		errno = error;
		err(1, "mount returned %d", failed);
	}
	puts(error == ENXIO ? "old" : "new");
	return 0;
}
