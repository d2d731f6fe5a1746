/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Objects of a patch, vmlinux and modules, and their text.
 */
#ifndef _KPATCH_OBJECT_H
#define _KPATCH_OBJECT_H

struct kpatch_object;
struct kpatch_patch;
struct kpatch_symtab;

int kpatch_objects_create(struct kpatch_patch *patch);
void kpatch_objects_free(struct kpatch_patch *patch);
int kpatch_object_bind(struct kpatch_object *object,
		       const struct kpatch_symtab *own);
void kpatch_object_unbind(struct kpatch_object *object);
bool kpatch_object_has_name(const struct kpatch_object *object,
			    const struct kpatch_func *func);
int kpatch_object_pin(struct kpatch_object *object);
void kpatch_object_unpin(struct kpatch_object *object);

#endif /* _KPATCH_OBJECT_H */
