/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Is a task inside of any of these pieces of text?
 */
#ifndef _KPATCH_SCAN_H
#define _KPATCH_SCAN_H

#include <linux/atomic.h>
#include <linux/sched.h>

#include "ranges.h"

#define KPATCH_MAX_BLOCKERS	32
#define KPATCH_MAX_FRAMES	256

/**
 * enum kpatch_reason - how a task stands in the way
 * @KPATCH_ASLEEP: it sleeps in the function, or in something called from there
 * @KPATCH_PREEMPTED: it was running there when it lost the CPU
 * @KPATCH_TRAMPOLINE: it is on its way into the function
 * @KPATCH_GRAPH: the function graph tracer keeps a return address into the
 *	function for it
 * @KPATCH_KRETPROBE: a kretprobe, or the like, keeps one
 * @KPATCH_RESTART: it may go there to restart a system call
 * @KPATCH_IDLE: it is the idle task of a CPU
 * @KPATCH_OFFLINE: it is the idle task of a CPU that is off
 * @KPATCH_STOPPER: it is the task that stops a CPU
 * @KPATCH_WRITER: it is the task that asks for the switch
 * @KPATCH_EXITING: it is about to die and cannot be looked at any more
 * @KPATCH_UNKNOWN: its stack cannot be told
 * @KPATCH_PARKED_INSIDE: it sleeps in the function, and where it was parked it
 *	still was in there
 * @KPATCH_THREAD: it is a kernel thread that was created for the function
 * @KPATCH_RUNNING: it was inside when it was last seen off its CPU, and has not
 *	been in user space since
 * @KPATCH_CPU: it runs on a CPU that does not come to be stopped
 * @KPATCH_NR_REASONS: how many reasons there are
 */
enum kpatch_reason {
	KPATCH_ASLEEP,
	KPATCH_PREEMPTED,
	KPATCH_TRAMPOLINE,
	KPATCH_GRAPH,
	KPATCH_KRETPROBE,
	KPATCH_RESTART,
	KPATCH_IDLE,
	KPATCH_OFFLINE,
	KPATCH_STOPPER,
	KPATCH_WRITER,
	KPATCH_EXITING,
	KPATCH_UNKNOWN,
	KPATCH_PARKED_INSIDE,
	KPATCH_THREAD,
	KPATCH_RUNNING,
	KPATCH_CPU,
	KPATCH_NR_REASONS,
};

/**
 * struct kpatch_blocker - a task that stood in the way
 * @pid: its thread id
 * @started: when it was created, which tells it from a later task of that id
 * @comm: its name
 * @addr: the address that was found, 0 if there is none
 * @reason: how it stood in the way
 * @cpu: where it ran last
 * @kthread: it is a thread of the kernel's own, which cannot be led out
 */
struct kpatch_blocker {
	pid_t pid;
	u64 started;
	char comm[TASK_COMM_LEN];
	unsigned long addr;
	enum kpatch_reason reason;
	unsigned int cpu;
	bool kthread;
};

/**
 * struct kpatch_report - all tasks that stood in the way of one attempt
 * @total: how many they are; more than fit in @blocker are only counted
 * @hopeless: one of them is the task that asked for the change, or one that is
 *	needed to make it: they always will be
 * @blocker: the first ones
 */
struct kpatch_report {
	atomic_t total;
	bool hopeless;
	struct kpatch_blocker blocker[KPATCH_MAX_BLOCKERS];
};

/**
 * struct kpatch_scan - what to look for, and what was found
 * @text: nobody may be in here
 * @slots: right behind the hooks of the functions that are being switched: who
 *	returns to here is in the trampoline of the hook
 * @removing: @text is going to be freed
 * @writer: the task that asks for the switch
 * @report: who was found
 * @traces: room for a trace of a stack, %KPATCH_MAX_FRAMES for each CPU
 */
struct kpatch_scan {
	struct kpatch_ranges text;
	struct kpatch_ranges slots;
	bool removing;
	struct task_struct *writer;
	struct kpatch_report *report;
	unsigned long *traces;
};

enum kpatch_reason kpatch_scan_reason(const struct task_struct *task);
bool kpatch_scan_task(const struct kpatch_scan *scan, struct task_struct *task,
		      enum kpatch_reason reason, unsigned long *addr);
void kpatch_scan_writer(const struct kpatch_scan *scan);
void kpatch_scan_stopper(const struct kpatch_scan *scan);
void kpatch_scan_idle_task(const struct kpatch_scan *scan);
void kpatch_scan_offline_cpus(const struct kpatch_scan *scan);
void kpatch_scan_exiting(const struct kpatch_scan *scan);

void kpatch_report_clear(struct kpatch_report *report);
void kpatch_report_running(const struct kpatch_scan *scan,
			   struct task_struct *task, unsigned long addr);
void kpatch_report_cpu(const struct kpatch_scan *scan, unsigned int cpu);

/* How many tasks stood in the way, and of how many it is known who they are. */
static inline unsigned int kpatch_report_total(const struct kpatch_report *report)
{
	return atomic_read(&report->total);
}

static inline unsigned int kpatch_report_nr(const struct kpatch_report *report)
{
	return min_t(unsigned int, kpatch_report_total(report),
		     KPATCH_MAX_BLOCKERS);
}

#endif /* _KPATCH_SCAN_H */
