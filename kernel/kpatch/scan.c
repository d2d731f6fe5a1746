// SPDX-License-Identifier: GPL-2.0-only
/*
 * Find out whether a task is inside the text that a transaction changes.
 *
 * The task is off its CPU, so all its return addresses are in memory, and it stays
 * off: its scheduler locks are held, or the machine is stopped. A look at every word
 * of its stack, and at the few places beside the stack where return addresses are
 * kept, therefore cannot miss that it is inside. It may find a word that only looks
 * like a return address, or one that an earlier call has left behind. Where the
 * architecture has a reliable unwinder, a stack trace is taken as a second opinion
 * on such words.
 *
 * Nothing here may sleep, allocate, take a lock or print.
 */
#include "common.h"

#include <linux/cpumask.h>
#include <linux/filter.h>
#include <linux/kprobes.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/sched.h>
#include <linux/sched/task_stack.h>
#include <linux/smp.h>
#include <linux/stacktrace.h>

#include <asm/kpatch.h>

#include "exiting.h"
#include "saved.h"
#include "scan.h"

static struct kpatch_blocker *report(const struct kpatch_scan *scan,
				     struct task_struct *task,
				     unsigned long addr,
				     enum kpatch_reason reason)
{
	if (task && reason != KPATCH_CPU) {
		if (task == scan->switcher)
			reason = KPATCH_SWITCHER;
		else if (task == scan->requester)
			reason = KPATCH_REQUESTER;
	}
	return kpatch_report_add(scan->report, task, addr, reason);
}

/**
 * kpatch_scan_running() - report a task that was inside and is running now
 * @scan: the scan
 * @task: the task
 * @addr: the address that an earlier scan found
 */
void kpatch_scan_running(const struct kpatch_scan *scan,
			 struct task_struct *task, unsigned long addr)
{
	report(scan, task, addr, KPATCH_RUNNING);
}

/**
 * kpatch_scan_cpu() - report a CPU that does not run its stopper
 * @scan: the scan
 * @cpu: the CPU
 *
 * Context: process context.
 */
void kpatch_scan_cpu(const struct kpatch_scan *scan, unsigned int cpu)
{
	struct kpatch_blocker *blocker;

	guard(rcu)();
	blocker = report(scan, cpu_curr_snapshot(cpu), 0, KPATCH_CPU);
	if (blocker)
		blocker->cpu = cpu;
}

/*
 * Test for generated code that continues in a function without leaving a trace of
 * that on the stack:
 *
 *  - the slot of an optimised kprobe, which runs a copy of instructions of the
 *    function and then jumps back into it;
 *  - where ftrace can jump, and not only call, a BPF trampoline that calls the body
 *    of the function. An image that was replaced may still hold sleeping tasks, and
 *    one on a function of a patch module does not pin the module.
 */
static bool continues_elsewhere(unsigned long addr)
{
	if (!arch_kpatch_generated(addr))
		return false;
	if (is_kprobe_optinsn_slot(addr))
		return true;
	return IS_ENABLED(CONFIG_DYNAMIC_FTRACE_WITH_JMP) &&
	       is_bpf_text_address(addr);
}

static bool is_in_text(const struct kpatch_scan *scan, unsigned long addr)
{
	return kpatch_ranges_find(&scan->text, addr);
}

static bool is_in_freed_text(const struct kpatch_scan *scan, unsigned long addr)
{
	const struct kpatch_range *range = kpatch_ranges_find(&scan->text, addr);

	return range && range->flags & KPATCH_RANGE_FREED;
}

/*
 * Return the first word in [@sp, @top) that makes its task a blocker, 0 if there is
 * none. Most words are not text addresses. Stacks are read without synchronisation
 * with their owners, so no sanitizer may check this.
 */
static unsigned long find_word(const struct kpatch_scan *scan,
			       unsigned long sp, unsigned long top)
{
	unsigned long addr;

	for (; sp < top; sp += sizeof(addr)) {
		addr = arch_kpatch_text_addr(READ_ONCE_NOCHECK(*(unsigned long *)sp));
		if (likely(!addr))
			continue;
		if (is_in_text(scan, addr) || continues_elsewhere(addr))
			return addr;
	}
	return 0;
}

static unsigned long find_graph_return(const struct kpatch_scan *scan,
				       struct task_struct *task)
{
	unsigned long *words;
	unsigned int nr = kpatch_saved_graph(task, &words);

	return nr ? find_word(scan, (unsigned long)words,
			      (unsigned long)(words + nr)) : 0;
}

static unsigned long find_rethook_return(const struct kpatch_scan *scan,
					 struct task_struct *task)
{
	struct llist_node *pos = NULL;
	unsigned long addr;

	while (kpatch_saved_rethook(task, &pos, &addr)) {
		if (is_in_text(scan, addr))
			return addr;
	}
	return 0;
}

/* Return where the task restarts a system call, 0 if that is not in the text. */
static unsigned long find_restart(const struct kpatch_scan *scan,
				  struct task_struct *task)
{
	unsigned long addr = (unsigned long)task->restart_block.fn;

	return is_in_text(scan, addr) ? addr : 0;
}

/*
 * Return the function that a kernel thread was created for, if it may be freed,
 * else 0. Until the thread is woken for the first time only a saved register holds
 * that address. The thread will enter the function through the hook, so this
 * matters only for text that may be freed.
 */
static unsigned long find_thread_function(const struct kpatch_scan *scan,
					  struct task_struct *task)
{
	unsigned long addr;

	if (!(scan->text.flags & KPATCH_RANGE_FREED) ||
	    !(task->flags & PF_KTHREAD))
		return 0;
	addr = (unsigned long)kthread_func(task);
	return is_in_freed_text(scan, addr) ? addr : 0;
}

/*
 * The second opinion: test whether the words on the stack of @task that lie in the
 * text are stale. They are only if the unwinder considers its trace reliable, and the
 * trace
 *
 *  - contains no address in the text;
 *  - stays in text of the kernel and of modules: code in trampolines, probe slots
 *    and generated images is about to continue elsewhere;
 *  - does not pass through the hook of a function that is being switched: the
 *    address that the handler has chosen is in saved registers, where no unwinder
 *    looks;
 *  - does not pass through the trampoline of rethook or of the function graph
 *    tracer, where the same holds for the real return address.
 */
static bool is_stale(const struct kpatch_scan *scan, struct task_struct *task,
		     enum kpatch_reason *reason)
{
	/* One trace per CPU is enough: preemption is off, interrupts do not scan. */
	unsigned long *trace = scan->traces +
			       smp_processor_id() * KPATCH_MAX_FRAMES;
	int i, nr;

	nr = stack_trace_save_tsk_reliable(task, trace, KPATCH_MAX_FRAMES);
	if (nr <= 0)
		return false;
	for (i = 0; i < nr; i++) {
		unsigned long pc = trace[i];

		if (is_in_text(scan, pc))
			return false;
		if (kpatch_ranges_find(&scan->slots, pc) ||
		    kpatch_saved_is_trampoline(pc) ||
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

/* Check the places beside the stack. An address found there is certain to be used. */
static bool check_saved(const struct kpatch_scan *scan,
			struct task_struct *task, unsigned long *addr)
{
	enum kpatch_reason reason = KPATCH_RESTART;

	*addr = find_restart(scan, task);
	if (!*addr) {
		reason = KPATCH_THREAD;
		*addr = find_thread_function(scan, task);
	}
	if (!*addr && kpatch_saved_any(task)) {
		reason = KPATCH_GRAPH;
		*addr = find_graph_return(scan, task);
		if (!*addr) {
			reason = KPATCH_KRETPROBE;
			*addr = find_rethook_return(scan, task);
		}
	}
	if (!*addr)
		return false;
	report(scan, task, *addr, reason);
	return true;
}

/*
 * Check all return addresses of @task, those on its stack from @sp up. Return true if
 * the task is a blocker; then it was reported, for @addr if that is not 0.
 */
static bool check_task(const struct kpatch_scan *scan, struct task_struct *task,
		       unsigned long sp, enum kpatch_reason reason,
		       unsigned long *addr)
{
	unsigned long top = arch_kpatch_stack_top(task);

	*addr = 0;
	if (check_saved(scan, task, addr))
		return true;
	if (!stack_bounds_ok(task, sp, top)) {
		report(scan, task, 0, KPATCH_UNKNOWN);
		return true;
	}
	*addr = find_word(scan, sp, top);
	if (!*addr || is_stale(scan, task, &reason))
		return false;
	report(scan, task, *addr, reason);
	return true;
}

/**
 * kpatch_scan_reason() - get the reason to report unless the scan finds a better one
 * @task: the task, off its CPU
 *
 * Return: %KPATCH_PREEMPTED or %KPATCH_ASLEEP.
 */
enum kpatch_reason kpatch_scan_reason(const struct task_struct *task)
{
	return task_is_running(task) ? KPATCH_PREEMPTED : KPATCH_ASLEEP;
}

/**
 * kpatch_scan_task() - scan a task, and report it if it is a blocker
 * @scan: the scan
 * @task: a task that is off its CPU and stays off: its scheduler locks are held, see
 *	task_call_func(), or the machine is stopped
 * @reason: the reason to report, unless the scan finds a more specific one
 * @addr: set to the address that was found, 0 if there is none
 *
 * Context: interrupts off.
 *
 * Return: true if it is a blocker, or may be one.
 */
bool kpatch_scan_task(const struct kpatch_scan *scan, struct task_struct *task,
		      enum kpatch_reason reason, unsigned long *addr)
{
	bool inside;

	/* A dead task without a stack does not run again. */
	*addr = 0;
	if (!try_get_task_stack(task))
		return false;
	inside = check_task(scan, task, arch_kpatch_saved_sp(task), reason,
			    addr);
	put_task_stack(task);
	return inside;
}

/**
 * kpatch_scan_current() - scan the task that carries out the switch
 * @scan: the scan; that task is the current one
 *
 * The callers of this function will still be on its stack when it stops the machine.
 * So no stop is needed to find out whether it is inside.
 *
 * Context: process context.
 */
noinline void kpatch_scan_current(const struct kpatch_scan *scan)
{
	unsigned long addr;

	preempt_disable();
	check_task(scan, current, (unsigned long)__builtin_frame_address(0),
		   KPATCH_SWITCHER, &addr);
	preempt_enable();
}

/*
 * An offline CPU never returns from its idle task: it boots afresh. Only text that
 * may be freed matters. The saved stack pointer is stale, since the idle task of a
 * CPU that goes down does not schedule: look at the whole stack.
 */
static void scan_offline_cpu(const struct kpatch_scan *scan,
			     struct task_struct *idle)
{
	unsigned long sp = (unsigned long)task_stack_page(idle);
	unsigned long top = arch_kpatch_stack_top(idle), addr;

	for (; sp < top; sp += sizeof(addr)) {
		addr = arch_kpatch_text_addr(READ_ONCE_NOCHECK(*(unsigned long *)sp));
		if (addr && is_in_freed_text(scan, addr)) {
			report(scan, idle, addr, KPATCH_OFFLINE);
			return;
		}
	}
}

/**
 * kpatch_scan_offline_cpus() - check the idle tasks of offline CPUs
 * @scan: the scan
 *
 * Context: process context, under cpus_read_lock().
 */
void kpatch_scan_offline_cpus(const struct kpatch_scan *scan)
{
	struct task_struct *idle;
	int cpu;

	if (!(scan->text.flags & KPATCH_RANGE_FREED))
		return;
	for_each_possible_cpu(cpu) {
		idle = idle_task(cpu);
		if (idle && !cpu_online(cpu))
			scan_offline_cpu(scan, idle);
	}
}

/**
 * kpatch_scan_idle_task() - check the idle task of this CPU
 * @scan: the scan
 *
 * Idle tasks are not in the task list.
 *
 * Context: machine stopped, each CPU.
 */
void kpatch_scan_idle_task(const struct kpatch_scan *scan)
{
	struct task_struct *idle = idle_task(smp_processor_id());
	unsigned long addr;

	if (idle && !task_curr(idle))
		kpatch_scan_task(scan, idle, KPATCH_IDLE, &addr);
}

/**
 * kpatch_scan_exiting() - report tasks that cannot be scanned
 * @scan: the scan
 *
 * These are tasks past exit_notify() for which exiting.c had no memory. One report
 * stands for all.
 *
 * Context: any.
 */
void kpatch_scan_exiting(const struct kpatch_scan *scan)
{
	if (kpatch_exiting_unknown())
		report(scan, NULL, 0, KPATCH_EXITING);
}

/**
 * kpatch_scan_stopper() - check the stack of the current task
 * @scan: the scan
 *
 * A stopper has no saved stack pointer while it runs, so each one checks its own
 * stack from here up. On a kernel without SMP this is the task that switches.
 *
 * Context: machine stopped, each CPU.
 */
noinline void kpatch_scan_stopper(const struct kpatch_scan *scan)
{
	unsigned long addr;

	check_task(scan, current, (unsigned long)__builtin_frame_address(0),
		   KPATCH_STOPPER, &addr);
}
