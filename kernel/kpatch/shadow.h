/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Shadow variables.
 */
#ifndef _KPATCH_SHADOW_H
#define _KPATCH_SHADOW_H

#include <linux/kpatch_state.h>

void kpatch_shadow_drop(const struct kpatch_instance *instance, kpatch_shadow_dtor dtor);

#endif /* _KPATCH_SHADOW_H */
