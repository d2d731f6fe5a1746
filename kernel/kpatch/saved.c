// SPDX-License-Identifier: GPL-2.0-only
/*
 * Return addresses that are kept beside the stack of a task. The function graph
 * tracer and rethook (kretprobes, fprobe) replace a return address on the stack by
 * that of a trampoline, and keep the real one here.
 *
 * This file only finds the addresses. scan.c decides what they mean.
 *
 * Context of all functions: the task is off its CPU and stays off, see scan.c.
 */
#include "common.h"

#include <linux/ftrace.h>
#include <linux/llist.h>
#include <linux/rethook.h>
#include <linux/sched.h>

#include "saved.h"

/**
 * kpatch_saved_graph() - get the return stack of the function graph tracer
 * @task: the task
 * @words: set to the first word; some words are data of tracers
 *
 * Return: the number of words, 0 if there is no return stack.
 */
unsigned int kpatch_saved_graph(const struct task_struct *task,
				unsigned long **words)
{
#ifdef CONFIG_FUNCTION_GRAPH_TRACER
	*words = task->ret_stack;
	if (*words && task->curr_ret_stack > 0)
		return task->curr_ret_stack;
#endif
	return 0;
}

/**
 * kpatch_saved_rethook() - get the next return address that rethook keeps
 * @task: the task
 * @pos: the position in the list; %NULL for the first address
 * @addr: set to the address
 *
 * Return: false if there are no more.
 */
bool kpatch_saved_rethook(const struct task_struct *task,
			  struct llist_node **pos, unsigned long *addr)
{
#ifdef CONFIG_RETHOOK
	*pos = *pos ? (*pos)->next : task->rethooks.first;
	if (*pos) {
		*addr = container_of(*pos, struct rethook_node, llist)->ret_addr;
		return true;
	}
#endif
	return false;
}

/* More than the code of one. A match in the code behind it only delays a switch. */
#define TRAMPOLINE_SIZE		256

static bool is_in(void (*trampoline)(void), unsigned long pc)
{
	return pc - (unsigned long)trampoline < TRAMPOLINE_SIZE;
}

/**
 * kpatch_saved_is_trampoline() - test for a trampoline that returns elsewhere
 * @pc: an address
 *
 * Return: true if @pc is in the code that runs when a traced function returns.
 */
bool kpatch_saved_is_trampoline(unsigned long pc)
{
#ifdef CONFIG_FUNCTION_GRAPH_TRACER
	if (is_in(return_to_handler, pc))
		return true;
#endif
#ifdef CONFIG_RETHOOK
	if (is_in(arch_rethook_trampoline, pc))
		return true;
#endif
	return false;
}
