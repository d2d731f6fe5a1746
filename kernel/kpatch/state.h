/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * States and callbacks of patches.
 */
#ifndef _KPATCH_STATE_H
#define _KPATCH_STATE_H

#include <linux/types.h>

struct kpatch_change;
struct kpatch_module;
struct kpatch_object;
struct kpatch_patch;
struct kpatch_requester;
struct kpatch_transitions;

int kpatch_states_check(const struct kpatch_module *kpmod);
int kpatch_states_set_up(struct kpatch_patch *patch, struct kpatch_requester *by);
int kpatch_states_collect(const struct kpatch_change *changes, unsigned int nr,
			  const struct kpatch_requester *by,
			  struct kpatch_transitions *transitions);
void kpatch_states_commit(const struct kpatch_change *changes, unsigned int nr);
void kpatch_states_put(struct kpatch_patch *patch, struct kpatch_requester *by);
int kpatch_states_come(struct kpatch_patch *patch, const struct kpatch_object *object);
void kpatch_states_go(struct kpatch_patch *patch, const struct kpatch_object *object);
void kpatch_states_gone(struct kpatch_patch *patch, const struct kpatch_object *object);
void kpatch_states_log_no_setup(const struct kpatch_transitions *transitions);

void kpatch_state_started(struct kpatch_patch *patch, struct kpatch_requester *by);
int kpatch_state_stopping(struct kpatch_patch *patch, struct kpatch_requester *by);
unsigned long kpatch_state_callback(void);
bool kpatch_state_calls_current(void);

bool kpatch_state_is_entered(const struct kpatch_state *state);
bool kpatch_states_need(const struct kpatch_patch *patch, const struct kpatch_patch *other);

#endif /* _KPATCH_STATE_H */
