// SPDX-License-Identifier: GPL-2.0-only
/*
 * "cgroup: fix cgroup.kill for exited thread group leader": __cgroup_kill()
 * sent SIGKILL to the leader of each process. If the leader has exited and
 * other threads go on, nobody got the signal, and the process survived.
 *
 * File: kernel/cgroup/cgroup.c
 */
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static void store(const char *name, const char *text)
{
	int fd = open(name, O_WRONLY);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		err(1, "%s", name);
	close(fd);
}

static void *sleeper(void *unused)
{
	for (;;)
		pause();
	return unused;
}

static void victim(void)
{
	pthread_t thread;

	store("trigger/cgroup.procs", "0");
	errno = pthread_create(&thread, NULL, sleeper, NULL);
	if (errno)
		err(1, "pthread_create");
	syscall(SYS_exit, 0);
}

/* A leader that has exited is a zombie. */
static int leader_is_gone(pid_t pid)
{
	char name[64], line[256], *p;
	FILE *f;

	snprintf(name, sizeof(name), "/proc/%d/stat", pid);
	f = fopen(name, "r");
	if (!f || !fgets(line, sizeof(line), f))
		err(1, "%s", name);
	fclose(f);
	p = strrchr(line, ')');
	return p && p[2] == 'Z';
}

int main(void)
{
	char dir[] = "/run/triggerXXXXXX";
	int i, killed = 0;
	pid_t pid;

	if (unshare(CLONE_NEWNS))
		err(1, "unshare");
	if (mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL))
		err(1, "mount");
	if (!mkdtemp(dir))
		err(1, "mkdtemp");
	if (mount("trigger", dir, "cgroup2", 0, NULL)) {
		if (errno != ENODEV)
			err(1, "mount cgroup2");
		rmdir(dir);
		puts("skip: no cgroup2");
		return 0;
	}
	if (chdir(dir) || mkdir("trigger", 0755))
		err(1, "%s", dir);

	pid = fork();
	if (pid < 0)
		err(1, "fork");
	if (!pid)
		victim();
	for (i = 0; !leader_is_gone(pid); i++) {
		if (i == 2000)
			errx(1, "the leader does not exit");
		usleep(1000);
	}

	store("trigger/cgroup.kill", "1");
	for (i = 0; i < 300 && !killed; i++) {
		killed = waitpid(pid, NULL, WNOHANG) == pid;
		usleep(1000);
	}
	if (!killed) {
		kill(pid, SIGKILL);
		if (waitpid(pid, NULL, 0) != pid)
			err(1, "waitpid");
	}

	for (i = 0; rmdir("trigger") && i < 1000; i++)
		usleep(1000);
	if (chdir("/") || umount2(dir, MNT_DETACH) || rmdir(dir))
		err(1, "clean up");
	puts(killed ? "new" : "old");
	return 0;
}
