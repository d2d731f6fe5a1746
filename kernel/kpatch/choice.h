/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which patches an operation switches.
 */
#ifndef _KPATCH_CHOICE_H
#define _KPATCH_CHOICE_H

#include <linux/kpatch.h>

struct kpatch_choice;
struct kpatch_requester;

/**
 * enum kpatch_action - what is requested of a patch
 * @KPATCH_DISABLE: disable it
 * @KPATCH_ENABLE: enable it
 * @KPATCH_CHECK_DISABLE: find out whether it could be disabled
 * @KPATCH_CHECK_ENABLE: find out whether it could be enabled
 * @KPATCH_LOAD: register it
 * @KPATCH_TAKE_DOWN: disable and unregister it, as its module goes
 * @KPATCH_SWITCH: enable or disable several, as struct kpatch_choice says of each
 * @KPATCH_ROLLBACK: disable it, and enable the patches again that it has replaced
 * @KPATCH_UNDO: undo a trial, see confirm.c
 */
enum kpatch_action {
	KPATCH_DISABLE,
	KPATCH_ENABLE,
	KPATCH_CHECK_DISABLE,
	KPATCH_CHECK_ENABLE,
	KPATCH_LOAD,
	KPATCH_TAKE_DOWN,
	KPATCH_SWITCH,
	KPATCH_ROLLBACK,
	KPATCH_UNDO,
};

int kpatch_choice_load(struct kpatch_patch *patch, enum kpatch_status to,
		       struct kpatch_requester *by);
int kpatch_choice_take_down(struct kpatch_patch *patch, struct kpatch_requester *by);
int kpatch_choice_switch(struct kpatch_module *kpmod, enum kpatch_action action,
			 struct kpatch_requester *by);
int kpatch_choice_switch_several(const struct kpatch_choice *choices, unsigned int nr,
				 struct kpatch_requester *by);
int kpatch_choice_roll_back(struct kpatch_module *kpmod, struct kpatch_requester *by);

#endif /* _KPATCH_CHOICE_H */
