/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Registered patches, and operations that switch them.
 */
#ifndef _KPATCH_PATCH_H
#define _KPATCH_PATCH_H

#include <linux/kpatch.h>

struct kpatch_requester;
struct module;

/**
 * enum kpatch_action - what is requested of a patch
 * @KPATCH_DISABLE: disable it
 * @KPATCH_ENABLE: enable it
 * @KPATCH_CHECK_DISABLE: find out whether it could be disabled
 * @KPATCH_CHECK_ENABLE: find out whether it could be enabled
 * @KPATCH_LOAD: register it
 * @KPATCH_TAKE_DOWN: disable and unregister it, as its module goes
 * @KPATCH_SWITCH: enable or disable several, as struct kpatch_choice says of each
 */
enum kpatch_action {
	KPATCH_DISABLE,
	KPATCH_ENABLE,
	KPATCH_CHECK_DISABLE,
	KPATCH_CHECK_ENABLE,
	KPATCH_LOAD,
	KPATCH_TAKE_DOWN,
	KPATCH_SWITCH,
};

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
int kpatch_patch_finish_add(struct kpatch_patch *patch, enum kpatch_status to,
			    struct kpatch_requester *by);
void kpatch_patch_free(struct kpatch_patch *patch);
struct kpatch_patch *kpatch_patch_of(const struct module *mod);
bool kpatch_patch_known(const struct kpatch_module *kpmod);
int kpatch_patch_disable(struct kpatch_patch *patch,
			 struct kpatch_requester *by);
int kpatch_patch_redirect(struct module *mod);
void kpatch_patch_forget(struct module *mod);
void kpatch_patch_clear(const struct module *mod);
bool kpatch_patch_live(const struct kpatch_func *func);
int kpatch_patch_switch(struct kpatch_module *kpmod, enum kpatch_action action,
			struct kpatch_requester *by);
int kpatch_patch_switch_several(const struct kpatch_choice *choices, unsigned int nr,
				struct kpatch_requester *by);
bool kpatch_patch_changed_since(const struct kpatch_choice *choice,
				unsigned long number);
void kpatch_patch_on_change(void (*changed)(struct kpatch_patch *patch));

#endif /* _KPATCH_PATCH_H */
