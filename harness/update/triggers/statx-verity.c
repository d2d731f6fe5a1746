// SPDX-License-Identifier: GPL-2.0-only
/*
 * "fsverity: hoist statx reporting of fs-verity flag": only some file systems
 * told statx(2) whether they know STATX_ATTR_VERITY, now vfs_getattr_nosec()
 * does it for all of them. The attribute is in stx_attributes_mask of a file
 * of tmpfs on a fixed kernel only.
 *
 * File: fs/stat.c
 */
#define _GNU_SOURCE
#include <err.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>

#ifndef STATX_ATTR_VERITY
#define STATX_ATTR_VERITY 0x00100000
#endif

int main(void)
{
	struct statx stx;
	int fd;

	fd = memfd_create("trigger", 0);
	if (fd < 0)
		err(1, "memfd_create");
	if (statx(fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS, &stx))
		err(1, "statx");
	puts(stx.stx_attributes_mask & STATX_ATTR_VERITY ? "new" : "old");
	return 0;
}
