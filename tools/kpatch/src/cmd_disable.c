// SPDX-License-Identifier: GPL-2.0-only
/*
 * kpatch disable: disable patches, leave their modules loaded.
 */
#include "cmd.h"
#include "options.h"
#include "patches.h"
#include "switch.h"

static const char usage[] =
	"Usage: kpatch disable [-v] [-t SECONDS] NAME...\n"
	"\n"
	"Disable patches and leave their modules loaded. Patches that have replaced\n"
	"a function of another patch are disabled before that patch. NAME is a\n"
	"module or its file.\n"
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

static int disable_all(const struct names *names, const struct options *opts)
{
	return switch_withdraw(names, opts, false);
}

int cmd_disable(int argc, char **argv)
{
	return run_on_patches(argc, argv, &syntax, disable_all);
}
