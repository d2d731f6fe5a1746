/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What an author adds to a source diff that kpatch-build makes a patch module from. A
 * file that the diff changes includes this header and uses the macros at file scope. See
 * "From a source diff" in Documentation/kpatch.txt.
 *
 * Most macros leave text in .modinfo of the object, where kpatch-build finds it: that
 * changes no code.
 */
#ifndef _LINUX_KPATCH_DIFF_H
#define _LINUX_KPATCH_DIFF_H

#include <linux/compiler.h>
#include <linux/kpatch.h>
#include <linux/kpatch_state.h>
#include <linux/module.h>

#define KPATCH_DIFF_SAY(_tag, _text)					\
	MODULE_INFO(kpatch_diff_##_tag, _text)

/* For a macro that stands for several declarations. */
#define KPATCH_DIFF_SEVERAL(...) __VA_ARGS__

/**
 * KPATCH_DIFF_STATE() - define a state that the patch declares
 * @_name: name of the struct kpatch_state to define, unique in the patch
 *
 * The initialiser follows, as of any structure, and &_name is what the calls for shadow
 * variables take::
 *
 *   KPATCH_DIFF_STATE(limits) = {
 *           .enter = lower_limits,
 *           .leave = raise_limits,
 *   };
 *
 * A file may define several, and several files may. The order in which they are entered
 * is not defined.
 */
#define KPATCH_DIFF_STATE(_name)					\
	struct kpatch_state _name __section(".data..kpatch_states")	\
		__aligned(__alignof__(struct kpatch_state))

/**
 * KPATCH_DIFF_STARTED() - name the function to call when the patch has been enabled
 * @_func: a new function of the type of @started in struct kpatch_module
 *
 * At most one in a patch.
 */
#define KPATCH_DIFF_STARTED(_func)					\
	static void (*kpatch_diff_started)(struct kpatch_module *kpmod)	\
		__used __section(".discard.addressable") = _func;	\
	KPATCH_DIFF_SAY(started, #_func)

/**
 * KPATCH_DIFF_STOPPING() - name the function to call before the patch is disabled
 * @_func: a new function of the type of @stopping in struct kpatch_module
 *
 * At most one in a patch.
 */
#define KPATCH_DIFF_STOPPING(_func)					\
	static int (*kpatch_diff_stopping)(struct kpatch_module *kpmod)	\
		__used __section(".discard.addressable") = _func;	\
	KPATCH_DIFF_SAY(stopping, #_func)

/* What only the original uses is unused in the file then. */
__diag_ignore_all("-Wunused-function", "used by the original");
__diag_ignore_all("-Wunused-variable", "used by the original");
__diag_ignore_all("-Wunused-const-variable", "used by the original");

/**
 * KPATCH_DIFF_ORIGINAL() - declare a function that runs the original of a changed one
 * @_name: name of the function to declare, unique in the patch
 * @_func: a function that the diff changes, declared before
 *
 * The new version of @_func calls it with kpatch_call_original(_name, ...).
 */
#define KPATCH_DIFF_ORIGINAL(_name, _func)				\
	KPATCH_DIFF_SEVERAL(extern typeof(_func) _name;			\
			    KPATCH_DIFF_SAY(original, #_func " " #_name))

/**
 * KPATCH_DIFF_UNCHECKED() - set %KPATCH_UNCHECKED for a function
 * @_func: a function that the diff changes
 *
 * The flag is set for clones that the compiler has made of the function, too.
 */
#define KPATCH_DIFF_UNCHECKED(_func)	KPATCH_DIFF_SAY(unchecked, #_func)

/**
 * KPATCH_DIFF_KEEP() - leave a function as it is
 * @_func: a function whose code changes because of the diff; in most cases one that has
 *	inlined a function which the diff changes
 *
 * The author asserts that it may run beside all that the patch replaces. In particular,
 * it initialises nothing that only new code reads, and needs no lock that new code takes.
 * Clones of the function are functions of their own here, such as foo.isra.0.
 */
#define KPATCH_DIFF_KEEP(_func)		KPATCH_DIFF_SAY(keep, #_func)

/**
 * KPATCH_DIFF_LAYOUT() - assert that a type may change
 * @_name: tag of a structure, union or enumeration, without the keyword
 *
 * Like the option --layout of kpatch-build.
 */
#define KPATCH_DIFF_LAYOUT(_name)	KPATCH_DIFF_SAY(layout, #_name)

/**
 * KPATCH_DIFF_PIN_TARGETS() - set %KPATCH_PIN_TARGETS for the patch
 */
#define KPATCH_DIFF_PIN_TARGETS()	KPATCH_DIFF_SAY(pin_targets, "Y")

#endif /* _LINUX_KPATCH_DIFF_H */
