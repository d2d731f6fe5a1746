/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Trials: switches that are undone unless they are confirmed.
 */
#ifndef _KPATCH_CONFIRM_H
#define _KPATCH_CONFIRM_H

#include <linux/types.h>

struct kpatch_change;
struct kpatch_patch;
struct kpatch_requester;
struct kpatch_trial;

int kpatch_confirm_check(const struct kpatch_change *changes, unsigned int nr,
			 const struct kpatch_requester *by);
int kpatch_confirm_prepare(const struct kpatch_change *changes, unsigned int nr,
			   const struct kpatch_requester *by,
			   struct kpatch_trial **trial);
void kpatch_confirm_begin(struct kpatch_trial *trial);
void kpatch_confirm_drop(struct kpatch_trial *trial);
bool kpatch_confirm_holds(const struct kpatch_patch *patch);
bool kpatch_confirm_forget(const struct kpatch_patch *patch);
long kpatch_confirm_left(void);
int kpatch_confirm_undo(struct kpatch_requester *by);
int kpatch_confirm_arm(unsigned int seconds);
int kpatch_confirm_keep(void);
ssize_t kpatch_confirm_show(char *buf);
void kpatch_confirm_on_change(void (*changed)(void));

#endif /* _KPATCH_CONFIRM_H */
