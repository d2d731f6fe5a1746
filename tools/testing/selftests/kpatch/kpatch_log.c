// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reads the kernel log for the kpatch tests. Standard input is /dev/kmsg, opened
 * by the shell: each open file has a position of its own, so no marker has to be
 * written to the log.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Larger than any record; /dev/kmsg returns one record for each read. */
#define RECORD_SIZE	16384

static int print_usage(void)
{
	fprintf(stderr,
		"usage: kpatch_log mark < /dev/kmsg\n"
		"       kpatch_log read < /dev/kmsg\n");
	return 2;
}

/* mark: go to the end of the log. */
static int mark_end(void)
{
	if (lseek(STDIN_FILENO, 0, SEEK_END) < 0) {
		perror("cannot go to the end of the log");
		return 1;
	}
	return 0;
}

/* The kernel escapes unprintable characters and backslashes as \xHH. */
static void print_text(const char *text)
{
	unsigned int byte;

	for (; *text && *text != '\n'; text++) {
		if (sscanf(text, "\\x%2x", &byte) == 1) {
			putchar(byte);
			text += 3;
		} else {
			putchar(*text);
		}
	}
	putchar('\n');
}

/*
 * "level,sequence number,time,flags;text", then lines that begin with a blank and
 * name the device.
 */
static bool print_record(const char *record)
{
	const char *text = strchr(record, ';');

	if (!text)
		return false;
	print_text(text + 1);
	return true;
}

/*
 * read: print the text of all records from the current position to the end of
 * the log. Fails if the end is not reached or if records were overwritten before
 * they could be read.
 */
static int read_to_end(void)
{
	int flags = fcntl(STDIN_FILENO, F_GETFL), status = 0;
	static char record[RECORD_SIZE];
	ssize_t n;

	if (flags < 0 || fcntl(STDIN_FILENO, F_SETFL, flags | O_NONBLOCK)) {
		perror("no log");
		return 1;
	}
	for (;;) {
		n = read(STDIN_FILENO, record, sizeof(record) - 1);
		if (n < 0 && errno == EAGAIN)
			return status;
		if (n < 0 && errno == EPIPE) {
			fprintf(stderr, "the log has lost records\n");
			status = 1;
			continue;
		}
		if (n < 0) {
			perror("cannot read the log");
			return 1;
		}
		record[n] = '\0';
		if (!print_record(record)) {
			fprintf(stderr, "this is not the kernel's log\n");
			return 1;
		}
	}
}

int main(int argc, char **argv)
{
	const char *what = argc == 2 ? argv[1] : "";

	if (!strcmp(what, "mark"))
		return mark_end();
	if (!strcmp(what, "read"))
		return read_to_end();
	return print_usage();
}
