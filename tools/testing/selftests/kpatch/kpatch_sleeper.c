// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tasks that are inside functions while the kpatch tests switch them.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/futex.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MAX_SLEEPERS 2000
#define STACK_SIZE 16384
#define NAP_MS 4000
#define HERD_SIZE 200
#define HERD_PATIENCE_MS 60000
#define ENABLE_TRIES 5

/* The return value of the new function in "churn" and "herd". */
#define NEW_ANSWER (-ENODATA)

static int print_usage(void)
{
	fprintf(stderr,
		"usage: kpatch_sleeper sleep KIND THREADS NAME [FILTER]\n"
		"       kpatch_sleeper traced KIND NAME\n"
		"       kpatch_sleeper churn PROCESSES\n"
		"       kpatch_sleeper herd ENABLED ROUNDS\n"
		"       kpatch_sleeper spin PROCESSES\n"
		"       kpatch_sleeper nap NAME\n"
		"       KIND: pipe eventfd futex timed_futex poll nanosleep accept\n"
		"             pause vfork\n"
		"       FILTER: kill fail other\n");
	return 2;
}

static long result_of(long ret)
{
	return ret < 0 ? -errno : ret;
}

static int fds[2];
static uint32_t word;
static struct sockaddr_un address = { .sun_family = AF_UNIX };
static socklen_t address_len;
static atomic_int vfork_child;

static void setup_pipe(void)
{
	if (pipe(fds))
		exit(1);
}

static long sleep_pipe(void)
{
	char c;

	return syscall(SYS_read, fds[0], &c, 1);
}

static void wake_pipe(int n)
{
	while (n--)
		write(fds[1], "x", 1);
}

static void setup_eventfd(void)
{
	fds[0] = eventfd(0, EFD_SEMAPHORE);
	if (fds[0] < 0)
		exit(1);
}

static long sleep_eventfd(void)
{
	uint64_t value;

	return syscall(SYS_read, fds[0], &value, sizeof(value));
}

static void wake_eventfd(int n)
{
	uint64_t value = n;

	write(fds[0], &value, sizeof(value));
}

static long sleep_futex(void)
{
	return syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0);
}

static void wake_futex(int n)
{
	word = 1;
	syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, n, NULL, NULL, 0);
}

/* Unlike one without a timeout, this is restarted by restart_syscall(). */
static long sleep_timed_futex(void)
{
	struct timespec timeout = { .tv_sec = 1000 };

	return syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 0, &timeout, NULL,
		       0);
}

static long sleep_poll(void)
{
	struct pollfd fd = { .fd = fds[0], .events = POLLIN };

	return syscall(SYS_poll, &fd, 1, -1);
}

static long sleep_nanosleep(void)
{
	struct timespec nap = {
		.tv_sec = NAP_MS / 1000,
		.tv_nsec = NAP_MS % 1000 * 1000000,
	};

	return syscall(SYS_nanosleep, &nap, NULL);
}

static void setup_accept(void)
{
	fds[0] = socket(AF_UNIX, SOCK_STREAM, 0);
	/* The kernel chooses the name. */
	address_len = sizeof(address);
	if (bind(fds[0], (void *)&address, sizeof(sa_family_t)) ||
	    getsockname(fds[0], (void *)&address, &address_len) ||
	    listen(fds[0], MAX_SLEEPERS))
		exit(1);
}

static long sleep_accept(void)
{
	long fd = syscall(SYS_accept, fds[0], NULL, NULL);

	return fd < 0 ? fd : 0;
}

static void wake_accept(int n)
{
	while (n--)
		connect(socket(AF_UNIX, SOCK_STREAM, 0), (void *)&address,
			address_len);
}

static long sleep_pause(void)
{
	return syscall(SYS_pause);
}

/* The child shares our memory and our stack, so it must not return. */
static long sleep_vfork(void)
{
	pid_t pid = vfork();

	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		vfork_child = getpid();
		for (;;)
			pause();
	}
	return pid < 0 ? pid : 0;
}

static void wake_vfork(int n)
{
	kill(vfork_child, SIGKILL);
}

static void setup_nothing(void)
{
}

static void wake_nobody(int n)
{
}

/*
 * A kind of sleep: the system call that each sleeper makes once, and a function
 * that wakes n sleepers.
 */
static const struct kind {
	const char *name;
	void (*setup)(void);
	long (*sleep)(void);
	void (*wake)(int n);
} kinds[] = {
	{ "pipe", setup_pipe, sleep_pipe, wake_pipe },
	{ "eventfd", setup_eventfd, sleep_eventfd, wake_eventfd },
	{ "futex", setup_nothing, sleep_futex, wake_futex },
	{ "timed_futex", setup_nothing, sleep_timed_futex, wake_futex },
	{ "poll", setup_eventfd, sleep_poll, wake_eventfd },
	{ "nanosleep", setup_nothing, sleep_nanosleep, wake_nobody },
	{ "accept", setup_accept, sleep_accept, wake_accept },
	{ "pause", setup_nothing, sleep_pause, wake_nobody },
	{ "vfork", setup_nothing, sleep_vfork, wake_vfork },
	{ NULL }
};

static const struct kind *find_kind(const char *name)
{
	const struct kind *k;

	for (k = kinds; k->name; k++) {
		if (!strcmp(k->name, name))
			return k;
	}
	exit(print_usage());
}

/*
 * A seccomp filter that kills the process if it calls restart_syscall(), one that
 * makes this call fail, and one that makes an unrelated call fail, as those of
 * containers do.
 */
static const struct filter {
	const char *name;
	int nr;
	uint32_t action;
} filters[] = {
	{ "kill", SYS_restart_syscall, SECCOMP_RET_KILL_PROCESS },
	{ "fail", SYS_restart_syscall, SECCOMP_RET_ERRNO | EPERM },
	{ "other", SYS_reboot, SECCOMP_RET_ERRNO | EPERM },
	{ NULL }
};

static const struct filter *find_filter(const char *name)
{
	const struct filter *f;

	for (f = filters; f->name; f++) {
		if (!strcmp(f->name, name))
			return f;
	}
	exit(print_usage());
}

static void install_filter(const struct filter *f)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			 offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, f->nr, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, f->action),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog prog = { 4, code };

	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &prog)) {
		perror("seccomp");
		exit(1);
	}
}

static long now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void nap_ms(long ms)
{
	usleep(ms * 1000);
}

static char state_of(pid_t tid)
{
	char path[64], text[256];
	FILE *file;
	char *end = NULL;

	snprintf(path, sizeof(path), "/proc/%d/stat", tid);
	file = fopen(path, "r");
	if (!file)
		return 'X';
	if (fgets(text, sizeof(text), file))
		end = strrchr(text, ')');
	fclose(file);
	return end ? end[2] : 'X';
}

/* A wait for a page before the call is not interruptible. */
static bool is_asleep(const struct kind *kind, pid_t tid)
{
	if (kind->sleep == sleep_vfork)
		return vfork_child && state_of(tid) == 'D';
	return state_of(tid) == 'S';
}

static void wait_until_asleep(const struct kind *kind, atomic_int *tid)
{
	while (!*tid || !is_asleep(kind, *tid))
		nap_ms(10);
}

/*
 * sleep: THREADS threads called NAME make the system call, under a seccomp filter
 * if there is a FILTER. Prints "asleep TID" once all of them sleep, TID being the
 * first one. SIGUSR1 wakes them. When all calls have returned it prints the return
 * values, "answer COUNT VALUE" for each value, and how long the calls took: "took
 * MIN MAX".
 */
static struct sleeper {
	atomic_int tid;
	long result;
	long ms;
} sleepers[MAX_SLEEPERS];

static const struct kind *kind;
static const char *sleeper_name;
static int nr_sleepers;
static atomic_int nr_done;

static void *run_sleeper(void *arg)
{
	struct sleeper *s = arg;
	long start;

	prctl(PR_SET_NAME, sleeper_name);
	start = now_ms();
	s->tid = syscall(SYS_gettid);
	s->result = result_of(kind->sleep());
	s->ms = now_ms() - start;
	if (atomic_fetch_add(&nr_done, 1) + 1 == nr_sleepers)
		kill(getpid(), SIGUSR2);
	/* To end a thread the C library may call a function that is patched. */
	for (;;)
		pause();
	return NULL;
}

static int start_sleepers(void)
{
	pthread_attr_t attr;
	pthread_t thread;
	int i;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK_SIZE);
	for (i = 0; i < nr_sleepers; i++) {
		if (pthread_create(&thread, &attr, run_sleeper, &sleepers[i]))
			return -1;
	}
	for (i = 0; i < nr_sleepers; i++)
		wait_until_asleep(kind, &sleepers[i].tid);
	return 0;
}

static int compare_results(const void *a, const void *b)
{
	long x = ((const struct sleeper *)a)->result;
	long y = ((const struct sleeper *)b)->result;

	return (x > y) - (x < y);
}

static void print_results(void)
{
	long min = sleepers[0].ms, max = min;
	int i, first = 0;

	qsort(sleepers, nr_sleepers, sizeof(sleepers[0]), compare_results);
	for (i = 0; i < nr_sleepers; i++) {
		if (sleepers[i].ms < min)
			min = sleepers[i].ms;
		if (sleepers[i].ms > max)
			max = sleepers[i].ms;
		if (i + 1 < nr_sleepers &&
		    sleepers[i + 1].result == sleepers[i].result)
			continue;
		printf("answer %d %ld\n", i + 1 - first, sleepers[i].result);
		first = i + 1;
	}
	printf("took %ld %ld\n", min, max);
}

static void block_signals(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGUSR1);
	sigaddset(set, SIGUSR2);
	sigaddset(set, SIGCHLD);
	sigprocmask(SIG_BLOCK, set, NULL);
}

static int do_sleep(int threads)
{
	sigset_t set;
	int sig;

	if (threads < 1 || threads > MAX_SLEEPERS)
		return print_usage();
	nr_sleepers = threads;
	block_signals(&set);
	kind->setup();
	if (start_sleepers()) {
		fprintf(stderr, "cannot start %d threads\n", threads);
		return 1;
	}
	printf("asleep %d\n", sleepers[0].tid);
	fflush(stdout);
	do {
		sig = sigwaitinfo(&set, NULL);
		if (sig == SIGUSR1)
			kind->wake(nr_sleepers);
	} while (sig != SIGUSR2);
	print_results();
	return 0;
}

static int run_tracee(void)
{
	prctl(PR_SET_NAME, sleeper_name);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	printf("answer 1 %ld\n", result_of(kind->sleep()));
	fflush(stdout);
	_exit(0);
}

/* Print the events of the tracee; false if it is gone. */
static bool watch(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, WNOHANG) == pid) {
		if (!WIFSTOPPED(status)) {
			puts("gone");
			return false;
		}
		printf("stopped %d\n", WSTOPSIG(status));
		ptrace(PTRACE_CONT, pid, NULL, NULL);
	}
	return true;
}

/*
 * traced: like sleep, but with a single child, which we trace. Prints the events
 * that the tracer sees: "stopped SIGNAL" and "gone".
 */
static int do_traced(void)
{
	atomic_int pid;
	sigset_t set;
	int sig;

	block_signals(&set);
	kind->setup();
	pid = fork();
	if (!pid)
		run_tracee();
	wait_until_asleep(kind, &pid);
	if (ptrace(PTRACE_SEIZE, pid, NULL, NULL)) {
		kill(pid, SIGKILL);
		return 1;
	}
	printf("asleep %d\n", pid);
	fflush(stdout);
	do {
		sig = sigwaitinfo(&set, NULL);
		if (sig == SIGUSR1)
			kind->wake(1);
	} while (watch(pid));
	return 0;
}

/*
 * churn: PROCESSES keep starting children that sleep in eventfd_read(), and wake
 * or kill them, or make them execute a program or exit while some of their threads
 * sleep. Prints "churning" once as many children have ended. Stops on SIGUSR1, and
 * prints how many children there were and how many ended badly: those that failed,
 * or whose call returned neither the old nor the new answer.
 */
static atomic_int *churn_stop, *churned, *churned_badly;

static bool is_good(long result)
{
	return result == sizeof(uint64_t) || result == NEW_ANSWER;
}

static void *sleep_in_thread(void *arg)
{
	sleep_eventfd();
	for (;;)
		pause();
	return NULL;
}

static void start_three_threads(void)
{
	pthread_t thread;
	int i;

	for (i = 0; i < 3; i++) {
		if (pthread_create(&thread, NULL, sleep_in_thread, NULL))
			_exit(3);
	}
	nap_ms(rand() % 3);
}

static void run_child(int what)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	switch (what) {
	case 2:
		start_three_threads();
		execl("/proc/self/exe", "kpatch_sleeper", "nothing", NULL);
		_exit(4);
	case 3:
		start_three_threads();
		_exit(0);
	default:
		_exit(is_good(result_of(sleep_eventfd())) ? 0 : 1);
	}
}

static bool run_one(int what)
{
	int status;
	pid_t pid;

	setup_eventfd();
	pid = fork();
	if (!pid)
		run_child(what);
	nap_ms(rand() % 4);
	if (what == 0)
		wake_eventfd(1);
	else if (what == 1)
		kill(pid, SIGKILL);
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return false;
	close(fds[0]);
	/* The new function may have answered before the child was killed. */
	if (what == 1 && WIFSIGNALED(status))
		return true;
	return WIFEXITED(status) && !WEXITSTATUS(status);
}

static void run_churner(void)
{
	int i;

	srand(getpid());
	for (i = 0; !atomic_load(churn_stop); i++) {
		if (!run_one(i % 4))
			atomic_fetch_add(churned_badly, 1);
		atomic_fetch_add(churned, 1);
	}
	_exit(0);
}

static int do_churn(int processes)
{
	sigset_t set;
	int i, sig;

	churn_stop = mmap(NULL, 3 * sizeof(atomic_int), PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (churn_stop == MAP_FAILED)
		return 1;
	prctl(PR_SET_NAME, "sleeper");
	churned = churn_stop + 1;
	churned_badly = churn_stop + 2;
	block_signals(&set);
	sigdelset(&set, SIGCHLD);
	for (i = 0; i < processes; i++) {
		if (!fork())
			run_churner();
	}
	while (atomic_load(churned) < processes)
		nap_ms(10);
	puts("churning");
	fflush(stdout);
	do {
		sig = sigwaitinfo(&set, NULL);
	} while (sig != SIGUSR1);
	atomic_store(churn_stop, 1);
	while (wait(NULL) > 0)
		;
	printf("churned %d, %d badly\n", *churned, *churned_badly);
	return 0;
}

/*
 * herd: in each of ROUNDS a write to ENABLED enables the patch while more and more
 * threads enter eventfd_read(). They are woken after the write has returned. So a
 * thread that gets the old answer was in the old function when the patch was
 * enabled, and the scan has missed it.
 */
struct herd {
	atomic_int enabled;
	atomic_int lost;
	atomic_int new_answers;
	atomic_int old_answers;
	atomic_int wrong;
};

static struct herd *herd;
static atomic_int nr_answers;

static void *run_with_herd(void *arg)
{
	long result = result_of(sleep_eventfd());

	if (result == NEW_ANSWER)
		atomic_fetch_add(&herd->new_answers, 1);
	else if (result == sizeof(uint64_t))
		atomic_fetch_add(&herd->old_answers, 1);
	else
		atomic_fetch_add(&herd->wrong, 1);
	atomic_fetch_add(&nr_answers, 1);
	for (;;)
		pause();
	return NULL;
}

static void lead_herd(void)
{
	pthread_attr_t attr;
	pthread_t thread;
	long end;
	int i;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK_SIZE);
	setup_eventfd();
	for (i = 0; i < HERD_SIZE && !(i && atomic_load(&herd->enabled)); i++) {
		if (pthread_create(&thread, &attr, run_with_herd, NULL))
			break;
	}
	while (!atomic_load(&herd->enabled))
		nap_ms(1);
	wake_eventfd(HERD_SIZE);
	end = now_ms() + HERD_PATIENCE_MS;
	while (atomic_load(&nr_answers) < i && now_ms() < end)
		nap_ms(1);
	atomic_fetch_add(&herd->lost, i - atomic_load(&nr_answers));
	_exit(0);
}

static bool write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);
	bool ok = fd >= 0 && write(fd, text, strlen(text)) > 0;
	int err = errno;

	close(fd);
	errno = err;
	return ok;
}

/*
 * On a slow machine the threads may enter for longer than the first ones are held. Then
 * the write fails, with nothing changed, and is repeated.
 */
static bool enable(const char *enabled)
{
	int tries;

	for (tries = 0; tries < ENABLE_TRIES; tries++) {
		if (write_file(enabled, "1"))
			return true;
		if (errno != EBUSY)
			break;
	}
	return false;
}

static bool run_round(const char *enabled)
{
	bool ok;
	int i;

	atomic_store(&herd->enabled, 0);
	for (i = 0; i < 2; i++) {
		if (!fork())
			lead_herd();
	}
	nap_ms(50);
	ok = enable(enabled);
	atomic_store(&herd->enabled, 1);
	while (wait(NULL) > 0)
		;
	return ok && write_file(enabled, "0");
}

static int do_herd(const char *enabled, int rounds)
{
	int failed = 0;

	herd = mmap(NULL, sizeof(*herd), PROT_READ | PROT_WRITE,
		    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (herd == MAP_FAILED)
		return 1;
	prctl(PR_SET_NAME, "sleeper");
	while (rounds--)
		failed += !run_round(enabled);
	printf("# %d answers new, %d old, %d wrong, %d lost, %d rounds failed\n",
	       herd->new_answers, herd->old_answers, herd->wrong, herd->lost,
	       failed);
	return !herd->new_answers || herd->old_answers || herd->wrong ||
	       herd->lost || failed;
}

/*
 * spin: PROCESSES call getpid() in a loop and never give up the CPU: under full
 * preemption some are always preempted inside the function.
 */
static int do_spin(int processes)
{
	int i;

	for (i = 1; i < processes; i++) {
		if (!fork())
			break;
	}
	prctl(PR_SET_NAME, "spinner");
	for (;;)
		syscall(SYS_getpid);
	return 0;
}

/*
 * nap: sleep for a millisecond in nanosleep(), again and again. Prints "napping", and
 * upon SIGUSR1 how long the longest of these calls took, in milliseconds: "longest MS".
 */
static atomic_bool awake;

static void stop_napping(int sig)
{
	awake = true;
}

static int do_nap(const char *name)
{
	const struct timespec nap = { .tv_nsec = 1000000 };
	long start, longest = 0;

	prctl(PR_SET_NAME, name);
	signal(SIGUSR1, stop_napping);
	puts("napping");
	fflush(stdout);
	while (!awake) {
		start = now_ms();
		syscall(SYS_nanosleep, &nap, NULL);
		if (now_ms() - start > longest)
			longest = now_ms() - start;
	}
	printf("longest %ld\n", longest);
	return 0;
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";

	if (!strcmp(what, "sleep") && (argc == 5 || argc == 6)) {
		kind = find_kind(argv[2]);
		sleeper_name = argv[4];
		if (argc == 6)
			install_filter(find_filter(argv[5]));
		return do_sleep(atoi(argv[3]));
	}
	if (!strcmp(what, "traced") && argc == 4) {
		kind = find_kind(argv[2]);
		sleeper_name = argv[3];
		return do_traced();
	}
	if (!strcmp(what, "churn") && argc == 3)
		return do_churn(atoi(argv[2]));
	if (!strcmp(what, "herd") && argc == 4)
		return do_herd(argv[2], atoi(argv[3]));
	if (!strcmp(what, "spin") && argc == 3)
		return do_spin(atoi(argv[2]));
	if (!strcmp(what, "nap") && argc == 3)
		return do_nap(argv[2]);
	/* Executed by the children of churn. */
	if (!strcmp(what, "nothing"))
		return 0;
	return print_usage();
}
