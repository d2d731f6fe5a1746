/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The command line of a subcommand.
 */
#ifndef _KPATCH_OPTIONS_H
#define _KPATCH_OPTIONS_H

#include <stdbool.h>

/* How many seconds to retry while a task blocks a patch. */
#define DEFAULT_TIMEOUT		15

/* What a subcommand takes, in addition to --help. */
struct syntax {
	const char *usage;
	const char *options;	/* of "a", "t", "v": --all, --timeout, ... */
	int min_args;
	int max_args;		/* -1: any number */
};

/* The parsed command line. */
struct options {
	bool all;
	bool verbose;
	unsigned int timeout;
	char **args;
	int nr_args;
	int status;
};

bool options_parse(int argc, char **argv, const struct syntax *syntax,
		   struct options *opts);
int usage_error(const char *cmd, const char *what, const char *which);

#endif /* _KPATCH_OPTIONS_H */
