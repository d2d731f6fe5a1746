/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Replace functions of the running kernel at one instant: the interface for patch
 * modules. See Documentation/kpatch.txt.
 */
#ifndef _LINUX_KPATCH_H
#define _LINUX_KPATCH_H

#include <linux/bits.h>
#include <linux/build_bug.h>
#include <linux/cache.h>
#include <linux/compiler.h>
#include <linux/errno.h>
#include <linux/init.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/stringify.h>
#include <linux/types.h>

struct kpatch_module;
struct kpatch_patch;
struct kpatch_site;

/**
 * enum kpatch_state - which version of a patch's functions a call reaches
 * @KPATCH_OFF: the version below the patch
 * @KPATCH_ON: the patch's version
 * @KPATCH_ADDING: the patch's version once the current transaction has committed
 * @KPATCH_REMOVING: the patch's version until the current transaction has committed
 */
enum kpatch_state {
	KPATCH_OFF,
	KPATCH_ON,
	KPATCH_ADDING,
	KPATCH_REMOVING,
};

/**
 * enum kpatch_func_flags - what a patch does with a clone of a function
 * @KPATCH_CLONE: the function is a clone, and the patch replaces it
 * @KPATCH_CLONE_KEEP: the function is a clone of one that the patch replaces, and it
 *	stays as it is: the author asserts that its other callers may keep calling it
 *
 * Compilers make clones of a function under names such as foo.part.0, foo.isra.0
 * and foo.constprop.0. A clone has arguments of its own and may be called without
 * going through foo(). A patch of foo() must therefore list each clone with one of
 * these flags.
 */
enum kpatch_func_flags {
	KPATCH_CLONE		= BIT(0),
	KPATCH_CLONE_KEEP	= BIT(1),
};

/**
 * enum kpatch_module_flags - how a patch is registered
 * @KPATCH_LOAD_DISABLED: kpatch_register() leaves the patch disabled; it is enabled
 *	later, by kpatch_enable() or through sysfs
 */
enum kpatch_module_flags {
	KPATCH_LOAD_DISABLED	= BIT(0),
};

/**
 * struct kpatch_func - one function to replace
 * @old_name: name of the function to replace, unless @old_addr is set
 * @sympos: which of several functions of that name, counted from 1 in the order of
 *	kallsyms; 0 requires the name to be unique
 * @old_addr: address of the function to replace, unless @old_name is set
 * @new_addr: the replacement, a function of the patch module
 * @objname: the module that contains the function, %NULL for vmlinux; only
 *	functions of vmlinux can be patched at present
 *
 * The patch module fills in the members above. The members below belong to the
 * core, which sets them whatever they held before. The handler reads @new_addr to
 * the first half of @node on each call, all in one cache line. Further members for
 * the patch module to fill in, like @flags, are therefore at the end.
 *
 * @ip: the address in the old function that ftrace calls from, the key of the
 *	handler's table; 0 while the patch is disabled, and for a clone that is kept
 *	and cannot be traced
 * @kpmod: the patch that this function belongs to
 * @node: link in the handler's table, while the patch is enabled
 * @addr: start of the old function
 * @old_size: its size in bytes, up to the next symbol
 * @new_size: size of the replacement in bytes, up to the next symbol
 * @mod: the patch module
 * @site: the ftrace site at @ip, while it is hooked for this patch
 * @flags: one of &enum kpatch_func_flags if the function is a clone, else 0;
 *	filled in by the patch module
 */
struct kpatch_func {
	const char *old_name;
	unsigned long sympos;
	unsigned long old_addr;
	void *new_addr;
	const char *objname;

	/* Owned by the core: */
	unsigned long ip;
	struct kpatch_module *kpmod;
	struct hlist_node node;
	unsigned long addr;
	unsigned long old_size;
	unsigned long new_size;
	struct module *mod;
	struct kpatch_site *site;

	/* Filled in by the patch module: */
	unsigned int flags;
} ____cacheline_aligned;

/**
 * struct kpatch_module - a patch: functions that are replaced together
 * @mod: the patch module, THIS_MODULE
 * @funcs: the functions to replace
 * @num_funcs: number of elements in @funcs
 * @flags: &enum kpatch_module_flags
 *
 * The patch module fills in the members above. The members below belong to the
 * core, which sets them in kpatch_register() whatever they held before. The
 * structure and @funcs must stay in place from kpatch_register() until
 * kpatch_unregister() has succeeded.
 *
 * @state: which version calls reach; written under kpatch_mutex, read by the
 *	ftrace handler
 * @patch: all else that the core keeps for the patch
 */
struct kpatch_module {
	struct module *mod;
	struct kpatch_func *funcs;
	unsigned int num_funcs;
	unsigned int flags;

	/* Owned by the core: */
	enum kpatch_state state;
	struct kpatch_patch *patch;
};

/* Evaluates to the address of _new. If the types differ, a compile error says so. */
#define KPATCH_CHECKED(_old, _new)					\
	((void *)(_new) + 0 * sizeof(struct {				\
		static_assert(__builtin_types_compatible_p(		\
				      typeof(_old), typeof(_new)),	\
			      "kpatch: type of " #_new " differs from " \
			      "that of " #_old ", which it replaces");	\
	}))

/**
 * KPATCH_FUNC() - initialise a struct kpatch_func, checking types
 * @_old: the function to replace, as its header declares it
 * @_new: the replacement
 *
 * If the two types differ, a compile error says so. For a function that no header
 * declares use KPATCH_FUNC_NAMED().
 */
#define KPATCH_FUNC(_old, _new) {					\
	.old_name = __stringify(_old),					\
	.new_addr = KPATCH_CHECKED(_old, _new),				\
}

/**
 * KPATCH_FUNC_NAMED() - initialise a struct kpatch_func for a static function
 * @_name: name of the function to replace, a string
 * @_new: the replacement
 */
#define KPATCH_FUNC_NAMED(_name, _new) {				\
	.old_name = (_name),						\
	.new_addr = (void *)(_new),					\
}

/**
 * KPATCH_FUNC_CLONE() - initialise a struct kpatch_func for a clone
 * @_name: name of the clone to replace, a string such as "foo.part.0"
 * @_new: the replacement, with the arguments of the clone
 */
#define KPATCH_FUNC_CLONE(_name, _new) {				\
	.old_name = (_name),						\
	.new_addr = (void *)(_new),					\
	.flags = KPATCH_CLONE,						\
}

/**
 * KPATCH_FUNC_CLONE_KEEP() - list a clone that is not replaced
 * @_name: name of the clone, a string such as "foo.part.0"
 *
 * For a clone of a function that the patch replaces. When the patch is enabled, a
 * task inside the clone counts as inside that function. Afterwards other callers of
 * the clone may still call it.
 */
#define KPATCH_FUNC_CLONE_KEEP(_name) {					\
	.old_name = (_name),						\
	.flags = KPATCH_CLONE_KEEP,					\
}

/**
 * module_kpatch() - define a patch module that does nothing else
 * @_funcs: array of struct kpatch_func
 *
 * Defines the patch, the module's init and exit functions, and the mark in its
 * modinfo section that tells tools that this is a patch. insmod registers the patch
 * and enables it, and fails with the errno of kpatch_register(); with the module
 * parameter enable=0 it leaves the patch disabled. rmmod works while the patch is
 * disabled.
 */
#define module_kpatch(_funcs)						\
static struct kpatch_module _funcs##_patch = {				\
	.mod = THIS_MODULE,						\
	.funcs = (_funcs),						\
	.num_funcs = sizeof(_funcs) / sizeof(struct kpatch_func) +	\
		     __must_be_array(_funcs),				\
};									\
									\
static bool _funcs##_enable = true;					\
module_param_named(enable, _funcs##_enable, bool, 0);			\
MODULE_PARM_DESC(enable, "enable the patch when it is loaded");	\
MODULE_INFO(kpatch, "Y");						\
									\
static int __init _funcs##_init(void)					\
{									\
	if (!_funcs##_enable)						\
		_funcs##_patch.flags |= KPATCH_LOAD_DISABLED;		\
	return kpatch_register(&_funcs##_patch);			\
}									\
module_init(_funcs##_init);						\
									\
static void __exit _funcs##_exit(void)					\
{									\
	kpatch_unregister(&_funcs##_patch);				\
}									\
module_exit(_funcs##_exit)

#ifdef CONFIG_KPATCH

int kpatch_register(struct kpatch_module *kpmod);
int kpatch_unregister(struct kpatch_module *kpmod);
int kpatch_enable(struct kpatch_module *kpmod);
int kpatch_disable(struct kpatch_module *kpmod);

#else /* CONFIG_KPATCH */

static inline int kpatch_register(struct kpatch_module *kpmod)
{
	return -EOPNOTSUPP;
}

static inline int kpatch_unregister(struct kpatch_module *kpmod)
{
	return -EOPNOTSUPP;
}

static inline int kpatch_enable(struct kpatch_module *kpmod)
{
	return -EOPNOTSUPP;
}

static inline int kpatch_disable(struct kpatch_module *kpmod)
{
	return -EOPNOTSUPP;
}

#endif /* CONFIG_KPATCH */

#endif /* _LINUX_KPATCH_H */
