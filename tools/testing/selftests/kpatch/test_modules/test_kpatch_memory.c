// SPDX-License-Identifier: GPL-2.0-only
/*
 * A patch in memory that will be freed or that the core cannot write to. The
 * parameters choose the memory, and whether struct kpatch_module or the array of
 * functions lies in it.
 */
#include <linux/kpatch.h>
#include <linux/seq_file.h>
#include <linux/string.h>

static char *memory = "";
module_param(memory, charp, 0444);
MODULE_PARM_DESC(memory, "init, ro_after_init, const, text or stack");

static bool funcs;
module_param(funcs, bool, 0444);
MODULE_PARM_DESC(funcs, "put the array of functions there, not struct kpatch_module");

static int new_cmdline_proc_show(struct seq_file *m, void *v)
{
	seq_puts(m, "test_kpatch_memory: new cmdline\n");
	return 0;
}

#define FUNC	KPATCH_FUNC_NAMED("cmdline_proc_show", new_cmdline_proc_show)
#define PATCH(_funcs) {							\
	.mod = THIS_MODULE,						\
	.funcs = (struct kpatch_func *)(_funcs),			\
	.num_funcs = 1,							\
}

static struct kpatch_func good_funcs[] = { FUNC };
static struct kpatch_func init_funcs[] __initdata = { FUNC };
static struct kpatch_func ro_funcs[] __ro_after_init = { FUNC };
static const struct kpatch_func const_funcs[] = { FUNC };

static struct kpatch_module good_patch = PATCH(good_funcs);
static struct kpatch_module init_patch __initdata = PATCH(good_funcs);
static struct kpatch_module ro_patch __ro_after_init = PATCH(good_funcs);
static const struct kpatch_module const_patch = PATCH(good_funcs);

static bool __init in(const char *what)
{
	return !strcmp(memory, what);
}

static noinline int __init register_on_stack(void)
{
	struct kpatch_func stack_funcs[] = { FUNC };
	struct kpatch_module stack_patch = PATCH(good_funcs);
	int ret;

	if (funcs) {
		good_patch.funcs = stack_funcs;
		return kpatch_register(&good_patch);
	}
	ret = kpatch_register(&stack_patch);
	if (!ret) {
		kpatch_disable(&stack_patch);
		kpatch_unregister(&stack_patch);
	}
	return ret;
}

static struct kpatch_func * __init choose_funcs(void)
{
	if (in("init"))
		return init_funcs;
	if (in("ro_after_init"))
		return ro_funcs;
	if (in("const"))
		return (struct kpatch_func *)const_funcs;
	if (in("text"))
		return (struct kpatch_func *)new_cmdline_proc_show;
	return good_funcs;
}

static struct kpatch_module * __init choose_patch(void)
{
	if (in("init"))
		return &init_patch;
	if (in("ro_after_init"))
		return &ro_patch;
	if (in("const"))
		return (struct kpatch_module *)&const_patch;
	return &good_patch;
}

static int __init memory_init(void)
{
	if (in("stack"))
		return register_on_stack();
	if (!funcs)
		return kpatch_register(choose_patch());
	good_patch.funcs = choose_funcs();
	return kpatch_register(&good_patch);
}
module_init(memory_init);

static void __exit memory_exit(void)
{
	kpatch_unregister(&good_patch);
}
module_exit(memory_exit);

MODULE_DESCRIPTION("kpatch test: a patch in unsuitable memory");
MODULE_LICENSE("GPL");
