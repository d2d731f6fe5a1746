// SPDX-License-Identifier: GPL-2.0-only
/*
 * "fs: make sure to call fsnotify_inoderemove() only once when inode is dead":
 * inotify reported that a file is gone, and removed the watch, when the first
 * of its unlinked names was closed. dentry_unlink_inode() reports it when no
 * name is in use any more, now.
 *
 * File: fs/dcache.c
 */
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/inotify.h>
#include <unistd.h>

/* Is there an event of that kind? */
static int reported(int fd, unsigned int mask)
{
	char buf[4096] __attribute__((__aligned__(8)));
	struct inotify_event *event;
	int found = 0;
	ssize_t n, i;

	n = read(fd, buf, sizeof(buf));
	if (n < 0 && errno != EAGAIN)
		err(1, "inotify");
	for (i = 0; i < n; i += sizeof(*event) + event->len) {
		event = (void *)(buf + i);
		found |= !!(event->mask & mask);
	}
	return found;
}

int main(void)
{
	char first[] = "/run/triggerXXXXXX", second[32];
	int a, b, watch, early;

	a = mkstemp(first);
	if (a < 0)
		err(1, "mkstemp");
	snprintf(second, sizeof(second), "%s.2", first);
	if (link(first, second))
		err(1, "link");
	b = open(second, O_RDONLY);
	if (b < 0)
		err(1, "open");

	watch = inotify_init1(IN_NONBLOCK);
	if (watch < 0 || inotify_add_watch(watch, first, IN_DELETE_SELF) < 0)
		err(1, "inotify");
	if (unlink(first) || unlink(second))
		err(1, "unlink");
	if (reported(watch, IN_DELETE_SELF))
		errx(1, "an open file is said to be gone");

	close(a);
	early = reported(watch, IN_DELETE_SELF);
	close(b);
	if (!early && !reported(watch, IN_DELETE_SELF))
		errx(1, "there is no event");
	puts(early ? "old" : "new");
	return 0;
}
