/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Try to switch a patch until it works or the deadline has passed.
 */
#ifndef _KPATCH_SWITCH_H
#define _KPATCH_SWITCH_H

#include <linux/types.h>

struct kpatch_module;

int kpatch_switch(struct kpatch_module *kpmod, bool enable, bool dry_run);

#endif /* _KPATCH_SWITCH_H */
