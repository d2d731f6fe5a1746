// SPDX-License-Identifier: GPL-2.0-only
/*
 * Output that more than one subcommand has.
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

/* One line each, with whether calls of it reach the patch. */
void show_functions(const char *patch, const struct names *functions)
{
	unsigned int i;

	for (i = 0; i < functions->nr; i++)
		printf("  %s  %s\n", functions->name[i],
		       live_text(sysfs_is_live(patch, functions->name[i])));
}
