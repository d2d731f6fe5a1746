/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Patches: which there are, and what may be done with them when.
 */
#ifndef _KPATCH_PATCH_H
#define _KPATCH_PATCH_H

#include <linux/kallsyms.h>
#include <linux/types.h>

/* A line about a blocker: a function's name, a task's, and a little more. */
#define KPATCH_BLOCKER_LEN	(KSYM_NAME_LEN + 128)

struct kpatch_blocker;
struct kpatch_func;
struct kpatch_module;
struct module;
struct pid_namespace;

int kpatch_patch_add(struct kpatch_module *kpmod);
void kpatch_patch_del(struct kpatch_module *kpmod);
struct kpatch_module *kpatch_patch_of(const struct module *mod);
bool kpatch_patch_known(const struct kpatch_module *kpmod);
int kpatch_patch_enable(struct kpatch_module *kpmod);
int kpatch_patch_disable(struct kpatch_module *kpmod);
bool kpatch_patch_live(const struct kpatch_func *func);
int kpatch_patch_switch(struct kpatch_module *kpmod, bool on, bool dry_run);
void kpatch_patch_on_change(void (*changed)(struct kpatch_module *kpmod));
int kpatch_format_blocker(const struct kpatch_blocker *blocker,
			  struct pid_namespace *ns, char *buf, size_t size);

#endif /* _KPATCH_PATCH_H */
