/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Registered patches, and operations that switch them.
 */
#ifndef _KPATCH_PATCH_H
#define _KPATCH_PATCH_H

#include <linux/kpatch.h>
#include <linux/list.h>

struct kpatch_change;
struct kpatch_requester;
struct module;

/* See patch.c. Under kpatch_mutex. */
extern struct list_head kpatch_enabled_patches;

/**
 * struct kpatch_choice - what one of several patches is to become
 * @kpmod: the patch; %NULL if it is known by its name only. It may not be registered,
 *	or not any more: only its address is compared.
 * @name: name of its module, unless @kpmod is set
 * @to: %KPATCH_ON or %KPATCH_OFF
 */
struct kpatch_choice {
	const struct kpatch_module *kpmod;
	char name[MODULE_NAME_LEN];
	enum kpatch_status to;
};

int kpatch_patch_check(const struct kpatch_module *kpmod);
int kpatch_patch_add(struct kpatch_module *kpmod);
void kpatch_patch_del(struct kpatch_patch *patch);
void kpatch_patch_free(struct kpatch_patch *patch);
struct kpatch_patch *kpatch_patch_of(const struct module *mod);
bool kpatch_patch_known(const struct kpatch_module *kpmod);
int kpatch_patch_redirect(struct module *mod);
void kpatch_patch_forget(struct module *mod);
void kpatch_patch_clear(const struct module *mod);
bool kpatch_patch_live(const struct kpatch_func *func);
int kpatch_patch_switch(struct kpatch_change *changes, unsigned int nr,
			unsigned int flags, struct kpatch_requester *by);
void kpatch_patch_refused(const struct kpatch_change *changes, unsigned int nr, int err);
void kpatch_patch_unbind(struct kpatch_patch *patch);
struct kpatch_patch *kpatch_patch_find(const struct kpatch_choice *choice);
struct kpatch_patch *kpatch_patch_find_serial(unsigned long serial);
bool kpatch_patch_goes_off(const struct kpatch_patch *patch,
			   const struct kpatch_change *changes, unsigned int nr);
bool kpatch_patch_same_name(const struct kpatch_patch *a, const struct kpatch_patch *b);
bool kpatch_patch_changed_since(const struct kpatch_choice *choice,
				unsigned long number);
void kpatch_patch_on_change(void (*changed)(struct kpatch_patch *patch));

#endif /* _KPATCH_PATCH_H */
