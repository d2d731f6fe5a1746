// SPDX-License-Identifier: GPL-2.0-only
/*
 * Patches functions by name. Each replacement counts its calls and calls the original,
 * so the system keeps working, whatever is patched. A task that sleeps in the original
 * is inside the replacement, too.
 */
#include <linux/atomic.h>
#include <linux/delay.h>
#include <linux/ftrace.h>
#include <linux/kpatch.h>

#define MAX_FUNCS 4

static char *name[MAX_FUNCS];
static int num_names;
module_param_array(name, charp, &num_names, 0444);
MODULE_PARM_DESC(name, "names of the functions to patch");

static bool enable;
module_param(enable, bool, 0444);
MODULE_PARM_DESC(enable, "enable the patch when it is loaded");

static unsigned int fail_ms;
module_param(fail_ms, uint, 0444);
MODULE_PARM_DESC(fail_ms, "if set, init fails this long after the patch is registered");

static atomic_long_t calls[MAX_FUNCS];

static int get_calls(char *buf, const struct kernel_param *kp)
{
	int i, len = 0;

	for (i = 0; i < num_names; i++)
		len += sysfs_emit_at(buf, len, "%s%ld", i ? " " : "",
				     atomic_long_read(&calls[i]));
	return len + sysfs_emit_at(buf, len, "\n");
}

static const struct kernel_param_ops calls_ops = {
	.get = get_calls,
};
module_param_cb(calls, &calls_ops, NULL, 0444);
MODULE_PARM_DESC(calls, "how often each replacement was called");

static struct kpatch_func funcs[MAX_FUNCS];

/*
 * The body of the original begins behind its call of ftrace. Called by address it has
 * neither ENDBR nor a type, which a CPU or a kernel that checks indirect calls would
 * require. The barrier keeps the call from becoming a jump, which would leave no frame
 * of the replacement.
 */
static __always_inline __nocfi long
call_through(int i, long a, long b, long c, long d, long e, long f)
{
	long (*body)(long a, long b, long c, long d, long e, long f);
	long ret;

	atomic_long_inc(&calls[i]);
	body = (void *)(funcs[i].ip + MCOUNT_INSN_SIZE);
	ret = body(a, b, c, d, e, f);
	barrier();
	return ret;
}

#define REPLACEMENT(_i)							\
static noinline long							\
replacement##_i(long a, long b, long c, long d, long e, long f)	\
{									\
	return call_through(_i, a, b, c, d, e, f);			\
}

REPLACEMENT(0)
REPLACEMENT(1)
REPLACEMENT(2)
REPLACEMENT(3)

static long (* const replacements[])(long, long, long, long, long, long) = {
	replacement0, replacement1, replacement2, replacement3,
};

static struct kpatch_module patch = {
	.mod = THIS_MODULE,
	.funcs = funcs,
};

static int __init through_init(void)
{
	int i, ret;

	for (i = 0; i < num_names; i++) {
		funcs[i].old_name = name[i];
		funcs[i].new_addr = replacements[i];
	}
	patch.num_funcs = num_names;
	if (!enable)
		patch.flags = KPATCH_LOAD_DISABLED;
	ret = kpatch_register(&patch);
	if (ret || !fail_ms)
		return ret;
	msleep(fail_ms);
	return -ENOMEM;
}
module_init(through_init);

static void __exit through_exit(void)
{
	kpatch_unregister(&patch);
}
module_exit(through_exit);

MODULE_DESCRIPTION("kpatch test: functions that call the original");
MODULE_LICENSE("GPL");
