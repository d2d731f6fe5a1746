// SPDX-License-Identifier: GPL-2.0-only
/*
 * "bpf: Fix queue/stack map u32 index overflow": the index of an element of a
 * queue, in bytes, is a 32-bit number, but the size of the queue was not
 * limited. It is refused with E2BIG now.
 *
 * The one here is far larger than any memory, and failed with ENOMEM before.
 *
 * File: kernel/bpf/queue_stack_maps.c
 */
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

static int create(unsigned int entries, unsigned int size)
{
	union bpf_attr attr = {
		.map_type = BPF_MAP_TYPE_QUEUE,
		.max_entries = entries,
		.value_size = size,
	};

	return syscall(__NR_bpf, BPF_MAP_CREATE, &attr, sizeof(attr));
}

int main(void)
{
	if (create(1, 8) < 0) {
		if (errno != ENOSYS)
			err(1, "bpf");
		puts("skip: no bpf()");
		return 0;
	}
	if (create(0xf0000000, 1 << 20) >= 0)
		errx(1, "there is a map of 4 PiB");
	if (errno != E2BIG && errno != ENOMEM)
		err(1, "bpf");
	puts(errno == E2BIG ? "new" : "old");
	return 0;
}
