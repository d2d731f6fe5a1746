// SPDX-License-Identifier: GPL-2.0-only
/*
 * "seccomp: restore knotif->state when SECCOMP_ADDFD_FLAG_SEND is interrupted":
 * a supervisor that was interrupted while it answered with a file descriptor
 * could not answer again, because the notification counted as answered:
 * EINPROGRESS.
 *
 * All is on one CPU, where a process of real-time priority keeps the one that
 * waits for the answer from taking it until the supervisor has tried again.
 *
 * File: kernel/seccomp.c
 */
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

static void ignore(int sig)
{
	(void)sig;
}

static void real_time(int priority)
{
	struct sched_param param = { .sched_priority = priority };

	if (sched_setscheduler(0, SCHED_FIFO, &param))
		err(1, "sched_setscheduler");
}

static void one_cpu(void)
{
	cpu_set_t all, one;
	int cpu = 0;

	if (sched_getaffinity(0, sizeof(all), &all))
		err(1, "sched_getaffinity");
	while (!CPU_ISSET(cpu, &all))
		cpu++;
	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	if (sched_setaffinity(0, sizeof(one), &one))
		err(1, "sched_setaffinity");
}

/* getppid() is up to the supervisor, who finds the listener at this number. */
#define LISTENER 100

static int target(void *unused)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getppid, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog prog = { .len = 4, .filter = code };
	int fd;

	(void)unused;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		err(1, "prctl");
	fd = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
		     SECCOMP_FILTER_FLAG_NEW_LISTENER, &prog);
	if (fd < 0 || dup2(fd, LISTENER) < 0)
		err(1, "seccomp");
	syscall(SYS_getppid);
	return 0;
}

static pid_t start_hog(void)
{
	int ready[2];
	char byte;
	pid_t pid;

	if (pipe(ready))
		err(1, "pipe");
	pid = fork();
	if (pid < 0)
		err(1, "fork");
	if (!pid) {
		/* It must not outlast an error in the others. */
		alarm(2);
		signal(SIGALRM, SIG_DFL);
		real_time(10);
		if (write(ready[1], "", 1) != 1)
			err(1, "write");
		for (;;)
			;
	}
	if (read(ready[0], &byte, 1) != 1)
		errx(1, "no hog");
	return pid;
}

int main(void)
{
	struct sigaction action = { .sa_handler = ignore };
	struct itimerval soon = {
		.it_value.tv_usec = 50000,
		.it_interval.tv_usec = 50000,
	};
	struct itimerval never = { 0 };
	struct seccomp_notif_resp answer = { .val = 1 };
	struct seccomp_notif_addfd addfd = {
		.flags = SECCOMP_ADDFD_FLAG_SEND,
		.srcfd = 1,
	};
	static char stack[65536] __attribute__((aligned(16)));
	struct seccomp_notif request = { 0 };
	int failed, error, added;
	pid_t pid, hog;

	one_cpu();
	/* The two share their files, so that the supervisor has the listener. */
	pid = clone(target, stack + sizeof(stack), CLONE_FILES | CLONE_VM | SIGCHLD, NULL);
	if (pid < 0)
		err(1, "clone");
	while (fcntl(LISTENER, F_GETFD) < 0)
		usleep(1000);
	if (ioctl(LISTENER, SECCOMP_IOCTL_NOTIF_RECV, &request))
		err(1, "NOTIF_RECV");

	real_time(20);
	hog = start_hog();
	addfd.id = request.id;
	answer.id = request.id;
	if (sigaction(SIGALRM, &action, NULL) ||
	    setitimer(ITIMER_REAL, &soon, NULL))
		err(1, "setitimer");
	added = ioctl(LISTENER, SECCOMP_IOCTL_NOTIF_ADDFD, &addfd);
	if (added >= 0 || errno != EINTR)
		warn("NOTIF_ADDFD returned %d", added);
	if (setitimer(ITIMER_REAL, &never, NULL))
		err(1, "setitimer");
	failed = ioctl(LISTENER, SECCOMP_IOCTL_NOTIF_SEND, &answer);
	error = errno;

	kill(hog, SIGKILL);
	kill(pid, SIGKILL);
	if (waitpid(hog, NULL, 0) != hog || waitpid(pid, NULL, 0) != pid)
		err(1, "waitpid");
	if (added >= 0)
		return 1;
	if (failed && error != EINPROGRESS) {
		errno = error;
		err(1, "NOTIF_SEND");
	}
	puts(failed ? "old" : "new");
	return 0;
}
