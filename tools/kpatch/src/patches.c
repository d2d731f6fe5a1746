// SPDX-License-Identifier: GPL-2.0-only
/*
 * Common code of the subcommands that take names of patches.
 */
#include <stdlib.h>

#include "module.h"
#include "options.h"
#include "patches.h"
#include "sysfs.h"
#include "utils.h"

/**
 * run_on_patches() - run a subcommand on the patches that its arguments name
 * @argc: number of words
 * @argv: the words, the first one is the subcommand
 * @syntax: what it takes
 * @run: what it does; gets each name once, and returns the exit status
 *
 * Return: the exit status. All failures have been reported.
 */
int run_on_patches(int argc, char **argv, const struct syntax *syntax,
		   int (*run)(const struct names *names,
			      const struct options *opts))
{
	struct names names = { 0 };
	int status = EXIT_FAILURE;
	struct options opts;

	if (!options_parse(argc, argv, syntax, &opts))
		return opts.status;
	if (sysfs_available() &&
	    module_names(opts.args, opts.nr_args, &names))
		status = run(&names, &opts);
	names_free(&names);
	return status;
}
