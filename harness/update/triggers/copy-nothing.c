// SPDX-License-Identifier: GPL-2.0-only
/*
 * "fs: skip copy_file_range write limits when there is no data": at the end of
 * the source copy_file_range(2) has nothing to copy and returns 0. But
 * generic_copy_file_checks() compared the position in the other file with the
 * limit on the size of files before, and returned EFBIG.
 *
 * File: fs/read_write.c
 */
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

int main(void)
{
	struct rlimit limit;
	off_t from = 0, to = 8192;
	ssize_t n;
	int in, out;

	in = memfd_create("in", 0);
	out = memfd_create("out", 0);
	if (in < 0 || out < 0)
		err(1, "memfd_create");

	signal(SIGXFSZ, SIG_IGN);
	if (getrlimit(RLIMIT_FSIZE, &limit))
		err(1, "getrlimit");
	limit.rlim_cur = 4096;
	if (setrlimit(RLIMIT_FSIZE, &limit))
		err(1, "setrlimit");

	n = copy_file_range(in, &from, out, &to, 4096, 0);
	if (n > 0)
		errx(1, "copied %zd bytes of an empty file", n);
	if (n < 0 && errno != EFBIG)
		err(1, "copy_file_range");
	puts(n ? "old" : "new");
	return 0;
}
