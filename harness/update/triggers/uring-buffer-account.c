// SPDX-License-Identifier: GPL-2.0-only
/*
 * "io_uring/rsrc: charge buffer arrays and nodes to memcg": what the kernel
 * keeps of the buffers that a process registers was not charged to its memory
 * cgroup.
 *
 * 4 MiB are registered 128 times. 16 bytes for each page are 2 MiB.
 *
 * File: io_uring/rsrc.c
 */
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/io_uring.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#define SIZE (4UL << 20)
#define TIMES 128

static void store(const char *name, const char *text)
{
	int fd = open(name, O_WRONLY);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		err(1, "%s", name);
	close(fd);
}

static long charged(void)
{
	long bytes;
	FILE *f;

	f = fopen("trigger/memory.current", "r");
	if (!f || fscanf(f, "%ld", &bytes) != 1)
		err(1, "memory.current");
	fclose(f);
	return bytes;
}

/* 0 if it is charged, 1 if not, 2 if there is no io_uring */
static int charges(void)
{
	struct io_uring_params params = { 0 };
	struct iovec iov[TIMES];
	long before, more;
	int i, ring;
	void *p;

	store("trigger/cgroup.procs", "0");
	ring = syscall(__NR_io_uring_setup, 1, &params);
	if (ring < 0 && (errno == ENOSYS || errno == EPERM))
		return 2;
	p = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
		 -1, 0);
	if (ring < 0 || p == MAP_FAILED)
		err(3, "io_uring_setup");
	/* In a huge page it would be one piece. */
	madvise(p, SIZE, MADV_NOHUGEPAGE);
	memset(p, 1, SIZE);
	for (i = 0; i < TIMES; i++) {
		iov[i].iov_base = p;
		iov[i].iov_len = SIZE;
	}
	before = charged();
	if (syscall(__NR_io_uring_register, ring, IORING_REGISTER_BUFFERS, iov,
		    TIMES))
		err(3, "IORING_REGISTER_BUFFERS");
	more = charged() - before;
	return more < 1 << 20;
}

int main(void)
{
	static const char * const results[] = { "new", "old", "skip: no io_uring" };
	char dir[] = "/run/triggerXXXXXX";
	int i, status = 0, skip = 0;
	pid_t pid;

	if (unshare(CLONE_NEWNS))
		err(1, "unshare");
	if (mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL))
		err(1, "mount");
	if (!mkdtemp(dir))
		err(1, "mkdtemp");
	skip = mount("trigger", dir, "cgroup2", 0, NULL);
	if (skip && errno != ENODEV)
		err(1, "mount cgroup2");
	if (!skip) {
		if (chdir(dir) || mkdir("trigger", 0755))
			err(1, "%s", dir);
		store("cgroup.subtree_control", "+memory");
		skip = access("trigger/memory.current", R_OK);
		if (!skip) {
			pid = fork();
			if (!pid)
				_exit(charges());
			if (pid < 0 || waitpid(pid, &status, 0) != pid)
				err(1, "fork");
		}
		for (i = 0; rmdir("trigger") && i < 1000; i++)
			usleep(1000);
		if (chdir("/") || umount2(dir, MNT_DETACH))
			err(1, "clean up");
	}
	if (rmdir(dir))
		err(1, "clean up");
	if (!WIFEXITED(status) || WEXITSTATUS(status) > 2)
		errx(1, "the child ended with status %#x", status);
	puts(skip ? "skip: no memory cgroup" : results[WEXITSTATUS(status)]);
	return 0;
}
