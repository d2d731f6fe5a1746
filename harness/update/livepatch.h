/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Instead of linux/kpatch.h, for the file init.c of a module that kpatch build has made: the
 * same functions become a livepatch.
 */
#include <linux/livepatch.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/string.h>

/* livepatch replaces a clone like any other function, and checks no build. */
#define KPATCH_CLONE			0
#define KPATCH_KEEP_ALL_CLONES		0
#define KPATCH_UNCHECKED		0
#define KPATCH_INFO(_tag, _value)
#define KPATCH_BUILD_IDS(_ids)		(void)(_ids)

struct kpatch_build_id {
	const char *objname;
	const char *id;
};

struct kpatch_func {
	const char *name;
	void *new;
	unsigned long flags;
	unsigned long sympos;
	const char *objname;
};

#define KPATCH_FUNC_NAMED(_name, _new, ...) {				\
	.name = (_name),						\
	.new = (_new),							\
	__VA_ARGS__							\
}

static struct klp_patch patch = { .mod = THIS_MODULE };
static struct klp_object *objects;
static struct klp_func *functions;

static void free_patch(void)
{
	kfree(functions);
	kfree(objects);
}

static bool is_of(const struct kpatch_func *func, const char *objname)
{
	return func->objname == objname ||
	       (func->objname && objname && !strcmp(func->objname, objname));
}

/* Whether no function before this one is of the same object. */
static bool is_first(const struct kpatch_func *funcs, unsigned int i)
{
	unsigned int j;

	for (j = 0; j < i; j++)
		if (is_of(&funcs[j], funcs[i].objname))
			return false;
	return true;
}

/* Functions of each object, in arrays that an empty element ends. */
static void __init fill_patch(const struct kpatch_func *funcs, unsigned int num)
{
	struct klp_object *obj = objects;
	struct klp_func *func = functions;
	unsigned int i, j;

	for (i = 0; i < num; i++) {
		if (!is_first(funcs, i))
			continue;
		obj->name = funcs[i].objname;
		obj->funcs = func;
		for (j = i; j < num; j++) {
			if (!is_of(&funcs[j], obj->name))
				continue;
			func->old_name = funcs[j].name;
			func->new_func = funcs[j].new;
			func->old_sympos = funcs[j].sympos;
			func++;
		}
		func++;
		obj++;
	}
	patch.objs = objects;
}

static int __init enable_patch(const struct kpatch_func *funcs, unsigned int num)
{
	int ret = -ENOMEM;

	objects = kcalloc(num + 1, sizeof(*objects), GFP_KERNEL);
	functions = kcalloc(2 * num, sizeof(*functions), GFP_KERNEL);
	if (objects && functions) {
		fill_patch(funcs, num);
		ret = klp_enable_patch(&patch);
	}
	if (ret)
		free_patch();
	return ret;
}

#define module_kpatch(_funcs, ...)					\
static int __init livepatch_init(void)					\
{									\
	__VA_ARGS__;							\
	return enable_patch(_funcs, ARRAY_SIZE(_funcs));			\
}									\
module_init(livepatch_init);						\
									\
static void __exit livepatch_exit(void)					\
{									\
	free_patch();							\
}									\
module_exit(livepatch_exit)
