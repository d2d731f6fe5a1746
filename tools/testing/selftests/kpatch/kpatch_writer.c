// SPDX-License-Identifier: GPL-2.0-only
/*
 * Every way to write to a file of kpatch, and what may happen to a task meanwhile.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <linux/io_uring.h>
#include <linux/ptrace.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/sendfile.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

/* How long after the beginning of a write something happens to it. */
#define SOON_US		100000
#define ALARM_US	10000
#define POLL_MS		5000
#define ATTACHED_US	300000
#define MAX_TEXT	64

/* The result if the kernel or the architecture has no such system call. */
#define UNSUPPORTED	(-EOPNOTSUPP)

static int print_usage(void)
{
	fprintf(stderr,
		"usage: kpatch_writer HOW FILE TEXT...\n"
		"       kpatch_writer crowd COUNT FILE TEXT\n"
		"       kpatch_writer alarm FILE TEXT\n"
		"       kpatch_writer alarm-restart FILE TEXT\n"
		"       kpatch_writer jump TIMES FILE TEXT [OTHER TEXT]\n"
		"       kpatch_writer rewrite FILE TEXT TEXT\n"
		"       kpatch_writer trace FILE TEXT\n"
		"       kpatch_writer attach PID\n"
		"       HOW: write pwrite64 writev pwritev nonblock splice sendfile aio\n"
		"            uring uring-async compat\n");
	return 2;
}

static long result_of(long ret)
{
	return ret < 0 ? -errno : ret;
}

/* The result of each write is printed like that: a number of bytes, or -errno. */
static void print_result(long result)
{
	printf("wrote %ld\n", result);
	fflush(stdout);
}

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static int open_file(const char *path)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		die(path);
	return fd;
}

static long do_write(int fd, const char *text, size_t len)
{
	return result_of(syscall(SYS_write, fd, text, len));
}

static long do_pwrite64(int fd, const char *text, size_t len)
{
	return result_of(syscall(SYS_pwrite64, fd, text, len, 0L));
}

static long do_writev(int fd, const char *text, size_t len)
{
	struct iovec iov = { (void *)text, len };

	return result_of(syscall(SYS_writev, fd, &iov, 1));
}

static long do_pwritev(int fd, const char *text, size_t len)
{
	struct iovec iov = { (void *)text, len };

	return result_of(syscall(SYS_pwritev, fd, &iov, 1, 0L, 0L));
}

/* As a library writes to a file that it takes for a non-blocking one. */
static long do_nonblock(int fd, const char *text, size_t len)
{
	struct pollfd pfd = { .fd = fd, .events = POLLOUT };
	long ret;

	if (fcntl(fd, F_SETFL, O_NONBLOCK))
		return -errno;
	do {
		if (poll(&pfd, 1, POLL_MS) < 1)
			return -ETIME;
		ret = do_write(fd, text, len);
		if (ret == -EAGAIN)
			puts("again");
	} while (ret == -EAGAIN);
	return ret;
}

static long do_splice(int fd, const char *text, size_t len)
{
	int ends[2];
	long ret;

	if (pipe(ends) || write(ends[1], text, len) != (ssize_t)len)
		return -errno;
	ret = result_of(syscall(SYS_splice, ends[0], NULL, fd, NULL, len, 0));
	close(ends[0]);
	close(ends[1]);
	return ret;
}

static long do_sendfile(int fd, const char *text, size_t len)
{
	int from = memfd_create("text", 0);
	off_t start = 0;
	long ret;

	if (from < 0 || write(from, text, len) != (ssize_t)len)
		return -errno;
	ret = result_of(sendfile(fd, from, &start, len));
	close(from);
	return ret;
}

static long do_aio(int fd, const char *text, size_t len)
{
	struct iocb iocb = {
		.aio_lio_opcode = IOCB_CMD_PWRITE,
		.aio_fildes = fd,
		.aio_buf = (uintptr_t)text,
		.aio_nbytes = len,
	};
	struct iocb *list[] = { &iocb };
	aio_context_t context = 0;
	struct io_event event;

	if (syscall(SYS_io_setup, 1, &context))
		return UNSUPPORTED;
	if (syscall(SYS_io_submit, context, 1, list) != 1)
		return -errno;
	if (syscall(SYS_io_getevents, context, 1, 1, &event, NULL) != 1)
		return -errno;
	syscall(SYS_io_destroy, context);
	return event.res;
}

static void *map_ring(int fd, size_t size, off_t offset)
{
	void *ring = mmap(NULL, size, PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_POPULATE, fd, offset);

	if (ring == MAP_FAILED)
		die("mmap");
	return ring;
}

static unsigned int *at(void *ring, unsigned int offset)
{
	return ring + offset;
}

/* One submission and one completion, in a ring of its own. */
static long write_uring(int fd, const char *text, size_t len, int flags)
{
	struct io_uring_params p = {};
	struct io_uring_sqe *sqe;
	struct io_uring_cqe *cqe;
	void *sq, *cq;
	int ring;

	ring = syscall(SYS_io_uring_setup, 1, &p);
	if (ring < 0)
		return UNSUPPORTED;
	sq = map_ring(ring, p.sq_off.array + sizeof(unsigned int),
		      IORING_OFF_SQ_RING);
	cq = map_ring(ring, p.cq_off.cqes + p.cq_entries * sizeof(*cqe),
		      IORING_OFF_CQ_RING);
	sqe = map_ring(ring, sizeof(*sqe), IORING_OFF_SQES);
	*sqe = (struct io_uring_sqe) {
		.opcode = IORING_OP_WRITE,
		.flags = flags,
		.fd = fd,
		.addr = (uintptr_t)text,
		.len = len,
	};
	*at(sq, p.sq_off.array) = 0;
	__atomic_store_n(at(sq, p.sq_off.tail), 1, __ATOMIC_RELEASE);
	if (syscall(SYS_io_uring_enter, ring, 1, 1, IORING_ENTER_GETEVENTS,
		    NULL, 0) != 1)
		return -errno;
	while (!__atomic_load_n(at(cq, p.cq_off.tail), __ATOMIC_ACQUIRE))
		syscall(SYS_io_uring_enter, ring, 0, 1, IORING_ENTER_GETEVENTS,
			NULL, 0);
	cqe = cq + p.cq_off.cqes;
	close(ring);
	return cqe->res;
}

static long do_uring(int fd, const char *text, size_t len)
{
	return write_uring(fd, text, len, 0);
}

static long do_uring_async(int fd, const char *text, size_t len)
{
	return write_uring(fd, text, len, IOSQE_ASYNC);
}

#ifdef __x86_64__
static void print_unsupported(int sig)
{
	print_result(UNSUPPORTED);
	_exit(0);
}

/* The write(2) of 32-bit programs. */
static long do_compat(int fd, const char *text, size_t len)
{
	char *low = mmap(NULL, len, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
	long ret = 4;

	if (low == MAP_FAILED)
		return -errno;
	memcpy(low, text, len);
	signal(SIGSEGV, print_unsupported);
	asm volatile("int $0x80"
		     : "+a" (ret)
		     : "b" ((long)fd), "c" (low), "d" (len)
		     : "memory", "r8", "r9", "r10", "r11");
	return (int)ret;
}
#else
static long do_compat(int fd, const char *text, size_t len)
{
	return UNSUPPORTED;
}
#endif

static const struct way {
	const char *name;
	long (*write)(int fd, const char *text, size_t len);
} ways[] = {
	{ "write", do_write },
	{ "pwrite64", do_pwrite64 },
	{ "writev", do_writev },
	{ "pwritev", do_pwritev },
	{ "nonblock", do_nonblock },
	{ "splice", do_splice },
	{ "sendfile", do_sendfile },
	{ "aio", do_aio },
	{ "uring", do_uring },
	{ "uring-async", do_uring_async },
	{ "compat", do_compat },
	{ NULL }
};

static const struct way *find_way(const char *name)
{
	const struct way *way;

	for (way = ways; way->name; way++) {
		if (!strcmp(way->name, name))
			return way;
	}
	return NULL;
}

static int write_all(const struct way *way, const char *path, char **texts)
{
	for (; *texts; texts++) {
		int fd = open_file(path);

		print_result(way->write(fd, *texts, strlen(*texts)));
		close(fd);
	}
	return 0;
}

/* crowd: COUNT children write at once. */
static int do_crowd(int count, const char *path, char **texts)
{
	while (count--) {
		if (!fork()) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			_exit(write_all(&ways[0], path, texts));
		}
	}
	while (wait(NULL) > 0)
		;
	return 0;
}

static void set_timer(long first_us, long every_us)
{
	struct itimerval timer = {
		.it_value.tv_usec = first_us,
		.it_interval.tv_usec = every_us,
	};

	setitimer(ITIMER_REAL, &timer, NULL);
}

static atomic_int alarms;

static void count_alarm(int sig)
{
	alarms++;
}

/* alarm: a signal with a handler arrives all the time. Prints how many did. */
static int do_alarm(const char *path, const char *text, int flags)
{
	struct sigaction action = {
		.sa_handler = count_alarm,
		.sa_flags = flags,
	};
	int fd = open_file(path);
	long result;

	sigaction(SIGALRM, &action, NULL);
	set_timer(ALARM_US, ALARM_US);
	result = do_write(fd, text, strlen(text));
	set_timer(0, 0);
	print_result(result);
	printf("alarms %d\n", alarms);
	return 0;
}

static sigjmp_buf out_of_write;
static atomic_int jumps;

static void jump(int sig)
{
	siglongjmp(out_of_write, 1);
}

/*
 * jump: a signal handler leaves the write for good. Prints "left"; upon SIGUSR1 writes
 * to the other file, if there is one, and then the same to the same file again. Leaves
 * TIMES such writes.
 */
static int do_jump(int times, char **args)
{
	const char *path = args[0], *text = args[1];
	sigset_t set;
	int sig;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGALRM, jump);
	if (sigsetjmp(out_of_write, 1)) {
		puts("left");
		fflush(stdout);
		sigwait(&set, &sig);
		if (args[2] && args[3])
			write_all(&ways[0], args[2], (char *[]){ args[3], NULL });
	}
	if (jumps++ < times)
		set_timer(SOON_US, 0);
	print_result(do_write(open_file(path), text, strlen(text)));
	return 0;
}

static char buffer[MAX_TEXT];

static void *rewrite_buffer(void *text)
{
	usleep(SOON_US);
	memcpy(buffer, text, strlen(text));
	return NULL;
}

/* rewrite: another thread changes what is written while it is being written. */
static int do_rewrite(const char *path, const char *text, char *other)
{
	int fd = open_file(path);
	pthread_t thread;

	if (strlen(text) >= MAX_TEXT || strlen(other) != strlen(text))
		return print_usage();
	memcpy(buffer, text, strlen(text) + 1);
	if (pthread_create(&thread, NULL, rewrite_buffer, other))
		return 1;
	print_result(do_write(fd, buffer, strlen(text)));
	return 0;
}

/* The headers of the C library and the kernel do not go together. */
static long trace(int request, pid_t pid, long addr, void *data)
{
	return syscall(SYS_ptrace, request, pid, addr, data);
}

static int run_tracee(const char *path, const char *text)
{
	int fd = open_file(path);

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	trace(PTRACE_TRACEME, 0, 0, NULL);
	raise(SIGSTOP);
	print_result(do_write(fd, text, strlen(text)));
	_exit(0);
}

/*
 * trace: a child writes, and we see each of its system calls. Prints what the write
 * returned in the eyes of the tracer, restarts included: "saw RESULT".
 */
static int do_trace(const char *path, const char *text)
{
	struct ptrace_syscall_info info;
	bool is_write = false;
	pid_t pid = fork();
	long sig = 0;
	int status;

	if (!pid)
		run_tracee(path, text);
	if (waitpid(pid, &status, 0) != pid || !WIFSTOPPED(status))
		return 1;
	trace(PTRACE_SETOPTIONS, pid, 0, (void *)PTRACE_O_TRACESYSGOOD);
	while (!trace(PTRACE_SYSCALL, pid, 0, (void *)sig)) {
		if (waitpid(pid, &status, 0) != pid || !WIFSTOPPED(status))
			break;
		sig = 0;
		if (WSTOPSIG(status) != (SIGTRAP | 0x80)) {
			sig = WSTOPSIG(status);
			printf("stopped %ld\n", sig);
			continue;
		}
		trace(PTRACE_GET_SYSCALL_INFO, pid, sizeof(info), &info);
		if (info.op == PTRACE_SYSCALL_INFO_ENTRY)
			is_write = info.entry.nr == SYS_write &&
				   info.entry.args[0] != STDOUT_FILENO;
		else if (is_write)
			printf("saw %lld\n", (long long)info.exit.rval);
		fflush(stdout);
	}
	return 0;
}

/* attach: stop a task as a debugger does, and let it go again. */
static int do_attach(pid_t pid)
{
	int status;

	if (trace(PTRACE_SEIZE, pid, 0, NULL) ||
	    trace(PTRACE_INTERRUPT, pid, 0, NULL))
		die("ptrace");
	if (waitpid(pid, &status, __WALL) != pid || !WIFSTOPPED(status))
		return 1;
	puts("stopped");
	fflush(stdout);
	usleep(ATTACHED_US);
	if (trace(PTRACE_DETACH, pid, 0, NULL))
		die("detach");
	puts("detached");
	return 0;
}

int main(int argc, char **argv)
{
	const char *how = argc > 1 ? argv[1] : "";
	const struct way *way = find_way(how);

	if (way && argc > 3)
		return write_all(way, argv[2], argv + 3);
	if (!strcmp(how, "crowd") && argc == 5)
		return do_crowd(atoi(argv[2]), argv[3], argv + 4);
	if (!strcmp(how, "alarm") && argc == 4)
		return do_alarm(argv[2], argv[3], 0);
	if (!strcmp(how, "alarm-restart") && argc == 4)
		return do_alarm(argv[2], argv[3], SA_RESTART);
	if (!strcmp(how, "jump") && (argc == 5 || argc == 7))
		return do_jump(atoi(argv[2]), argv + 3);
	if (!strcmp(how, "rewrite") && argc == 5)
		return do_rewrite(argv[2], argv[3], argv[4]);
	if (!strcmp(how, "trace") && argc == 4)
		return do_trace(argv[2], argv[3]);
	if (!strcmp(how, "attach") && argc == 3)
		return do_attach(atoi(argv[2]));
	return print_usage();
}
