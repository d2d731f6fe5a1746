// SPDX-License-Identifier: GPL-2.0-only
/*
 * A patch whose name marks it as foreign, so the tests must leave it alone.
 */
#include <linux/kpatch.h>
#include <linux/seq_file.h>

static int new_version_proc_show(struct seq_file *m, void *v)
{
	seq_puts(m, "kpatch_bystander: new version\n");
	return 0;
}

static struct kpatch_func funcs[] = {
	KPATCH_FUNC_NAMED("version_proc_show", new_version_proc_show),
};
module_kpatch(funcs);

MODULE_DESCRIPTION("kpatch test: a patch that the tests must not touch");
MODULE_LICENSE("GPL");
