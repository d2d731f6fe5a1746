// SPDX-License-Identifier: GPL-2.0-only
/*
 * Calls the two functions of test_kpatch_pair on every CPU as fast as possible,
 * in a task with preemption disabled and in an interrupt, and counts how often one was
 * old and the other one new.
 */
#include <linux/atomic.h>
#include <linux/cpumask.h>
#include <linux/gcd.h>
#include <linux/irq_work.h>
#include <linux/kthread.h>
#include <linux/lcm.h>
#include <linux/module.h>
#include <linux/preempt.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/smp.h>

#include "pair.h"

static atomic_t both_old = ATOMIC_INIT(0);
static atomic_t both_new = ATOMIC_INIT(0);
static atomic_t mixed = ATOMIC_INIT(0);

module_param_named(both_old, both_old.counter, int, 0444);
MODULE_PARM_DESC(both_old, "pairs of calls in which both functions were old");
module_param_named(both_new, both_new.counter, int, 0444);
MODULE_PARM_DESC(both_new, "pairs of calls in which both functions were new");
module_param_named(mixed, mixed.counter, int, 0444);
MODULE_PARM_DESC(mixed, "pairs of calls in which one function was old and one new");

static atomic_t in_irq = ATOMIC_INIT(0);
module_param_named(in_irq, in_irq.counter, int, 0444);
MODULE_PARM_DESC(in_irq, "how many of all pairs were in an interrupt");

static struct task_struct *callers[NR_CPUS];

/* Hides that the functions are const: the compiler would call each only once. */
static unsigned long (*call_gcd)(unsigned long a, unsigned long b) = gcd;
static unsigned long (*call_lcm)(unsigned long a, unsigned long b) = lcm;

static void call_both(void)
{
	unsigned long first, second;

	first = READ_ONCE(call_gcd)(PAIR_MAGIC, PAIR_MAGIC);
	second = READ_ONCE(call_lcm)(PAIR_MAGIC, PAIR_MAGIC);
	if (first != second)
		atomic_inc(&mixed);
	else
		atomic_inc(first == 1 ? &both_new : &both_old);
}

static void call_in_irq(struct irq_work *unused)
{
	call_both();
	atomic_inc(&in_irq);
}

static struct irq_work works[NR_CPUS];

static int caller(void *unused)
{
	while (!kthread_should_stop()) {
		preempt_disable();
		call_both();
		irq_work_queue(&works[smp_processor_id()]);
		preempt_enable();
		cond_resched_tasks_rcu_qs();
	}
	return 0;
}

static void stop_callers(void)
{
	int cpu;

	for_each_possible_cpu(cpu) {
		if (callers[cpu])
			kthread_stop(callers[cpu]);
		irq_work_sync(&works[cpu]);
	}
}

static int __init pair_check_init(void)
{
	struct task_struct *task;
	int cpu;

	for_each_possible_cpu(cpu)
		works[cpu] = IRQ_WORK_INIT_HARD(call_in_irq);
	for_each_online_cpu(cpu) {
		task = kthread_run_on_cpu(caller, NULL, cpu, "kpatch_pair/%u");
		if (IS_ERR(task)) {
			stop_callers();
			return PTR_ERR(task);
		}
		callers[cpu] = task;
	}
	return 0;
}
module_init(pair_check_init);

static void __exit pair_check_exit(void)
{
	stop_callers();
}
module_exit(pair_check_exit);

MODULE_DESCRIPTION("kpatch test: are two functions switched together?");
MODULE_LICENSE("GPL");
