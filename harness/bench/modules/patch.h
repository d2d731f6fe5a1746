/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A patch module, for kpatch or, with BENCH_LIVEPATCH, for livepatch. The
 * including file defines FUNCS: F(name, replacement), once for each function, and
 * ORIGINAL, which sets a further member, if a replacement calls the original.
 *
 * The two parameters tell when the module asked for its patch, and when it was
 * given the answer, as CLOCK_MONOTONIC.
 */
#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/timekeeping.h>

static unsigned long long asked;
module_param(asked, ullong, 0444);
static unsigned long long answered;
module_param(answered, ullong, 0444);

/*
 * For functions of several objects, TABLE and OBJECTS are defined instead of FUNCS.
 * TABLE has the functions of one object after the other, each followed by F_END, and
 * F_IN() for those of modules. OBJECTS is an initialiser for livepatch.
 */
#ifdef TABLE
#undef FUNCS
#define FUNCS TABLE
#else
#define OBJECTS { .funcs = funcs },
#endif

#ifdef BENCH_LIVEPATCH
#include <linux/livepatch.h>

#define F(name, new)	{ .old_name = #name, .new_func = (void *)(new) },
#define F_IN(objname, name, new)	F(name, new)
#define F_END				{},
static struct klp_func funcs[] = { FUNCS {} };

static struct klp_object objects[] = { OBJECTS {} };

static struct klp_patch patch = {
	.mod = THIS_MODULE,
	.objs = objects,
};

static int ask(void)
{
	return klp_enable_patch(&patch);
}

static void bench_exit(void)
{
}

MODULE_INFO(livepatch, "Y");
#else
#define F_IN(_objname, name, new)					\
	KPATCH_FUNC_NAMED(#name, new, .objname = (_objname)),
#define F_END
/* Further members of the patch. */
#ifndef MEMBERS
#define MEMBERS
#endif

#include <linux/kpatch.h>

#ifndef ORIGINAL
#define ORIGINAL
#endif

#define F(name, new)	KPATCH_FUNC_NAMED(#name, new, ORIGINAL),
static struct kpatch_func funcs[] = { FUNCS };

static struct kpatch_module patch = {
	.mod = THIS_MODULE,
	.funcs = funcs,
	.num_funcs = ARRAY_SIZE(funcs),
	MEMBERS
};

static int ask(void)
{
	return kpatch_register(&patch);
}

static void bench_exit(void)
{
	kpatch_unregister(&patch);
}
#endif

static int __init bench_init(void)
{
	int ret;

	asked = ktime_get_mono_fast_ns();
	ret = ask();
	answered = ktime_get_mono_fast_ns();
	return ret;
}

module_init(bench_init);
module_exit(bench_exit);
MODULE_DESCRIPTION("kpatch benchmark: a patch");
MODULE_LICENSE("GPL");
