/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The functions of a patch: what they are, where they are.
 */
#ifndef _KPATCH_OBJECT_H
#define _KPATCH_OBJECT_H

#include <linux/types.h>

struct kpatch_module;
struct kpatch_scan;

int kpatch_resolve(struct kpatch_module *kpmod);
void kpatch_release(struct kpatch_module *kpmod);
int kpatch_make_scan(struct kpatch_module *kpmod, bool enable,
		     struct kpatch_scan *scan);
void kpatch_free_scan(struct kpatch_scan *scan);

#endif /* _KPATCH_OBJECT_H */
