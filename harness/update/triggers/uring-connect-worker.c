// SPDX-License-Identifier: GPL-2.0-only
/*
 * "io_uring/net: don't retry a non-blocking connect() that fails with -EAGAIN":
 * connect(2) of a non-blocking AF_UNIX socket fails like that while the backlog
 * of the listener is full. IORING_OP_CONNECT tried it 128 more times and then
 * once more in a worker thread, before it said so.
 *
 * The worker is a thread of the process, for seconds after it has done that.
 *
 * File: io_uring/net.c
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <err.h>
#include <errno.h>
#include <linux/io_uring.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

static int open_socket(int flags)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | flags, 0);

	if (fd < 0)
		err(1, "socket");
	return fd;
}

/* Submit CONNECT, wait for it, and return the result. */
static int connect_by_ring(int fd, struct sockaddr_un *addr)
{
	struct io_uring_params params = { 0 };
	struct io_uring_sqe *sqe;
	char *sq, *cq;
	int ring;

	ring = syscall(__NR_io_uring_setup, 1, &params);
	if (ring < 0 && (errno == ENOSYS || errno == EPERM)) {
		puts("skip: no io_uring");
		_exit(0);
	}
	if (ring < 0)
		err(1, "io_uring_setup");
	sq = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, ring,
		  IORING_OFF_SQ_RING);
	cq = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, ring,
		  IORING_OFF_CQ_RING);
	sqe = mmap(NULL, sizeof(*sqe), PROT_READ | PROT_WRITE, MAP_SHARED, ring,
		   IORING_OFF_SQES);
	if (sq == MAP_FAILED || cq == MAP_FAILED || sqe == MAP_FAILED)
		err(1, "mmap");

	sqe->opcode = IORING_OP_CONNECT;
	sqe->fd = fd;
	sqe->addr = (unsigned long)addr;
	sqe->off = sizeof(*addr);
	*(unsigned int *)(sq + params.sq_off.array) = 0;
	__atomic_store_n((unsigned int *)(sq + params.sq_off.tail), 1,
			 __ATOMIC_RELEASE);
	if (syscall(__NR_io_uring_enter, ring, 1, 1, IORING_ENTER_GETEVENTS,
		    NULL, 0) != 1)
		err(1, "io_uring_enter");
	return ((struct io_uring_cqe *)(cq + params.cq_off.cqes))->res;
}

static int threads(void)
{
	struct dirent *entry;
	int n = 0;
	DIR *dir;

	dir = opendir("/proc/self/task");
	if (!dir)
		err(1, "/proc/self/task");
	while ((entry = readdir(dir)))
		n += entry->d_name[0] != '.';
	closedir(dir);
	return n;
}

int main(void)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int listener, res, i;

	snprintf(addr.sun_path + 1, sizeof(addr.sun_path) - 1, "trigger-%d",
		 getpid());
	listener = open_socket(0);
	if (bind(listener, (struct sockaddr *)&addr, sizeof(addr)) ||
	    listen(listener, 0))
		err(1, "listen");
	for (i = 0; ; i++) {
		if (connect(open_socket(SOCK_NONBLOCK), (struct sockaddr *)&addr,
			    sizeof(addr)))
			break;
		if (i == 10)
			errx(1, "the backlog has no end");
	}
	if (errno != EAGAIN)
		err(1, "connect");

	res = connect_by_ring(open_socket(SOCK_NONBLOCK), &addr);
	if (res != -EAGAIN)
		errx(1, "IORING_OP_CONNECT returned %d", res);
	puts(threads() > 1 ? "old" : "new");
	return 0;
}
