// SPDX-License-Identifier: GPL-2.0-only
/*
 * Sets of strings, names of modules, time, files, notes of ELF files.
 *
 * All paths of the system are below $KPATCH_ROOT, for tests.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/elf.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "kpatch.h"

/* The type of the note, among those of its owner, GNU. */
#define NOTE_BUILD_ID	3

static void *check_memory(void *memory)
{
	if (memory)
		return memory;
	fputs("kpatch: out of memory; free some, then try again\n", stderr);
	exit(EXIT_FAILURE);
}

bool names_has(const struct names *names, const char *name)
{
	unsigned int i;

	for (i = 0; i < names->nr; i++) {
		if (!strcmp(names->name[i], name))
			return true;
	}
	return false;
}

/* A name that is already in the set is not added again. */
void names_add(struct names *names, const char *name)
{
	if (names_has(names, name))
		return;
	names->name = check_memory(reallocarray(names->name, names->nr + 1,
						sizeof(*names->name)));
	names->name[names->nr++] = check_memory(strdup(name));
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(char * const *)a, *(char * const *)b);
}

void names_sort(struct names *names)
{
	if (names->nr)
		qsort(names->name, names->nr, sizeof(*names->name), compare);
}

void names_free(struct names *names)
{
	while (names->nr)
		free(names->name[--names->nr]);
	free(names->name);
	names->name = NULL;
}

static bool strip(char *string, const char *suffix)
{
	size_t len = strlen(string);
	size_t cut = strlen(suffix);

	if (len < cut || strcmp(string + len - cut, suffix))
		return false;
	string[len - cut] = '\0';
	return true;
}

/* Strip ".ko" and the suffix of a compressor. Returns false if there is no such suffix. */
bool strip_ko(char *file)
{
	return strip(file, ".ko") || strip(file, ".ko.gz") ||
	       strip(file, ".ko.xz") || strip(file, ".ko.zst");
}

/* Is this the path of a file, rather than the name of a module? */
bool is_path(const char *arg)
{
	char file[NAME_LEN];

	if (strchr(arg, '/'))
		return true;
	snprintf(file, sizeof(file), "%s", arg);
	return strip_ko(file);
}

/*
 * Derive the name of a module, as the kernel spells it, from a name or a path. Returns
 * false if it cannot be a name; ".." in particular cannot.
 */
bool arg_to_name(const char *arg, char *name)
{
	const char *base = strrchr(arg, '/');
	char *c;

	base = base ? base + 1 : arg;
	if (snprintf(name, NAME_LEN, "%s", base) >= NAME_LEN)
		return false;
	strip_ko(name);
	if (!*name || *name == '.')
		return false;
	for (c = name; *c; c++) {
		if (*c == '-')
			*c = '_';
	}
	return true;
}

long long now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

static long long nanoseconds(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return now.tv_sec * 1000000000LL + now.tv_nsec;
}

#define UTC_FORMAT	"%Y-%m-%dT%H:%M:%SZ"

/* A time by CLOCK_BOOTTIME in nanoseconds as the calendar has it, in @utc[UTC_LEN]. */
void boot_to_utc(long long ns, char *utc)
{
	long long start = nanoseconds(CLOCK_REALTIME) - nanoseconds(CLOCK_BOOTTIME);
	time_t seconds = (start + ns) / 1000000000;
	struct tm tm;

	gmtime_r(&seconds, &tm);
	strftime(utc, UTC_LEN, UTC_FORMAT, &tm);
}

/* How long something takes, in the two largest units. */
static void format_duration(long long seconds, char *buf, size_t size)
{
	if (seconds >= 86400)
		snprintf(buf, size, "%lld d %lld h", seconds / 86400, seconds / 3600 % 24);
	else if (seconds >= 3600)
		snprintf(buf, size, "%lld h %lld min", seconds / 3600, seconds / 60 % 60);
	else if (seconds >= 60)
		snprintf(buf, size, "%lld min %lld s", seconds / 60, seconds % 60);
	else
		snprintf(buf, size, "%lld s", seconds > 0 ? seconds : 0);
}

/* The same time where the user is, and how long ago it was. */
void utc_to_local(const char *utc, char *local, size_t size, char *ago, size_t ago_size)
{
	struct tm tm = { 0 };
	time_t when;

	strptime(utc, UTC_FORMAT, &tm);
	when = timegm(&tm);
	localtime_r(&when, &tm);
	strftime(local, size, "%Y-%m-%d %H:%M:%S %z", &tm);
	format_duration(time(NULL) - when, ago, ago_size);
}

static int vmake_path(char *path, const char *fmt, va_list ap)
{
	const char *root = getenv("KPATCH_ROOT");
	int len = snprintf(path, PATH_MAX, "%s", root ? root : "");

	if (len >= PATH_MAX)
		return -ENAMETOOLONG;
	return vsnprintf(path + len, PATH_MAX - len, fmt, ap) < PATH_MAX - len ?
		0 : -ENAMETOOLONG;
}

/* Make a path below the root, in @path[PATH_MAX]. */
int make_path(char *path, const char *fmt, ...)
{
	va_list ap;
	int ret;

	va_start(ap, fmt);
	ret = vmake_path(path, fmt, ap);
	va_end(ap);
	return ret;
}

/* Read a file. Returns the length, which is less than @size, or an errno. */
int read_file(const char *path, char *buf, size_t size)
{
	size_t len = 0;
	ssize_t got;
	int fd, ret;

	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	do {
		got = read(fd, buf + len, size - 1 - len);
		if (got > 0)
			len += got;
	} while (got > 0);
	ret = got < 0 ? -errno : (int)len;
	close(fd);
	return ret;
}

/* Read a file below the root, without its last newline. Returns the length or an errno. */
int read_text(char *buf, size_t size, const char *fmt, ...)
{
	char path[PATH_MAX];
	va_list ap;
	int len;

	va_start(ap, fmt);
	len = vmake_path(path, fmt, ap);
	va_end(ap);
	if (!len)
		len = read_file(path, buf, size);
	if (len < 0)
		return len;
	if (len && buf[len - 1] == '\n')
		len--;
	buf[len] = '\0';
	return len;
}

/* Write to a file of the kernel, in one write. @path is complete. */
int write_text(const char *path, const char *text)
{
	int fd, ret = 0;

	fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (write(fd, text, strlen(text)) < 0)
		ret = -errno;
	close(fd);
	return ret;
}

static size_t aligned(size_t size)
{
	return (size + 3) & ~(size_t)3;
}

/* Returns false at the end; what does not look like a note is the end. */
bool note_next(const char **pos, const char *end, struct note *note)
{
	size_t left = end - *pos, name, text;
	struct elf64_note head;

	if (left < sizeof(head))
		return false;
	memcpy(&head, *pos, sizeof(head));
	left -= sizeof(head);
	name = aligned(head.n_namesz);
	text = aligned(head.n_descsz);
	if (name > left || head.n_descsz > left - name)
		return false;
	*note = (struct note) {
		.owner = *pos + sizeof(head),
		.text = *pos + sizeof(head) + name,
		.owner_len = head.n_namesz,
		.text_len = head.n_descsz,
		.type = head.n_type,
	};
	*pos = text > left - name ? end : note->text + text;
	return true;
}

/* Writes the build ID to @hex if the note is one. */
bool note_is_build_id(const struct note *note, char *hex, size_t size)
{
	static const char owner[] = "GNU";
	uint32_t i;

	if (note->type != NOTE_BUILD_ID || note->owner_len != sizeof(owner) ||
	    memcmp(note->owner, owner, sizeof(owner)) ||
	    2 * note->text_len >= size)
		return false;
	for (i = 0; i < note->text_len; i++)
		sprintf(hex + 2 * i, "%02x", (unsigned char)note->text[i]);
	return true;
}
