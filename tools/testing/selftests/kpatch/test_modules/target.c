// SPDX-License-Identifier: GPL-2.0-only
/*
 * A module whose functions are patched. Its parameters and its files in sysfs call them.
 */
#include <linux/delay.h>
#include <linux/err.h>
#include <linux/init.h>
#include <linux/kmod.h>
#include <linux/kobject.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/sched/signal.h>
#include <linux/sysfs.h>
#include <linux/wait.h>

#include "target.h"

static DECLARE_WAIT_QUEUE_HEAD(waiters);
static bool woken;

static int init_error;
module_param(init_error, int, 0444);
MODULE_PARM_DESC(init_error, "errno that init returns");

static unsigned int init_ms;
module_param(init_ms, uint, 0444);
MODULE_PARM_DESC(init_ms, "how long init sleeps, in milliseconds");

static bool thread;
module_param(thread, bool, 0444);
MODULE_PARM_DESC(thread, "start a kernel thread with target_thread()");

static char *command = "true";
module_param(command, charp, 0444);
MODULE_PARM_DESC(command, "what target_helper() has a shell run");

static int seen_by_init;
module_param(seen_by_init, int, 0444);
MODULE_PARM_DESC(seen_by_init, "what target_value(1) returned in init");

static int seen_by_parameter;
module_param(seen_by_parameter, int, 0444);
MODULE_PARM_DESC(seen_by_parameter, "what it returned when 'value' was written last");

static struct task_struct *task;

/* Not a constant for the compiler, which would make clones for it. */
static int one = 1;

/* Variable that is not exported. */
int target_limit = 7;

/* Another one is in target_twin.c. */
static int twin_limit = 8;

noinline int target_value(int arg)
{
	return 10 + arg;
}

/* Sleeps until 1 is written to "wake", or the task is parked. */
noinline int target_wait(int arg)
{
	int ret = wait_event_interruptible(waiters, READ_ONCE(woken));

	return ret ?: 20 + arg;
}

/* Sleeps until 1 is written to "wake". Tasks in here cannot be parked. */
noinline int target_hold(int arg)
{
	int ret = wait_event_killable(waiters, READ_ONCE(woken));

	return ret ?: 30 + arg;
}

/* __cold is empty for compilers that do not align cold functions properly. */
static noinline REALLY_COLD void hold_here(void)
{
	wait_event_killable(waiters, READ_ONCE(woken));
}

/* The path to a cold function is cold as well: it becomes target_cold.cold. */
noinline int target_cold(int arg)
{
	if (arg == 1) {
		hold_here();
		return 41;
	}
	return 40 + 2 * arg;
}

/* A clone as compilers make them. */
int target_split_part(int arg) asm("target_split.part.0");

noinline int target_split_part(int arg)
{
	return 50 + arg;
}

noinline int target_split(int arg)
{
	return target_split_part(arg);
}

/* Another one is in target_twin.c. */
static noinline int target_twin(int arg)
{
	return 60 + arg + READ_ONCE(twin_limit);
}

/* Sleeps, as request_module() does, until a program has ended. */
noinline int target_helper(int arg)
{
	char *argv[4] = { "/bin/sh", "-c", command, NULL };
	char *envp[2] = { "PATH=/usr/sbin:/usr/bin:/sbin:/bin", NULL };
	int ret = call_usermodehelper(argv[0], argv, envp,
				      UMH_WAIT_PROC | UMH_KILLABLE);

	return ret ? -EIO : 90 + arg;
}

/* No patch can replace it while the thread lives. */
static int target_thread(void *unused)
{
	while (!kthread_should_stop())
		schedule_timeout_idle(HZ / 10);
	return 0;
}

static int get_value(char *buf, const struct kernel_param *kp)
{
	return sysfs_emit(buf, "%d\n", target_value(READ_ONCE(one)));
}

static int set_value(const char *val, const struct kernel_param *kp)
{
	seen_by_parameter = target_value(READ_ONCE(one));
	return 0;
}

static const struct kernel_param_ops value_ops = {
	.get = get_value,
	.set = set_value,
};

module_param_cb(value, &value_ops, NULL, 0644);
MODULE_PARM_DESC(value, "read: target_value(1); written: called before init");

/* A task that sleeps in a parameter keeps others from all parameters: use files. */
#define CALL_FILE(_name, _func)						\
static ssize_t _name##_show(struct kobject *kobj,			\
			    struct kobj_attribute *attr, char *buf)	\
{									\
	int ret = _func(READ_ONCE(one));				\
									\
	return ret < 0 ? ret : sysfs_emit(buf, "%d\n", ret);		\
}									\
static struct kobj_attribute _name##_file = __ATTR_RO(_name)

CALL_FILE(wait, target_wait);
CALL_FILE(hold, target_hold);
CALL_FILE(cold, target_cold);
CALL_FILE(split, target_split);
CALL_FILE(twin, target_twin);
CALL_FILE(helper, target_helper);
#ifdef HAS_TWIN
CALL_FILE(other_twin, target_other_twin);
#endif

static ssize_t wake_store(struct kobject *kobj, struct kobj_attribute *attr,
			  const char *buf, size_t count)
{
	WRITE_ONCE(woken, *buf == '1');
	wake_up_all(&waiters);
	return count;
}

static struct kobj_attribute wake_file = __ATTR_WO(wake);

static struct attribute *attrs[] = {
	&wait_file.attr,
	&hold_file.attr,
	&cold_file.attr,
	&split_file.attr,
	&twin_file.attr,
	&helper_file.attr,
#ifdef HAS_TWIN
	&other_twin_file.attr,
#endif
	&wake_file.attr,
	NULL
};

static const struct attribute_group group = { .attrs = attrs };

static struct kobject *files;

static int run_thread(void)
{
	struct task_struct *new = kthread_run(target_thread, NULL, "kpatch_target");

	if (IS_ERR(new))
		return PTR_ERR(new);
	task = new;
	return 0;
}

static int add_files(void)
{
	int ret;

	files = kobject_create_and_add("files", &THIS_MODULE->mkobj.kobj);
	if (!files)
		return -ENOMEM;
	ret = sysfs_create_group(files, &group);
	if (ret)
		kobject_put(files);
	return ret;
}

static int __init target_init(void)
{
	int ret;

	seen_by_init = target_value(READ_ONCE(one));
	msleep(init_ms);
	if (init_error)
		return -init_error;
	ret = thread ? run_thread() : 0;
	if (ret)
		return ret;
	ret = add_files();
	if (ret && task)
		kthread_stop(task);
	return ret;
}
module_init(target_init);

/* Waits for tasks in the files. */
static void __exit target_exit(void)
{
	kobject_put(files);
	if (task)
		kthread_stop(task);
}
module_exit(target_exit);

MODULE_DESCRIPTION("kpatch test: a module whose functions are patched");
MODULE_LICENSE("GPL");
