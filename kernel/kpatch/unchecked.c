// SPDX-License-Identifier: GPL-2.0-only
/*
 * Functions that are switched while tasks may be inside them (KPATCH_UNCHECKED).
 *
 * Such a task goes on in a version that is not live any more. So that version must stay
 * in memory: its module is pinned when the transaction commits, and never released. And
 * a patch that has the same function checked must find the task: the text of all such
 * versions is remembered.
 *
 * All of this is done under kpatch_mutex.
 */
#include "common.h"

#include <linux/module.h>

#include "unchecked.h"

/**
 * struct pin - a module that may be pinned for good
 * @list: link in the list of the transaction
 * @mod: the module, with a reference
 * @func: the function of the patch that is the reason; %NULL as long as there is none
 */
struct pin {
	struct list_head list;
	struct module *mod;
	const struct kpatch_func *func;
};

/**
 * struct version - text of a version that was left unchecked
 * @list: link in the list of the transaction, then in @versions
 * @ip: address in the function that ftrace calls from, which all versions share
 * @start: first address of the text
 * @end: first address behind it
 */
struct version {
	struct list_head list;
	unsigned long ip;
	unsigned long start;
	unsigned long end;
};

/* Tasks may be in these. Their modules stay, so there are not many. */
static LIST_HEAD(versions);

static bool is_known(const struct list_head *list, const struct version *other)
{
	const struct version *v;

	list_for_each_entry(v, list, list) {
		if (v->ip == other->ip && v->start == other->start &&
		    v->end == other->end)
			return true;
	}
	return false;
}

/**
 * kpatch_unchecked_begin() - begin to collect what a transaction leaves unchecked
 * @leaving: initialised by this
 */
void kpatch_unchecked_begin(struct kpatch_leaving *leaving)
{
	INIT_LIST_HEAD(&leaving->pins);
	INIT_LIST_HEAD(&leaving->versions);
}

/**
 * kpatch_unchecked_pin() - pin a module as long as the transaction lasts
 * @leaving: what the transaction leaves unchecked
 * @mod: the module, %NULL for vmlinux
 *
 * No reference helps if the module is going, or if its init has not returned yet: it
 * may fail.
 *
 * Context: process context, may sleep, under kpatch_mutex.
 *
 * Return: true if it is pinned, by this or for good; false if it cannot be. Then its
 * text has to be checked.
 */
bool kpatch_unchecked_pin(struct kpatch_leaving *leaving, struct module *mod)
{
	struct pin *pin;

	lockdep_assert_held(&kpatch_mutex);
	if (!mod || mod->kpatch_kept)
		return true;
	pin = kzalloc_obj(*pin, GFP_KERNEL);
	if (!pin)
		return false;
	if (!try_module_get(mod))
		goto free;
	if (mod->state != MODULE_STATE_LIVE)
		goto put;
	WRITE_ONCE(mod->kpatch_kept, true);
	pin->mod = mod;
	list_add_tail(&pin->list, &leaving->pins);
	return true;

put:
	module_put(mod);
free:
	kfree(pin);
	return false;
}

/**
 * kpatch_unchecked_keep() - pin a module for good if the transaction commits
 * @leaving: what the transaction leaves unchecked
 * @func: the function of the patch that is the reason
 * @mod: the module, after kpatch_unchecked_pin(); %NULL for vmlinux
 */
void kpatch_unchecked_keep(struct kpatch_leaving *leaving,
			   const struct kpatch_func *func,
			   const struct module *mod)
{
	struct pin *pin;

	list_for_each_entry(pin, &leaving->pins, list) {
		if (pin->mod == mod && !pin->func)
			pin->func = func;
	}
}

/**
 * kpatch_unchecked_leave() - leave text unchecked
 * @leaving: what the transaction leaves unchecked
 * @func: the function of the patch, which has %KPATCH_UNCHECKED set
 * @range: text of a version of it
 * @mod: the module that contains the text, after kpatch_unchecked_pin(); %NULL for
 *	vmlinux
 *
 * Context: process context, may sleep, under kpatch_mutex.
 *
 * Return: 0 or -ENOMEM.
 */
int kpatch_unchecked_leave(struct kpatch_leaving *leaving,
			   const struct kpatch_func *func,
			   const struct kpatch_range *range,
			   const struct module *mod)
{
	struct version *v = kzalloc_obj(*v, GFP_KERNEL);

	if (!v)
		return -ENOMEM;
	v->ip = func->ip;
	v->start = range->start;
	v->end = range->end;
	if (is_known(&versions, v))
		kfree(v);
	else
		list_add_tail(&v->list, &leaving->versions);
	kpatch_unchecked_keep(leaving, func, mod);
	return 0;
}

/**
 * kpatch_unchecked_end() - pin modules for good, or forget all
 * @leaving: what the transaction leaves unchecked
 * @committed: the transaction has committed. Its patches are still pinned and bound.
 *
 * Context: process context, may sleep, under kpatch_mutex.
 */
void kpatch_unchecked_end(struct kpatch_leaving *leaving, bool committed)
{
	struct version *v, *next_v;
	struct pin *pin, *next;

	lockdep_assert_held(&kpatch_mutex);
	list_for_each_entry_safe(pin, next, &leaving->pins, list) {
		if (committed && pin->func) {
			kpatch_log_kept(pin->func, pin->mod);
		} else {
			WRITE_ONCE(pin->mod->kpatch_kept, false);
			module_put(pin->mod);
		}
		list_del(&pin->list);
		kfree(pin);
	}
	list_for_each_entry_safe(v, next_v, &leaving->versions, list) {
		list_del(&v->list);
		if (committed && !is_known(&versions, v))
			list_add_tail(&v->list, &versions);
		else
			kfree(v);
	}
}

/**
 * kpatch_unchecked_add_left() - add the versions of a function that were left unchecked
 * @text: the set of ranges to add them to
 * @ip: address in the function that ftrace calls from
 *
 * If a module is loaded again at the same place as before, @ip may be of another
 * function. Then more is checked than need be.
 *
 * Context: process context, may sleep, under kpatch_mutex.
 *
 * Return: 0 or -ENOMEM.
 */
int kpatch_unchecked_add_left(struct kpatch_ranges *text, unsigned long ip)
{
	const struct version *v;
	int ret;

	lockdep_assert_held(&kpatch_mutex);
	list_for_each_entry(v, &versions, list) {
		if (v->ip != ip)
			continue;
		ret = kpatch_ranges_add(text, v->start, v->end, KPATCH_RANGE_OLD,
					NULL);
		if (ret)
			return ret;
	}
	return 0;
}
