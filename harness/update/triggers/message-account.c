// SPDX-License-Identifier: GPL-2.0-only
/*
 * "ipc, msg: Account msg_msg allocations with GFP_KERNEL_ACCOUNT again": the
 * first page of each System V message was not charged to the memory cgroup of
 * the sender any more since it comes from caches of its own.
 *
 * 512 messages of 4000 bytes are sent in an IPC namespace of their own.
 *
 * File: ipc/msgutil.c
 */
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/mount.h>
#include <sys/msg.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define QUEUES 128

static struct {
	long type;
	char text[4000];
} message = { .type = 1 };

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

/* 0 if they are charged, 1 if not, 2 if there are no messages */
static int charges(void)
{
	int i, j, queue, queues[QUEUES];
	long before;

	if (unshare(CLONE_NEWIPC)) {
		if (errno == EINVAL)
			return 2;
		err(3, "unshare");
	}
	store("trigger/cgroup.procs", "0");
	before = charged();
	for (i = 0; i < QUEUES; i++) {
		queue = msgget(IPC_PRIVATE, 0600);
		if (queue < 0 && errno == ENOSYS)
			return 2;
		if (queue < 0)
			err(3, "msgget");
		for (j = 0; j < 4; j++)
			if (msgsnd(queue, &message, sizeof(message.text), IPC_NOWAIT))
				err(3, "msgsnd");
		queues[i] = queue;
	}
	i = charged() - before < 1 << 20;
	for (j = 0; j < QUEUES; j++)
		msgctl(queues[j], IPC_RMID, NULL);
	return i;
}

int main(void)
{
	static const char * const results[] = { "new", "old", "skip: no messages" };
	char dir[] = "/run/triggerXXXXXX";
	int i, status = 0, skip;
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
