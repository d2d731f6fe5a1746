/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Hooks at function entries: the only file that talks to ftrace.
 */
#ifndef _KPATCH_HOOK_H
#define _KPATCH_HOOK_H

struct kpatch_func;

unsigned long kpatch_hook_site(unsigned long addr);
int kpatch_hook(struct kpatch_func *funcs, unsigned int num,
		struct kpatch_func **culprit);
void kpatch_unhook(struct kpatch_func *funcs, unsigned int num);

#endif /* _KPATCH_HOOK_H */
