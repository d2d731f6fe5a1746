/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Functions that are switched while tasks may be inside them.
 */
#ifndef _KPATCH_UNCHECKED_H
#define _KPATCH_UNCHECKED_H

#include <linux/list.h>

struct kpatch_func;
struct kpatch_range;
struct kpatch_ranges;
struct module;

/**
 * struct kpatch_leaving - what a transaction leaves unchecked if it commits
 * @pins: modules that contain such text
 * @versions: the text itself
 */
struct kpatch_leaving {
	struct list_head pins;
	struct list_head versions;
};

void kpatch_unchecked_begin(struct kpatch_leaving *leaving);
bool kpatch_unchecked_pin(struct kpatch_leaving *leaving, struct module *mod);
void kpatch_unchecked_keep(struct kpatch_leaving *leaving,
			   const struct kpatch_func *func,
			   const struct module *mod);
int kpatch_unchecked_leave(struct kpatch_leaving *leaving,
			   const struct kpatch_func *func,
			   const struct kpatch_range *range,
			   const struct module *mod);
void kpatch_unchecked_end(struct kpatch_leaving *leaving, bool committed);
int kpatch_unchecked_add_left(struct kpatch_ranges *text, unsigned long ip);

#endif /* _KPATCH_UNCHECKED_H */
