// SPDX-License-Identifier: GPL-2.0-only
/*
 * Calls the two functions of test_kpatch_pair on every CPU as fast as possible,
 * both in one section with preemption disabled, and counts how often one was old
 * and the other one new.
 */
#include <linux/atomic.h>
#include <linux/cpumask.h>
#include <linux/gcd.h>
#include <linux/kthread.h>
#include <linux/lcm.h>
#include <linux/module.h>
#include <linux/preempt.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>

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

static struct task_struct *callers[NR_CPUS];

/* Hides that the functions are const: the compiler would call each only once. */
static unsigned long (*call_gcd)(unsigned long a, unsigned long b) = gcd;
static unsigned long (*call_lcm)(unsigned long a, unsigned long b) = lcm;

static int caller(void *unused)
{
	unsigned long first, second;

	while (!kthread_should_stop()) {
		preempt_disable();
		first = READ_ONCE(call_gcd)(PAIR_MAGIC, PAIR_MAGIC);
		second = READ_ONCE(call_lcm)(PAIR_MAGIC, PAIR_MAGIC);
		preempt_enable();
		if (first != second)
			atomic_inc(&mixed);
		else
			atomic_inc(first == 1 ? &both_new : &both_old);
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
	}
}

static int __init pair_check_init(void)
{
	struct task_struct *task;
	int cpu;

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
