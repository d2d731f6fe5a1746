/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a patch uses of an object: its build and its symbols.
 */
#ifndef _KPATCH_BIND_H
#define _KPATCH_BIND_H

struct kpatch_module;
struct kpatch_object;
struct kpatch_symtab;

/* From the linker script. */
extern const char __start_notes[], __stop_notes[];

int kpatch_bind_check(const struct kpatch_module *kpmod);
int kpatch_bind_check_build(const struct kpatch_object *object);
int kpatch_bind_symbols(struct kpatch_object *object,
			const struct kpatch_symtab *tab);
void kpatch_bind_forget(struct kpatch_object *object);

#endif /* _KPATCH_BIND_H */
