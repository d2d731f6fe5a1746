// SPDX-License-Identifier: GPL-2.0-only
/*
 * A patch whose structures come from kmalloc(). All fields that the patch module
 * does not have to fill in contain garbage.
 */
#include <linux/kpatch_state.h>
#include <linux/sched/loadavg.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/string.h>

#define POISON 0xa5

static struct kpatch_module *patch;

static int new_cmdline_proc_show(struct seq_file *m, void *v)
{
	seq_printf(m, "%s: new cmdline\n", THIS_MODULE->name);
	return 0;
}

static void new_get_avenrun(unsigned long *loads, unsigned long offset, int shift)
{
	loads[0] = offset << shift;
	loads[1] = loads[0];
	loads[2] = loads[0];
}

/* Each way to fill in the author's part of a function. */
static const struct kpatch_func templates[] = {
	KPATCH_FUNC_NAMED("cmdline_proc_show", new_cmdline_proc_show),
	KPATCH_FUNC(get_avenrun, new_get_avenrun),
};

static void fill_in(struct kpatch_func *func, const struct kpatch_func *from)
{
	memset(func, POISON, sizeof(*func));
	func->old_name = from->old_name;
	func->sympos = from->sympos;
	func->old_addr = from->old_addr;
	func->new_addr = from->new_addr;
	func->objname = from->objname;
	func->flags = from->flags;
	func->original = from->original;
}

static struct kpatch_state state;

static void fill_in_state(void)
{
	memset(&state, POISON, sizeof(state));
	state.id = 7;
	state.objname = NULL;
	state.flags = 0;
	state.setup = NULL;
	state.release = NULL;
	state.check_enter = NULL;
	state.check_leave = NULL;
	state.enter = NULL;
	state.leave = NULL;
	state.shadow_dtor = NULL;
}

static void fill_in_all(struct kpatch_func *funcs)
{
	unsigned int i;

	fill_in_state();
	for (i = 0; i < ARRAY_SIZE(templates); i++)
		fill_in(&funcs[i], &templates[i]);
	memset(patch, POISON, sizeof(*patch));
	patch->mod = THIS_MODULE;
	patch->funcs = funcs;
	patch->num_funcs = ARRAY_SIZE(templates);
	patch->flags = 0;
	patch->symbols = NULL;
	patch->num_symbols = 0;
	patch->build_ids = NULL;
	patch->num_build_ids = 0;
	patch->set = NULL;
	patch->states = &state;
	patch->num_states = 1;
	patch->started = NULL;
	patch->stopping = NULL;
}

static int __init poison_init(void)
{
	struct kpatch_func *funcs;
	int ret;

	funcs = kmalloc_array(ARRAY_SIZE(templates), sizeof(*funcs), GFP_KERNEL);
	patch = kmalloc_array(1, sizeof(*patch), GFP_KERNEL);
	if (!funcs || !patch) {
		ret = -ENOMEM;
	} else {
		fill_in_all(funcs);
		ret = kpatch_register(patch);
	}
	if (ret) {
		kfree(funcs);
		kfree(patch);
	}
	return ret;
}
module_init(poison_init);

static void __exit poison_exit(void)
{
	kpatch_unregister(patch);
	kfree(patch->funcs);
	kfree(patch);
}
module_exit(poison_exit);

MODULE_DESCRIPTION("kpatch test: structures full of garbage");
MODULE_LICENSE("GPL");
