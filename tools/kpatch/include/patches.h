/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Common code of the subcommands that take names of patches.
 */
#ifndef _KPATCH_PATCHES_H
#define _KPATCH_PATCHES_H

struct names;
struct options;
struct syntax;

int run_on_patches(int argc, char **argv, const struct syntax *syntax,
		   int (*run)(const struct names *names,
			      const struct options *opts));

#endif /* _KPATCH_PATCHES_H */
