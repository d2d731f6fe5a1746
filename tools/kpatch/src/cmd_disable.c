// SPDX-License-Identifier: GPL-2.0-only
/*
 * kpatch disable: disable patches, leave their modules loaded.
 */
#include <stdlib.h>

#include "cmd.h"
#include "module.h"
#include "options.h"
#include "switch.h"
#include "sysfs.h"
#include "utils.h"

static const char usage[] =
	"Usage: kpatch disable [-v] [-t SECONDS] NAME...\n"
	"\n"
	"Disable patches, newer ones before those that they are on top of, and\n"
	"leave their modules loaded. NAME is a module or its file.\n"
	"\n"
	"  -t, --timeout SECONDS  how long to wait for tasks that stay inside of\n"
	"                         their functions (default: 15)\n"
	"  -v, --verbose          tell what was done\n"
	"  -h, --help             show this help\n";

static const struct syntax syntax = {
	.usage = usage,
	.options = "tv",
	.min_args = 1,
	.max_args = -1,
};

int cmd_disable(int argc, char **argv)
{
	struct names names = { 0 };
	int status = EXIT_FAILURE;
	struct options opts;

	if (!options_parse(argc, argv, &syntax, &opts))
		return opts.status;
	if (sysfs_available() &&
	    module_names(opts.args, opts.nr_args, &names))
		status = switch_withdraw(&names, &opts, false);
	names_free(&names);
	return status;
}
