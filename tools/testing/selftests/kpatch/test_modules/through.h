/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Replacements of functions that are given by name. Each counts its calls and calls the
 * original, so the system keeps working, whatever is patched. A task that sleeps in the
 * original is inside the replacement, too.
 */
#ifndef _THROUGH_H
#define _THROUGH_H

#include <linux/atomic.h>
#include <linux/ftrace.h>
#include <linux/kpatch.h>

#define MAX_FUNCS 4

static char *name[MAX_FUNCS];
static int num_names;
module_param_array(name, charp, &num_names, 0444);
MODULE_PARM_DESC(name, "names of the functions to patch");

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

/* Fill in the functions, and return their number. */
static unsigned int __init fill_funcs(void)
{
	int i;

	for (i = 0; i < num_names; i++) {
		funcs[i].old_name = name[i];
		funcs[i].new_addr = replacements[i];
	}
	return num_names;
}

#endif /* _THROUGH_H */
