// SPDX-License-Identifier: GPL-2.0-only
/*
 * Requests that take time: a deadline, signals, and one command at a time.
 *
 * A request is one write, made by a child. The kernel gets the whole time that is left, so
 * its log has one line for the whole wait. A signal such as ctrl-C kills the child, which
 * cancels the operation. Between two requests signals are blocked: what a command has
 * begun it ends or takes back.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "kpatch.h"

#define TICK_MS		200

static struct {
	long long deadline;
	int lock;
	int log;
	char logged[65536];
	int signal;
	bool undoing;
	bool terminal;
	sigset_t set;
} wait_state = { .lock = -1, .log = -1 };

static unsigned int left_ms(void)
{
	long long left = wait_state.deadline - now_ms();

	/* 0 would have the kernel choose. */
	return left > 1 ? left : 1;
}

/* A command that nohup starts, for instance, ignores one of them, and goes on to. */
static void block_signals(void)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP };
	struct sigaction action;
	size_t i;

	sigemptyset(&wait_state.set);
	signal(SIGCHLD, SIG_DFL);
	sigaddset(&wait_state.set, SIGCHLD);
	for (i = 0; i < ARRAY_SIZE(signals); i++) {
		if (sigaction(signals[i], NULL, &action) || action.sa_handler != SIG_IGN)
			sigaddset(&wait_state.set, signals[i]);
	}
	sigprocmask(SIG_BLOCK, &wait_state.set, NULL);
	/* If the terminal is gone, what has begun is ended without messages. */
	signal(SIGPIPE, SIG_IGN);
}

/* Wait for a signal, which is recorded unless it tells that the child has ended. */
static void sleep_ms(unsigned int ms)
{
	struct timespec time = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L };
	int sig = sigtimedwait(&wait_state.set, NULL, &time);

	if (sig > 0 && sig != SIGCHLD)
		wait_state.signal = sig;
}

/*
 * Two commands at once would get in each other's way between their steps. Without a place
 * for the lock there is none.
 */
static enum status take_lock(void)
{
	char path[PATH_MAX];

	make_path(path, "/run/kpatch.lock");
	wait_state.lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (wait_state.lock < 0)
		return OK;
	while (flock(wait_state.lock, LOCK_EX | LOCK_NB)) {
		if (errno != EWOULDBLOCK)
			return OK;
		if (wait_state.signal)
			return out_err(BUSY, "interrupted; nothing was changed");
		if (now_ms() >= wait_state.deadline)
			return out_err(BUSY,
				       "another kpatch command is at work; try again when it has ended, or wait longer with -t");
		sleep_ms(50);
	}
	return OK;
}

static void open_log(void)
{
	char path[PATH_MAX];

	make_path(path, "/dev/kmsg");
	wait_state.log = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (wait_state.log >= 0)
		lseek(wait_state.log, 0, SEEK_END);
}

/* Begin to ask the kernel. wait_end() must follow. */
void wait_begin(unsigned int timeout_ms)
{
	wait_state.deadline = now_ms() + timeout_ms;
	wait_state.undoing = false;
	*wait_state.logged = '\0';
	wait_state.terminal = isatty(STDERR_FILENO);
	block_signals();
	open_log();
}

/* Begin to change something. wait_end() must follow, also after a failure. */
enum status wait_begin_alone(const struct options *opts)
{
	wait_begin(opts->timeout_ms);
	return take_lock();
}

void wait_end(void)
{
	if (wait_state.lock >= 0)
		close(wait_state.lock);
	if (wait_state.log >= 0)
		close(wait_state.log);
	wait_state.lock = -1;
	wait_state.log = -1;
}

/* What has begun is to be taken back, which takes time of its own, and is not interrupted. */
void wait_undo(unsigned int ms)
{
	wait_state.deadline = now_ms() + ms;
	wait_state.undoing = true;
}

static bool is_cancelled(void)
{
	return wait_state.signal && !wait_state.undoing;
}

/* The signal that has interrupted the command, 0 if there was none. */
int wait_signal(void)
{
	return wait_state.signal;
}

/*
 * Is a line of the log about @name, with @code in it? Those of kpatch end with the errno.
 * The module loader also logs that a module taints the kernel, which is no failure.
 */
static bool is_about(const char *line, const char *name, const char *code)
{
	char quoted[NAME_LEN + 4], plain[NAME_LEN + 4];

	snprintf(quoted, sizeof(quoted), "'%s'", name);
	snprintf(plain, sizeof(plain), "%s: ", name);
	if (!strncmp(line, "kpatch: ", strlen("kpatch: ")))
		return strstr(line, code) && (strstr(line, quoted) || strstr(line, plain));
	return !strncmp(line, plain, strlen(plain)) && !strstr(line, "taint");
}

/* Keep what the kernel has logged since the last time, without the fields before it. */
static void read_log(void)
{
	char record[8192], *line, *rest, *message;
	size_t len = strlen(wait_state.logged);
	ssize_t got;

	while (wait_state.log >= 0) {
		got = read(wait_state.log, record, sizeof(record) - 1);
		if (got < 0 && errno == EPIPE)
			continue;
		if (got <= 0)
			break;
		record[got] = '\0';
		for (rest = record; (line = strsep(&rest, "\n")); ) {
			message = *line == ' ' ? NULL : strchr(line, ';');
			if (message && len < sizeof(wait_state.logged))
				len += snprintf(wait_state.logged + len,
						sizeof(wait_state.logged) - len, "%s\n",
						message + 1);
		}
	}
}

static const char *without_prefix(const char *line)
{
	return strncmp(line, "kpatch: ", strlen("kpatch: ")) ? line : line + strlen("kpatch: ");
}

/* Copy the next line from @at on that is_about() accepts to @line; return what is behind it. */
static const char *next_line(const char *at, const char *name, const char *code, char *line,
			     size_t size)
{
	const char *end;

	for (; (end = strchr(at, '\n')); at = end + 1) {
		snprintf(line, size, "%.*s", (int)(end - at), at);
		if (is_about(line, name, code))
			return end + 1;
	}
	return NULL;
}

/**
 * wait_log_line() - what the kernel has logged about a failure, since wait_begin()
 * @name: the patch or module
 * @err: the negative errno
 *
 * Return: the last line, without "kpatch: "; %NULL if there is none, or it cannot be read.
 */
const char *wait_log_line(const char *name, int err)
{
	static char last[1024];
	char code[16], line[sizeof(last)] = "";
	const char *at = wait_state.logged;

	read_log();
	snprintf(code, sizeof(code), "(%d)", err);
	*last = '\0';
	while ((at = next_line(at, name, code, line, sizeof(line))))
		memcpy(last, line, sizeof(last));
	return *last ? without_prefix(last) : NULL;
}

/**
 * wait_log_nth() - one of the lines that the kernel has logged about failures
 * @name: the patch or module
 * @n: which one, from 0 on
 *
 * Return: the line, without "kpatch: "; %NULL if there are fewer, or they cannot be read.
 */
const char *wait_log_nth(const char *name, unsigned int n)
{
	static char line[1024];
	const char *at = wait_state.logged;

	read_log();
	do {
		at = next_line(at, name, "(-", line, sizeof(line));
	} while (at && n--);
	return at ? without_prefix(line) : NULL;
}

static void clear_progress(void)
{
	if (wait_state.terminal)
		fputs("\r\033[K", stderr);
}

/* The first blocker of a patch in words. */
static void name_blocker(const char *patch, char *buf, size_t size)
{
	struct json_object *blockers = sysfs_blockers(patch);
	struct json_object *first;

	*buf = '\0';
	if (blockers && json_object_array_length(blockers)) {
		first = json_object_array_get_idx(blockers, 0);
		snprintf(buf, size, "%s %s (%s)", str_of(first, "tid"),
			 str_of(first, "name"), str_of(first, "function"));
	}
	json_object_put(blockers);
}

/* While it retries, the kernel shows the blockers of the last attempt. */
static void show_progress(const char *patch)
{
	char blocker[512];

	if (!wait_state.terminal)
		return;
	name_blocker(patch, blocker, sizeof(blocker));
	fprintf(stderr, "\r\033[Kkpatch: waiting for '%s', %.1f s left%s%s", patch,
		left_ms() / 1000.0, *blocker ? ", blocked by " : "", blocker);
}

static pid_t start_write(const char *path, const char *text)
{
	pid_t parent = getpid(), child = fork();

	if (child)
		return child < 0 ? -errno : child;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(EINTR);
	_exit(-write_text(path, text));
}

/* Wait for the child. Returns what it has returned; -EINTR if it was killed. */
static int wait_child(pid_t child, const char *patch)
{
	long long begin = now_ms();
	int status;

	while (!waitpid(child, &status, WNOHANG)) {
		if (is_cancelled())
			kill(child, SIGKILL);
		/* What is done at once needs no progress. */
		else if (now_ms() - begin > TICK_MS)
			show_progress(patch);
		sleep_ms(TICK_MS);
	}
	clear_progress();
	return WIFEXITED(status) ? -WEXITSTATUS(status) : -EINTR;
}

/**
 * wait_request() - have the kernel carry out an operation
 * @file: the file below /sys/kernel/kpatch
 * @words: what to write, in front of the time that it may take
 * @patch: one of the patches, for the progress
 *
 * Return: the verdict of the kernel: 0, or an errno with nothing changed. -EINTR if a
 * signal has ended the wait: then the patch shows what the verdict was.
 */
int wait_request(const char *file, const char *words, const char *patch)
{
	char path[PATH_MAX], text[PATH_MAX];
	pid_t child;
	int ret;

	if (is_cancelled())
		return -EINTR;
	ret = make_path(path, SYSFS "/%s", file);
	if (ret)
		return ret;
	if (snprintf(text, sizeof(text), "%s %u\n", words, left_ms()) >= (int)sizeof(text))
		return -E2BIG;
	child = start_write(path, text);
	return child < 0 ? child : wait_child(child, patch);
}
