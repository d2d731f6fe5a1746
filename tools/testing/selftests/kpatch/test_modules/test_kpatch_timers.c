// SPDX-License-Identifier: GPL-2.0-only
/*
 * Patches a function that the tick interrupt of every CPU calls: while the patch is
 * enabled no CPU-time timer expires.
 */
#include <linux/atomic.h>
#include <linux/kpatch.h>
#include <linux/posix-timers.h>
#include <linux/preempt.h>

static atomic_t in_irq = ATOMIC_INIT(0);
static atomic_t elsewhere = ATOMIC_INIT(0);

module_param_named(in_irq, in_irq.counter, int, 0444);
MODULE_PARM_DESC(in_irq, "calls from hard interrupts");
module_param_named(elsewhere, elsewhere.counter, int, 0444);
MODULE_PARM_DESC(elsewhere, "calls from other contexts");

static void new_run_posix_cpu_timers(void)
{
	atomic_inc(in_hardirq() ? &in_irq : &elsewhere);
}

static struct kpatch_func funcs[] = {
	KPATCH_FUNC(run_posix_cpu_timers, new_run_posix_cpu_timers),
};
module_kpatch(funcs);

MODULE_DESCRIPTION("kpatch test: a function called in interrupts");
MODULE_LICENSE("GPL");
