// SPDX-License-Identifier: GPL-2.0-only
/*
 * kpatch check: could patches be switched now?
 */
#include <stdlib.h>

#include "cmd.h"
#include "options.h"
#include "patches.h"
#include "switch.h"
#include "sysfs.h"
#include "utils.h"

static const char usage[] =
	"Usage: kpatch check NAME...\n"
	"\n"
	"Report whether patches could be switched now: whether enabled patches could\n"
	"be disabled, and disabled patches enabled. Nothing is changed and no task is\n"
	"parked; tasks that would have to be parked are listed. NAME is a module or\n"
	"its file.\n"
	"\n"
	"  -h, --help  show this help\n";

static const struct syntax syntax = {
	.usage = usage,
	.options = "",
	.min_args = 1,
	.max_args = -1,
};

static int check_all(const struct names *names,
		     const struct options *opts)
{
	int status = EXIT_SUCCESS;
	unsigned int i;

	(void)opts;
	for (i = 0; i < names->nr; i++) {
		if (!sysfs_find(names->name[i]) ||
		    switch_check(names->name[i]))
			status = EXIT_FAILURE;
	}
	return status;
}

int cmd_check(int argc, char **argv)
{
	return run_on_patches(argc, argv, &syntax, check_all);
}
