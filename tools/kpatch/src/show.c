// SPDX-License-Identifier: GPL-2.0-only
/*
 * Output that is common to several subcommands.
 */
#include <stdio.h>

#include "show.h"
#include "sysfs.h"
#include "utils.h"

static const char *live_text(int live)
{
	if (live < 0)
		return "unknown";
	return live ? "live" : "not live";
}

/* One line for each function: its name, and whether calls run this version of it. */
void show_functions(const char *patch, const struct names *functions)
{
	unsigned int i;

	for (i = 0; i < functions->nr; i++)
		printf("  %s  %s\n", functions->name[i],
		       live_text(sysfs_is_live(patch, functions->name[i])));
}
