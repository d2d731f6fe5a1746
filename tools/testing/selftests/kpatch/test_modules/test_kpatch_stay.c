// SPDX-License-Identifier: GPL-2.0-only
/*
 * Patches lcm() with a function that the thread of test_kpatch_caller leaves only
 * when "leave" is set: the thread sleeps below the cold part that the compiler has
 * split off the function, or in another part, or spins. Or the thread injects idle
 * time on its CPU inside the function, in each call.
 */
#include <linux/cpu.h>
#include <linux/jiffies.h>
#include <linux/kpatch.h>
#include <linux/kthread.h>
#include <linux/lcm.h>
#include <linux/processor.h>
#include <linux/string.h>
#include <linux/wait.h>

#include "stay.h"

static bool spin;
module_param(spin, bool, 0444);
MODULE_PARM_DESC(spin, "spin instead of sleeping");

static bool idle;
module_param(idle, bool, 0444);
MODULE_PARM_DESC(idle, "inject idle time on the CPU, then return");

static bool inside;
module_param(inside, bool, 0444);
MODULE_PARM_DESC(inside, "the thread is inside");

static char *part = "";
module_param(part, charp, 0444);
MODULE_PARM_DESC(part, "sleep in this split-off part: part.0, __part.0");

static bool leave;
static DECLARE_WAIT_QUEUE_HEAD(leaving);

static int set_leave(const char *val, const struct kernel_param *kp)
{
	int ret = param_set_bool(val, kp);

	wake_up_all(&leaving);
	return ret;
}

static const struct kernel_param_ops leave_ops = {
	.set = set_leave,
	.get = param_get_bool,
};

module_param_cb(leave, &leave_ops, &leave, 0644);
MODULE_PARM_DESC(leave, "let the thread leave the function");

static bool may_leave(void)
{
	return READ_ONCE(leave) || kthread_should_stop();
}

/* __cold is empty for compilers that do not align cold functions properly. */
static noinline REALLY_COLD void sleep_here(void)
{
	WRITE_ONCE(inside, true);
	wait_event_idle(leaving, may_leave());
	WRITE_ONCE(inside, false);
}

/* The path to a cold function is cold as well: it becomes new_lcm_cold.cold. */
static unsigned long new_lcm_cold(unsigned long a, unsigned long b)
{
	if (a == STAY_MAGIC && b == STAY_MAGIC) {
		sleep_here();
		return 1;
	}
	return max(a, b);
}

/*
 * Parts as a compiler splits them off a function, under the names that GCC and
 * clang give them. They are entered by a jump, so only the part is on the stack.
 */
unsigned long new_lcm_split_part(unsigned long a, unsigned long b)
	asm("new_lcm_split.part.0.isra.0");
unsigned long new_lcm_split_fragment(unsigned long a, unsigned long b)
	asm("new_lcm_split.__part.0");

noinline unsigned long new_lcm_split_part(unsigned long a, unsigned long b)
{
	WRITE_ONCE(inside, true);
	wait_event_idle(leaving, may_leave());
	WRITE_ONCE(inside, false);
	return 1;
}

noinline unsigned long new_lcm_split_fragment(unsigned long a, unsigned long b)
{
	WRITE_ONCE(inside, true);
	wait_event_idle(leaving, may_leave());
	WRITE_ONCE(inside, false);
	return 2;
}

static unsigned long new_lcm_split(unsigned long a, unsigned long b)
{
	if (a != STAY_MAGIC || b != STAY_MAGIC)
		return max(a, b);
	if (!strcmp(part, "part.0"))
		return new_lcm_split_part(a, b);
	return new_lcm_split_fragment(a, b);
}

/* The limit is for kernels without preemption, where this would hang the machine. */
static unsigned long new_lcm_spin(unsigned long a, unsigned long b)
{
	unsigned long end = jiffies + 30 * HZ;

	if (a != STAY_MAGIC || b != STAY_MAGIC)
		return max(a, b);
	WRITE_ONCE(inside, true);
	while (!may_leave() && time_before(jiffies, end))
		cpu_relax();
	WRITE_ONCE(inside, false);
	return 1;
}

/* The thread must be bound to its CPU and have real-time priority. */
static unsigned long new_lcm_idle(unsigned long a, unsigned long b)
{
	if (a != STAY_MAGIC || b != STAY_MAGIC)
		return max(a, b);
	play_idle_precise(2 * NSEC_PER_MSEC, U64_MAX);
	return 1;
}

static struct kpatch_func funcs[] = {
	KPATCH_FUNC(lcm, new_lcm_cold),
};

static struct kpatch_module patch = {
	.mod = THIS_MODULE,
	.funcs = funcs,
	.num_funcs = ARRAY_SIZE(funcs),
};

static int __init stay_init(void)
{
	if (spin)
		funcs[0].new_addr = new_lcm_spin;
	if (idle)
		funcs[0].new_addr = new_lcm_idle;
	if (*part)
		funcs[0].new_addr = new_lcm_split;
	return kpatch_register(&patch);
}
module_init(stay_init);

static void __exit stay_exit(void)
{
	kpatch_unregister(&patch);
}
module_exit(stay_exit);

MODULE_DESCRIPTION("kpatch test: a function that a kernel thread stays in");
MODULE_LICENSE("GPL");
