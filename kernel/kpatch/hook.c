// SPDX-License-Identifier: GPL-2.0-only
/*
 * Hooks at function entries: the only file that talks to ftrace.
 */
#include "common.h"

#include <linux/delay.h>
#include <linux/ftrace.h>
#include <linux/hashtable.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>

#include "handler.h"
#include "hook.h"

#define HOOK_HASH_BITS		8
#define HOOK_TRIES		10
#define HOOK_RETRY_MS		10

/* How far behind its start a function may call ftrace. */
#ifdef FTRACE_MCOUNT_MAX_OFFSET
#define HOOK_MAX_OFFSET		FTRACE_MCOUNT_MAX_OFFSET
#else
#define HOOK_MAX_OFFSET		16
#endif

/**
 * struct batch - functions that were hooked by one pass of ftrace
 * @ops: the hook of all of them
 * @num: how many of them @ops still has
 * @ips: where they are
 *
 * One ops for each batch, with its filter complete before it is registered:
 * only register_ftrace_function() makes a BPF trampoline on the same function
 * call through the address that we change. Growing the filter of a registered
 * ops skips that, and the trampoline goes on to call the old function.
 */
struct batch {
	struct ftrace_ops ops;
	unsigned int num;
	unsigned long ips[] __counted_by(num);
};

/**
 * struct hook - one function entry that ftrace calls us from
 * @node: link in the table of hooks
 * @ip: the address, the key
 * @users: enabled patches that need it
 * @batch: the batch that it belongs to
 *
 * A hook belongs to no patch: it stays while it has a user, whoever was first.
 * All of this is under kpatch_mutex.
 */
struct hook {
	struct hlist_node node;
	unsigned long ip;
	unsigned int users;
	struct batch *batch;
};

static DEFINE_HASHTABLE(hooks, HOOK_HASH_BITS);

static struct hook *find_hook(unsigned long ip)
{
	struct hook *hook;

	hash_for_each_possible(hooks, hook, node, ip) {
		if (hook->ip == ip)
			return hook;
	}
	return NULL;
}

/**
 * kpatch_hook_site() - where a function can be hooked
 * @addr: start of the function
 *
 * ftrace_location() answers for anything up to the next symbol, which may be
 * the leftover of a weak function whose name is gone, behind a function that
 * has no site itself. Only a site at the very start is the function's own.
 *
 * Return: the address, or 0 if the function has no such site.
 */
unsigned long kpatch_hook_site(unsigned long addr)
{
	unsigned long ip = ftrace_location(addr);

	return ip >= addr && ip - addr <= HOOK_MAX_OFFSET ? ip : 0;
}

/* A BPF trampoline that is being changed answers -EAGAIN: it will be done. */
static int register_ips(struct ftrace_ops *ops, unsigned long *ips,
			unsigned int num)
{
	int ret, tries = HOOK_TRIES;

	ret = ftrace_set_filter_ips(ops, ips, num, 0, 1);
	if (ret)
		return ret;
	while ((ret = register_ftrace_function(ops)) == -EAGAIN && --tries)
		msleep(HOOK_RETRY_MS);
	return ret;
}

static struct batch *alloc_batch(unsigned int num)
{
	struct batch *batch;

	batch = kvzalloc(struct_size(batch, ips, num), GFP_KERNEL);
	if (!batch)
		return NULL;
	batch->num = num;
	batch->ops.func = kpatch_ftrace_handler;
	/*
	 * PERMANENT: ftrace_enabled=0 must not switch patches off. No
	 * RECURSION and no RCU flag: ftrace must not put a guard of its own
	 * in front of the handler, it could drop a call.
	 */
	batch->ops.flags = FTRACE_OPS_FL_IPMODIFY | FTRACE_OPS_FL_PERMANENT;
	if (!IS_ENABLED(CONFIG_DYNAMIC_FTRACE_WITH_ARGS))
		batch->ops.flags |= FTRACE_OPS_FL_SAVE_REGS;
	return batch;
}

/*
 * @batch was kvzalloc()ed, so ftrace takes its ops as dynamic and waits, here,
 * for every task that may be in its trampoline. False if it did not.
 */
static bool release_batch(struct batch *batch)
{
	int ret = unregister_ftrace_function(&batch->ops);

	if (ret) {
		/* ftrace is dead, its sites still call: leave all in place. */
		pr_err("cannot unhook functions, ftrace is out of order (%d); reboot when possible\n",
		       ret);
		return false;
	}
	ftrace_free_filter(&batch->ops);
	kvfree(batch);
	return true;
}

/*
 * Free a batch that ftrace has refused. It was on ftrace's list for a moment,
 * and a tracer on another CPU may still be looking at it.
 */
static void free_refused(struct batch *batch, int err)
{
	/* ftrace is out of order: there is no telling what it refers to. */
	if (err == -ENODEV)
		return;
	synchronize_rcu();
	synchronize_rcu_tasks_rude();
	ftrace_free_filter(&batch->ops);
	kvfree(batch);
}

/*
 * ftrace names no culprit when it says that one of the functions is taken. Halve
 * the batch until one is left that is refused on its own. 0 if that fails.
 */
static unsigned long find_taken(struct batch *batch)
{
	unsigned long *ips = batch->ips;
	unsigned int num = batch->num, half;
	struct batch *probe;
	int ret;

	while (num > 1) {
		half = num / 2;
		probe = alloc_batch(half);
		if (!probe)
			return 0;
		ret = register_ips(&probe->ops, ips, half);
		if (!ret) {
			release_batch(probe);
			ips += half;
			num -= half;
			continue;
		}
		free_refused(probe, ret);
		if (ret != -EBUSY)
			return 0;
		num = half;
	}
	return *ips;
}

/* Registered is not redirected: a disabled record is skipped in silence. */
static unsigned long find_skipped(struct batch *batch)
{
	unsigned int i;

	for (i = 0; i < batch->num; i++) {
		if (!ftrace_ipmodify_enabled(batch->ips[i]))
			return batch->ips[i];
	}
	return 0;
}

static int register_batch(struct batch *batch, unsigned long *refused)
{
	int ret;

	ret = register_ips(&batch->ops, batch->ips, batch->num);
	if (ret) {
		if (ret == -EBUSY)
			*refused = find_taken(batch);
		free_refused(batch, ret);
		return ret;
	}
	*refused = find_skipped(batch);
	if (*refused) {
		release_batch(batch);
		return -EOPNOTSUPP;
	}
	return 0;
}

static void forget_hooks(struct kpatch_func *funcs, unsigned int num,
			 const struct batch *batch)
{
	struct hook *hook;
	unsigned int i;

	for (i = 0; i < num; i++) {
		if (kpatch_is_kept(&funcs[i]))
			continue;
		hook = find_hook(funcs[i].ip);
		if (hook && hook->batch == batch) {
			hash_del(&hook->node);
			kfree(hook);
		}
	}
}

/* Make a hook for each function that has none, all in the batch to come. */
static int remember_hooks(struct kpatch_func *funcs, unsigned int num,
			  struct batch *batch)
{
	unsigned int i, n = 0;
	struct hook *hook;

	for (i = 0; i < num; i++) {
		if (kpatch_is_kept(&funcs[i]) || find_hook(funcs[i].ip))
			continue;
		hook = kzalloc_obj(*hook, GFP_KERNEL);
		if (!hook) {
			forget_hooks(funcs, num, batch);
			return -ENOMEM;
		}
		hook->ip = funcs[i].ip;
		hook->batch = batch;
		hash_add(hooks, &hook->node, hook->ip);
		batch->ips[n++] = hook->ip;
	}
	return 0;
}

static int hook_missing(struct kpatch_func *funcs, unsigned int num,
			unsigned int missing, unsigned long *refused)
{
	struct batch *batch;
	int ret;

	batch = alloc_batch(missing);
	if (!batch)
		return -ENOMEM;
	ret = remember_hooks(funcs, num, batch);
	if (ret) {
		kvfree(batch);
		return ret;
	}
	ret = register_batch(batch, refused);
	if (ret)
		forget_hooks(funcs, num, batch);
	return ret;
}

/**
 * kpatch_hook() - make ftrace call us from functions
 * @funcs: the functions, no two of them with the same ip; clones that are kept are
 *	passed over
 * @num: how many
 * @culprit: set to the function that ftrace refused, if it was one function
 *
 * All functions that are not hooked yet are hooked in one pass. Calls are not
 * redirected by this: that is what the table of patched functions says.
 *
 * Context: process context, under kpatch_mutex.
 *
 * Return: 0 with one more user on each hook, or an errno with nothing changed:
 * -EBUSY if livepatch, a kprobe with a post_handler or the like owns the
 * function or ftrace is switched off, -EOPNOTSUPP if the site turns out to be
 * disabled, -EAGAIN if a BPF trampoline kept changing, -ENODEV if ftrace is
 * out of order, -ENOMEM.
 */
int kpatch_hook(struct kpatch_func *funcs, unsigned int num,
		struct kpatch_func **culprit)
{
	unsigned int i, missing = 0;
	unsigned long refused = 0;
	int ret;

	lockdep_assert_held(&kpatch_mutex);
	for (i = 0; i < num; i++)
		missing += !kpatch_is_kept(&funcs[i]) && !find_hook(funcs[i].ip);
	if (missing) {
		ret = hook_missing(funcs, num, missing, &refused);
		for (i = 0; ret && i < num; i++) {
			if (funcs[i].ip == refused)
				*culprit = &funcs[i];
		}
		if (ret)
			return ret;
	}
	for (i = 0; i < num; i++) {
		if (!kpatch_is_kept(&funcs[i]))
			find_hook(funcs[i].ip)->users++;
	}
	return 0;
}

static bool batch_in_use(const struct batch *batch)
{
	unsigned int i;

	for (i = 0; i < batch->num; i++) {
		if (find_hook(batch->ips[i])->users)
			return true;
	}
	return false;
}

static bool drop_batch(struct batch *batch)
{
	struct hook *hook;
	unsigned int i;

	for (i = 0; i < batch->num; i++) {
		hook = find_hook(batch->ips[i]);
		hash_del(&hook->node);
		kfree(hook);
	}
	return release_batch(batch);
}

/**
 * kpatch_unhook() - undo one kpatch_hook()
 * @funcs: the functions
 * @num: how many
 *
 * A batch goes, in one pass of ftrace, when nobody needs any of its hooks; until
 * then one that is not needed stays for whoever needs it next.
 *
 * Context: process context, under kpatch_mutex. Waits until every handler that
 * was running has returned, and until tasks have left the trampoline of a batch
 * that goes.
 */
void kpatch_unhook(struct kpatch_func *funcs, unsigned int num)
{
	unsigned long gp = get_state_synchronize_rcu();
	bool dropped = false;
	struct hook *hook;
	unsigned int i;

	lockdep_assert_held(&kpatch_mutex);
	for (i = 0; i < num; i++) {
		if (!kpatch_is_kept(&funcs[i]))
			find_hook(funcs[i].ip)->users--;
	}
	for (i = 0; i < num; i++) {
		if (kpatch_is_kept(&funcs[i]))
			continue;
		hook = find_hook(funcs[i].ip);
		if (hook && !batch_in_use(hook->batch))
			dropped |= drop_batch(hook->batch);
	}
	/*
	 * Handlers run with preemption off, so RCU waits for them wherever it
	 * watches. For the rest every CPU has to schedule, which ftrace has seen
	 * to if it has removed an ops; so has it waited for tasks in trampolines.
	 */
	if (!dropped) {
		synchronize_rcu_tasks_rude();
		synchronize_rcu_tasks();
	}
	cond_synchronize_rcu(gp);
}
