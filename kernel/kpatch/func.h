/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Find and check functions.
 */
#ifndef _KPATCH_FUNC_H
#define _KPATCH_FUNC_H

struct kpatch_object;
struct kpatch_ranges;
struct module;

int kpatch_func_resolve(struct kpatch_object *object,
			const struct kpatch_ranges *symbols);
void kpatch_func_forget(struct kpatch_object *object);
void kpatch_func_log_aliases(const struct kpatch_object *object);
unsigned long kpatch_func_new_size(const struct module *mod,
				   const struct kpatch_ranges *symbols,
				   unsigned long addr);

#endif /* _KPATCH_FUNC_H */
