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
#include <linux/elf.h>
#include <linux/errno.h>
#include <linux/init.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/stringify.h>
#include <linux/types.h>

#ifdef CONFIG_HAVE_KPATCH_ORIGINAL
#include <asm/kpatch_original.h>
#else
#define arch_kpatch_construct_stub(_name)				\
	static_assert(0, "kpatch: " _name ": this architecture cannot call originals")
#endif

struct kpatch_module;
struct kpatch_object;
struct kpatch_patch;
struct kpatch_site;
struct kpatch_state;

/**
 * enum kpatch_status - which version of a patch's functions a call reaches
 * @KPATCH_OFF: the version below the patch
 * @KPATCH_ON: the patch's version
 * @KPATCH_ADDING: the patch's version once the current transaction has committed
 * @KPATCH_REMOVING: the patch's version until the current transaction has committed
 */
enum kpatch_status {
	KPATCH_OFF,
	KPATCH_ON,
	KPATCH_ADDING,
	KPATCH_REMOVING,
};

/**
 * enum kpatch_func_flags - how a patch treats a function
 * @KPATCH_CLONE: the function is a clone, and the patch replaces it
 * @KPATCH_CLONE_KEEP: the function is a clone of one that the patch replaces, and it
 *	stays as it is: the author asserts that its other callers may keep calling it
 * @KPATCH_KEEP_ALL_CLONES: the function has clones, or not: all that the patch does not
 *	list stay as they are, as if each were listed with %KPATCH_CLONE_KEEP
 * @KPATCH_UNCHECKED: tasks may be inside the function when it is switched: the author
 *	asserts that both versions may run side by side
 *
 * Compilers make clones of a function under names such as foo.part.0, foo.isra.0
 * and foo.constprop.0. A clone has arguments of its own and may be called without
 * going through foo(). A patch of foo() must therefore list each clone with one of
 * the first two flags, or set the third one for foo().
 *
 * %KPATCH_UNCHECKED is for functions that always have a task in them. A task that is
 * inside continues in the version that it is in, for as long as it takes. So the module
 * which that version is in can never be unloaded afterwards: when the patch is enabled,
 * that is the module that contains the function, or an older patch that has replaced
 * it; when the patch is disabled, the patch module itself. The flag covers the blocks
 * that the compiler has moved out of the old function (foo.cold), but not those of the
 * replacement. A clone that the patch replaces needs a flag of its own. A clone that is
 * kept cannot have it, and is checked.
 */
enum kpatch_func_flags {
	KPATCH_CLONE		= BIT(0),
	KPATCH_CLONE_KEEP	= BIT(1),
	KPATCH_KEEP_ALL_CLONES	= BIT(2),
	KPATCH_UNCHECKED	= BIT(3),
};

/**
 * enum kpatch_module_flags - how a patch is registered
 * @KPATCH_LOAD_DISABLED: kpatch_register() leaves the patch disabled; it is enabled
 *	later, by kpatch_enable() or through sysfs
 * @KPATCH_PIN_TARGETS: while the patch is enabled, the modules that its functions and
 *	symbols are in cannot be unloaded; they have to be loaded when it is enabled
 * @KPATCH_REPLACE: when the patch is enabled, all other patches of its set are disabled
 *	at the same instant. Functions that it does not have become the originals again.
 *
 * Without %KPATCH_PIN_TARGETS such a module may be loaded, unloaded and loaded again
 * at any time, see struct kpatch_symbol.
 */
enum kpatch_module_flags {
	KPATCH_LOAD_DISABLED	= BIT(0),
	KPATCH_PIN_TARGETS	= BIT(1),
	KPATCH_REPLACE		= BIT(2),
};

/**
 * struct kpatch_func - one function to replace
 * @old_name: name of the function to replace, unless @old_addr is set
 * @sympos: which of several functions of that name, counted from 1 in the order of
 *	kallsyms; 0 requires the name to be unique
 * @old_addr: address of the function to replace, unless @old_name is set
 * @new_addr: the replacement, a function of the patch module
 * @objname: name of the module that contains the function, as /proc/modules lists
 *	it, %NULL for vmlinux; the module need not be loaded
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
 * @object: vmlinux or the module that the function is in
 * @in_object: link in the list of all functions of @object
 * @in_replaced: link in the list of those that are not kept
 * @flags: &enum kpatch_func_flags; filled in by the patch module
 * @original: a stub that KPATCH_ORIGINAL() has defined, to call the function as the
 *	kernel was built, %NULL if the patch does not call it; filled in by the patch
 *	module
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
	struct kpatch_object *object;
	struct list_head in_object;
	struct list_head in_replaced;

	/* Filled in by the patch module: */
	unsigned int flags;
	void *original;
} ____cacheline_aligned;

/**
 * struct kpatch_symbol - a symbol that is not exported, for a patch to use
 * @name: name of the symbol, a function or a variable
 * @ptr: the pointer that is set to its address
 * @objname: name of the module that contains the symbol, %NULL for vmlinux
 * @sympos: which of several symbols of that name, counted from 1 in the order of
 *	kallsyms, without those in init sections; 0 requires the name to be unique
 *
 * The pointer is set before the patch is enabled, and keeps its value when the patch
 * is disabled. If the symbol is in a module, the pointer is set before the init of
 * that module runs, and cleared when the module is gone. Replacements of functions of
 * that module can use it. Others cannot, even if they test it for %NULL, unless the
 * patch sets %KPATCH_PIN_TARGETS, or they read the pointer once and use it in the same
 * RCU read-side section; there the module may still be initialising. The patch module
 * fills in all members.
 */
struct kpatch_symbol {
	const char *name;
	void **ptr;
	const char *objname;
	unsigned long sympos;
};

/**
 * struct kpatch_build_id - a build that a patch was made for
 * @objname: name of a module, %NULL for vmlinux
 * @id: its build ID in hexadecimal, as "file" shows it
 *
 * The patch is refused, or the module if it is loaded later, if the build differs.
 */
struct kpatch_build_id {
	const char *objname;
	const char *id;
};

/**
 * struct kpatch_module - a patch: functions that are replaced together
 * @mod: the patch module, THIS_MODULE
 * @funcs: the functions to replace; none if the patch only has states
 * @num_funcs: number of elements in @funcs
 * @flags: &enum kpatch_module_flags
 * @symbols: symbols that are not exported and that the patch uses
 * @num_symbols: number of elements in @symbols
 * @build_ids: the builds that the patch was made for
 * @num_build_ids: number of elements in @build_ids
 * @states: what the patch changes besides functions, see linux/kpatch_state.h
 * @num_states: number of elements in @states
 * @set: name of the set that the patch belongs to, %NULL for the set "default"
 * @started: called each time the patch has been enabled, and when an attempt to disable
 *	it has failed
 * @stopping: called each time before the patch is disabled; an errno refuses that
 *
 * @started and @stopping may sleep. They are called from a kernel thread, without locks,
 * while the patch is enabled, to start and stop what runs code of the patch module by
 * itself, such as timers and threads. They must not call kpatch. Modules that the patch
 * does not pin may come and go meanwhile, and so may their states.
 *
 * The patch module fills in the members above. The members below belong to the
 * core, which sets them in kpatch_register() whatever they held before. The
 * structure, all arrays and @set must stay in place from kpatch_register() until
 * kpatch_unregister() has succeeded.
 *
 * Patches of one set may replace the same function: the newest one that is enabled wins.
 * Patches of different sets may not, as neither knows of the other.
 *
 * @status: which version calls reach; written under kpatch_mutex, read by the
 *	ftrace handler
 * @patch: all else that the core keeps for the patch
 */
struct kpatch_module {
	struct module *mod;
	struct kpatch_func *funcs;
	unsigned int num_funcs;
	unsigned int flags;
	const struct kpatch_symbol *symbols;
	unsigned int num_symbols;
	const struct kpatch_build_id *build_ids;
	unsigned int num_build_ids;
	struct kpatch_state *states;
	unsigned int num_states;
	const char *set;
	void (*started)(struct kpatch_module *kpmod);
	int (*stopping)(struct kpatch_module *kpmod);

	/* Owned by the core: */
	enum kpatch_status status;
	struct kpatch_patch *patch;
};

/**
 * struct kpatch_wanted - what a patch is to become, for kpatch_switch_patches()
 * @kpmod: the patch, registered
 * @status: %KPATCH_ON to enable it, %KPATCH_OFF to disable it
 */
struct kpatch_wanted {
	struct kpatch_module *kpmod;
	enum kpatch_status status;
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
 * @...: further members of struct kpatch_func, as in .objname = "ext4"
 *
 * If the two types differ, a compile error says so. For a function that no header
 * declares use KPATCH_FUNC_NAMED().
 */
#define KPATCH_FUNC(_old, _new, ...) {					\
	.old_name = __stringify(_old),					\
	.new_addr = KPATCH_CHECKED(_old, _new),				\
	__VA_ARGS__							\
}

/**
 * KPATCH_FUNC_NAMED() - initialise a struct kpatch_func for a static function
 * @_name: name of the function to replace, a string
 * @_new: the replacement
 * @...: further members of struct kpatch_func, as in .objname = "ext4"
 */
#define KPATCH_FUNC_NAMED(_name, _new, ...) {				\
	.old_name = (_name),						\
	.new_addr = (void *)(_new),					\
	__VA_ARGS__							\
}

/**
 * KPATCH_FUNC_CLONE() - initialise a struct kpatch_func for a clone
 * @_name: name of the clone to replace, a string such as "foo.part.0"
 * @_new: the replacement, with the arguments of the clone
 * @...: further members of struct kpatch_func, as in .objname = "ext4"
 */
#define KPATCH_FUNC_CLONE(_name, _new, ...) {				\
	.old_name = (_name),						\
	.new_addr = (void *)(_new),					\
	.flags = KPATCH_CLONE,						\
	__VA_ARGS__							\
}

/**
 * KPATCH_FUNC_CLONE_KEEP() - list a clone that is not replaced
 * @_name: name of the clone, a string such as "foo.part.0"
 * @...: further members of struct kpatch_func, as in .objname = "ext4"
 *
 * For a clone of a function that the patch replaces. When the patch is enabled, a
 * task inside the clone counts as inside that function. Afterwards other callers of
 * the clone may still call it.
 */
#define KPATCH_FUNC_CLONE_KEEP(_name, ...) {				\
	.old_name = (_name),						\
	.flags = KPATCH_CLONE_KEEP,					\
	__VA_ARGS__							\
}

/**
 * KPATCH_ORIGINAL() - define a function that runs the original of a replaced one
 * @_name: name of the function to define, unique in the module
 * @_like: a declared function with the same type: the function to replace or, if no
 *	header declares that, the replacement
 *
 * At file scope. The original is the function as the kernel was built. A patch that
 * calls it sets @original of its struct kpatch_func, and the replacement uses
 * kpatch_call_original()::
 *
 *   KPATCH_ORIGINAL(original_foo, foo);
 *
 *   static int new_foo(int n)
 *   {
 *           return n < LIMIT ? kpatch_call_original(original_foo, n) : -EINVAL;
 *   }
 *
 *   static struct kpatch_func funcs[] = {
 *           KPATCH_FUNC(foo, new_foo, .original = original_foo),
 *   };
 *
 * The function works in any context, NMIs included, once the patch has been enabled.
 * Before that it must not be called. The original of a function of a module can only be
 * called from replacements of functions of that module, unless the patch sets
 * %KPATCH_PIN_TARGETS. Not every architecture has it.
 */
#define KPATCH_ORIGINAL(_name, _like)					\
	extern typeof(_like) _name;					\
	arch_kpatch_construct_stub(#_name)

/* Runs at the end of kpatch_call_original(): something is left to do after the call. */
static __always_inline void kpatch_after_original(const char *unused)
{
	barrier();
}

/**
 * kpatch_call_original() - call the original of a function from its replacement
 * @_name: a function that KPATCH_ORIGINAL() has defined
 * @...: its arguments
 *
 * A plain call in the last statement of the replacement could become a jump. Then the
 * stack of a task in the original would not show that the replacement has called it.
 *
 * Return: what the original returns.
 */
#define kpatch_call_original(_name, ...) ({				\
	const char __kpatch_frame					\
		__cleanup(kpatch_after_original) __maybe_unused = 0;	\
	(_name)(__VA_ARGS__);						\
})

/* Evaluates to the address of _ptr. If its type is wrong, a compile error says so. */
#define KPATCH_CHECKED_PTR(_name, _ptr)					\
	((void **)&(_ptr) + 0 * sizeof(struct {				\
		static_assert(__builtin_types_compatible_p(		\
				      typeof(_name) *, typeof(_ptr)),	\
			      "kpatch: " #_ptr " is no pointer to the " \
			      "type of " #_name);			\
	}))

/**
 * KPATCH_SYMBOL() - initialise a struct kpatch_symbol, checking types
 * @_name: the function or variable, as its header declares it
 * @_ptr: the pointer to set, a static variable
 * @...: further members of struct kpatch_symbol, as in .objname = "ext4"
 *
 * For a symbol that no header declares, declare it, or use KPATCH_SYMBOL_NAMED().
 */
#define KPATCH_SYMBOL(_name, _ptr, ...) {				\
	.name = __stringify(_name),					\
	.ptr = KPATCH_CHECKED_PTR(_name, _ptr),				\
	__VA_ARGS__							\
}

/**
 * KPATCH_SYMBOL_NAMED() - initialise a struct kpatch_symbol, without a check of types
 * @_name: name of the function or variable, a string
 * @_ptr: the pointer to set, a static variable
 * @...: further members of struct kpatch_symbol, as in .objname = "ext4"
 */
#define KPATCH_SYMBOL_NAMED(_name, _ptr, ...) {				\
	.name = (_name),						\
	.ptr = (void **)&(_ptr),					\
	__VA_ARGS__							\
}

/* Members of struct kpatch_module for module_kpatch(), each from an array. */
#define KPATCH_SYMBOLS(_symbols)					\
	.symbols = (_symbols),						\
	.num_symbols = sizeof(_symbols) / sizeof(struct kpatch_symbol) + \
		       __must_be_array(_symbols)
#define KPATCH_BUILD_IDS(_ids)						\
	.build_ids = (_ids),						\
	.num_build_ids = sizeof(_ids) / sizeof(struct kpatch_build_id) + \
			 __must_be_array(_ids)

/**
 * KPATCH_INFO() - have a patch say something of itself
 * @_tag: what it says: fix, release, expires or another word
 * @_value: the value, a string without line breaks
 *
 * At file scope. A tag may have several values::
 *
 *   KPATCH_INFO(fix, "CVE-2026-12345");
 *
 * This makes a modinfo field kpatch_<tag>, for the module's file, and a note with the same
 * contents, which /sys/module/<module>/notes shows while the module is loaded. See
 * Documentation/kpatch.txt for the tags that the kpatch command knows. The core reads none.
 */
#define KPATCH_INFO(_tag, _value)	__KPATCH_INFO(_tag, _value)

#define __KPATCH_INFO(_tag, ...)					\
	MODULE_INFO(kpatch_##_tag, __VA_ARGS__);			\
	static const struct {						\
		struct elf32_note head;					\
		char owner[8];						\
		char text[sizeof(#_tag "=" __VA_ARGS__)];		\
	} __UNIQUE_ID(kpatch_note) __used __aligned(4)			\
	__section(".note.kpatch") = {					\
		.head.n_namesz = sizeof("kpatch"),			\
		.head.n_descsz = sizeof(#_tag "=" __VA_ARGS__),		\
		.owner = "kpatch",					\
		.text = #_tag "=" __VA_ARGS__,				\
	}

/* A patch, the init and exit functions of its module, and the mark in its modinfo. */
#define __module_kpatch(_prefix, ...)					\
static struct kpatch_module _prefix##_patch = {				\
	.mod = THIS_MODULE,						\
	__VA_ARGS__							\
};									\
									\
static bool _prefix##_enable = true;					\
module_param_named(enable, _prefix##_enable, bool, 0);			\
MODULE_PARM_DESC(enable, "enable the patch when it is loaded");	\
static bool _prefix##_replace;						\
module_param_named(replace, _prefix##_replace, bool, 0);		\
MODULE_PARM_DESC(replace, "disable the other patches of its set when it is enabled"); \
MODULE_INFO(kpatch, "Y");						\
									\
static int __init _prefix##_init(void)					\
{									\
	if (!_prefix##_enable)						\
		_prefix##_patch.flags |= KPATCH_LOAD_DISABLED;		\
	if (_prefix##_replace)						\
		_prefix##_patch.flags |= KPATCH_REPLACE;		\
	return kpatch_register(&_prefix##_patch);			\
}									\
module_init(_prefix##_init);						\
									\
static void __exit _prefix##_exit(void)					\
{									\
	kpatch_unregister(&_prefix##_patch);				\
}									\
module_exit(_prefix##_exit)

/**
 * module_kpatch() - define a patch module that does nothing else
 * @_funcs: array of struct kpatch_func
 * @...: further members of struct kpatch_module, as in .flags = KPATCH_PIN_TARGETS, or
 *	KPATCH_SYMBOLS(array), KPATCH_BUILD_IDS(array), KPATCH_STATES(array)
 *
 * Defines the patch, the module's init and exit functions, and the mark in its
 * modinfo section that tells tools that this is a patch. insmod registers the patch
 * and enables it, and fails with the errno of kpatch_register(); with the module
 * parameter enable=0 it leaves the patch disabled, and with replace=1 it sets
 * %KPATCH_REPLACE. rmmod works while the patch is
 * disabled.
 */
#define module_kpatch(_funcs, ...)					\
	__module_kpatch(kpmod, .funcs = (_funcs),			\
			.num_funcs = sizeof(_funcs) / sizeof(struct kpatch_func) + \
				     __must_be_array(_funcs),		\
			__VA_ARGS__)

/**
 * module_kpatch_states() - define a patch module that replaces no functions
 * @_states: array of struct kpatch_state
 * @...: further members of struct kpatch_module
 *
 * As module_kpatch(), for a patch that only has states.
 */
#define module_kpatch_states(_states, ...)				\
	__module_kpatch(kpmod, KPATCH_STATES(_states), __VA_ARGS__)

#ifdef CONFIG_KPATCH

int kpatch_register(struct kpatch_module *kpmod);
int kpatch_unregister(struct kpatch_module *kpmod);
int kpatch_enable(struct kpatch_module *kpmod);
int kpatch_disable(struct kpatch_module *kpmod);
int kpatch_switch_patches(const struct kpatch_wanted *wanted, unsigned int nr);

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

static inline int kpatch_switch_patches(const struct kpatch_wanted *wanted,
					unsigned int nr)
{
	return -EOPNOTSUPP;
}

#endif /* CONFIG_KPATCH */

#endif /* _LINUX_KPATCH_H */
