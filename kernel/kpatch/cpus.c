// SPDX-License-Identifier: GPL-2.0-only
/*
 * CPUs: make each one run its stopper once, note when it last did, and find those that
 * must not be interrupted because they are isolated.
 *
 * If one CPU has interrupts or preemption off, stop_machine() waits for it
 * while all other CPUs already stand still. So before the stop each CPU runs
 * its stopper once, with nothing to do: the wait for a slow CPU then happens
 * while the machine runs.
 */
#include "common.h"

#include <linux/cpu.h>
#include <linux/cpumask.h>
#include <linux/minmax.h>
#include <linux/moduleparam.h>
#include <linux/percpu.h>
#include <linux/rcupdate.h>
#include <linux/rcuwait.h>
#include <linux/sched.h>
#include <linux/sched/isolation.h>
#include <linux/stop_machine.h>
#include <linux/tick.h>
#include <linux/timekeeping.h>
#include <linux/wait.h>

#include "cpus.h"

static bool spare_isolated;
module_param(spare_isolated, bool, 0644);
MODULE_PARM_DESC(spare_isolated,
		 "refuse operations that would interrupt isolated CPUs");

/* The result of kpatch_cpus_spared(): too large for the stack. */
static struct cpumask spared;

/**
 * struct visit - state of one CPU's stopper
 * @work: makes the stopper run visit_cpu()
 * @pending: @work is queued and has not begun to run, so it must not be
 *	touched. Set under kpatch_mutex, cleared by the stopper.
 * @since: when the CPU last switched to its stopper, by
 *	ktime_get_mono_fast_ns()
 */
struct visit {
	struct cpu_stop_work work;
	bool pending;
	u64 since;
};

static DEFINE_PER_CPU(struct visit, visits);

/*
 * The task that waits in kpatch_cpus_visit(). Not a wait queue: on PREEMPT_RT
 * the lock of a wait queue may sleep, which a stopper must not.
 */
static struct rcuwait visitor = __RCUWAIT_INITIALIZER(visitor);

/* The class that only stoppers are in. Set by the first visit. */
static const struct sched_class *stopper_class;

/* Runs in the stopper of each CPU. */
static int visit_cpu(void *data)
{
	struct visit *visit = data;

	WRITE_ONCE(stopper_class, current->sched_class);
	/*
	 * Pairs with smp_load_acquire() in find_pending(): a caller that finds
	 * the work done sees all that this CPU did before.
	 */
	smp_store_release(&visit->pending, false);
	rcuwait_wake_up(&visitor);
	return 0;
}

/* With CPU hotplug held off, the stopper of each online CPU accepts work. */
static void send_visitors(void)
{
	struct visit *visit;
	int cpu;

	/*
	 * Work that is still pending from an earlier visit is not queued again,
	 * so for that CPU queueing orders nothing. This barrier does. It pairs
	 * with the full barrier in __schedule(): a task that leaves the CPU
	 * after that work has run sees what was written before this barrier.
	 */
	smp_mb();
	for_each_online_cpu(cpu) {
		visit = per_cpu_ptr(&visits, cpu);
		if (READ_ONCE(visit->pending))
			continue;
		WRITE_ONCE(visit->pending, true);
		stop_one_cpu_nowait(cpu, visit_cpu, visit, &visit->work);
	}
}

/* Return the first CPU whose stopper has not run yet, -1 if there is none. */
static int find_pending(void)
{
	int cpu;

	for_each_online_cpu(cpu) {
		/* Pairs with smp_store_release() in visit_cpu(). */
		if (smp_load_acquire(&per_cpu_ptr(&visits, cpu)->pending))
			return cpu;
	}
	return -1;
}

/**
 * kpatch_cpus_visit() - make each online CPU run its stopper
 * @timeout: how long to wait for that, in jiffies
 *
 * Once this has returned -1, each CPU has left every section with interrupts or
 * preemption off that it was in at the time of the call, and sees all that was
 * written before the call.
 *
 * Context: process context, sleeps, under kpatch_mutex.
 *
 * Return: -1, or a CPU whose stopper has not run.
 */
int kpatch_cpus_visit(unsigned long timeout)
{
	lockdep_assert_held(&kpatch_mutex);
	/* With one CPU this is the only task that runs, and can be preempted. */
	if (!IS_ENABLED(CONFIG_SMP))
		return -1;
	guard(cpus_read_lock)();
	send_visitors();
	rcuwait_wait_event_timeout(&visitor, find_pending() < 0, TASK_IDLE,
				   timeout);
	return find_pending();
}

/**
 * kpatch_cpus_note_switch() - note when this CPU switches to its stopper
 * @next: the task that this CPU switches to
 *
 * Context: sched_switch probe, run queue lock held.
 */
void kpatch_cpus_note_switch(const struct task_struct *next)
{
	if (unlikely(next->sched_class == READ_ONCE(stopper_class)))
		__this_cpu_write(visits.since, ktime_get_mono_fast_ns());
}

/**
 * kpatch_cpus_stood_since() - get the time when the first CPU ran its stopper
 * @from: when the stop was requested, by ktime_get_mono_fast_ns(): no CPU
 *	stopped for it before
 *
 * Context: machine stopped.
 *
 * Return: that time, or @from if the switch to the stopper was not noted on
 * some CPU.
 */
u64 kpatch_cpus_stood_since(u64 from)
{
	u64 first = U64_MAX;
	int cpu;

	for_each_online_cpu(cpu)
		first = min(first, per_cpu(visits.since, cpu));
	return max(first, from);
}

/* Since 7.3 cpu_is_isolated() does not cover nohz_full any more. */
static bool is_isolated(int cpu)
{
	return cpu_is_isolated(cpu) || tick_nohz_full_cpu(cpu);
}

/**
 * kpatch_cpus_spared() - find CPUs that no operation may interrupt
 *
 * These are the online CPUs that are isolated, by isolcpus= or nohz_full= on the
 * kernel command line or by a cpuset partition, if the administrator has set
 * spare_isolated. A CPU may become isolated at any time. If that happens after this
 * call, the operation still interrupts it.
 *
 * Context: process context, under kpatch_mutex.
 *
 * Return: these CPUs, valid while kpatch_mutex is held; %NULL if there are none.
 */
const struct cpumask *kpatch_cpus_spared(void)
{
	int cpu;

	lockdep_assert_held(&kpatch_mutex);
	if (!READ_ONCE(spare_isolated))
		return NULL;
	cpumask_clear(&spared);
	/* Cpusets replace the mask of isolated CPUs under RCU. */
	guard(rcu)();
	for_each_online_cpu(cpu) {
		if (is_isolated(cpu))
			cpumask_set_cpu(cpu, &spared);
	}
	return cpumask_empty(&spared) ? NULL : &spared;
}
