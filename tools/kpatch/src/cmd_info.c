// SPDX-License-Identifier: GPL-2.0-only
/*
 * kpatch info: show the details of a patch.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd.h"
#include "fields.h"
#include "module.h"
#include "options.h"
#include "show.h"
#include "sysfs.h"
#include "utils.h"

static const char usage[] =
	"Usage: kpatch info NAME...\n"
	"\n"
	"Show what a patch says of itself, such as the fixes that it carries, and, if\n"
	"it is loaded: whether it is enabled; the number of attempts to switch it\n"
	"and of stops of the machine; the duration of the last and of the longest\n"
	"stop; the number of tasks scanned in the last attempt; its functions, and\n"
	"whether they are live, that is, whether calls run this version; and, if\n"
	"the caller has CAP_SYS_ADMIN, the blockers of the last attempt. NAME is a\n"
	"module or its file; a file is shown first, and then what is loaded.\n"
	"\n"
	"  -h, --help  show this help\n";

static const struct syntax syntax = {
	.usage = usage,
	.options = "",
	.min_args = 1,
	.max_args = -1,
};

struct info {
	int enabled;
	struct sysfs_stats stats;
	struct names functions;
	struct names fields;
	char blockers[SYSFS_TEXT_LEN];
	bool hidden;	/* we may not read the blockers */
};

static int read_blockers(const char *patch, struct info *info)
{
	int ret;

	ret = sysfs_blockers(patch, info->blockers);
	info->hidden = ret == -EACCES;
	return info->hidden ? 0 : ret;
}

/* Read everything before printing: the patch may go away in between. */
static int read_info(const char *patch, struct info *info)
{
	int ret;

	info->enabled = sysfs_is_enabled(patch);
	ret = info->enabled < 0 ? info->enabled : 0;
	if (!ret)
		ret = sysfs_stats(patch, &info->stats);
	if (!ret)
		ret = sysfs_functions(patch, &info->functions);
	if (!ret)
		ret = sysfs_fields(patch, &info->fields);
	if (!ret)
		ret = read_blockers(patch, info);
	return ret < 0 ? ret : 0;
}

static void print_blockers(char *text)
{
	char *line;

	if (!*text) {
		puts("blockers:    none");
		return;
	}
	puts("blockers:");
	while ((line = strsep(&text, "\n")))
		printf("  %s\n", line);
}

static void print_info(const char *patch, struct info *info)
{
	printf("name:        %s\n", patch);
	fields_print(&info->fields);
	printf("enabled:     %s\n", info->enabled ? "yes" : "no");
	printf("attempts:    %s\n", info->stats.attempts);
	printf("stops:       %s\n", info->stats.stops);
	printf("stop_ns:     %s\n", info->stats.stop_ns);
	printf("max_stop_ns: %s\n", info->stats.max_stop_ns);
	printf("scanned:     %s, and %s in the last stop\n",
	       info->stats.scanned, info->stats.scanned_stopped);
	printf("functions:   %u\n", info->functions.nr);
	show_functions(patch, &info->functions);
	if (info->hidden)
		puts("blockers:    not shown, needs CAP_SYS_ADMIN");
	else
		print_blockers(info->blockers);
}

static int show_loaded(const char *patch)
{
	struct info info = { 0 };
	int ret;

	if (!sysfs_available() || !sysfs_find(patch))
		return EXIT_FAILURE;
	ret = read_info(patch, &info);
	if (ret)
		print_err("cannot read '%s': %s", patch, strerror(-ret));
	else
		print_info(patch, &info);
	names_free(&info.functions);
	names_free(&info.fields);
	return ret ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* Returns false if @arg is not the file of a patch. */
static bool show_file(const char *arg, const char *patch)
{
	struct names fields = { 0 };
	bool is_patch;

	is_patch = module_fields(arg, &fields);
	if (is_patch) {
		printf("file:        %s\n", arg);
		printf("name:        %s\n", patch);
		fields_print(&fields);
		printf("loaded:      %s\n", sysfs_has(patch) ? "yes" : "no");
	}
	names_free(&fields);
	return is_patch;
}

static int show(const char *arg)
{
	char patch[NAME_LEN];

	if (module_name(arg, patch))
		return EXIT_FAILURE;
	if (show_file(arg, patch)) {
		if (!sysfs_has(patch))
			return EXIT_SUCCESS;
		putchar('\n');
	}
	return show_loaded(patch);
}

int cmd_info(int argc, char **argv)
{
	int status = EXIT_SUCCESS;
	struct options opts;
	int i;

	if (!options_parse(argc, argv, &syntax, &opts))
		return opts.status;
	for (i = 0; i < opts.nr_args; i++) {
		if (i)
			putchar('\n');
		if (show(opts.args[i]))
			status = EXIT_FAILURE;
	}
	return status;
}
