/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Return addresses that are kept beside the stack of a task.
 */
#ifndef _KPATCH_SAVED_H
#define _KPATCH_SAVED_H

#include <linux/sched.h>
#include <linux/types.h>

struct llist_node;

/*
 * Test whether any return address of @task is kept beside its stack. Inline, since it
 * is called for each task, and nearly always false. Context as in saved.c.
 */
static inline bool kpatch_saved_any(const struct task_struct *task)
{
#ifdef CONFIG_FUNCTION_GRAPH_TRACER
	if (task->ret_stack && task->curr_ret_stack > 0)
		return true;
#endif
#ifdef CONFIG_RETHOOK
	if (task->rethooks.first)
		return true;
#endif
	return false;
}

unsigned int kpatch_saved_graph(const struct task_struct *task,
				unsigned long **words);
bool kpatch_saved_rethook(const struct task_struct *task,
			  struct llist_node **pos, unsigned long *addr);
bool kpatch_saved_is_trampoline(unsigned long pc);

#endif /* _KPATCH_SAVED_H */
