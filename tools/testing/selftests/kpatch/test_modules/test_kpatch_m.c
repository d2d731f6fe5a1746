// SPDX-License-Identifier: GPL-2.0-only
/*
 * A patch of functions that show a file in /proc, with a state, all by parameters. The
 * replacement shows the name of the module. Loaded as copies with other names, see
 * load_copy in functions.sh.
 */
#include <linux/delay.h>
#include <linux/jiffies.h>
#include <linux/kpatch_state.h>
#include <linux/sched.h>
#include <linux/seq_file.h>
#include <linux/string.h>

#define MAX_FUNCS 4

static char *name[MAX_FUNCS];
static int num_names;
module_param_array(name, charp, &num_names, 0444);
MODULE_PARM_DESC(name, "names of the functions to patch");

static char *objname;
module_param(objname, charp, 0444);
MODULE_PARM_DESC(objname, "the module that they are in; then they must not be called");

static unsigned long id;
module_param(id, ulong, 0444);
MODULE_PARM_DESC(id, "id of its state, 0: it has none");

static bool permanent;
module_param(permanent, bool, 0444);
MODULE_PARM_DESC(permanent, "that state is permanent");

static bool enable;
module_param(enable, bool, 0444);
MODULE_PARM_DESC(enable, "enable the patch when it is loaded");

static bool replace;
module_param(replace, bool, 0444);
MODULE_PARM_DESC(replace, "the patch replaces the others of its set");

static char *refuse = "";
module_param(refuse, charp, 0644);
MODULE_PARM_DESC(refuse, "the callback that refuses");

static char *set;
module_param(set, charp, 0444);
MODULE_PARM_DESC(set, "name of the set of the patch");

static bool sleep;
module_param(sleep, bool, 0644);
MODULE_PARM_DESC(sleep, "the replacement calls a helper that sleeps until this is N");

static unsigned int fail_ms;
module_param(fail_ms, uint, 0444);
MODULE_PARM_DESC(fail_ms, "init fails after so many milliseconds");

static bool hold;

static int set_hold(const char *val, const struct kernel_param *kp)
{
	bool was = hold;
	int ret = param_set_bool(val, kp);

	if (!ret && hold && !was)
		__module_get(THIS_MODULE);
	if (!ret && !hold && was)
		module_put(THIS_MODULE);
	return ret;
}

static const struct kernel_param_ops hold_ops = {
	.set = set_hold,
	.get = param_get_bool,
};
module_param_cb(hold, &hold_ops, &hold, 0644);
MODULE_PARM_DESC(hold, "the module cannot be removed");

static char record[256];
module_param_string(record, record, sizeof(record), 0644);
MODULE_PARM_DESC(record, "the callbacks that were called");

static void add(const char *callback)
{
	strlcat(record, callback, sizeof(record));
	strlcat(record, " ", sizeof(record));
}

static noinline int show(struct seq_file *m, void *v);

static noinline int replacement(struct seq_file *m, void *v)
{
	/* A jump: it leaves no return address into this function. */
	return show(m, v);
}

static noinline int show(struct seq_file *m, void *v)
{
	while (READ_ONCE(sleep))
		schedule_timeout_uninterruptible(HZ / 10);
	seq_printf(m, "%s\n", THIS_MODULE->name);
	return 0;
}

static int verdict(const char *callback)
{
	/* The newline of echo. */
	return strncmp(refuse, callback, strlen(callback)) ? 0 : -ENOSPC;
}

static int setup(struct kpatch_state *state)
{
	add("setup");
	return verdict("setup");
}

static void release(struct kpatch_state *state)
{
	add("release");
}

static int check_enter(struct kpatch_state *state)
{
	return verdict("check_enter");
}

static int check_leave(struct kpatch_state *state)
{
	return verdict("check_leave");
}

static void enter(struct kpatch_state *state)
{
	add("enter");
}

static void leave(struct kpatch_state *state)
{
	add("leave");
}

static void started(struct kpatch_module *kpmod)
{
	add("started");
}

static int stopping(struct kpatch_module *kpmod)
{
	add("stopping");
	return verdict("stopping");
}

static struct kpatch_func funcs[MAX_FUNCS];

static struct kpatch_state states[] = {
	{
		.setup = setup,
		.release = release,
		.check_enter = check_enter,
		.check_leave = check_leave,
		.enter = enter,
		.leave = leave,
	},
};

static struct kpatch_module patch = {
	.mod = THIS_MODULE,
	.funcs = funcs,
	.states = states,
	.started = started,
	.stopping = stopping,
};

static int __init m_init(void)
{
	int i, ret;

	for (i = 0; i < num_names; i++) {
		funcs[i].old_name = name[i];
		funcs[i].objname = objname;
		funcs[i].new_addr = replacement;
	}
	patch.num_funcs = num_names;
	states[0].id = id;
	states[0].flags = permanent ? KPATCH_STATE_PERMANENT : 0;
	patch.num_states = id ? 1 : 0;
	patch.set = set;
	patch.flags = (enable ? 0 : KPATCH_LOAD_DISABLED) |
		      (replace ? KPATCH_REPLACE : 0);
	ret = kpatch_register(&patch);
	if (!fail_ms || ret)
		return ret;
	msleep(fail_ms);
	return -EIO;
}
module_init(m_init);

static void __exit m_exit(void)
{
	kpatch_unregister(&patch);
}
module_exit(m_exit);

MODULE_INFO(kpatch, "Y");
MODULE_DESCRIPTION("kpatch test: one of several patches");
MODULE_LICENSE("GPL");
