// SPDX-License-Identifier: GPL-2.0-only
/*
 * Objects that test_kpatch_shadow attaches shadow variables to. Their addresses are
 * always the same ones. Tasks, softirqs and interrupts can be made to use them while a
 * task makes and drops them.
 */
#include <linux/atomic.h>
#include <linux/err.h>
#include <linux/irq_work.h>
#include <linux/jiffies.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/preempt.h>
#include <linux/sched.h>
#include <linux/timer.h>

#include "shadow.h"

/* So many are used or changed at once. Tasks sleep then: else some always blocks. */
#define BATCH 20

/* Changed under the mutex. */
struct object object_slots[NR_OBJECTS];
static unsigned long last_serial;
static DEFINE_MUTEX(mutex);

enum context { IN_TASK, IN_SOFTIRQ, IN_HARDIRQ, NR_CONTEXTS };

static atomic_long_t uses[NR_CONTEXTS][NR_OPINIONS];

/* No constants for the compiler. */
static int make_error;
static enum opinion opinion = OPINION_NONE;

noinline int object_make(struct object *obj, unsigned long serial)
{
	WRITE_ONCE(obj->serial, serial);
	WRITE_ONCE(obj->alive, true);
	return READ_ONCE(make_error);
}

/* Another task may drop the object meanwhile, and make a new one. */
noinline enum opinion object_use(struct object *obj)
{
	return READ_ONCE(opinion);
}

/* For another patch. */
noinline enum opinion object_look(struct object *obj)
{
	return READ_ONCE(opinion);
}

noinline void object_drop(struct object *obj)
{
	WRITE_ONCE(obj->alive, false);
}

static int make_all(const char *val, const struct kernel_param *kp)
{
	unsigned int i;
	int ret;

	guard(mutex)(&mutex);
	for (i = 0; i < NR_OBJECTS; i++) {
		ret = object_slots[i].alive ? 0 :
		      object_make(&object_slots[i], ++last_serial);
		if (ret)
			return ret;
	}
	return 0;
}

static int drop_all(const char *val, const struct kernel_param *kp)
{
	unsigned int i;

	guard(mutex)(&mutex);
	for (i = 0; i < NR_OBJECTS; i++) {
		if (object_slots[i].alive)
			object_drop(&object_slots[i]);
	}
	return 0;
}

static int ask_all(char *buf, enum opinion (*ask)(struct object *obj))
{
	unsigned int nr[NR_OPINIONS] = {}, i;

	guard(mutex)(&mutex);
	for (i = 0; i < NR_OBJECTS; i++) {
		if (object_slots[i].alive)
			nr[ask(&object_slots[i])]++;
	}
	return sysfs_emit(buf, "%u %u %u %u\n", nr[OPINION_NONE], nr[OPINION_GOOD],
			  nr[OPINION_STALE], nr[OPINION_BAD]);
}

static int use_all(char *buf, const struct kernel_param *kp)
{
	return ask_all(buf, object_use);
}

static int look_at_all(char *buf, const struct kernel_param *kp)
{
	return ask_all(buf, object_look);
}

static const struct kernel_param_ops make_ops = { .set = make_all };
static const struct kernel_param_ops drop_ops = { .set = drop_all };
static const struct kernel_param_ops use_ops = { .get = use_all };
static const struct kernel_param_ops look_ops = { .get = look_at_all };

module_param_cb(make, &make_ops, NULL, 0200);
MODULE_PARM_DESC(make, "written: make all objects that there are not");
module_param_cb(drop, &drop_ops, NULL, 0200);
MODULE_PARM_DESC(drop, "written: drop all objects");
module_param_cb(use, &use_ops, NULL, 0400);
MODULE_PARM_DESC(use, "use all objects: how many are unknown, good, stale, bad");
module_param_cb(look, &look_ops, NULL, 0400);
MODULE_PARM_DESC(look, "the same for the other patch");

static void use_some(enum context context, unsigned int first, unsigned int nr)
{
	unsigned int i;

	for (i = first; i < first + nr; i++)
		atomic_long_inc(&uses[context][object_use(&object_slots[i % NR_OBJECTS])]);
}

static int read_in_task(void *unused)
{
	unsigned int i;

	for (i = 0; !kthread_should_stop(); i += BATCH) {
		use_some(IN_TASK, i, BATCH);
		schedule_timeout_idle(1);
	}
	return 0;
}

static int change_in_task(void *unused)
{
	struct object *obj;
	unsigned int i;

	for (i = 0; !kthread_should_stop(); i++) {
		scoped_guard(mutex, &mutex) {
			obj = &object_slots[i * 7 % NR_OBJECTS];
			if (obj->alive)
				object_drop(obj);
			else
				object_make(obj, ++last_serial);
		}
		if (i % BATCH == 0)
			schedule_timeout_idle(1);
	}
	return 0;
}

static void read_in_irq(struct irq_work *unused)
{
	static unsigned int i;

	if (in_hardirq())
		use_some(IN_HARDIRQ, i += BATCH, BATCH);
}

static struct irq_work work = IRQ_WORK_INIT_HARD(read_in_irq);
static void read_in_softirq(struct timer_list *unused);
static DEFINE_TIMER(timer, read_in_softirq);

static void read_in_softirq(struct timer_list *unused)
{
	static unsigned int i;

	if (in_serving_softirq())
		use_some(IN_SOFTIRQ, i += BATCH, BATCH);
	irq_work_queue(&work);
	mod_timer(&timer, jiffies + 1);
}

static struct task_struct *tasks[3];

static void stop_tasks(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(tasks); i++) {
		if (tasks[i])
			kthread_stop(tasks[i]);
		tasks[i] = NULL;
	}
	timer_delete_sync(&timer);
	irq_work_sync(&work);
}

static int start_tasks(void)
{
	struct task_struct *task;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(tasks); i++) {
		task = kthread_run(i ? read_in_task : change_in_task, NULL,
				   "kpatch_objects");
		if (IS_ERR(task)) {
			stop_tasks();
			return PTR_ERR(task);
		}
		tasks[i] = task;
	}
	mod_timer(&timer, jiffies + 1);
	return 0;
}

static int set_busy(const char *val, const struct kernel_param *kp)
{
	bool busy;
	int ret;

	ret = kstrtobool(val, &busy);
	if (ret)
		return ret;
	stop_tasks();
	return busy ? start_tasks() : 0;
}

static int get_uses(char *buf, const struct kernel_param *kp)
{
	int i, j, len = 0;

	for (i = 0; i < NR_CONTEXTS; i++) {
		for (j = 0; j < NR_OPINIONS; j++)
			len += sysfs_emit_at(buf, len, "%ld ",
					     atomic_long_read(&uses[i][j]));
		len += sysfs_emit_at(buf, len, "\n");
	}
	return len;
}

static const struct kernel_param_ops busy_ops = { .set = set_busy };
static const struct kernel_param_ops uses_ops = { .get = get_uses };

module_param_cb(busy, &busy_ops, NULL, 0200);
MODULE_PARM_DESC(busy, "make, use and drop objects all the time");
module_param_cb(uses, &uses_ops, NULL, 0400);
MODULE_PARM_DESC(uses, "what was said meanwhile in tasks, softirqs, and interrupts");

static int __init objects_init(void)
{
	return 0;
}
module_init(objects_init);

static void __exit objects_exit(void)
{
	stop_tasks();
}
module_exit(objects_exit);

MODULE_DESCRIPTION("kpatch test: objects without room");
MODULE_LICENSE("GPL");
