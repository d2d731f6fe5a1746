/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * States: what a patch changes besides functions. Data that is converted in the switch,
 * callbacks, and shadow variables. See Documentation/kpatch.txt.
 */
#ifndef _LINUX_KPATCH_STATE_H
#define _LINUX_KPATCH_STATE_H

#include <linux/bits.h>
#include <linux/compiler.h>
#include <linux/kpatch.h>
#include <linux/types.h>

struct kpatch_instance;

/**
 * enum kpatch_state_flags - what is special about a state
 * @KPATCH_STATE_PERMANENT: the patch cannot leave the state: it cannot be disabled while
 *	it is the last enabled one that declares it. Not for a state with id 0.
 */
enum kpatch_state_flags {
	KPATCH_STATE_PERMANENT	= BIT(0),
};

/**
 * struct kpatch_state - something that a patch changes besides functions
 * @id: which state this is. Patches that declare the same @id and @objname share the
 *	state. 0: the state is private to this patch.
 * @objname: name of the module that the state is about, %NULL for vmlinux. The state
 *	exists only while that module is loaded.
 * @flags: &enum kpatch_state_flags
 * @setup: prepare to enter: allocate memory, find objects. May sleep. An errno refuses
 *	the operation, and nothing else is called for the state.
 * @release: undo @setup, once the state has been left or could not be entered. May sleep.
 * @check_enter: in the stop, before the commit: 0 if the state can be entered now.
 *	-EAGAIN if the switch is to be tried again, another errno if it has to fail.
 *	Changes nothing. Also called in a dry run, then without @setup.
 * @check_leave: the same, before the state is left
 * @enter: in the stop, right after the commit: convert data
 * @leave: the same, to convert it back
 * @shadow_dtor: called for each shadow variable that is left when the state has been
 *	left, after a grace period of RCU. May sleep.
 *
 * The first enabled patch that declares a state enters it, and the last one that is
 * disabled leaves it. In between it is handed over: nothing is called. Each callback may
 * be %NULL. The patch module fills in the members above. The members below belong to the
 * core.
 *
 * @list: link in the list of states of the patch
 * @object: vmlinux or the module that the state is about
 * @instance: what the patches that declare the state share, while there is any
 *
 * @setup and @release are called from a kernel thread, without locks. @check_enter,
 * @check_leave, @enter and @leave are called with all CPUs stopped and interrupts off, on
 * one CPU: no task, softirq or hardirq runs anywhere, but tasks may be preempted in the
 * middle of anything that only mutexes protect. They must not sleep, allocate memory,
 * change text, static keys or page tables, or interrupt other CPUs. What they print
 * appears later.
 *
 * For a module that is loaded after the patch was enabled, @setup and @enter are called
 * by the task that loads it, @enter with interrupts off. An errno of @setup refuses the
 * module. When it goes, @leave is called in the same way, while other CPUs run and may
 * be in the parameters of the module, and then @release. None of them may call into the
 * module, load another one, or call kpatch. @release must not use the module at all.
 */
struct kpatch_state {
	unsigned long id;
	const char *objname;
	unsigned int flags;
	int (*setup)(struct kpatch_state *state);
	void (*release)(struct kpatch_state *state);
	int (*check_enter)(struct kpatch_state *state);
	int (*check_leave)(struct kpatch_state *state);
	void (*enter)(struct kpatch_state *state);
	void (*leave)(struct kpatch_state *state);
	void (*shadow_dtor)(void *obj, void *data);

	/* Owned by the core: */
	struct list_head list;
	struct kpatch_object *object;
	struct kpatch_instance *instance;
};

/* Members of struct kpatch_module for module_kpatch(), from an array of states. */
#define KPATCH_STATES(_states)						\
	.states = (_states),						\
	.num_states = sizeof(_states) / sizeof(struct kpatch_state) +	\
		      __must_be_array(_states)

/**
 * typedef kpatch_shadow_ctor - initialise a new shadow variable
 * @obj: the object that it belongs to
 * @data: the variable, zeroed
 * @arg: what the caller has passed
 *
 * Context: as the caller; under a raw spinlock with interrupts off. Of the calls for
 * shadow variables only kpatch_shadow_get() is allowed.
 *
 * Return: 0; an errno if the variable is not to be attached.
 */
typedef int (*kpatch_shadow_ctor)(void *obj, void *data, void *arg);

/**
 * typedef kpatch_shadow_dtor - undo what the constructor of a shadow variable has done
 * @obj: the object that it belonged to; for kpatch_shadow_free_all() and when the state
 *	is left it may have been freed
 * @data: the variable; readers in a read-side section of RCU may still use it
 */
typedef void (*kpatch_shadow_dtor)(void *obj, void *data);

#ifdef CONFIG_KPATCH

void *kpatch_state_data(const struct kpatch_state *state);
void kpatch_state_set_data(struct kpatch_state *state, void *data);

void *kpatch_shadow_new(size_t size, gfp_t gfp);
void kpatch_shadow_discard(void *data);
void *kpatch_shadow_attach(const struct kpatch_state *state, void *obj, void *data);
void *kpatch_shadow_get(const struct kpatch_state *state, const void *obj);
void *kpatch_shadow_alloc(const struct kpatch_state *state, void *obj, size_t size,
			  gfp_t gfp, kpatch_shadow_ctor ctor, void *arg);
void *kpatch_shadow_get_or_alloc(const struct kpatch_state *state, void *obj,
				 size_t size, gfp_t gfp, kpatch_shadow_ctor ctor,
				 void *arg);
void kpatch_shadow_free(const struct kpatch_state *state, void *obj,
			kpatch_shadow_dtor dtor);
void kpatch_shadow_free_all(const struct kpatch_state *state,
			    kpatch_shadow_dtor dtor);

#endif /* CONFIG_KPATCH */

#endif /* _LINUX_KPATCH_STATE_H */
