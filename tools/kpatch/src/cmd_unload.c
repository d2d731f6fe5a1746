// SPDX-License-Identifier: GPL-2.0-only
/*
 * kpatch unload: disable patches and remove their modules.
 */
#include <stdlib.h>
#include <string.h>

#include "cmd.h"
#include "module.h"
#include "options.h"
#include "switch.h"
#include "sysfs.h"
#include "utils.h"

static const char usage[] =
	"Usage: kpatch unload [-v] [-t SECONDS] NAME...\n"
	"       kpatch unload [-v] [-t SECONDS] --all\n"
	"\n"
	"Disable patches and remove their modules. Patches that have replaced a\n"
	"function of another patch are unloaded before that patch. A patch that\n"
	"cannot be disabled because tasks stay inside its functions stays loaded\n"
	"and enabled. NAME is a module or its file.\n"
	"\n"
	"      --all              unload all patches\n"
	"  -t, --timeout SECONDS  how long to wait for such tasks, 0 to 3600\n"
	"                         (default: 15)\n"
	"  -v, --verbose          report what has been done\n"
	"  -h, --help             show this help\n";

static const struct syntax syntax = {
	.usage = usage,
	.options = "atv",
	.min_args = 0,
	.max_args = -1,
};

static bool collect(const struct options *opts, struct names *names)
{
	int ret;

	if (!opts->all)
		return module_names(opts->args, opts->nr_args, names);
	ret = sysfs_patches(names);
	if (ret)
		print_err("cannot list the patches: %s", strerror(-ret));
	return !ret;
}

int cmd_unload(int argc, char **argv)
{
	struct names names = { 0 };
	int status = EXIT_FAILURE;
	struct options opts;

	if (!options_parse(argc, argv, &syntax, &opts))
		return opts.status;
	if (!opts.all && !opts.nr_args)
		return usage_error(argv[0], "a name is required", NULL);
	if (opts.all && opts.nr_args)
		return usage_error(argv[0], "--all cannot be combined with a name:", opts.args[0]);

	if (sysfs_available() && collect(&opts, &names))
		status = switch_withdraw(&names, &opts, true);
	names_free(&names);
	return status;
}
