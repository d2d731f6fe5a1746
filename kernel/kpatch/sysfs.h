/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The files in /sys/kernel/kpatch.
 */
#ifndef _KPATCH_SYSFS_H
#define _KPATCH_SYSFS_H

struct kpatch_patch;

int kpatch_sysfs_init(void);
int kpatch_sysfs_check(const struct kpatch_patch *patch);
int kpatch_sysfs_add(struct kpatch_patch *patch);
void kpatch_sysfs_forget(struct kpatch_patch *patch);

#endif /* _KPATCH_SYSFS_H */
