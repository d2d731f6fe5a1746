// SPDX-License-Identifier: GPL-2.0-only
/*
 * A module for other samples to patch: a weather station, whose sensors report whole
 * degrees. The mean temperature is read from a parameter and, with readers=1, all the time
 * by a thread, in softirqs and in hardirqs, which count what cannot be.
 *
 *   $ insmod kpatch-sample-station.ko
 *   $ cat /sys/module/kpatch_sample_station/parameters/mean
 *   19
 */
#include <linux/delay.h>
#include <linux/err.h>
#include <linux/init.h>
#include <linux/irq_work.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/sysfs.h>
#include <linux/timer.h>

#include "kpatch-sample-station.h"

static bool readers;
module_param(readers, bool, 0444);
MODULE_PARM_DESC(readers, "read the mean temperature all the time");

static unsigned long wrong;
module_param(wrong, ulong, 0444);
MODULE_PARM_DESC(wrong, "how often a reader has seen what cannot be");

static unsigned long reads[3];
module_param_array(reads, ulong, NULL, 0444);
MODULE_PARM_DESC(reads, "how often tasks, softirqs and hardirqs have read");

static struct station_table __rcu *station_table;
static DEFINE_SPINLOCK(station_lock);

/* The mean temperature in degrees. The rest of the division is lost. */
static noinline int station_mean(void)
{
	const struct station_table *table;
	int i, sum = 0;

	guard(rcu)();
	table = rcu_dereference(station_table);
	for (i = 0; i < STATION_SENSORS; i++)
		sum += table->value[i];
	return sum / STATION_SENSORS;
}

/* Set what a sensor measures, in degrees. */
static noinline void station_set(int sensor, int degrees)
{
	struct station_table *table;

	guard(spinlock_bh)(&station_lock);
	table = rcu_dereference_protected(station_table,
					  lockdep_is_held(&station_lock));
	table->value[sensor] = degrees;
}

static int get_mean(char *buf, const struct kernel_param *kp)
{
	return sysfs_emit(buf, "%d\n", station_mean());
}

static const struct kernel_param_ops mean_ops = {
	.get = get_mean,
};
module_param_cb(mean, &mean_ops, NULL, 0444);
MODULE_PARM_DESC(mean, "the mean temperature in degrees");

/* All sensors measure 15 to 24 degrees. */
static void read_mean(int context)
{
	int mean = station_mean();

	reads[context]++;
	if (mean < 15 || mean > 24)
		wrong++;
}

/* A reader keeps the pointer to the table for a while. */
static void keep_table(void)
{
	const struct station_table *table;
	int i;

	guard(rcu)();
	table = rcu_dereference(station_table);
	for (i = 0; i < 100; i++) {
		if (READ_ONCE(table->valid) != STATION_VALID)
			wrong++;
		udelay(2);
	}
}

static int reader_thread(void *unused)
{
	int n = 0;

	while (!kthread_should_stop()) {
		read_mean(0);
		keep_table();
		station_set(n % STATION_SENSORS, 15 + n % 10);
		n++;
		usleep_range(50, 100);
	}
	return 0;
}

static void read_in_hardirq(struct irq_work *work)
{
	read_mean(2);
}

static struct irq_work hardirq_work = IRQ_WORK_INIT_HARD(read_in_hardirq);

static void read_in_softirq(struct timer_list *timer)
{
	read_mean(1);
	irq_work_queue(&hardirq_work);
	mod_timer(timer, jiffies + 1);
}

static DEFINE_TIMER(softirq_timer, read_in_softirq);
static struct task_struct *thread;

static int __init start_readers(void)
{
	if (!readers)
		return 0;
	thread = kthread_run(reader_thread, NULL, "station");
	if (IS_ERR(thread))
		return PTR_ERR(thread);
	mod_timer(&softirq_timer, jiffies + 1);
	return 0;
}

static void __exit stop_readers(void)
{
	if (!readers)
		return;
	timer_shutdown_sync(&softirq_timer);
	irq_work_sync(&hardirq_work);
	kthread_stop(thread);
}

static int __init station_init(void)
{
	struct station_table *table = kzalloc(sizeof(*table), GFP_KERNEL);
	int i, ret;

	if (!table)
		return -ENOMEM;
	table->valid = STATION_VALID;
	RCU_INIT_POINTER(station_table, table);
	for (i = 0; i < STATION_SENSORS; i++)
		station_set(i, 15 + i % 10);
	ret = start_readers();
	if (ret)
		kfree(table);
	return ret;
}
module_init(station_init);

static void __exit station_exit(void)
{
	struct station_table *table;

	stop_readers();
	table = rcu_replace_pointer(station_table, NULL, true);
	kfree(table);
}
module_exit(station_exit);

MODULE_DESCRIPTION("kpatch sample: a module to patch");
MODULE_LICENSE("GPL");
