/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Return addresses that are kept beside the stack of a task.
 */
#ifndef _KPATCH_SAVED_H
#define _KPATCH_SAVED_H

#include <linux/types.h>

struct llist_node;
struct task_struct;

unsigned int kpatch_saved_graph(const struct task_struct *task,
				unsigned long **words);
bool kpatch_saved_rethook(const struct task_struct *task,
			  struct llist_node **pos, unsigned long *addr);
bool kpatch_saved_is_trampoline(unsigned long pc);

#endif /* _KPATCH_SAVED_H */
