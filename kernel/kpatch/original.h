/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Stubs through which patches call the originals of functions.
 */
#ifndef _KPATCH_ORIGINAL_H
#define _KPATCH_ORIGINAL_H

struct kpatch_func;
struct kpatch_object;
struct kpatch_ranges;

int kpatch_original_check(const struct kpatch_func *func);
int kpatch_original_add_text(struct kpatch_func *func,
			     struct kpatch_ranges *text);
void kpatch_original_write(const struct kpatch_object *object);

#endif /* _KPATCH_ORIGINAL_H */
