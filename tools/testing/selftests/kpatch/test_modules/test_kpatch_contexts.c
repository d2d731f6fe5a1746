// SPDX-License-Identifier: GPL-2.0-only
/*
 * Calls the function that test_kpatch_hexdump patches in every context: in a task, in
 * a timer, in an interrupt and in an NMI. Each read of the parameter makes all calls.
 */
#include <linux/atomic.h>
#include <linux/cpumask.h>
#include <linux/delay.h>
#include <linux/irq_work.h>
#include <linux/jiffies.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/preempt.h>
#include <linux/printk.h>
#include <linux/seq_file.h>
#include <linux/smp.h>
#include <linux/string.h>
#include <linux/timer.h>

#include <asm/apic.h>
/* linux/nmi.h includes this header only with some unrelated options. */
#include "asm/nmi.h"

#define ROW_SIZE 16

static const char bytes[2 * ROW_SIZE + 1] = "0123456789abcdef0123456789abcdef";
static const char expected[] =
	"33323130 37363534 62613938 66656463  0123456789abcdef\n";

static DEFINE_MUTEX(running);
static atomic_t pending;
static char lines[256];
static int good, bad;

static int dump(size_t len)
{
	struct seq_file m = { .buf = lines, .size = sizeof(lines) };

	memset(lines, 0, sizeof(lines));
	seq_hex_dump(&m, "", DUMP_PREFIX_NONE, ROW_SIZE, 4, bytes, len, true);
	return m.count;
}

/* One call that passes the bounds check, and one that does not. */
static void call(bool in_context)
{
	good = dump(ROW_SIZE);
	if (!in_context || strcmp(lines, expected))
		good = -EINVAL;
	bad = dump(ROW_SIZE + 1);
	atomic_set_release(&pending, 0);
}

static void call_in_timer(struct timer_list *unused)
{
	call(in_serving_softirq());
}

static DEFINE_TIMER(timer, call_in_timer);

static void call_in_irq(struct irq_work *unused)
{
	call(in_hardirq());
}

static struct irq_work work = IRQ_WORK_INIT_HARD(call_in_irq);

static int call_in_nmi(unsigned int cmd, struct pt_regs *regs)
{
	if (!atomic_read(&pending))
		return NMI_DONE;
	call(in_nmi());
	return NMI_HANDLED;
}

static int wait_for_nmi(void)
{
	unsigned long end = jiffies + 10 * HZ;
	int ret;

	ret = register_nmi_handler(NMI_LOCAL, call_in_nmi, 0, "test_kpatch");
	if (ret)
		return ret;
	preempt_disable();
	__apic_send_IPI_mask(cpumask_of(smp_processor_id()), NMI_VECTOR);
	preempt_enable();
	while (atomic_read(&pending) && time_before(jiffies, end))
		cpu_relax();
	unregister_nmi_handler(NMI_LOCAL, "test_kpatch");
	return atomic_read(&pending) ? -ETIMEDOUT : 0;
}

static int run(char *buf, const char *context)
{
	good = 0;
	bad = 0;
	atomic_set(&pending, 1);
	if (!strcmp(context, "task")) {
		call(in_task());
	} else if (!strcmp(context, "timer")) {
		mod_timer(&timer, jiffies + 1);
		while (atomic_read_acquire(&pending))
			msleep(20);
	} else if (!strcmp(context, "irq")) {
		irq_work_queue(&work);
		irq_work_sync(&work);
	} else if (wait_for_nmi()) {
		return -EIO;
	}
	return sprintf(buf, "%s %d %d\n", context, good, bad);
}

static int get_results(char *buf, const struct kernel_param *kp)
{
	static const char * const contexts[] = { "task", "timer", "irq", "nmi" };
	int i, len = 0, ret;

	guard(mutex)(&running);
	for (i = 0; i < ARRAY_SIZE(contexts); i++) {
		ret = run(buf + len, contexts[i]);
		if (ret < 0)
			return ret;
		len += ret;
	}
	return len;
}

static const struct kernel_param_ops results_ops = {
	.get = get_results,
};

module_param_cb(results, &results_ops, NULL, 0444);
MODULE_PARM_DESC(results, "how much the calls have written, in each context");

static int __init contexts_init(void)
{
	return 0;
}
module_init(contexts_init);

static void __exit contexts_exit(void)
{
	timer_delete_sync(&timer);
}
module_exit(contexts_exit);

MODULE_DESCRIPTION("kpatch test: calls of a function in every context");
MODULE_LICENSE("GPL");
