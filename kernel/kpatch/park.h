/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Park user tasks at the return to user space until a switch is decided.
 */
#ifndef _KPATCH_PARK_H
#define _KPATCH_PARK_H

#include <linux/types.h>
#include <linux/wait.h>

struct kpatch_park;
struct kpatch_parked;
struct task_struct;

struct kpatch_park *kpatch_park_open(wait_queue_head_t *coming);
void kpatch_park_unpark(struct kpatch_park *park);
void kpatch_park_close(struct kpatch_park *park);
struct kpatch_parked *kpatch_park_task(struct kpatch_park *park,
				       struct task_struct *task,
				       unsigned long limit);
bool kpatch_park_has_come(const struct kpatch_parked *parked);
void kpatch_park_release(struct kpatch_parked *parked);
void kpatch_park_wake(struct kpatch_park *park);
bool kpatch_park_wakes(const struct task_struct *task);
bool kpatch_park_takes(const struct task_struct *task);
bool kpatch_park_holds(const struct kpatch_parked *parked);
bool kpatch_park_complete(const struct kpatch_park *park);
u64 kpatch_park_held(const struct kpatch_parked *parked);

#endif /* _KPATCH_PARK_H */
