// SPDX-License-Identifier: GPL-2.0-only
/*
 * kpatch load: insert patch modules, which enables their patches.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd.h"
#include "explain.h"
#include "module.h"
#include "options.h"
#include "switch.h"
#include "sysfs.h"
#include "utils.h"

static const char usage[] =
	"Usage: kpatch load [-v] MODULE...\n"
	"\n"
	"Load patch modules and enable their patches. MODULE is a file if it has\n"
	"a '/' or ends in .ko, .ko.gz, .ko.xz or .ko.zst; otherwise it is the name\n"
	"of a module in /lib/modules, which is loaded with its dependencies. A\n"
	"patch that is loaded but disabled is enabled. A patch that is already\n"
	"enabled is left alone, and a message says so.\n"
	"\n"
	"  -v, --verbose  report what has been done\n"
	"  -h, --help     show this help\n";

static const struct syntax syntax = {
	.usage = usage,
	.options = "v",
	.min_args = 1,
	.max_args = -1,
};

static int check_enabled(const char *name)
{
	int on = sysfs_is_enabled(name);

	if (on == 1)
		return EXIT_SUCCESS;
	if (!on)
		print_err("'%s' was loaded, but is disabled; see 'kpatch help enable'",
			  name);
	else
		print_err("'%s' was loaded, but cannot be read: %s", name,
			  strerror(-on));
	return EXIT_FAILURE;
}

static int load_again(const char *name, bool verbose)
{
	if (sysfs_is_enabled(name) == 1) {
		print_err("'%s' is already loaded and enabled", name);
		return EXIT_SUCCESS;
	}
	if (switch_enable(name, 0, verbose))
		return EXIT_FAILURE;
	return check_enabled(name);
}

/* The module turned out not to be a patch. It was not loaded before. */
static int take_back(const char *name)
{
	int ret = module_remove(name);

	print_err("'%s' is a module, but not a patch; %s", name,
		  ret ? "it could not be removed, see rmmod" :
			"it has been removed again");
	return EXIT_FAILURE;
}

static int insert(const char *arg, const char *name, bool verbose)
{
	int ret;

	if (!module_found(arg))
		return EXIT_FAILURE;
	ret = module_insert(arg);
	if (ret) {
		explain_error(ACTION_LOAD, name, ret);
		return EXIT_FAILURE;
	}
	if (!sysfs_has(name))
		return take_back(name);
	if (verbose)
		printf("loaded '%s'\n", name);
	return check_enabled(name);
}

int cmd_load(int argc, char **argv)
{
	int ret, status = EXIT_SUCCESS;
	struct options opts;
	char name[NAME_LEN];
	int i;

	if (!options_parse(argc, argv, &syntax, &opts))
		return opts.status;
	if (!sysfs_available())
		return EXIT_FAILURE;
	for (i = 0; i < opts.nr_args; i++) {
		if (module_name(opts.args[i], name))
			ret = EXIT_FAILURE;
		else if (sysfs_has(name))
			ret = load_again(name, opts.verbose);
		else
			ret = insert(opts.args[i], name, opts.verbose);
		if (ret)
			status = ret;
	}
	return status;
}
