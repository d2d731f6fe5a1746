// SPDX-License-Identifier: GPL-2.0-only
/*
 * "fuse: zero the partial EOF page when extending a file": what a mapping has
 * after the end of a file in its last page is no part of the file. But after a
 * write beyond the end the file had these bytes in place of zeros, because
 * fuse_perform_write() left them in the page cache.
 *
 * A child serves a file system with one file, which has 100 bytes at first.
 *
 * File: fs/fuse/file.c
 */
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#define FILE_NODE 2

static char data[4096];
static size_t size = 100;
static int dev;

static void answer(const struct fuse_in_header *in, int error, const void *body,
		   size_t len)
{
	struct fuse_out_header out = {
		.len = sizeof(out) + len,
		.error = error,
		.unique = in->unique,
	};
	struct iovec iov[] = {
		{ &out, sizeof(out) },
		{ (void *)body, len },
	};

	if (writev(dev, iov, 2) < 0 && errno != ENOENT)
		err(1, "answer to request %u", in->opcode);
}

static struct fuse_attr attributes(unsigned long node)
{
	struct fuse_attr attr = {
		.ino = node,
		.size = node == FILE_NODE ? size : 0,
		.mode = node == FILE_NODE ? S_IFREG | 0644 : S_IFDIR | 0755,
		.nlink = 1,
	};

	return attr;
}

static void serve_one(char *request)
{
	struct fuse_in_header *in = (void *)request;
	void *body = in + 1;
	struct fuse_init_out init = {
		.major = FUSE_KERNEL_VERSION,
		.minor = FUSE_KERNEL_MINOR_VERSION,
		.max_write = 4096,
	};
	struct fuse_entry_out entry = {
		.nodeid = FILE_NODE,
		.entry_valid = 100,
		.attr_valid = 100,
		.attr = attributes(FILE_NODE),
	};
	struct fuse_attr_out attr = {
		.attr_valid = 100,
		.attr = attributes(in->nodeid),
	};
	struct fuse_open_out open = { .open_flags = FOPEN_KEEP_CACHE };
	struct fuse_write_in *write = body;
	struct fuse_read_in *read = body;
	struct fuse_write_out written;

	switch (in->opcode) {
	case FUSE_INIT:
		answer(in, 0, &init, sizeof(init));
		break;
	case FUSE_LOOKUP:
		answer(in, 0, &entry, sizeof(entry));
		break;
	case FUSE_GETATTR:
		answer(in, 0, &attr, sizeof(attr));
		break;
	case FUSE_OPEN:
		answer(in, 0, &open, sizeof(open));
		break;
	case FUSE_READ:
		if (read->offset >= size)
			answer(in, 0, NULL, 0);
		else if (read->size > size - read->offset)
			answer(in, 0, data + read->offset, size - read->offset);
		else
			answer(in, 0, data + read->offset, read->size);
		break;
	case FUSE_WRITE:
		if (write->offset + write->size > sizeof(data)) {
			answer(in, -EFBIG, NULL, 0);
			break;
		}
		memcpy(data + write->offset, write + 1, write->size);
		if (write->offset + write->size > size)
			size = write->offset + write->size;
		memset(&written, 0, sizeof(written));
		written.size = write->size;
		answer(in, 0, &written, sizeof(written));
		break;
	case FUSE_FLUSH:
	case FUSE_RELEASE:
		answer(in, 0, NULL, 0);
		break;
	case FUSE_FORGET:
	case FUSE_BATCH_FORGET:
	case FUSE_INTERRUPT:
		break;
	default:
		answer(in, -ENOSYS, NULL, 0);
	}
}

static void serve(void)
{
	static char request[65536];
	ssize_t n;

	alarm(20);
	for (;;) {
		n = read(dev, request, sizeof(request));
		if (n < 0 && errno == ENODEV)
			_exit(0);
		if (n < 0 && errno != EINTR && errno != ENOENT && errno != EAGAIN)
			err(1, "/dev/fuse");
		if (n > 0)
			serve_one(request);
	}
}

int main(void)
{
	char dir[] = "/run/triggerXXXXXX", options[128], byte;
	int fd, status;
	char *map;
	pid_t pid;

	dev = open("/dev/fuse", O_RDWR);
	if (dev < 0 && !system("modprobe -q fuse"))
		dev = open("/dev/fuse", O_RDWR);
	if (dev < 0) {
		puts("skip: no FUSE");
		return 0;
	}
	if (unshare(CLONE_NEWNS))
		err(1, "unshare");
	if (mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL))
		err(1, "mount");
	if (!mkdtemp(dir))
		err(1, "mkdtemp");
	snprintf(options, sizeof(options),
		 "fd=%d,rootmode=40000,user_id=0,group_id=0", dev);
	if (mount("trigger", dir, "fuse", 0, options))
		err(1, "mount fuse");

	memset(data, 'a', size);
	pid = fork();
	if (pid < 0)
		err(1, "fork");
	if (!pid)
		serve();
	close(dev);
	alarm(20);

	if (chdir(dir))
		err(1, "%s", dir);
	fd = open("file", O_RDWR);
	if (fd < 0)
		err(1, "open");
	map = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED)
		err(1, "mmap");
	if (map[99] != 'a' || map[200])
		errx(1, "the file is wrong");
	map[200] = 'x';
	if (pwrite(fd, "b", 1, 300) != 1 || pread(fd, &byte, 1, 200) != 1)
		err(1, "write and read");

	munmap(map, 4096);
	close(fd);
	if (chdir("/") || umount2(dir, 0) || rmdir(dir))
		err(1, "clean up");
	if (waitpid(pid, &status, 0) != pid || status)
		errx(1, "the server ended with status %#x", status);
	if (byte && byte != 'x')
		errx(1, "the byte is %#x", byte);
	puts(byte ? "old" : "new");
	return 0;
}
