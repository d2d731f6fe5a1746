// SPDX-License-Identifier: GPL-2.0-only
/*
 * A kprobe with a post handler on the entry of a function, which keeps all other
 * users of ftrace from redirecting the function.
 */
#include <linux/kprobes.h>
#include <linux/module.h>

static void after(struct kprobe *p, struct pt_regs *regs, unsigned long flags)
{
}

static struct kprobe probe = {
	.symbol_name = "cmdline_proc_show",
	.post_handler = after,
};

static int __init probe_init(void)
{
	return register_kprobe(&probe);
}
module_init(probe_init);

static void __exit probe_exit(void)
{
	unregister_kprobe(&probe);
}
module_exit(probe_exit);

MODULE_DESCRIPTION("kpatch test: a kprobe that owns a function");
MODULE_LICENSE("GPL");
