// SPDX-License-Identifier: GPL-2.0-only
/*
 * Patches the function of test_kpatch_cmdline again, and another one.
 */
#include <linux/kpatch.h>
#include <linux/seq_file.h>

static int new_cmdline_proc_show(struct seq_file *m, void *v)
{
	seq_printf(m, "%s: new cmdline\n", THIS_MODULE->name);
	return 0;
}

static int new_version_proc_show(struct seq_file *m, void *v)
{
	seq_printf(m, "%s: new version\n", THIS_MODULE->name);
	return 0;
}

static struct kpatch_func funcs[] = {
	KPATCH_FUNC_NAMED("cmdline_proc_show", new_cmdline_proc_show),
	KPATCH_FUNC_NAMED("version_proc_show", new_version_proc_show),
};
module_kpatch(funcs);

MODULE_DESCRIPTION("kpatch test: two functions, one of them patched already");
MODULE_LICENSE("GPL");
