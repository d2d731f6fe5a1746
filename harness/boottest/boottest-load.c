// SPDX-License-Identifier: GPL-2.0-only
/*
 * A patch to install beside the sample: changes the contents of /proc/loadavg.
 */
#include <linux/kpatch.h>
#include <linux/seq_file.h>

static int new_loadavg_proc_show(struct seq_file *m, void *v)
{
	seq_puts(m, "patched at boot\n");
	return 0;
}

static struct kpatch_func funcs[] = {
	KPATCH_FUNC_NAMED("loadavg_proc_show", new_loadavg_proc_show),
};
module_kpatch(funcs);

MODULE_DESCRIPTION("kpatch boot test: changes /proc/loadavg");
MODULE_LICENSE("GPL");
