/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The transaction that switches a patch on or off, on the whole machine at one
 * instant.
 */
#ifndef _KPATCH_APPLY_H
#define _KPATCH_APPLY_H

#include <linux/types.h>

struct kpatch_module;

int kpatch_apply(struct kpatch_module *kpmod, bool enable);

#endif /* _KPATCH_APPLY_H */
