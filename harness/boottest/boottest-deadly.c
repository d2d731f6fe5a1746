// SPDX-License-Identifier: GPL-2.0-only
/*
 * A patch with which the machine dies, some time after it is loaded: when /proc/version
 * is read.
 */
#include <linux/kpatch.h>
#include <linux/reboot.h>
#include <linux/seq_file.h>

static int new_version_proc_show(struct seq_file *m, void *v)
{
	emergency_restart();
	return 0;
}

static struct kpatch_func funcs[] = {
	KPATCH_FUNC_NAMED("version_proc_show", new_version_proc_show),
};
module_kpatch(funcs);

MODULE_DESCRIPTION("kpatch boot test: restarts the machine at once");
MODULE_LICENSE("GPL");
