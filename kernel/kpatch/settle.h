/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Try to switch a patch until it works or the deadline has passed.
 */
#ifndef _KPATCH_SETTLE_H
#define _KPATCH_SETTLE_H

#include <linux/types.h>

struct kpatch_module;

int kpatch_settle(struct kpatch_module *kpmod, bool enable, bool dry_run);

#endif /* _KPATCH_SETTLE_H */
