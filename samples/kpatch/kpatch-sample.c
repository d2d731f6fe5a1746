// SPDX-License-Identifier: GPL-2.0-only
/*
 * A minimal patch module: changes the contents of /proc/cmdline.
 *
 *   $ insmod kpatch-sample.ko
 *   $ cat /proc/cmdline
 *   this has been patched by kpatch
 *   $ rmmod kpatch-sample
 *   rmmod: ERROR: Module kpatch_sample is in use
 *   $ echo 0 > /sys/kernel/kpatch/kpatch_sample/enabled
 *   $ cat /proc/cmdline
 *   <your kernel command line>
 *   $ rmmod kpatch-sample
 */
#include <linux/kpatch.h>
#include <linux/seq_file.h>

static int new_cmdline_proc_show(struct seq_file *m, void *v)
{
	seq_puts(m, "this has been patched by kpatch\n");
	return 0;
}

static struct kpatch_func funcs[] = {
	KPATCH_FUNC_NAMED("cmdline_proc_show", new_cmdline_proc_show),
};
module_kpatch(funcs);

MODULE_DESCRIPTION("kpatch sample: changes /proc/cmdline");
MODULE_LICENSE("GPL");
