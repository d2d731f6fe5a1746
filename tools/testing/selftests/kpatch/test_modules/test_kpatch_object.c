// SPDX-License-Identifier: GPL-2.0-only
/*
 * A patch of functions of a module, with symbols and build IDs, all by parameters that
 * can make it invalid.
 */
#include <linux/jiffies.h>
#include <linux/kpatch.h>
#include <linux/sched.h>
#include <linux/string.h>

#include "target.h"

#define MAX_FUNCS 4

static char *name[MAX_FUNCS];
static int num_names;
module_param_array(name, charp, &num_names, 0444);
MODULE_PARM_DESC(name, "names of the functions to patch");

static char *clone[MAX_FUNCS];
static int num_clones;
module_param_array(clone, charp, &num_clones, 0444);
MODULE_PARM_DESC(clone, "names of clones to patch");

static char *keep[MAX_FUNCS];
static int num_kept;
module_param_array(keep, charp, &num_kept, 0444);
MODULE_PARM_DESC(keep, "names of clones to list without a replacement");

static unsigned long sympos;
module_param(sympos, ulong, 0444);
MODULE_PARM_DESC(sympos, "position of the first function among those of its name");

static char *objname = TARGET;
module_param(objname, charp, 0444);
MODULE_PARM_DESC(objname, "the module that the functions are in, or vmlinux");

static int answer = 400;
module_param(answer, int, 0444);
MODULE_PARM_DESC(answer, "return value of the replacement, without the argument");

static unsigned int name_flags;
module_param(name_flags, uint, 0444);
MODULE_PARM_DESC(name_flags, "flags of the functions that are named by \"name\"");

static unsigned int flags;
module_param(flags, uint, 0444);
MODULE_PARM_DESC(flags, "flags of the patch");

static bool enable = true;
module_param(enable, bool, 0444);
MODULE_PARM_DESC(enable, "enable the patch when it is loaded");

static char *symbol;
module_param(symbol, charp, 0444);
MODULE_PARM_DESC(symbol, "name of a symbol");

static char *symbol_in = TARGET;
module_param(symbol_in, charp, 0444);
MODULE_PARM_DESC(symbol_in, "the module that the symbol is in, or vmlinux");

static unsigned long symbol_pos;
module_param(symbol_pos, ulong, 0444);
MODULE_PARM_DESC(symbol_pos, "position of the symbol among those of its name");

static char *build_id;
module_param(build_id, charp, 0444);
MODULE_PARM_DESC(build_id, "a build ID");

static char *build_of = TARGET;
module_param(build_of, charp, 0444);
MODULE_PARM_DESC(build_of, "the module that the build ID is of, or vmlinux");

static char *quirk = "";
module_param(quirk, charp, 0444);
MODULE_PARM_DESC(quirk, "other defect of the patch");

static void *pointer;
static void * const const_pointer;

static int get_pointer(char *buf, const struct kernel_param *kp)
{
	return sysfs_emit(buf, "%#lx\n", (unsigned long)READ_ONCE(pointer));
}

static const struct kernel_param_ops pointer_ops = {
	.get = get_pointer,
};

module_param_cb(pointer, &pointer_ops, NULL, 0400);
MODULE_PARM_DESC(pointer, "the pointer to the symbol");

static char *set;
module_param(set, charp, 0444);
MODULE_PARM_DESC(set, "name of the set of the patch");

static bool sleep;
module_param(sleep, bool, 0644);
MODULE_PARM_DESC(sleep, "the replacement sleeps until this is N");

static bool use_symbol;
module_param(use_symbol, bool, 0444);
MODULE_PARM_DESC(use_symbol, "the symbol is an int, and is added to the answer");

static noinline int replacement(int arg)
{
	int *number;

	while (READ_ONCE(sleep))
		schedule_timeout_uninterruptible(HZ / 10);
	number = use_symbol ? READ_ONCE(pointer) : NULL;
	return READ_ONCE(answer) + arg + (number ? *number * 1000 : 0);
}

static struct kpatch_func funcs[3 * MAX_FUNCS];
static struct kpatch_symbol symbols[1];
static struct kpatch_build_id build_ids[1];

static struct kpatch_module patch = {
	.mod = THIS_MODULE,
	.funcs = funcs,
	.symbols = symbols,
	.build_ids = build_ids,
};

static bool is(const char *what)
{
	return !strcmp(quirk, what);
}

static const char *object_of(const char *param)
{
	return strcmp(param, "vmlinux") ? param : NULL;
}

static void add(char **names, int num, void *new_addr, unsigned int func_flags)
{
	struct kpatch_func *func;
	int i;

	for (i = 0; i < num; i++) {
		func = &funcs[patch.num_funcs++];
		func->old_name = names[i];
		func->objname = object_of(objname);
		func->new_addr = new_addr;
		func->flags = func_flags;
	}
}

static void add_symbol(void)
{
	symbols[0].name = symbol;
	symbols[0].objname = object_of(symbol_in);
	symbols[0].sympos = symbol_pos;
	symbols[0].ptr = &pointer;
	if (is("no pointer"))
		symbols[0].ptr = NULL;
	if (is("const pointer"))
		symbols[0].ptr = (void **)&const_pointer;
	if (symbol || is("no name"))
		patch.num_symbols = 1;
	if (is("no symbols"))
		patch.symbols = NULL;
}

static void add_build_id(void)
{
	build_ids[0].id = build_id;
	build_ids[0].objname = object_of(build_of);
	if (build_id || is("no build ID"))
		patch.num_build_ids = 1;
	if (is("no build IDs"))
		patch.build_ids = NULL;
}

static int __init object_init(void)
{
	add(name, num_names, replacement, name_flags);
	funcs[0].sympos = sympos;
	add(clone, num_clones, replacement, KPATCH_CLONE);
	add(keep, num_kept, NULL, KPATCH_CLONE_KEEP);
	add_symbol();
	add_build_id();
	patch.set = set;
	patch.flags = flags | (enable ? 0 : KPATCH_LOAD_DISABLED);
	return kpatch_register(&patch);
}
module_init(object_init);

static void __exit object_exit(void)
{
	kpatch_unregister(&patch);
}
module_exit(object_exit);

MODULE_DESCRIPTION("kpatch test: functions of any module");
MODULE_LICENSE("GPL");
