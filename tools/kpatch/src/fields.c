// SPDX-License-Identifier: GPL-2.0-only
/*
 * What patches say of themselves: "tag=value", as KPATCH_INFO() in the kernel's
 * linux/kpatch.h puts it into their modules.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "fields.h"
#include "utils.h"

static const char expires[] = "expires";

/* These are shown first, in this order, and then all others. */
static const char * const order[] = {
	"kernel", "release", "fix", expires, "build_id", "engine",
};

/* The value of a field, or %NULL if its tag is another one. */
static const char *value_of(const char *field, const char *tag)
{
	size_t len = strlen(tag);

	return !strncmp(field, tag, len) && field[len] == '=' ?
		field + len + 1 : NULL;
}

/* Has the day passed, written as YYYY-MM-DD, everywhere in the same second? */
static bool is_over(const char *day)
{
	time_t now = time(NULL);
	char today[16];
	struct tm tm;

	return gmtime_r(&now, &tm) &&
	       strftime(today, sizeof(today), "%Y-%m-%d", &tm) &&
	       strcmp(day, today) < 0;
}

/**
 * fields_expired() - is this patch older than its author wanted?
 * @fields: of the patch
 *
 * Return: the last day on which it was not; %NULL if it is not, or has no such day.
 */
const char *fields_expired(const struct names *fields)
{
	const char *day;
	unsigned int i;

	for (i = 0; i < fields->nr; i++) {
		day = value_of(fields->name[i], expires);
		if (day && is_over(day))
			return day;
	}
	return NULL;
}

/* A module may contain anything. */
static void print_text(const char *text, int len)
{
	for (; len--; text++)
		putchar((unsigned char)*text < ' ' || *text == 127 ?
			'?' : *text);
}

static void print_field(const char *field)
{
	int len = strcspn(field, "=");
	const char *day = value_of(field, expires);

	if (day && is_over(day)) {
		field = "expired=";
		len = strlen("expired");
	} else {
		day = field + len + !!field[len];
	}
	print_text(field, len);
	printf(":%*s", len < 11 ? 12 - len : 1, "");
	print_text(day, strlen(day));
	putchar('\n');
}

static bool is_ordered(const char *field)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(order); i++) {
		if (value_of(field, order[i]))
			return true;
	}
	return false;
}

/* One line for each field. */
void fields_print(const struct names *fields)
{
	unsigned int i;
	size_t tag;

	for (tag = 0; tag < ARRAY_SIZE(order); tag++) {
		for (i = 0; i < fields->nr; i++) {
			if (value_of(fields->name[i], order[tag]))
				print_field(fields->name[i]);
		}
	}
	for (i = 0; i < fields->nr; i++) {
		if (!is_ordered(fields->name[i]))
			print_field(fields->name[i]);
	}
}

/* One line for each fix, indented. */
void fields_print_fixes(const struct names *fields)
{
	const char *fix;
	unsigned int i;

	for (i = 0; i < fields->nr; i++) {
		fix = value_of(fields->name[i], "fix");
		if (!fix)
			continue;
		printf("  fixes ");
		print_text(fix, strlen(fix));
		putchar('\n');
	}
}
