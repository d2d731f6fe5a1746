/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Make attempts to switch a set of patches until one succeeds or the deadline passes.
 */
#ifndef _KPATCH_SWITCH_H
#define _KPATCH_SWITCH_H

#include "report.h"

struct kpatch_change;
struct kpatch_requester;

enum kpatch_cause kpatch_switch(struct kpatch_change *changes, unsigned int nr,
				unsigned int flags, struct kpatch_requester *by);
void kpatch_switch_wake(void);

#endif /* _KPATCH_SWITCH_H */
