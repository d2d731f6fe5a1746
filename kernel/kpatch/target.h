/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Modules that patches name: which of them are loaded.
 */
#ifndef _KPATCH_TARGET_H
#define _KPATCH_TARGET_H

#include <linux/types.h>

struct kpatch_object;
struct module;

void kpatch_target_add(struct kpatch_object *object);
void kpatch_target_del(struct kpatch_object *object);
bool kpatch_target_is_named(const char *name);
bool kpatch_target_is_pinned(const struct module *mod);
struct module *kpatch_target_find(const char *name);
bool kpatch_target_comes(struct module *mod);
void kpatch_target_came(struct module *mod);
bool kpatch_target_goes(struct module *mod);

#endif /* _KPATCH_TARGET_H */
