/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What every file of kpatch shares. Included first, for pr_fmt().
 */
#ifndef _KPATCH_COMMON_H
#define _KPATCH_COMMON_H

#undef pr_fmt
#define pr_fmt(fmt) "kpatch: " fmt

#include <linux/kpatch.h>
#include <linux/mutex.h>
#include <linux/slab.h>

/* Kernels up to 6.12 have to spell it out. */
#ifndef kzalloc_obj
#define kzalloc_obj(obj, gfp)	kzalloc(sizeof(obj), gfp)
#endif

/* A clone that the patch only lists: it has no replacement, and no hook. */
static inline bool kpatch_is_kept(const struct kpatch_func *func)
{
	return func->flags & KPATCH_CLONE_KEEP;
}

/* Serialises all changes; its order among other locks is told in patch.c. */
extern struct mutex kpatch_mutex;

#endif /* _KPATCH_COMMON_H */
