// SPDX-License-Identifier: GPL-2.0-only
/*
 * Sends NMIs to all CPUs, calls both functions of test_kpatch_pair in each NMI,
 * and counts how often one was old and the other one new.
 *
 * A thread sends the NMIs, but threads do not run while the machine is stopped. So
 * with relay_us set one more NMI travels from CPU to CPU: its handler waits that
 * long between the two calls, then sends an NMI to the next CPU.
 */
#include <linux/atomic.h>
#include <linux/cpumask.h>
#include <linux/delay.h>
#include <linux/gcd.h>
#include <linux/kthread.h>
#include <linux/lcm.h>
#include <linux/module.h>
#include <linux/preempt.h>
#include <linux/random.h>
#include <linux/rcupdate.h>
#include <linux/smp.h>

#include <asm/apic.h>
/* linux/nmi.h includes this header only with some unrelated options. */
#include "asm/nmi.h"

#include "pair.h"

static unsigned int relay_us;
module_param(relay_us, uint, 0644);
MODULE_PARM_DESC(relay_us, "how long an NMI takes before it is relayed to the next CPU, 0: no relay");

static unsigned int hops;
module_param(hops, uint, 0444);
MODULE_PARM_DESC(hops, "maximum number of relays before the thread starts a new one, 0: no limit");

static atomic_t both_old = ATOMIC_INIT(0);
static atomic_t both_new = ATOMIC_INIT(0);
static atomic_t mixed = ATOMIC_INIT(0);
static atomic_t relayed = ATOMIC_INIT(0);

module_param_named(both_old, both_old.counter, int, 0444);
MODULE_PARM_DESC(both_old, "NMIs in which both functions were old");
module_param_named(both_new, both_new.counter, int, 0444);
MODULE_PARM_DESC(both_new, "NMIs in which both functions were new");
module_param_named(mixed, mixed.counter, int, 0444);
MODULE_PARM_DESC(mixed, "NMIs in which one function was old and one new");
module_param_named(relayed, relayed.counter, int, 0444);
MODULE_PARM_DESC(relayed, "NMIs that were relayed to another CPU");

static struct task_struct *sender;

/* The CPU that the next relayed NMI is for, -1: there is none. */
static atomic_t relay_to = ATOMIC_INIT(-1);

static atomic_t hops_left = ATOMIC_INIT(0);

/* Hides that the functions are const: the compiler would call each only once. */
static unsigned long (*call_gcd)(unsigned long a, unsigned long b) = gcd;
static unsigned long (*call_lcm)(unsigned long a, unsigned long b) = lcm;

static void send_nmi(int cpu)
{
	__apic_send_IPI_mask(cpumask_of(cpu), NMI_VECTOR);
}

static void relay_from(unsigned int cpu)
{
	unsigned int next = cpumask_next(cpu, cpu_online_mask);

	if (next >= nr_cpu_ids)
		next = cpumask_first(cpu_online_mask);
	/* A CPU that relays to itself would never do anything else. */
	if (next == cpu || (hops && atomic_dec_return(&hops_left) < 0)) {
		atomic_set(&relay_to, -1);
		return;
	}
	atomic_set(&relay_to, next);
	atomic_inc(&relayed);
	send_nmi(next);
}

static int call_both(unsigned int cmd, struct pt_regs *regs)
{
	unsigned int cpu = raw_smp_processor_id();
	unsigned int us = READ_ONCE(relay_us);
	bool relay = us && atomic_read(&relay_to) == cpu;
	unsigned long first, second;

	first = READ_ONCE(call_gcd)(PAIR_MAGIC, PAIR_MAGIC);
	if (relay)
		udelay(us);
	second = READ_ONCE(call_lcm)(PAIR_MAGIC, PAIR_MAGIC);
	if (first != second)
		atomic_inc(&mixed);
	else
		atomic_inc(first == 1 ? &both_new : &both_old);
	if (relay)
		relay_from(cpu);
	return NMI_HANDLED;
}

static void send_to_all(void)
{
	preempt_disable();
	__apic_send_IPI_mask(cpu_online_mask, NMI_VECTOR);
	preempt_enable();
}

static void start_relay(void)
{
	if (hops)
		atomic_set(&hops_left, get_random_u32_below(hops) + 1);
	preempt_disable();
	relay_from(raw_smp_processor_id());
	preempt_enable();
}

static int send_nmis(void *unused)
{
	while (!kthread_should_stop()) {
		send_to_all();
		if (READ_ONCE(relay_us) && atomic_read(&relay_to) < 0)
			start_relay();
		cond_resched_tasks_rcu_qs();
		usleep_range(200, 400);
	}
	return 0;
}

static int __init nmi_init(void)
{
	int ret;

	ret = register_nmi_handler(NMI_LOCAL, call_both, 0, "test_kpatch_nmi");
	if (ret)
		return ret;
	sender = kthread_run(send_nmis, NULL, "kpatch_nmi");
	if (IS_ERR(sender)) {
		unregister_nmi_handler(NMI_LOCAL, "test_kpatch_nmi");
		return PTR_ERR(sender);
	}
	return 0;
}
module_init(nmi_init);

static void nothing(void *unused)
{
}

static void __exit nmi_exit(void)
{
	WRITE_ONCE(relay_us, 0);
	kthread_stop(sender);
	/*
	 * No other handler would recognize the last NMIs. A CPU takes a pending NMI
	 * before this interrupt; a handled NMI may have sent one more.
	 */
	on_each_cpu(nothing, NULL, 1);
	on_each_cpu(nothing, NULL, 1);
	unregister_nmi_handler(NMI_LOCAL, "test_kpatch_nmi");
}
module_exit(nmi_exit);

MODULE_DESCRIPTION("kpatch test: are two functions switched together for NMIs?");
MODULE_LICENSE("GPL");
