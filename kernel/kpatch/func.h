/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Find and check functions.
 */
#ifndef _KPATCH_FUNC_H
#define _KPATCH_FUNC_H

struct kpatch_object;
struct kpatch_symtab;

int kpatch_func_check(struct kpatch_object *object,
		      const struct kpatch_symtab *own);
int kpatch_func_resolve(struct kpatch_object *object,
			const struct kpatch_symtab *tab);
void kpatch_func_forget(struct kpatch_object *object);
void kpatch_func_log_aliases(const struct kpatch_object *object,
			     const struct kpatch_symtab *tab);

#endif /* _KPATCH_FUNC_H */
