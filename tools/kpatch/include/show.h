/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Output that is common to several subcommands.
 */
#ifndef _KPATCH_SHOW_H
#define _KPATCH_SHOW_H

struct names;

void show_functions(const char *patch, const struct names *functions);

#endif /* _KPATCH_SHOW_H */
