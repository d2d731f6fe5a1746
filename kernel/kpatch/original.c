// SPDX-License-Identifier: GPL-2.0-only
/*
 * Stubs through which patches call the originals of functions. KPATCH_ORIGINAL()
 * defines them in the patch modules.
 *
 * A stub is one jump to the first instruction behind the hook of the function. A call
 * of the stub thus has the same stack as a call of the function, and bypasses ftrace.
 * The module is linked before the address of the function is known, so the jump is
 * written here.
 */
#include "common.h"

#include <linux/memory.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/smp.h>

#include <asm/kpatch.h>

#include "original.h"

#ifdef CONFIG_HAVE_KPATCH_ORIGINAL

static bool is_stub(const struct kpatch_func *func)
{
	unsigned long start = (unsigned long)func->original;

	return within_module_mem_type(start, func->mod, MOD_TEXT) &&
	       within_module_mem_type(start + KPATCH_STUB_SIZE - 1, func->mod,
				      MOD_TEXT) &&
	       arch_kpatch_is_stub(func->original);
}

/*
 * Whether a function in front of this one has its stub. There are few functions with a
 * stub, but there may be many functions.
 */
static bool is_shared(const struct kpatch_func *func)
{
	const struct kpatch_func *other;

	for (other = func->kpmod->funcs; other < func; other++) {
		if (other->original == func->original)
			return true;
	}
	return false;
}

/**
 * kpatch_original_check() - check the stub of a function
 * @func: the function; those that the core owns of its members are set
 *
 * Return: 0, also if it has no stub; else an errno as kpatch_register() lists them,
 * with a line logged.
 */
int kpatch_original_check(const struct kpatch_func *func)
{
	if (!func->original)
		return 0;
	if (!is_stub(func))
		return kpatch_refuse(KPATCH_CAUSE_NO_STUB, .func = func);
	if (is_shared(func))
		return kpatch_refuse(KPATCH_CAUSE_SHARED_STUB, .func = func);
	return 0;
}

/**
 * kpatch_original_add_text() - add the stub of a function to the text of its replacement
 * @func: the function
 * @text: the set of ranges to add it to
 *
 * A task that was interrupted in the stub will execute the original next.
 *
 * Return: 0, also if it has no stub; or -ENOMEM.
 */
int kpatch_original_add_text(struct kpatch_func *func,
			     struct kpatch_ranges *text)
{
	unsigned long start = (unsigned long)func->original;

	if (!start)
		return 0;
	return kpatch_ranges_add(text, start, start + KPATCH_STUB_SIZE,
				 KPATCH_RANGE_OLD, func);
}

static bool write_stubs(const struct kpatch_object *object)
{
	struct kpatch_func *func;
	bool changed = false;

	guard(mutex)(&text_mutex);
	kpatch_for_each_replaced(func, object) {
		if (func->original)
			changed |= arch_kpatch_write_stub(func->original,
							  func->ip);
	}
	return changed;
}

static void sync_cpu(void *unused)
{
	arch_kpatch_sync();
}

/**
 * kpatch_original_write() - let the stubs of an object jump to the originals
 * @object: the object, bound and not live, so nobody calls the stubs
 *
 * A stub is written again if its function is at another address than before: a module
 * that was loaded again. The jump stays when the patch is disabled.
 *
 * Context: process context, sleeps, under kpatch_mutex. Interrupts all CPUs if there
 * is something to write: each one has to see it before it calls a stub. This cannot be
 * left to the stop, where CPUs do not serialise.
 */
void kpatch_original_write(const struct kpatch_object *object)
{
	lockdep_assert_held(&kpatch_mutex);
	if (write_stubs(object))
		on_each_cpu(sync_cpu, NULL, 1);
}

#else /* CONFIG_HAVE_KPATCH_ORIGINAL */

int kpatch_original_check(const struct kpatch_func *func)
{
	if (!func->original)
		return 0;
	return kpatch_refuse(KPATCH_CAUSE_NO_ORIGINALS, .func = func);
}

int kpatch_original_add_text(struct kpatch_func *func,
			     struct kpatch_ranges *text)
{
	return 0;
}

void kpatch_original_write(const struct kpatch_object *object)
{
}

#endif /* CONFIG_HAVE_KPATCH_ORIGINAL */
