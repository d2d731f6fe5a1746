/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Enable, check and withdraw patches.
 */
#ifndef _KPATCH_SWITCH_H
#define _KPATCH_SWITCH_H

#include <stdbool.h>

struct names;
struct options;

int switch_enable(const char *name, unsigned int timeout, bool verbose);
int switch_check(const char *name);
int switch_withdraw(const struct names *names, const struct options *opts,
		    bool remove);

#endif /* _KPATCH_SWITCH_H */
