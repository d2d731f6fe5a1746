// SPDX-License-Identifier: GPL-2.0-only
/*
 * Patches a function whose old and new versions are easy to tell apart:
 * /proc/cmdline.
 */
#include <linux/kpatch.h>
#include <linux/seq_file.h>

static int new_cmdline_proc_show(struct seq_file *m, void *v)
{
	seq_printf(m, "%s: new cmdline\n", THIS_MODULE->name);
	return 0;
}

static struct kpatch_func funcs[] = {
	KPATCH_FUNC_NAMED("cmdline_proc_show", new_cmdline_proc_show),
};
module_kpatch(funcs);
KPATCH_INFO(fix, "CVE-0000-00001");
KPATCH_INFO(fix, "0123456789ab (\"proc: show another line\")");

MODULE_DESCRIPTION("kpatch test: one function");
MODULE_LICENSE("GPL");
