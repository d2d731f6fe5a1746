/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Ftrace sites of patched functions, hooked in batches.
 */
#ifndef _KPATCH_HOOK_H
#define _KPATCH_HOOK_H

#include "report.h"

struct kpatch_change;
struct kpatch_func;
struct kpatch_object;
struct kpatch_patch;
struct module;

/**
 * struct kpatch_refused - the function that ftrace refused to hook
 * @patch: the patch that replaces it; the first one if ftrace refused for another reason
 * @addr: its address, 0 if ftrace refused for another reason
 * @err: the errno of ftrace
 */
struct kpatch_refused {
	const struct kpatch_patch *patch;
	unsigned long addr;
	int err;
};

unsigned long kpatch_hook_ip(unsigned long addr);
enum kpatch_cause kpatch_hook(const struct kpatch_change *changes, unsigned int nr,
			      struct kpatch_refused *refused);
void kpatch_unhook(struct kpatch_object *object);
void kpatch_hook_wait(void);
bool kpatch_hook_has_probes(void);
bool kpatch_hook_release(void);
void kpatch_hook_release_module(const struct module *mod);
void kpatch_hook_release_and_wait(void);
bool kpatch_hook_is_shared(const struct kpatch_func *func);

#endif /* _KPATCH_HOOK_H */
