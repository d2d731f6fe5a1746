// SPDX-License-Identifier: GPL-2.0-only
/*
 * kpatch enable: enable patches whose modules are loaded.
 */
#include <stdlib.h>

#include "cmd.h"
#include "options.h"
#include "patches.h"
#include "switch.h"
#include "sysfs.h"
#include "utils.h"

static const char usage[] =
	"Usage: kpatch enable [-v] [-t SECONDS] NAME...\n"
	"\n"
	"Enable loaded patches in the order given, so that the last one is the\n"
	"newest. NAME is a module or its file.\n"
	"\n"
	"  -t, --timeout SECONDS  how long to wait for tasks inside their\n"
	"                         functions, 0 to 3600 (default: 15)\n"
	"  -v, --verbose          report what has been done\n"
	"  -h, --help             show this help\n";

static const struct syntax syntax = {
	.usage = usage,
	.options = "tv",
	.min_args = 1,
	.max_args = -1,
};

static int enable_all(const struct names *names, const struct options *opts)
{
	int status = EXIT_SUCCESS;
	unsigned int i;

	for (i = 0; i < names->nr; i++) {
		if (!sysfs_find(names->name[i]) ||
		    switch_enable(names->name[i], opts->timeout, opts->verbose))
			status = EXIT_FAILURE;
	}
	return status;
}

int cmd_enable(int argc, char **argv)
{
	return run_on_patches(argc, argv, &syntax, enable_all);
}
