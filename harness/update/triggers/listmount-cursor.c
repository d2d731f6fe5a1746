// SPDX-License-Identifier: GPL-2.0-only
/*
 * "listmount: don't wrap around with a U64_MAX cursor": do_listmount() added
 * one to the identifier that the caller saw last. With the largest number as
 * the cursor that is 0, and the list of mounts began anew. No mount comes
 * after that identifier, so the list must be empty.
 *
 * File: fs/namespace.c
 */
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef __NR_listmount
#define __NR_listmount 458
#endif

#define ROOT_MOUNT UINT64_MAX

struct id_request {
	uint32_t size;
	uint32_t spare;
	uint64_t mnt_id;
	uint64_t param;
};

static long list(uint64_t cursor)
{
	struct id_request request = {
		.size = sizeof(request),
		.mnt_id = ROOT_MOUNT,
		.param = cursor,
	};
	uint64_t ids[64];
	long n;

	n = syscall(__NR_listmount, &request, ids, 64, 0);
	if (n < 0 && errno == ENOSYS) {
		puts("skip: no listmount()");
		_exit(0);
	}
	if (n < 0)
		err(1, "listmount");
	return n;
}

int main(void)
{
	if (!list(0))
		errx(1, "there are no mounts");
	puts(list(UINT64_MAX) ? "old" : "new");
	return 0;
}
