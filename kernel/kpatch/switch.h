/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Make attempts to switch a set of patches until one succeeds or the deadline passes.
 */
#ifndef _KPATCH_SWITCH_H
#define _KPATCH_SWITCH_H

#include "report.h"

struct kpatch_change;
struct kpatch_operation;
struct kpatch_requester;
struct kpatch_transitions;

struct kpatch_operation *kpatch_switch_create(struct kpatch_change *changes,
					      unsigned int nr, unsigned int flags,
					      struct kpatch_requester *by);
void kpatch_switch_free(struct kpatch_operation *op);
enum kpatch_cause kpatch_switch(struct kpatch_operation *op,
				const struct kpatch_transitions *transitions);
enum kpatch_cause kpatch_switch_give_way(struct kpatch_operation *op);
int kpatch_switch_pause(unsigned int state);
void kpatch_switch_resume(void);
void kpatch_switch_decide(struct kpatch_operation *op);
void kpatch_switch_wake(void);

#endif /* _KPATCH_SWITCH_H */
