/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Helpers for all other files.
 */
#ifndef _KPATCH_UTILS_H
#define _KPATCH_UTILS_H

#include <stdbool.h>
#include <stddef.h>

#define ARRAY_SIZE(array)	(sizeof(array) / sizeof((array)[0]))
#define __printf(a, b)		__attribute__( \
					(format(printf, a, b)))

#define EXIT_USAGE	2

/* Longer than the name of any module, with ".ko.zst" and the final 0. */
#define NAME_LEN	128

/* Of a field of a patch, with the final 0. Longer ones are cut off. */
#define FIELD_LEN	1024

/* A set of strings. */
struct names {
	char **name;
	unsigned int nr;
};

/* How long to retry something that may succeed later. */
struct patience {
	long long deadline;
	unsigned int wait;
};

__printf(1, 2)
void print_err(const char *fmt, ...);

int names_add(struct names *names, const char *name);
void names_sort(struct names *names);
void names_free(struct names *names);

bool strip_ko(char *file);
bool is_path(const char *arg);
int arg_to_name(const char *arg, char *name);

void patience_start(struct patience *patience, unsigned int seconds);
unsigned int patience_left(const struct patience *patience);
bool patience_wait(struct patience *patience);

#endif /* _KPATCH_UTILS_H */
