// SPDX-License-Identifier: GPL-2.0-only
/*
 * kpatch list: all patches, one line each.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd.h"
#include "fields.h"
#include "options.h"
#include "show.h"
#include "sysfs.h"
#include "utils.h"

static const char usage[] =
	"Usage: kpatch list [-v]\n"
	"\n"
	"List the loaded patches: name, state and number of functions, and for a\n"
	"patch that has expired the day on which it did. If the output is a\n"
	"terminal, print a header, or a message if there are none.\n"
	"\n"
	"  -v, --verbose  print the header anyway, and list the fixes that patches\n"
	"                 carry, and their functions, each with its object, its\n"
	"                 position among the functions of that name, and whether\n"
	"                 it is live, that is, whether calls run it\n"
	"  -h, --help     show this help\n";

static const struct syntax syntax = {
	.usage = usage,
	.options = "v",
};

static const char name_title[] = "NAME";

static int name_width(const struct names *names)
{
	size_t width = strlen(name_title);
	unsigned int i;

	for (i = 0; i < names->nr; i++) {
		if (strlen(names->name[i]) > width)
			width = strlen(names->name[i]);
	}
	return width;
}

static void print_state(const char *patch, int width, bool on, unsigned int nr,
			const char *expired)
{
	printf("%-*s  %-8s  %u", width, patch, on ? "enabled" : "disabled", nr);
	if (expired)
		printf("  expired %s", expired);
	putchar('\n');
}

static int print_patch(const char *patch, int width, bool verbose)
{
	struct names functions = { 0 };
	struct names fields = { 0 };
	int on, ret;

	on = sysfs_is_enabled(patch);
	ret = on < 0 ? on : sysfs_functions(patch, &functions);
	if (!ret)
		ret = sysfs_fields(patch, &fields);
	if (!ret) {
		print_state(patch, width, on, functions.nr,
			    fields_expired(&fields));
		if (verbose) {
			fields_print_fixes(&fields);
			show_functions(patch, &functions);
		}
	}
	names_free(&functions);
	names_free(&fields);
	return ret;
}

static int print_all(const struct names *names, bool verbose)
{
	bool headline = verbose || isatty(STDOUT_FILENO);
	int width = name_width(names);
	int ret, status = EXIT_SUCCESS;
	unsigned int i;

	if (headline && !names->nr)
		print_err("no patch is loaded");
	else if (headline)
		printf("%-*s  %-8s  %s\n", width, name_title, "STATE",
		       "FUNCTIONS");
	for (i = 0; i < names->nr; i++) {
		ret = print_patch(names->name[i], width, verbose);
		/* It may have been unloaded in the meantime. */
		if (!ret || !sysfs_has(names->name[i]))
			continue;
		print_err("cannot read '%s': %s", names->name[i],
			  strerror(-ret));
		status = EXIT_FAILURE;
	}
	return status;
}

int cmd_list(int argc, char **argv)
{
	struct names names = { 0 };
	int status = EXIT_FAILURE;
	struct options opts;
	int ret;

	if (!options_parse(argc, argv, &syntax, &opts))
		return opts.status;
	if (!sysfs_available())
		return EXIT_FAILURE;
	ret = sysfs_patches(&names);
	if (ret)
		print_err("cannot list the patches: %s", strerror(-ret));
	else
		status = print_all(&names, opts.verbose);
	names_free(&names);
	return status;
}
