/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Replacing functions of the running kernel, all at one instant: the interface
 * for patch modules. See Documentation/kpatch.txt.
 */
#ifndef _LINUX_KPATCH_H
#define _LINUX_KPATCH_H

#include <linux/build_bug.h>
#include <linux/cache.h>
#include <linux/compiler.h>
#include <linux/device/driver.h>
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/list.h>
#include <linux/module.h>
#include <linux/types.h>

struct kpatch_dir;
struct kpatch_module;
struct kpatch_ranges;
struct kpatch_report;

/**
 * enum kpatch_state - which version of a patch's functions a call reaches
 * @KPATCH_OFF: the version below the patch
 * @KPATCH_ON: the patch's version
 * @KPATCH_ADDING: the patch's version once the running transaction committed
 * @KPATCH_REMOVING: the patch's version until the running transaction committed
 */
enum kpatch_state {
	KPATCH_OFF,
	KPATCH_ON,
	KPATCH_ADDING,
	KPATCH_REMOVING,
};

/**
 * struct kpatch_stats - how switches of a patch went
 * @attempts: how often it was tried, since the patch was registered
 * @stops: how often the machine was stopped for that
 * @stop_ns: how long the machine stood still in the last stop, from the first CPU
 *	that stopped to the last one that went on, in nanoseconds
 * @max_stop_ns: the same in the longest stop
 * @work_ns: how much of the last stop was work, with all CPUs there, in
 *	nanoseconds: what kpatch.stop_budget_us bounds
 * @max_work_ns: the most work in one stop
 * @scanned: tasks looked at in the last attempt while the machine ran
 * @scanned_stopped: tasks looked at in the last stop
 */
struct kpatch_stats {
	unsigned long attempts;
	unsigned long stops;
	u64 stop_ns;
	u64 max_stop_ns;
	u64 work_ns;
	u64 max_work_ns;
	unsigned int scanned;
	unsigned int scanned_stopped;
};

/**
 * enum kpatch_func_flags - what a patch does with a clone of a function
 * @KPATCH_CLONE: the function is a clone, and the patch replaces it
 * @KPATCH_CLONE_KEEP: the function is a clone of one that the patch replaces, and
 *	stays as it is: the author has seen that its callers may go on to use it
 *
 * A compiler makes clones of a function under names such as foo.part.0, foo.isra.0
 * and foo.constprop.0. Their arguments are not those of foo(), and other functions
 * may call them without foo(). So a patch of foo() has to list each one, in one of
 * these ways.
 */
enum kpatch_func_flags {
	KPATCH_CLONE		= 1 << 0,
	KPATCH_CLONE_KEEP	= 1 << 1,
};

/**
 * struct kpatch_func - one function to replace
 * @old_name: name of the function to replace, unless @old_addr tells it
 * @sympos: which one of several functions of that name, in the order of
 *	kallsyms and counted from 1; 0 insists that there is just one
 * @old_addr: address of the function to replace, unless @old_name tells it
 * @new_addr: the replacement, a function of the patch module
 * @objname: module that has the function, %NULL for the kernel proper, which
 *	is all that can be patched at present
 *
 * The patch module fills in the members above. Those below belong to the core,
 * which sets them in kpatch_register() whatever they held before. What each call
 * of the function reads, from @new_addr to the first half of @node, is in one
 * cache line; so what the patch module fills in besides, @flags, is at the end.
 *
 * @ip: where ftrace calls us from in the old function, the key of the table
 * @kpmod: the patch that this function belongs to
 * @node: link in the table of patched functions, while the patch is enabled
 * @addr: start of the old function
 * @old_size: its size in bytes, up to the next symbol
 * @new_size: size of the replacement in bytes, up to the next symbol
 * @mod: the patch module
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

	/* The patch module's again: */
	unsigned int flags;
} ____cacheline_aligned;

/**
 * struct kpatch_module - a patch: functions that are replaced together
 * @mod: the patch module, THIS_MODULE
 * @funcs: the functions to replace
 * @num_funcs: how many they are
 *
 * The patch module fills in the members above. Those below belong to the core,
 * which sets them in kpatch_register() whatever they held before. All of it
 * has to stay in place from kpatch_register() to kpatch_unregister().
 *
 * @state: which version calls reach, see &enum kpatch_state; written under
 *	kpatch_mutex, read by the ftrace handler
 * @ready: registration is complete, others may switch the patch
 * @list: link in the list of registered patches
 * @old_ranges: text of the functions as the kernel was built with them
 * @new_ranges: text of the replacements
 * @report: who stood in the way of the last attempt to switch
 * @dir: the patch's directory in sysfs
 * @stats: how switches of this patch went
 */
struct kpatch_module {
	struct module *mod;
	struct kpatch_func *funcs;
	unsigned int num_funcs;

	/* Owned by the core: */
	enum kpatch_state state;
	bool ready;
	struct list_head list;
	struct kpatch_ranges *old_ranges;
	struct kpatch_ranges *new_ranges;
	struct kpatch_report *report;
	struct kpatch_dir *dir;
	struct kpatch_stats stats;
};

/* Its address, or the compiler says in words what is wrong. */
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
 * Fails to compile where the two differ in type, and says so. For a function that no
 * header declares use KPATCH_FUNC_NAMED().
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
 * For a clone of a function that the patch replaces. A task inside of it counts as
 * inside of that function when the patch is enabled. Later it may be called by
 * whoever calls it without that function.
 */
#define KPATCH_FUNC_CLONE_KEEP(_name) {					\
	.old_name = (_name),						\
	.flags = KPATCH_CLONE_KEEP,					\
}

/**
 * module_kpatch() - all that a patch module without other duties needs
 * @_funcs: array of struct kpatch_func
 *
 * Defines the patch and the functions that insmod and rmmod run. insmod enables
 * the patch and fails with the errno of kpatch_register() if it cannot; rmmod
 * works once the patch is disabled.
 */
#define module_kpatch(_funcs)						\
static struct kpatch_module kpatch_this_patch = {			\
	.mod = THIS_MODULE,						\
	.funcs = (_funcs),						\
	.num_funcs = sizeof(_funcs) / sizeof(struct kpatch_func) +	\
		     __must_be_array(_funcs),				\
};									\
module_driver(kpatch_this_patch, kpatch_register, kpatch_unregister)

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
