// SPDX-License-Identifier: GPL-2.0-only
/*
 * Messages, sets of names, names of modules, retries.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "utils.h"

#define FIRST_WAIT_MS	100
#define LAST_WAIT_MS	1000

void print_err(const char *fmt, ...)
{
	va_list ap;

	fputs("kpatch: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
}

/* A name that is already in the set is not added again. Returns 0 or -ENOMEM. */
int names_add(struct names *names, const char *name)
{
	unsigned int i;
	char **grown;

	for (i = 0; i < names->nr; i++) {
		if (!strcmp(names->name[i], name))
			return 0;
	}
	grown = reallocarray(names->name, names->nr + 1, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	names->name = grown;
	grown[names->nr] = strdup(name);
	if (!grown[names->nr])
		return -ENOMEM;
	names->nr++;
	return 0;
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
 * -EINVAL if it cannot be a name; ".." in particular cannot.
 */
int arg_to_name(const char *arg, char *name)
{
	const char *base = strrchr(arg, '/');
	char *c;

	base = base ? base + 1 : arg;
	if (snprintf(name, NAME_LEN, "%s", base) >= NAME_LEN)
		return -EINVAL;
	strip_ko(name);
	if (!*name || *name == '.')
		return -EINVAL;
	for (c = name; *c; c++) {
		if (*c == '-')
			*c = '_';
	}
	return 0;
}

static long long now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

void patience_start(struct patience *patience, unsigned int seconds)
{
	patience->deadline = now_ms() + seconds * 1000LL;
	patience->wait = FIRST_WAIT_MS;
}

/* How much time is left, in milliseconds. */
unsigned int patience_left(const struct patience *patience)
{
	long long left = patience->deadline - now_ms();

	return left > 0 ? left : 0;
}

/* Wait, longer each time. Returns false at once if the time is over. */
bool patience_wait(struct patience *patience)
{
	struct timespec wait = {
		.tv_sec = patience->wait / 1000,
		.tv_nsec = patience->wait % 1000 * 1000000L,
	};

	if (now_ms() >= patience->deadline)
		return false;
	nanosleep(&wait, NULL);
	patience->wait *= 2;
	if (patience->wait > LAST_WAIT_MS)
		patience->wait = LAST_WAIT_MS;
	return true;
}
