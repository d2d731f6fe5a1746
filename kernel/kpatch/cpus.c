// SPDX-License-Identifier: GPL-2.0-only
/*
 * The CPUs' stoppers: do they run soon, and since when do they run?
 *
 * stop_machine() waits, with all other CPUs standing still already, for one that
 * has interrupts or preemption off. So each CPU is asked to run its stopper once,
 * for nothing, while the machine runs: a CPU that does not come soon is waited for
 * then.
 */
#include "common.h"

#include <linux/cpu.h>
#include <linux/cpumask.h>
#include <linux/minmax.h>
#include <linux/percpu.h>
#include <linux/rcuwait.h>
#include <linux/sched.h>
#include <linux/stop_machine.h>
#include <linux/timekeeping.h>
#include <linux/wait.h>

#include "cpus.h"

/**
 * struct visit - what is known of one CPU's stopper
 * @work: makes it run visit_cpu()
 * @pending: @work is queued and has not begun to run: it must not be touched.
 *	Set under kpatch_mutex, cleared by the stopper.
 * @since: when the CPU switched to it last, by ktime_get_mono_fast_ns()
 */
struct visit {
	struct cpu_stop_work work;
	bool pending;
	u64 since;
};

static DEFINE_PER_CPU(struct visit, visits);

/* Who waits for the stoppers. On PREEMPT_RT these must not take a lock that sleeps. */
static struct rcuwait visitor = __RCUWAIT_INITIALIZER(visitor);

/* Of stoppers, and of nobody else; known from the first visit on. */
static const struct sched_class *stopper_class;

/* Runs in the stopper of a CPU. */
static int visit_cpu(void *data)
{
	struct visit *visit = data;

	WRITE_ONCE(stopper_class, current->sched_class);
	/* Pairs with find_pending(): who has not to wait sees what came before. */
	smp_store_release(&visit->pending, false);
	rcuwait_wake_up(&visitor);
	return 0;
}

/* Every online CPU has a stopper that takes works, as long as none comes or goes. */
static void send_visitors(void)
{
	struct visit *visit;
	int cpu;

	/*
	 * A work that is still pending is not queued again, and so orders nothing.
	 * Pairs with the full barrier in __schedule(): a task that leaves the CPU
	 * after that work has run sees what was written before this.
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

/* The first CPU that has not come yet, -1 if there is none. */
static int find_pending(void)
{
	int cpu;

	for_each_online_cpu(cpu) {
		/* Pairs with visit_cpu(). */
		if (smp_load_acquire(&per_cpu_ptr(&visits, cpu)->pending))
			return cpu;
	}
	return -1;
}

/**
 * kpatch_cpus_visit() - have each online CPU run its stopper
 * @timeout: how long to wait for that, in jiffies
 *
 * When this has returned -1 each CPU has ended each section with interrupts or
 * preemption off that it was in when this was called, and has seen all that was
 * written before.
 *
 * Context: process context, sleeps, under kpatch_mutex.
 *
 * Return: -1, or a CPU that has not come.
 */
int kpatch_cpus_visit(unsigned long timeout)
{
	lockdep_assert_held(&kpatch_mutex);
	/* With one CPU this is the only task that runs, and can be preempted. */
	if (!IS_ENABLED(CONFIG_SMP))
		return -1;
	guard(cpus_read_lock)();
	send_visitors();
	rcuwait_wait_event_timeout(&visitor, find_pending() < 0, TASK_KILLABLE,
				   timeout);
	return find_pending();
}

/**
 * kpatch_cpus_note_switch() - this CPU switches to another task
 * @next: that task
 *
 * Context: the scheduler, with the run queue's lock held.
 */
void kpatch_cpus_note_switch(const struct task_struct *next)
{
	if (unlikely(next->sched_class == READ_ONCE(stopper_class)))
		__this_cpu_write(visits.since, ktime_get_mono_fast_ns());
}

/**
 * kpatch_cpus_stood_since() - since when has the first CPU run its stopper?
 * @from: it was not asked to before, by ktime_get_mono_fast_ns()
 *
 * Context: machine stopped.
 *
 * Return: that time; @from if nobody has noted it for some CPU.
 */
u64 kpatch_cpus_stood_since(u64 from)
{
	u64 first = U64_MAX;
	int cpu;

	for_each_online_cpu(cpu)
		first = min(first, per_cpu(visits.since, cpu));
	return max(first, from);
}
