// SPDX-License-Identifier: GPL-2.0-only
/*
 * Is a task inside of any of these pieces of text?
 *
 * All of this runs with the machine stopped: every task but the stoppers is
 * off its CPU, with all its return addresses in memory, and none can change
 * them. So a look at every word of its stack, and at the few places beside the
 * stack where return addresses are kept, cannot miss that a task is inside.
 * It may find a word that only looks like it, or that is left over from a call
 * long gone; where the architecture has a reliable unwinder, that is asked for
 * a second opinion.
 *
 * Nothing here may sleep, allocate, take a lock or print.
 */
#include "common.h"

#include <linux/cpumask.h>
#include <linux/filter.h>
#include <linux/ftrace.h>
#include <linux/kprobes.h>
#include <linux/module.h>
#include <linux/nmi.h>
#include <linux/rethook.h>
#include <linux/sched/signal.h>
#include <linux/sched/task_stack.h>
#include <linux/stacktrace.h>
#include <linux/string.h>

#include <asm/kpatch.h>

#include "stack.h"

DEFINE_PER_CPU(long, kpatch_exiting);

/* Several CPUs report at once, hence the atomic. */
static void report(struct kpatch_scan *scan, struct task_struct *task,
		   unsigned long addr, enum kpatch_reason reason)
{
	unsigned int i = atomic_inc_return(&scan->report->total) - 1;
	struct kpatch_blocker *blocker;

	if (task == scan->writer || reason == KPATCH_STOPPER)
		WRITE_ONCE(scan->report->hopeless, true);
	if (reason != KPATCH_TRAMPOLINE && reason != KPATCH_EXITING)
		WRITE_ONCE(scan->report->lasting, true);
	if (i >= KPATCH_MAX_BLOCKERS)
		return;
	blocker = &scan->report->blocker[i];
	blocker->pid = task ? task->pid : 0;
	if (task)
		strscpy(blocker->comm, task->comm, sizeof(blocker->comm));
	else
		strscpy(blocker->comm, "-", sizeof(blocker->comm));
	blocker->addr = addr;
	blocker->reason = reason;
}

/*
 * Generated code that goes on in a function without a trace of it on the stack:
 *
 *  - the slot of an optimised kprobe, which runs a copy of instructions of the
 *    function and then jumps back into it;
 *  - where ftrace can jump, and not just call, a BPF trampoline that calls the
 *    body of the function directly. One that is being replaced is drained in
 *    its own time, by tasks that sleep in it.
 */
static bool goes_on_elsewhere(const struct kpatch_scan *scan,
			      unsigned long word)
{
	if (!arch_kpatch_generated(word))
		return false;
	if (is_kprobe_optinsn_slot(word))
		return true;
	return IS_ENABLED(CONFIG_DYNAMIC_FTRACE_WITH_JMP) && !scan->removing &&
	       is_bpf_text_address(word);
}

/*
 * The first word in [@sp, @top) that says that its task may be in the text we
 * look for, 0 if there is none. Stacks are read behind the back of their
 * owners: no sanitizer, please.
 */
static unsigned long find_word(const struct kpatch_scan *scan,
			       unsigned long sp, unsigned long top)
{
	unsigned long word;

	for (; sp < top; sp += sizeof(word)) {
		word = READ_ONCE_NOCHECK(*(unsigned long *)sp);
		if (kpatch_ranges_find(&scan->text, word) ||
		    goes_on_elsewhere(scan, word))
			return word;
	}
	return 0;
}

/* Return addresses that the function graph tracer keeps for the task. */
static unsigned long find_graph_return(const struct kpatch_scan *scan,
				       struct task_struct *task)
{
#ifdef CONFIG_FUNCTION_GRAPH_TRACER
	unsigned long *stack = task->ret_stack;

	if (stack && task->curr_ret_stack > 0)
		return find_word(scan, (unsigned long)stack,
				 (unsigned long)(stack + task->curr_ret_stack));
#endif
	return 0;
}

/* Return addresses that kretprobes and the like keep for the task. */
static unsigned long find_rethook_return(const struct kpatch_scan *scan,
					 struct task_struct *task)
{
#ifdef CONFIG_RETHOOK
	struct rethook_node *node;

	llist_for_each_entry(node, task->rethooks.first, llist) {
		if (kpatch_ranges_find(&scan->text, node->ret_addr))
			return node->ret_addr;
	}
#endif
	return 0;
}

/* More than the code of one; who is in what follows just waits in vain. */
#define TRAMPOLINE_SIZE		256

static bool in_trampoline(void (*trampoline)(void), unsigned long pc)
{
	return pc - (unsigned long)trampoline < TRAMPOLINE_SIZE;
}

/* In the code that runs when a function that is traced returns? */
static bool in_return_trampoline(unsigned long pc)
{
#ifdef CONFIG_FUNCTION_GRAPH_TRACER
	if (in_trampoline(return_to_handler, pc))
		return true;
#endif
#ifdef CONFIG_RETHOOK
	if (in_trampoline(arch_rethook_trampoline, pc))
		return true;
#endif
	return false;
}

/*
 * The second opinion: is a word on the stack of @task that lies in the text a
 * leftover? Only if the unwinder vouches for its trace, and the trace
 *
 *  - shows no address in the text;
 *  - stays in text of the kernel and of modules: what runs in trampolines,
 *    probe slots and generated code is about to go elsewhere;
 *  - does not pass through the hook of a function that is being switched: the
 *    address that the handler has chosen lies in saved registers, which no
 *    unwinder looks at;
 *  - does not pass through the trampoline of a kretprobe or of the function
 *    graph tracer, where the same holds for the real return address.
 */
static bool is_leftover(struct kpatch_scan *scan, struct task_struct *task,
			enum kpatch_reason *reason)
{
	int i, nr;

	nr = stack_trace_save_tsk_reliable(task, scan->entries,
					   KPATCH_MAX_FRAMES);
	if (nr <= 0)
		return false;
	for (i = 0; i < nr; i++) {
		unsigned long pc = scan->entries[i];

		if (kpatch_ranges_find(&scan->text, pc))
			return false;
		if (kpatch_ranges_find(&scan->slots, pc) ||
		    in_return_trampoline(pc) ||
		    !(core_kernel_text(pc) || is_module_text_address(pc))) {
			*reason = KPATCH_TRAMPOLINE;
			return false;
		}
	}
	return true;
}

static bool stack_bounds_ok(struct task_struct *task, unsigned long sp,
			    unsigned long top)
{
	unsigned long low = (unsigned long)task_stack_page(task);

	return IS_ALIGNED(sp, sizeof(long)) && sp >= low && sp <= top;
}

/* Places that hold addresses which are surely going to be used. */
static bool check_kept(struct kpatch_scan *scan, struct task_struct *task)
{
	unsigned long addr;

	addr = find_graph_return(scan, task);
	if (!addr)
		addr = find_rethook_return(scan, task);
	if (addr) {
		report(scan, task, addr, KPATCH_RETURN);
		return true;
	}
	addr = (unsigned long)task->restart_block.fn;
	if (kpatch_ranges_find(&scan->text, addr)) {
		report(scan, task, addr, KPATCH_RESTART);
		return true;
	}
	return false;
}

/* A task that is off its CPU; its stack cannot go away, nor change. */
static void scan_task(struct kpatch_scan *scan, struct task_struct *task,
		      enum kpatch_reason reason)
{
	unsigned long sp, top, addr;

	/* A zombie has no stack, and nothing that it kept will be used. */
	if (!try_get_task_stack(task))
		return;
	if (check_kept(scan, task)) {
		put_task_stack(task);
		return;
	}
	sp = arch_kpatch_saved_sp(task);
	top = arch_kpatch_stack_top(task);
	if (!stack_bounds_ok(task, sp, top)) {
		report(scan, task, 0, KPATCH_UNKNOWN);
	} else {
		addr = find_word(scan, sp, top);
		if (addr && !is_leftover(scan, task, &reason))
			report(scan, task, addr, reason);
	}
	put_task_stack(task);
}

/*
 * A CPU that is off never returns from its idle task: it is booted afresh. So
 * the old text matters only if it is going to be freed. The saved stack pointer
 * is stale: the idle task went down on its own.
 */
static void scan_offline_cpu(struct kpatch_scan *scan, struct task_struct *idle)
{
	unsigned long addr;

	if (!scan->removing)
		return;
	addr = find_word(scan, (unsigned long)task_stack_page(idle),
			 arch_kpatch_stack_top(idle));
	if (addr)
		report(scan, idle, addr, KPATCH_OFFLINE);
}

static void scan_idle_tasks(struct kpatch_scan *scan)
{
	struct task_struct *idle;
	int cpu;

	for_each_possible_cpu(cpu) {
		idle = idle_task(cpu);
		if (!idle)
			continue;
		if (!cpu_online(cpu))
			scan_offline_cpu(scan, idle);
		else if (!task_curr(idle))
			scan_task(scan, idle, KPATCH_IDLE);
	}
}

/* Tasks that the task list no longer has, and that may still run and sleep. */
static void check_exiting(struct kpatch_scan *scan)
{
	long exiting = 0;
	int cpu;

	for_each_possible_cpu(cpu)
		exiting += per_cpu(kpatch_exiting, cpu);
	if (exiting)
		report(scan, NULL, 0, KPATCH_EXITING);
}

/**
 * kpatch_scan_self() - check the stack of the task that runs this
 * @scan: what to look for
 * @sp: stack pointer of a function that is far enough up not to have any of
 *	what we look for in its own variables
 *
 * A stopper has no saved stack pointer while it runs, so each one looks at its
 * own stack. On a kernel without SMP this is the task that asked for the change.
 *
 * Context: machine stopped, each CPU.
 */
void kpatch_scan_self(struct kpatch_scan *scan, unsigned long sp)
{
	unsigned long addr;

	if (check_kept(scan, current))
		return;
	addr = find_word(scan, sp, arch_kpatch_stack_top(current));
	if (addr)
		report(scan, current, addr, KPATCH_STOPPER);
}

/**
 * kpatch_scan_others() - check every task that does not run now
 * @scan: what to look for
 *
 * That is all threads and the idle tasks of all CPUs, without the stoppers. No
 * lock is needed to walk the task list: nobody is there to change it.
 *
 * Context: machine stopped, one CPU.
 */
void kpatch_scan_others(struct kpatch_scan *scan)
{
	struct task_struct *group, *task;

	for_each_process_thread(group, task) {
		touch_nmi_watchdog();
		if (task_curr(task))
			continue;
		scan_task(scan, task, task_is_running(task) ?
			  KPATCH_PREEMPTED : KPATCH_ASLEEP);
	}
	scan_idle_tasks(scan);
	check_exiting(scan);
}
