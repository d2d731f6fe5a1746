/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Shadow variables.
 */
#ifndef _KPATCH_SHADOW_H
#define _KPATCH_SHADOW_H

#include <linux/kpatch_state.h>

void kpatch_shadow_drop(const struct kpatch_state *state);

#endif /* _KPATCH_SHADOW_H */
