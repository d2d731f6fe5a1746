/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Functions of one object, and their text.
 */
#ifndef _KPATCH_OBJECT_H
#define _KPATCH_OBJECT_H

struct kpatch_object;
struct kpatch_patch;

void kpatch_object_init(struct kpatch_object *object,
			struct kpatch_patch *patch);
int kpatch_object_bind(struct kpatch_object *object);
void kpatch_object_unbind(struct kpatch_object *object);

#endif /* _KPATCH_OBJECT_H */
