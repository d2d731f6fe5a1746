// SPDX-License-Identifier: GPL-2.0-only
/*
 * "io_uring/timeout: count cancelled timeouts in cq_timeouts": a timeout can
 * wait for a number of completions, and those of other timeouts do not count.
 * That of a cancelled timeout did.
 *
 * There is a timeout that waits for two completions, and one that is removed:
 * the removal is one completion, and that of the removed timeout must not be
 * the other one.
 *
 * File: io_uring/timeout.c
 */
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <linux/io_uring.h>
#include <linux/time_types.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define ENTRIES 8

static struct io_uring_params params;
static struct io_uring_sqe *sqes;
static char *sq, *cq;
static int ring;

static unsigned int *word(char *base, unsigned int offset)
{
	return (unsigned int *)(base + offset);
}

static int open_ring(void)
{
	ring = syscall(__NR_io_uring_setup, ENTRIES, &params);
	if (ring < 0 && (errno == ENOSYS || errno == EPERM))
		return 0;
	if (ring < 0)
		err(1, "io_uring_setup");
	sq = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, ring,
		  IORING_OFF_SQ_RING);
	cq = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, ring,
		  IORING_OFF_CQ_RING);
	sqes = mmap(NULL, ENTRIES * sizeof(*sqes), PROT_READ | PROT_WRITE,
		    MAP_SHARED, ring, IORING_OFF_SQES);
	if (sq == MAP_FAILED || cq == MAP_FAILED || sqes == MAP_FAILED)
		err(1, "mmap");
	return 1;
}

static void enter(unsigned int submit)
{
	if (syscall(__NR_io_uring_enter, ring, submit, 0,
		    IORING_ENTER_GETEVENTS, NULL, 0) != (long)submit)
		err(1, "io_uring_enter");
}

static void submit(const struct io_uring_sqe *sqe)
{
	unsigned int *tail = word(sq, params.sq_off.tail);
	unsigned int at = *tail & (ENTRIES - 1);

	sqes[at] = *sqe;
	word(sq, params.sq_off.array)[at] = at;
	__atomic_store_n(tail, *tail + 1, __ATOMIC_RELEASE);
	enter(1);
}

static void timeout(unsigned int completions, unsigned long long id)
{
	static struct __kernel_timespec ts = { .tv_sec = 60 };
	struct io_uring_sqe sqe = {
		.opcode = IORING_OP_TIMEOUT,
		.fd = -1,
		.addr = (unsigned long)&ts,
		.len = 1,
		.off = completions,
		.user_data = id,
	};

	submit(&sqe);
}

static struct io_uring_cqe *completion(unsigned long long id)
{
	struct io_uring_cqe *cqes = (void *)(cq + params.cq_off.cqes);
	unsigned int i, n;

	n = __atomic_load_n(word(cq, params.cq_off.tail), __ATOMIC_ACQUIRE);
	for (i = 0; i < n; i++)
		if (cqes[i].user_data == id)
			return &cqes[i];
	return NULL;
}

int main(void)
{
	struct io_uring_sqe removal = {
		.opcode = IORING_OP_TIMEOUT_REMOVE,
		.fd = -1,
		.addr = 1,
		.user_data = 3,
	};
	int i;

	if (!open_ring()) {
		puts("skip: no io_uring");
		return 0;
	}
	timeout(0, 1);
	timeout(2, 2);
	submit(&removal);
	for (i = 0; i < 10; i++)
		enter(0);
	if (!completion(1) || completion(1)->res != -ECANCELED ||
	    !completion(3) || completion(3)->res)
		errx(1, "the timeout is not removed");
	puts(completion(2) ? "old" : "new");
	return 0;
}
