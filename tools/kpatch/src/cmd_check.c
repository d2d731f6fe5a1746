// SPDX-License-Identifier: GPL-2.0-only
/*
 * kpatch check: could patches be switched now?
 */
#include <stdlib.h>

#include "cmd.h"
#include "module.h"
#include "options.h"
#include "switch.h"
#include "sysfs.h"
#include "utils.h"

static const char usage[] =
	"Usage: kpatch check NAME...\n"
	"\n"
	"Find out whether patches that are loaded could be switched now: disabled,\n"
	"or enabled if they are not. All is done for it but the switch. Nothing\n"
	"is changed. NAME is a module or its file.\n"
	"\n"
	"  -h, --help  show this help\n";

static const struct syntax syntax = {
	.usage = usage,
	.options = "",
	.min_args = 1,
	.max_args = -1,
};

static int check_all(const struct names *names)
{
	int status = EXIT_SUCCESS;
	unsigned int i;

	for (i = 0; i < names->nr; i++) {
		if (!sysfs_find(names->name[i]) ||
		    switch_check(names->name[i]))
			status = EXIT_FAILURE;
	}
	return status;
}

int cmd_check(int argc, char **argv)
{
	struct names names = { 0 };
	int status = EXIT_FAILURE;
	struct options opts;

	if (!options_parse(argc, argv, &syntax, &opts))
		return opts.status;
	if (sysfs_available() &&
	    module_names(opts.args, opts.nr_args, &names))
		status = check_all(&names);
	names_free(&names);
	return status;
}
