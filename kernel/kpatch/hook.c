// SPDX-License-Identifier: GPL-2.0-only
/*
 * Ftrace sites of patched functions, hooked in batches. This is the only file that
 * registers anything with ftrace.
 */
#include "common.h"

#include <linux/bsearch.h>
#include <linux/delay.h>
#include <linux/ftrace.h>
#include <linux/module.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/sort.h>

#include "cpus.h"
#include "handler.h"
#include "hook.h"
#include "original.h"

#define HOOK_TRIES		10
#define HOOK_RETRY_MS		10

/* How many bytes behind the start of a function its ftrace site may be. */
#ifdef FTRACE_MCOUNT_MAX_OFFSET
#define HOOK_MAX_OFFSET		FTRACE_MCOUNT_MAX_OFFSET
#else
#define HOOK_MAX_OFFSET		16
#endif

/**
 * struct kpatch_site - an ftrace site that is hooked
 * @users: enabled patches that replace the function; the hook is removed when there
 *	are none
 * @batch: the batch that it was hooked with; %NULL once the hook is removed
 */
struct kpatch_site {
	unsigned int users;
	struct batch *batch;
};

/**
 * struct batch - sites that were hooked by one pass of ftrace
 * @ops: the hook
 * @list: link in the list of batches
 * @users: the users of all its sites
 * @num: number of sites; 0 if it only shows that functions are free
 * @ips: the addresses of its sites, sorted
 * @drop: room for the addresses of sites that are taken out of the filter
 * @sites: the sites, in the order of @ips
 *
 * A batch may span several patches, vmlinux and modules: each batch costs a pass over all
 * that ftrace knows, and a wait for all tasks when it is released. A module that is loaded
 * later gets a batch of its own. Sites without a user, and those in a module that goes,
 * before it is freed, are taken out of the filter. They keep their place here, since
 * functions refer to others by address.
 *
 * Each batch has an ftrace_ops of its own, with its filter complete before it is
 * registered. Only register_ftrace_function() makes a BPF trampoline on the same
 * function call through the address that the handler changes. Growing the filter of
 * a registered ops skips that, and the trampoline would go on to call the old
 * function.
 */
struct batch {
	struct ftrace_ops ops;
	struct list_head list;
	unsigned int users;
	unsigned int num;
	unsigned long *ips;
	unsigned long *drop;
	struct kpatch_site sites[] __counted_by(num);
};

/* All batches. Under kpatch_mutex. A site belongs to its batch, not to a patch. */
static LIST_HEAD(batches);

/* Held while batches that are not on the list any more are released. Outer lock. */
static DEFINE_MUTEX(release_mutex);

static int cmp_ips(const void *a, const void *b)
{
	const unsigned long *x = a, *y = b;

	if (*x != *y)
		return *x < *y ? -1 : 1;
	return 0;
}

static struct kpatch_site *find_in_batch(struct batch *batch, unsigned long ip)
{
	unsigned long *found;
	struct kpatch_site *site;

	found = bsearch(&ip, batch->ips, batch->num, sizeof(ip), cmp_ips);
	if (!found)
		return NULL;
	site = &batch->sites[found - batch->ips];
	/* If its hook is gone, another module may be where the function was. */
	return site->batch ? site : NULL;
}

static struct kpatch_site *find_site(unsigned long ip)
{
	struct kpatch_site *site;
	struct batch *batch;

	list_for_each_entry(batch, &batches, list) {
		site = find_in_batch(batch, ip);
		if (site)
			return site;
	}
	return NULL;
}

/**
 * kpatch_hook_ip() - find the ftrace site of a function
 * @addr: start of the function
 *
 * ftrace_location() finds any site up to the next symbol. Behind a function without a
 * site, that may be the site of a weak function that was overridden and has lost its
 * name. Only a site at the very start belongs to the function at @addr.
 *
 * Return: address of the site, or 0 if the function has none.
 */
unsigned long kpatch_hook_ip(unsigned long addr)
{
	unsigned long ip = ftrace_location(addr);

	return ip >= addr && ip - addr <= HOOK_MAX_OFFSET ? ip : 0;
}

/* Retry while a BPF trampoline is being changed, which gives -EAGAIN. */
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

static void free_batch(struct batch *batch)
{
	ftrace_free_filter(&batch->ops);
	kvfree(batch->ips);
	kvfree(batch);
}

static struct batch *alloc_batch(unsigned int num)
{
	struct batch *batch;

	batch = kvzalloc(struct_size(batch, sites, num), GFP_KERNEL);
	if (!batch)
		return NULL;
	batch->num = num;
	batch->ops.func = kpatch_ftrace_handler;
	/*
	 * PERMANENT: ftrace_enabled=0 must not switch patches off. No RECURSION
	 * and no RCU flag: ftrace must not guard the handler, since a guard may
	 * drop a call.
	 */
	batch->ops.flags = FTRACE_OPS_FL_IPMODIFY | FTRACE_OPS_FL_PERMANENT;
	if (!IS_ENABLED(CONFIG_DYNAMIC_FTRACE_WITH_ARGS))
		batch->ops.flags |= FTRACE_OPS_FL_SAVE_REGS;
	return batch;
}

/**
 * kpatch_hook_wait() - wait until all handlers that were running have returned
 *
 * Handlers run with preemption off, and so does ftrace while it looks at an ops.
 * synchronize_rcu() would wait for all RCU readers, preempted ones included, and these
 * may be throttled for long.
 *
 * Context: process context, sleeps, under kpatch_mutex.
 */
void kpatch_hook_wait(void)
{
	while (kpatch_cpus_visit(MAX_SCHEDULE_TIMEOUT) >= 0)
		;
}

/*
 * The ops lies in kvzalloc()ed memory, so ftrace treats it as dynamic and waits for
 * every task that may be in its trampoline. Return false if ftrace did not wait.
 */
static bool release_batch(struct batch *batch)
{
	int ret = unregister_ftrace_function(&batch->ops);

	if (ret) {
		/* ftrace is dead and its sites still call: leak the batch. */
		kpatch_log_unhook_failure(ret);
		return false;
	}
	free_batch(batch);
	return true;
}

/*
 * Free a batch that ftrace has refused. The ops was on ftrace's list for a moment,
 * and a tracer on another CPU may still be looking at it.
 */
static void free_refused(struct batch *batch, int err)
{
	/* ftrace is dead, and may refer to anything: leak the batch. */
	if (err == -ENODEV)
		return;
	kpatch_hook_wait();
	free_batch(batch);
}

/*
 * On -EBUSY ftrace does not tell which function is taken. Halve the batch until one
 * function is left that is refused on its own. Return 0 if that fails.
 */
static unsigned long find_taken(unsigned long *ips, unsigned int num)
{
	struct batch *probe;
	unsigned int half;
	int ret;

	while (num > 1) {
		half = num / 2;
		/* Only for its ops: it has no site, and so never a user. */
		probe = alloc_batch(0);
		if (!probe)
			return 0;
		ret = register_ips(&probe->ops, ips, half);
		if (!ret) {
			list_add(&probe->list, &batches);
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

/*
 * Return the first site at which ftrace does not call the registered ops because its
 * record is disabled, 0 if there is none.
 */
static unsigned long find_skipped(const unsigned long *ips, unsigned int num)
{
	unsigned int i;

	for (i = 0; i < num; i++) {
		if (!ftrace_ipmodify_enabled(ips[i]))
			return ips[i];
	}
	return 0;
}

static enum kpatch_cause cause_of(int err)
{
	switch (err) {
	case -EBUSY:
		return KPATCH_CAUSE_TAKEN;
	case -EAGAIN:
		return KPATCH_CAUSE_BPF_CHANGING;
	case -ENOMEM:
		return KPATCH_CAUSE_NO_MEMORY;
	default:
		return KPATCH_CAUSE_FTRACE_DEAD;
	}
}

static enum kpatch_cause register_batch(struct batch *batch,
					struct kpatch_refused *refused)
{
	int ret;

	ret = register_ips(&batch->ops, batch->ips, batch->num);
	if (ret) {
		refused->err = ret;
		if (ret == -EBUSY)
			refused->addr = find_taken(batch->ips, batch->num);
		free_refused(batch, ret);
		return cause_of(ret);
	}
	list_add(&batch->list, &batches);
	refused->addr = find_skipped(batch->ips, batch->num);
	if (!refused->addr)
		return KPATCH_CAUSE_NONE;
	/* No other operation may find its sites before it is released. */
	batch->num = 0;
	return KPATCH_CAUSE_SITE_DISABLED;
}

/* List the objects that are bound and not hooked yet, of the patches that are enabled. */
static void list_next(const struct kpatch_change *changes, unsigned int nr,
		      struct list_head *next)
{
	struct kpatch_object *object;
	unsigned int i;

	for (i = 0; i < nr; i++) {
		if (changes[i].to == KPATCH_OFF)
			continue;
		kpatch_for_each_object(object, changes[i].patch) {
			if (object->bound && !object->hooked)
				list_add_tail(&object->next, next);
		}
	}
}

/*
 * Set @site of the functions of all objects, and return how many have none. One that several
 * patches replace is counted by each.
 */
static unsigned int find_sites(const struct list_head *objects)
{
	struct kpatch_object *object;
	struct kpatch_func *func;
	unsigned int missing = 0;

	list_for_each_entry(object, objects, next) {
		kpatch_for_each_replaced(func, object) {
			func->site = find_site(func->ip);
			missing += !func->site;
		}
	}
	return missing;
}

/* A function that several patches replace has one site. */
static void add_sites(struct batch *batch)
{
	unsigned int i, num = 0;

	sort(batch->ips, batch->num, sizeof(*batch->ips), cmp_ips, NULL);
	for (i = 0; i < batch->num; i++) {
		if (num && batch->ips[num - 1] == batch->ips[i])
			continue;
		batch->ips[num] = batch->ips[i];
		batch->sites[num++].batch = batch;
	}
	batch->num = num;
}

/* Fill @batch, which has room for them, with the sites of the functions that have none. */
static void fill_batch(struct batch *batch, const struct list_head *objects)
{
	struct kpatch_object *object;
	struct kpatch_func *func;
	unsigned int i = 0;

	list_for_each_entry(object, objects, next) {
		kpatch_for_each_replaced(func, object) {
			if (!func->site)
				batch->ips[i++] = func->ip;
		}
		/* Its hooks may outlive the patch, see kpatch_target_goes(). */
		if (object->mod)
			object->mod->kpatch_hooked = true;
	}
	add_sites(batch);
}

static enum kpatch_cause hook_missing(const struct list_head *objects, unsigned int missing,
				      struct kpatch_refused *refused)
{
	struct batch *batch = alloc_batch(missing);

	if (!batch)
		return KPATCH_CAUSE_NO_MEMORY;
	batch->ips = kvmalloc_array(missing, 2 * sizeof(*batch->ips), GFP_KERNEL);
	if (!batch->ips) {
		free_batch(batch);
		return KPATCH_CAUSE_NO_MEMORY;
	}
	batch->drop = batch->ips + missing;
	fill_batch(batch, objects);
	return register_batch(batch, refused);
}

static void use_sites(struct kpatch_object *object)
{
	struct kpatch_func *func;

	kpatch_for_each_replaced(func, object) {
		func->site->users++;
		func->site->batch->users++;
	}
	object->hooked = true;
}

/*
 * Find the patch whose function ftrace has refused to hook, or the first one that was to be
 * hooked if ftrace refused for another reason.
 */
static const struct kpatch_patch *find_refused(const struct list_head *objects,
					       unsigned long ip)
{
	struct kpatch_object *object;
	struct kpatch_func *func;

	list_for_each_entry(object, objects, next) {
		kpatch_for_each_replaced(func, object) {
			if (func->ip == ip)
				return object->patch;
		}
	}
	return list_first_entry(objects, struct kpatch_object, next)->patch;
}

/**
 * kpatch_hook() - have ftrace call the handler from the functions of patches
 * @changes: the patches; of those that are enabled, the objects that are bound and not
 *	hooked yet are hooked, which sets @site of each of their functions
 * @nr: number of elements in @changes
 * @refused: filled in if ftrace refuses
 *
 * All functions that are not hooked yet are hooked in one pass of ftrace. Calls are
 * not redirected by this, but by the handler's table. The stubs of the originals are
 * written first: like ftrace, this interrupts all CPUs, so it is not done when the
 * object is bound, which a registration does, too.
 *
 * Context: process context, sleeps, under kpatch_mutex.
 *
 * Return: %KPATCH_CAUSE_NONE with one more user of each site. Else, with nothing
 * changed, %KPATCH_CAUSE_TAKEN if livepatch, a kprobe with a post_handler or the like
 * owns a function, or ftrace is switched off; %KPATCH_CAUSE_SITE_DISABLED;
 * %KPATCH_CAUSE_BPF_CHANGING; %KPATCH_CAUSE_FTRACE_DEAD; %KPATCH_CAUSE_NO_MEMORY.
 */
enum kpatch_cause kpatch_hook(const struct kpatch_change *changes, unsigned int nr,
			      struct kpatch_refused *refused)
{
	enum kpatch_cause cause = KPATCH_CAUSE_NONE;
	struct kpatch_object *object;
	unsigned int missing;
	LIST_HEAD(objects);

	lockdep_assert_held(&kpatch_mutex);
	list_next(changes, nr, &objects);
	list_for_each_entry(object, &objects, next)
		kpatch_original_write(object);
	missing = find_sites(&objects);
	if (missing)
		cause = hook_missing(&objects, missing, refused);
	if (cause) {
		refused->patch = find_refused(&objects, refused->addr);
		return cause;
	}
	if (missing)
		find_sites(&objects);
	list_for_each_entry(object, &objects, next)
		use_sites(object);
	return KPATCH_CAUSE_NONE;
}

/**
 * kpatch_hook_is_shared() - test whether another enabled patch replaces a function
 * @func: a function of an enabled patch, hooked
 *
 * Context: process context, under kpatch_mutex.
 *
 * Return: true if there is such a patch.
 */
bool kpatch_hook_is_shared(const struct kpatch_func *func)
{
	lockdep_assert_held(&kpatch_mutex);
	return func->site->users > 1;
}

/**
 * kpatch_unhook() - undo one kpatch_hook()
 * @object: the object, none of its functions in the handler's table; nothing is done
 *	if it is not hooked
 *
 * Handlers may still look at the functions until kpatch_hook_wait() has returned. The
 * hooks of functions that have no other user remain until kpatch_hook_release() or
 * kpatch_hook_release_module().
 *
 * Context: process context, under kpatch_mutex.
 */
void kpatch_unhook(struct kpatch_object *object)
{
	struct kpatch_func *func;

	lockdep_assert_held(&kpatch_mutex);
	if (!object->hooked)
		return;
	kpatch_for_each_replaced(func, object) {
		func->site->users--;
		func->site->batch->users--;
		func->site = NULL;
	}
	object->hooked = false;
}

/**
 * kpatch_hook_has_probes() - test for batches that only show that a function is free
 *
 * No operation finds the sites of such a batch, so it would take them for those of
 * another owner. They must be released before the next one begins.
 *
 * Context: process context, sleeps, takes kpatch_mutex. Waits for a task that releases
 * some.
 *
 * Return: true if there are any.
 */
bool kpatch_hook_has_probes(void)
{
	const struct batch *batch;

	guard(mutex)(&release_mutex);
	guard(mutex)(&kpatch_mutex);
	list_for_each_entry(batch, &batches, list) {
		if (!batch->num)
			return true;
	}
	return false;
}

static void take_unused(struct list_head *unused)
{
	struct batch *batch, *next;

	list_for_each_entry_safe(batch, next, &batches, list) {
		if (!batch->users)
			list_move(&batch->list, unused);
	}
}

/* Return true if there was a batch, so that ftrace has waited for the trampolines. */
static bool release_batches(struct list_head *unused)
{
	struct batch *batch, *next;
	bool waited = false;

	list_for_each_entry_safe(batch, next, unused, list)
		waited |= release_batch(batch);
	return waited;
}

/*
 * Test whether the hook of a site is to be removed: if @mod is set because that module
 * goes, else because the site has no user.
 */
static bool is_dropped(const struct batch *batch, unsigned int i, const struct module *mod)
{
	if (!batch->sites[i].batch)
		return false;
	return mod ? within_module(batch->ips[i], mod) : !batch->sites[i].users;
}

/* List in @drop the sites whose hooks are to be removed. Return how many others there are. */
static unsigned int list_dropped(struct batch *batch, const struct module *mod,
				 unsigned int *dropped)
{
	unsigned int i, others = 0;

	*dropped = 0;
	for (i = 0; i < batch->num; i++) {
		if (is_dropped(batch, i, mod))
			batch->drop[(*dropped)++] = batch->ips[i];
		else
			others += !!batch->sites[i].batch;
	}
	return others;
}

/* No operation finds the sites that are dropped any more. */
static void forget_dropped(struct batch *batch, const struct module *mod)
{
	unsigned int i;

	for (i = 0; i < batch->num; i++) {
		if (is_dropped(batch, i, mod))
			batch->sites[i].batch = NULL;
	}
}

/*
 * Let BPF trampolines know that a function that they share with a hook has none any more:
 * only unregister_ftrace_function() does so. Without this they would go on as if it had
 * one, which is slower, and no more than that.
 */
static void end_sharing(struct batch *batch, unsigned int dropped, struct list_head *unused)
{
	unsigned int i, shared = 0;
	struct batch *probe;
	int ret;

	for (i = 0; i < dropped; i++) {
		if (ftrace_find_rec_direct(batch->drop[i]))
			batch->drop[shared++] = batch->drop[i];
	}
	probe = shared ? alloc_batch(0) : NULL;
	if (!probe)
		return;
	ret = register_ips(&probe->ops, batch->drop, shared);
	if (ret)
		free_refused(probe, ret);
	else
		list_add(&probe->list, unused);
}

/*
 * A patch is disabled that was enabled together with others: remove its hooks. Those that
 * there is no memory for remain, and can be used, until the next operation has ended.
 * Return true if there may be more of them.
 */
static bool drop_unused(struct list_head *unused)
{
	unsigned int dropped;
	struct batch *batch;
	int ret;

	guard(mutex)(&kpatch_mutex);
	list_for_each_entry(batch, &batches, list) {
		list_dropped(batch, NULL, &dropped);
		if (!dropped)
			continue;
		ret = ftrace_set_filter_ips(&batch->ops, batch->drop, dropped, 1, 0);
		if (ret == -ENOMEM)
			return false;
		forget_dropped(batch, NULL);
		if (ret)
			kpatch_log_unhook_failure(ret);
		else
			end_sharing(batch, dropped, unused);
		return true;
	}
	return false;
}

/**
 * kpatch_hook_release() - remove the hooks that have no user
 *
 * Context: kernel thread of request.c, which hooks nothing meanwhile; sleeps, takes
 * kpatch_mutex, for one pass of ftrace at most. A module that is being loaded may be
 * hooked: its sites have users. Waits until tasks have left the trampolines of batches
 * that are released as a whole, from which they would call functions of a patch. A task
 * that does not get to run may keep this waiting for long. Waits for another task that
 * does the same, too.
 *
 * Return: true if there was such a batch, so that the trampolines were waited for.
 */
bool kpatch_hook_release(void)
{
	LIST_HEAD(unused);

	guard(mutex)(&release_mutex);
	scoped_guard(mutex, &kpatch_mutex)
		take_unused(&unused);
	while (drop_unused(&unused))
		;
	return release_batches(&unused);
}

/*
 * Take the sites in @drop out of the filter of a batch. They cannot stay: ftrace would find
 * the address in the filter when another module is loaded to this place, and then count
 * one user less than it has. ftrace_release_mod() clears the filters of tracers only. So
 * try again if there is no memory for the copy of the filter.
 */
static void shrink_filter(struct batch *batch, unsigned int num)
{
	int ret;

	while ((ret = ftrace_set_filter_ips(&batch->ops, batch->drop, num, 1, 0)) == -ENOMEM)
		msleep(HOOK_RETRY_MS);
	/* ftrace is dead, and will do nothing for another module either. */
	if (ret)
		kpatch_log_unhook_failure(ret);
}

/*
 * Take the sites in @mod out of @batch, or move it to @unused if it has no others: an
 * empty filter would stand for all functions, and ftrace refuses it. Batches without a
 * site show that a function was free, which may be in @mod. Return true if the batch has
 * lost a site, and stays.
 */
static bool drop_sites(struct batch *batch, const struct module *mod,
		       struct list_head *unused)
{
	unsigned int dropped;
	bool others = list_dropped(batch, mod, &dropped);

	forget_dropped(batch, mod);
	if (!others)
		list_move(&batch->list, unused);
	else if (dropped)
		shrink_filter(batch, dropped);
	return others && dropped;
}

/**
 * kpatch_hook_release_module() - remove all hooks from a module that goes
 * @mod: the module, which no operation and no patch finds any more, so its sites have no
 *	user; its text and what ftrace knows of it still exist
 *
 * Other sites of the same batches stay hooked, used or not: the kernel thread may be
 * about to use them, and releases them after its next operation if not. Cannot fail.
 *
 * Context: process context, sleeps, takes kpatch_mutex for a moment, or until there is
 * some memory. Then waits as kpatch_hook_release() does.
 */
void kpatch_hook_release_module(const struct module *mod)
{
	struct batch *batch, *next;
	bool shrunk = false;
	LIST_HEAD(unused);

	guard(mutex)(&release_mutex);
	scoped_guard(mutex, &kpatch_mutex) {
		list_for_each_entry_safe(batch, next, &batches, list)
			shrunk |= drop_sites(batch, mod, &unused);
	}
	/* The kernel thread may have taken out those that it found without a user. */
	if (!release_batches(&unused) && (shrunk || mod->kpatch_hooked))
		synchronize_rcu_tasks();
}

/**
 * kpatch_hook_release_and_wait() - unregister unused batches, and wait for trampolines
 *
 * As kpatch_hook_release(), but waits also if no batch is unused.
 *
 * Context: as kpatch_hook_release(), without kpatch_mutex.
 */
void kpatch_hook_release_and_wait(void)
{
	if (!kpatch_hook_release())
		synchronize_rcu_tasks();
}
