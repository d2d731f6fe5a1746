// SPDX-License-Identifier: GPL-2.0-only
/*
 * A patch with states, which records the callbacks. Callbacks can be made to refuse, or
 * to do what they must not.
 */
#include <linux/delay.h>
#include <linux/kpatch_state.h>
#include <linux/mutex.h>
#include <linux/printk.h>
#include <linux/slab.h>
#include <linux/static_call.h>
#include <linux/string.h>

#include "through.h"

#define MAX_STATES 2

static unsigned long id[MAX_STATES];
static unsigned int num_ids;
module_param_array(id, ulong, &num_ids, 0444);
MODULE_PARM_DESC(id, "ids of the states");

static char *objname;
module_param(objname, charp, 0444);
MODULE_PARM_DESC(objname, "the module that the states are about");

static bool enable;
module_param(enable, bool, 0444);
MODULE_PARM_DESC(enable, "enable the patch when it is loaded");

static unsigned int flags;
module_param(flags, uint, 0444);
MODULE_PARM_DESC(flags, "of the states");

static int seed;
module_param(seed, int, 0444);
MODULE_PARM_DESC(seed, "what setup stores");

static char *refuse = "";
module_param(refuse, charp, 0644);
MODULE_PARM_DESC(refuse, "the callback that refuses");

static int err = -EPERM;
module_param(err, int, 0644);
MODULE_PARM_DESC(err, "the errno with which it refuses");

static unsigned int times = UINT_MAX;
module_param(times, uint, 0644);
MODULE_PARM_DESC(times, "how often it refuses");

static char *act = "";
module_param(act, charp, 0644);
MODULE_PARM_DESC(act, "what enter does that it must not");

static char *block = "";
module_param(block, charp, 0644);
MODULE_PARM_DESC(block, "the callback that sleeps until this is changed");

static char *bad = "";
module_param(bad, charp, 0444);
MODULE_PARM_DESC(bad, "what is wrong with the patch");

static int call_result;
module_param(call_result, int, 0444);
MODULE_PARM_DESC(call_result, "what kpatch_disable() returned in started");

/* The callbacks that were called. No two of them run at once. */
static char record[2048];

static int get_calls_of_states(char *buf, const struct kernel_param *kp)
{
	return sysfs_emit(buf, "%s\n", record);
}

static int clear_calls_of_states(const char *val, const struct kernel_param *kp)
{
	record[0] = '\0';
	return 0;
}

static const struct kernel_param_ops record_ops = {
	.get = get_calls_of_states,
	.set = clear_calls_of_states,
};
module_param_cb(record, &record_ops, NULL, 0644);
MODULE_PARM_DESC(record, "the callbacks that were called; written: forget them");

static struct kpatch_state states[MAX_STATES];

static int get_data(char *buf, const struct kernel_param *kp)
{
	int *data = kpatch_state_data(&states[0]);

	return sysfs_emit(buf, "%d\n", data ? *data : 0);
}

static const struct kernel_param_ops data_ops = {
	.get = get_data,
};
module_param_cb(data, &data_ops, NULL, 0444);
MODULE_PARM_DESC(data, "what the first state holds, 0: nothing");

static void add(const char *text)
{
	strlcat(record, record[0] ? " " : "", sizeof(record));
	strlcat(record, text, sizeof(record));
}

/* The first state is called 0, the second one 1. */
static void add_of(const char *text, const struct kpatch_state *state)
{
	add(text);
	if (num_ids > 1)
		strlcat(record, state == states ? "0" : "1", sizeof(record));
}

static int verdict(const char *callback)
{
	/* The newline of echo. */
	if (strncmp(refuse, callback, strlen(callback)) || !times)
		return 0;
	times--;
	return err;
}

static bool blocks(const char *callback)
{
	bool ret;

	kernel_param_lock(THIS_MODULE);
	ret = !strncmp(block, callback, strlen(callback));
	kernel_param_unlock(THIS_MODULE);
	return ret;
}

static void nap(const char *callback)
{
	while (blocks(callback))
		msleep(20);
}

static int setup(struct kpatch_state *state)
{
	int *data, ret;

	add_of("setup", state);
	nap("setup");
	ret = verdict("setup");
	if (ret)
		return ret;
	data = kmemdup(&seed, sizeof(seed), GFP_KERNEL);
	if (!data)
		return -ENOMEM;
	kpatch_state_set_data(state, data);
	return 0;
}

static void release(struct kpatch_state *state)
{
	add_of("release", state);
	kfree(kpatch_state_data(state));
}

static int check_enter(struct kpatch_state *state)
{
	add_of("check_enter", state);
	return verdict("check_enter");
}

static int check_leave(struct kpatch_state *state)
{
	add_of("check_leave", state);
	return verdict("check_leave");
}

#ifdef CONFIG_X86_64
static typeof(text_poke) *do_text_poke;
static const struct kpatch_symbol symbols[] = {
	KPATCH_SYMBOL_NAMED("text_poke", do_text_poke),
};

static void poke(void)
{
	do_text_poke(setup, setup, 1);
}
#else
static void poke(void) { }
#endif

/* A task that was stopped may hold it. */
static DEFINE_MUTEX(mutex);

static void lock(void)
{
	mutex_lock(&mutex);
	mutex_unlock(&mutex);
}

static void misbehave(void)
{
	if (!strncmp(act, "sleep", 5))
		might_sleep();
	else if (!strncmp(act, "allocate", 8))
		kfree(kmalloc(1, GFP_KERNEL));
	else if (!strncmp(act, "lock", 4))
		lock();
	else if (!strncmp(act, "irqs", 4))
		local_irq_enable();
	else if (!strncmp(act, "print", 5))
		pr_info("test_kpatch_state prints in the stop\n");
	else if (!strncmp(act, "poke", 4))
		poke();
}

static void enter(struct kpatch_state *state)
{
	add_of("enter", state);
	misbehave();
}

static void leave(struct kpatch_state *state)
{
	add_of("leave", state);
}

static struct kpatch_module patch;

static void started(struct kpatch_module *kpmod)
{
	add("started");
	nap("started");
	if (!strncmp(act, "call", 4))
		call_result = kpatch_disable(kpmod);
}

static int stopping(struct kpatch_module *kpmod)
{
	add("stopping");
	nap("stopping");
	return verdict("stopping");
}

static struct kpatch_module patch = {
	.mod = THIS_MODULE,
	.funcs = funcs,
	.states = states,
	.started = started,
	.stopping = stopping,
#ifdef CONFIG_X86_64
	KPATCH_SYMBOLS(symbols),
#endif
};
MODULE_INFO(kpatch, "Y");

static int __init setup_in_init(struct kpatch_state *state)
{
	return 0;
}

static void __init spoil(void)
{
	static const struct kpatch_state constant;

	if (!strcmp(bad, "init"))
		states[0].setup = setup_in_init;
	else if (!strcmp(bad, "array"))
		patch.states = NULL;
	else if (!strcmp(bad, "constant"))
		patch.states = (struct kpatch_state *)&constant;
	else if (!strcmp(bad, "callback"))
		patch.started = (void *)kpatch_register;
	else if (!strcmp(bad, "object"))
		states[0].objname = "no/module";
}

static int __init state_init(void)
{
	unsigned int i;

	for (i = 0; i < num_ids; i++)
		states[i] = (struct kpatch_state) {
			.id = id[i],
			.objname = objname,
			.flags = flags,
			.setup = setup,
			.release = release,
			.check_enter = check_enter,
			.check_leave = check_leave,
			.enter = enter,
			.leave = leave,
		};
	patch.num_states = num_ids;
	patch.num_funcs = fill_funcs();
	if (!enable)
		patch.flags = KPATCH_LOAD_DISABLED;
	spoil();
	return kpatch_register(&patch);
}
module_init(state_init);

static void __exit state_exit(void)
{
	kpatch_unregister(&patch);
}
module_exit(state_exit);

MODULE_DESCRIPTION("kpatch test: states and callbacks");
MODULE_LICENSE("GPL");
