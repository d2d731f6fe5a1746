// SPDX-License-Identifier: GPL-2.0-only
/*
 * Is a task inside of any of these pieces of text?
 *
 * The task is off its CPU, with all its return addresses in memory, and cannot
 * get back on it meanwhile: its scheduler locks are held, or all CPUs are
 * stopped. So a look at every word of its stack, and at the few places beside
 * the stack where return addresses are kept, cannot miss that it is inside. It
 * may find a word that only looks like it, or that is left over from a call long
 * gone; where the architecture has a reliable unwinder, that is asked for a
 * second opinion.
 *
 * Nothing here may sleep, allocate, take a lock or print.
 */
#include "common.h"

#include <linux/cpumask.h>
#include <linux/filter.h>
#include <linux/ftrace.h>
#include <linux/kprobes.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/rethook.h>
#include <linux/sched.h>
#include <linux/sched/task_stack.h>
#include <linux/smp.h>
#include <linux/stacktrace.h>
#include <linux/string.h>

#include <asm/kpatch.h>

#include "exiting.h"
#include "scan.h"

/**
 * kpatch_report_clear() - forget who stood in the way
 * @report: the report
 */
void kpatch_report_clear(struct kpatch_report *report)
{
	memset(report, 0, sizeof(*report));
}

/* They are inside whenever a switch is made, so it never can be. */
static bool is_hopeless(enum kpatch_reason reason)
{
	return reason == KPATCH_WRITER || reason == KPATCH_STOPPER ||
	       reason == KPATCH_IDLE;
}

static void name_blocker(struct kpatch_blocker *blocker,
			 struct task_struct *task)
{
	if (!task) {
		strscpy(blocker->comm, "-", sizeof(blocker->comm));
		return;
	}
	blocker->pid = task->pid;
	blocker->started = task->start_boottime;
	strscpy(blocker->comm, task->comm, sizeof(blocker->comm));
	blocker->cpu = task_cpu(task);
	/* Idle tasks have no pid. */
	blocker->kthread = task->flags & (PF_KTHREAD | PF_USER_WORKER) &&
			   task->pid;
}

/* Several CPUs report at once, hence the atomic. %NULL: only counted. */
static struct kpatch_blocker *report(const struct kpatch_scan *scan,
				     struct task_struct *task,
				     unsigned long addr,
				     enum kpatch_reason reason)
{
	unsigned int i = atomic_inc_return(&scan->report->total) - 1;
	struct kpatch_blocker *blocker;

	if (task == scan->writer && reason != KPATCH_CPU)
		reason = KPATCH_WRITER;
	if (is_hopeless(reason))
		WRITE_ONCE(scan->report->hopeless, true);
	if (i >= KPATCH_MAX_BLOCKERS)
		return NULL;
	blocker = &scan->report->blocker[i];
	name_blocker(blocker, task);
	blocker->addr = addr;
	blocker->reason = reason;
	return blocker;
}

/**
 * kpatch_report_running() - report a task that was inside and runs
 * @scan: takes the report
 * @task: the task
 * @addr: what it was found for
 */
void kpatch_report_running(const struct kpatch_scan *scan,
			   struct task_struct *task, unsigned long addr)
{
	report(scan, task, addr, KPATCH_RUNNING);
}

/**
 * kpatch_report_cpu() - report a CPU that does not come to be stopped
 * @scan: takes the report
 * @cpu: the CPU
 *
 * Context: process context.
 */
void kpatch_report_cpu(const struct kpatch_scan *scan, unsigned int cpu)
{
	struct kpatch_blocker *blocker;

	guard(rcu)();
	blocker = report(scan, cpu_curr_snapshot(cpu), 0, KPATCH_CPU);
	if (blocker)
		blocker->cpu = cpu;
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
 * look for, 0 if there is none. Most words lie below all text. Stacks are read
 * behind the back of their owners: no sanitizer, please.
 */
static unsigned long find_word(const struct kpatch_scan *scan,
			       unsigned long sp, unsigned long top)
{
	unsigned long word;

	for (; sp < top; sp += sizeof(word)) {
		word = READ_ONCE_NOCHECK(*(unsigned long *)sp);
		if (likely(word < ARCH_KPATCH_LOWEST_TEXT))
			continue;
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
static bool is_leftover(const struct kpatch_scan *scan,
			struct task_struct *task, enum kpatch_reason *reason)
{
	/* Nobody else uses it: preemption is off, and interrupts do not scan. */
	unsigned long *trace = scan->traces +
			       smp_processor_id() * KPATCH_MAX_FRAMES;
	int i, nr;

	nr = stack_trace_save_tsk_reliable(task, trace, KPATCH_MAX_FRAMES);
	if (nr <= 0)
		return false;
	for (i = 0; i < nr; i++) {
		unsigned long pc = trace[i];

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

/* Where a system call goes on if it is restarted. */
static unsigned long find_restart(const struct kpatch_scan *scan,
				  struct task_struct *task)
{
	unsigned long addr = (unsigned long)task->restart_block.fn;

	return kpatch_ranges_find(&scan->text, addr) ? addr : 0;
}

/*
 * What a kernel thread was created for. Until it is woken for the first time it has
 * not called that, and nothing but a register remembers it. It will enter by the
 * hook, so only text that may be freed matters.
 */
static unsigned long find_thread_function(const struct kpatch_scan *scan,
					  struct task_struct *task)
{
	unsigned long addr;

	if (!scan->removing || !(task->flags & PF_KTHREAD))
		return 0;
	addr = (unsigned long)kthread_func(task);
	return kpatch_ranges_find(&scan->text, addr) ? addr : 0;
}

/* Places that hold addresses which are surely going to be used. */
static bool check_kept(const struct kpatch_scan *scan, struct task_struct *task,
		       unsigned long *addr)
{
	enum kpatch_reason reason = KPATCH_GRAPH;

	*addr = find_graph_return(scan, task);
	if (!*addr) {
		reason = KPATCH_KRETPROBE;
		*addr = find_rethook_return(scan, task);
	}
	if (!*addr) {
		reason = KPATCH_RESTART;
		*addr = find_restart(scan, task);
	}
	if (!*addr) {
		reason = KPATCH_THREAD;
		*addr = find_thread_function(scan, task);
	}
	if (!*addr)
		return false;
	report(scan, task, *addr, reason);
	return true;
}

/*
 * The stack of @task from @sp up; true if it is inside, which is reported, and then
 * @addr is what was found, if anything was.
 */
static bool check_stack(const struct kpatch_scan *scan,
			struct task_struct *task, unsigned long sp,
			enum kpatch_reason reason, unsigned long *addr)
{
	unsigned long top = arch_kpatch_stack_top(task);

	*addr = 0;
	if (check_kept(scan, task, addr))
		return true;
	if (!stack_bounds_ok(task, sp, top)) {
		report(scan, task, 0, KPATCH_UNKNOWN);
		return true;
	}
	*addr = find_word(scan, sp, top);
	if (!*addr || is_leftover(scan, task, &reason))
		return false;
	report(scan, task, *addr, reason);
	return true;
}

/**
 * kpatch_scan_reason() - what to report a task for if nothing more is known
 * @task: the task, off its CPU
 *
 * Return: that it sleeps, or that it was preempted.
 */
enum kpatch_reason kpatch_scan_reason(const struct task_struct *task)
{
	return task_is_running(task) ? KPATCH_PREEMPTED : KPATCH_ASLEEP;
}

/**
 * kpatch_scan_task() - is this task inside?
 * @scan: what to look for
 * @task: a task that is off its CPU and stays off: its scheduler locks are
 *	held, see task_call_func(), or the machine is stopped
 * @reason: what to report it for, unless the scan finds a better one
 * @addr: set to the address that was found, 0 if there is none
 *
 * Context: interrupts off.
 *
 * Return: true if it is, or may be; then it is in the report.
 */
bool kpatch_scan_task(const struct kpatch_scan *scan, struct task_struct *task,
		      enum kpatch_reason reason, unsigned long *addr)
{
	bool inside;

	/* A zombie has no stack, and nothing that it kept will be used. */
	if (!try_get_task_stack(task))
		return false;
	inside = check_stack(scan, task, arch_kpatch_saved_sp(task), reason,
			     addr);
	put_task_stack(task);
	return inside;
}

/**
 * kpatch_scan_writer() - is the task that asks for the switch inside?
 * @scan: what to look for
 *
 * It will be in the same functions when the machine is stopped, so this can be
 * known without.
 *
 * Context: process context, the task itself.
 */
noinline void kpatch_scan_writer(const struct kpatch_scan *scan)
{
	unsigned long addr;

	preempt_disable();
	check_stack(scan, current, (unsigned long)__builtin_frame_address(0),
		    KPATCH_WRITER, &addr);
	preempt_enable();
}

/*
 * A CPU that is off never returns from its idle task: it is booted afresh. So
 * the old text matters only if it is going to be freed. The saved stack pointer
 * is stale: the idle task went down on its own.
 */
static void scan_offline_cpu(const struct kpatch_scan *scan,
			     struct task_struct *idle)
{
	unsigned long addr;

	addr = find_word(scan, (unsigned long)task_stack_page(idle),
			 arch_kpatch_stack_top(idle));
	if (addr)
		report(scan, idle, addr, KPATCH_OFFLINE);
}

/**
 * kpatch_scan_offline_cpus() - check the idle tasks of CPUs that are off
 * @scan: what to look for
 *
 * Context: CPUs neither come nor go.
 */
void kpatch_scan_offline_cpus(const struct kpatch_scan *scan)
{
	struct task_struct *idle;
	int cpu;

	if (!scan->removing)
		return;
	for_each_possible_cpu(cpu) {
		idle = idle_task(cpu);
		if (idle && !cpu_online(cpu))
			scan_offline_cpu(scan, idle);
	}
}

/**
 * kpatch_scan_idle_task() - check the idle task of this CPU, which no list has
 * @scan: what to look for
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
 * kpatch_scan_exiting() - are there tasks that cannot be looked at any more?
 * @scan: takes the report
 *
 * Those that the task list has lost, or may lose, and that found no slot.
 *
 * Context: any.
 */
void kpatch_scan_exiting(const struct kpatch_scan *scan)
{
	if (kpatch_exiting_unknown())
		report(scan, NULL, 0, KPATCH_EXITING);
}

/**
 * kpatch_scan_stopper() - check the stack of the task that runs this
 * @scan: what to look for
 *
 * A stopper has no saved stack pointer while it runs, so each one looks at its
 * own stack, from here up. On a kernel without SMP this is the task that asks
 * for the switch.
 *
 * Context: machine stopped, each CPU.
 */
noinline void kpatch_scan_stopper(const struct kpatch_scan *scan)
{
	unsigned long addr;

	check_stack(scan, current, (unsigned long)__builtin_frame_address(0),
		    KPATCH_STOPPER, &addr);
}
