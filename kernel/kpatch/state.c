// SPDX-License-Identifier: GPL-2.0-only
/*
 * States of patches, and callbacks that sleep. Those that are called in the stop are
 * called by txn.c, from an array that this file fills.
 */
#include "common.h"

#include <linux/export.h>
#include <linux/irqflags.h>
#include <linux/jiffies.h>
#include <linux/module.h>
#include <linux/overflow.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>

#include "memory.h"
#include "shadow.h"
#include "state.h"

/**
 * DOC: States
 *
 * A state is what a patch changes besides functions, see &struct kpatch_state. Patches
 * that declare the same state share an instance of it:
 *
 * ========= ======= ==============================================================
 * event     users   callbacks
 * ========= ======= ==============================================================
 * set up    0       setup
 * entered   0 -> 1  check_enter before the commit, enter after it
 * shared    n -> m  none: a later patch takes it over
 * left      1 -> 0  check_leave before the commit, leave after it
 * put       0       shadow_dtor, release
 * ========= ======= ==============================================================
 *
 * An instance is set up before the switch, without kpatch_mutex, and again only if its
 * module has been unloaded meanwhile. If the operation fails for whatever reason, it is
 * put. Nothing is undone with the machine stopped: all checks are made before the commit,
 * which is the last step that can fail, and what is called after it returns void.
 *
 * The instance of a module that goes is dead: no later patch finds it. It stays until
 * the patches that have it are done with it.
 */

/**
 * struct kpatch_instance - what patches share that declare the same state
 * @list: link in the list of instances; empty once its module goes
 * @id: id of the state
 * @object: name of the module, or "vmlinux"
 * @refs: number of patches that have it
 * @users: number of enabled patches that have it; the state is entered if it is not 0
 * @ready: it is set up
 * @gone: its module is gone, and so are all tasks that may have used it
 * @data: belongs to the callbacks
 * @rcu: to free it
 *
 * Under kpatch_mutex, but for @data.
 */
struct kpatch_instance {
	struct list_head list;
	unsigned long id;
	char object[MODULE_NAME_LEN];
	unsigned int refs;
	unsigned int users;
	bool ready;
	bool gone;
	void *data;
	struct rcu_head rcu;
};

static LIST_HEAD(instances);

/* The callback that the kernel thread is in, for messages. */
static unsigned long callback;

/* The task that loads or unloads a module and is in a callback, under kpatch_mutex. */
static const struct task_struct *loader;

/*
 * Callbacks that sleep are called by the kernel thread, without the mutex, so that a
 * stuck one holds up only operations, and modules can be loaded. Their time does not
 * count. The patch stays registered since an operation switches it. For a module that
 * comes or goes they are called by the task that loads or unloads it, with the mutex: no
 * operation must come in between. Then there is no requester.
 */
static unsigned long begin_callback(struct kpatch_requester *by, void *fn)
{
	if (by) {
		WRITE_ONCE(callback, (unsigned long)fn);
		mutex_unlock(&kpatch_mutex);
	} else {
		WRITE_ONCE(loader, current);
	}
	return jiffies;
}

static void end_callback(struct kpatch_requester *by, unsigned long start)
{
	if (!by) {
		WRITE_ONCE(loader, NULL);
		return;
	}
	mutex_lock(&kpatch_mutex);
	WRITE_ONCE(callback, 0);
	by->deadline += jiffies - start;
}

/**
 * kpatch_state_callback() - tell which callback the kernel thread is in
 *
 * Context: any.
 *
 * Return: its address, 0 if it is in none.
 */
unsigned long kpatch_state_callback(void)
{
	return READ_ONCE(callback);
}

/**
 * kpatch_state_calls_current() - test whether the current task is in a callback
 *
 * Context: process context.
 *
 * Return: true if it loads or unloads a module, and is in a callback.
 */
bool kpatch_state_calls_current(void)
{
	return READ_ONCE(loader) == current;
}

static bool is_same(const struct kpatch_state *a, const struct kpatch_state *b)
{
	return a == b || (a->id && a->id == b->id &&
			  !strcmp(a->object->name, b->object->name));
}

static struct kpatch_instance *find_instance(const struct kpatch_state *state)
{
	struct kpatch_instance *instance;

	if (!state->id)
		return NULL;
	list_for_each_entry(instance, &instances, list) {
		if (instance->id == state->id &&
		    !strcmp(instance->object, state->object->name))
			return instance;
	}
	return NULL;
}

static bool is_dead(const struct kpatch_instance *instance)
{
	return list_empty(&instance->list);
}

static struct kpatch_instance *new_instance(const struct kpatch_state *state)
{
	struct kpatch_instance *instance = kzalloc_obj(*instance, GFP_KERNEL);

	if (!instance)
		return NULL;
	instance->id = state->id;
	strscpy(instance->object, state->object->name, sizeof(instance->object));
	list_add_tail(&instance->list, &instances);
	return instance;
}

static int get_instance(struct kpatch_state *state)
{
	struct kpatch_instance *instance;

	instance = find_instance(state) ?: new_instance(state);
	if (!instance)
		return -ENOMEM;
	instance->refs++;
	WRITE_ONCE(state->instance, instance);
	return 0;
}

/* No task uses the state any more through the patch that declares it. */
static void put_instance(struct kpatch_state *state, struct kpatch_requester *by)
{
	struct kpatch_instance *instance = state->instance;
	unsigned long start;

	if (--instance->refs == 0) {
		/* A module that comes meanwhile must not find it. */
		list_del_init(&instance->list);
		start = begin_callback(by, state->release);
		kpatch_shadow_drop(instance, state->shadow_dtor);
		if (instance->ready && state->release)
			state->release(state);
		end_callback(by, start);
	}
	WRITE_ONCE(state->instance, NULL);
	if (instance->refs)
		return;
	/* No other state may get what was attached too late. */
	kpatch_shadow_drop(instance, NULL);
	/* A task in a function that is not checked may just have read the pointer. */
	kfree_rcu(instance, rcu);
}

static int check_callback(const struct kpatch_module *kpmod,
			  const struct kpatch_state *state, void *fn)
{
	unsigned long addr = (unsigned long)fn;

	if (!fn || within_module_mem_type(addr, kpmod->mod, MOD_TEXT))
		return 0;
	if (!state)
		return kpatch_refuse(KPATCH_CAUSE_CALLBACK, .kpmod = kpmod,
				     .addr = addr);
	return kpatch_refuse(KPATCH_CAUSE_STATE_CALLBACK, .kpmod = kpmod,
			     .addr = addr, .number = state->id);
}

static int check_callbacks(const struct kpatch_module *kpmod,
			   const struct kpatch_state *state)
{
	void *fn[] = {
		state->setup, state->release, state->check_enter,
		state->check_leave, state->enter, state->leave,
		state->shadow_dtor,
	};
	unsigned int i;
	int ret;

	for (i = 0; i < ARRAY_SIZE(fn); i++) {
		ret = check_callback(kpmod, state, fn[i]);
		if (ret)
			return ret;
	}
	return 0;
}

static bool is_declared_before(const struct kpatch_module *kpmod,
			       const struct kpatch_state *state)
{
	const struct kpatch_state *other;

	for (other = kpmod->states; other < state; other++) {
		if (state->id && other->id == state->id &&
		    !strcmp(other->objname ?: KPATCH_VMLINUX,
			    state->objname ?: KPATCH_VMLINUX))
			return true;
	}
	return false;
}

static int check_state(const struct kpatch_module *kpmod,
		       const struct kpatch_state *state)
{
	if (state->flags & ~KPATCH_STATE_PERMANENT)
		return kpatch_refuse(KPATCH_CAUSE_STATE_FLAGS, .kpmod = kpmod,
				     .number = state->id);
	if (!state->id && state->flags & KPATCH_STATE_PERMANENT)
		return kpatch_refuse(KPATCH_CAUSE_STATE_PRIVATE, .kpmod = kpmod);
	if (is_declared_before(kpmod, state))
		return kpatch_refuse(KPATCH_CAUSE_STATE_TWICE, .kpmod = kpmod,
				     .number = state->id);
	return check_callbacks(kpmod, state);
}

/**
 * kpatch_states_check() - check the states and callbacks of a patch
 * @kpmod: the patch as its module defined it
 *
 * Context: process context, the task that registers the patch.
 *
 * Return: 0; -EINVAL with a line logged.
 */
int kpatch_states_check(const struct kpatch_module *kpmod)
{
	enum kpatch_cause cause;
	unsigned int i;
	int ret;

	ret = check_callback(kpmod, NULL, kpmod->started);
	if (!ret)
		ret = check_callback(kpmod, NULL, kpmod->stopping);
	if (ret || !kpmod->num_states)
		return ret;
	if (!kpmod->states)
		return kpatch_refuse(KPATCH_CAUSE_NO_ARRAY, .kpmod = kpmod);
	cause = kpatch_memory_check(kpmod->states,
				    array_size(kpmod->num_states,
					       sizeof(*kpmod->states)));
	if (cause)
		return kpatch_refuse(cause, .kpmod = kpmod,
				     .action = "its array of states");
	for (i = 0; i < kpmod->num_states; i++) {
		ret = check_state(kpmod, &kpmod->states[i]);
		if (ret)
			return ret;
	}
	return 0;
}

/* The init of a module may still fail, which no reference prevents. */
static bool pin(struct module *mod)
{
	if (!try_module_get(mod))
		return false;
	if (!mod || mod->state == MODULE_STATE_LIVE)
		return true;
	module_put(mod);
	return false;
}

/*
 * Call setup. The module of the state must not go meanwhile; a module that is going
 * cannot be pinned any more.
 */
static int call_setup(struct kpatch_state *state, struct kpatch_requester *by)
{
	struct module *mod = state->object->mod;
	unsigned long start;
	int ret;

	if (by && !pin(mod))
		return kpatch_refuse(KPATCH_CAUSE_NOT_LIVE,
				     .kpmod = state->object->patch->kpmod,
				     .names = state->object->name);
	start = begin_callback(by, state->setup);
	ret = state->setup(state);
	end_callback(by, start);
	if (by)
		module_put(mod);
	return kpatch_refuse(ret ? KPATCH_CAUSE_SETUP : KPATCH_CAUSE_NONE,
			     .kpmod = state->object->patch->kpmod,
			     .addr = (unsigned long)state->setup,
			     .number = state->id, .err = ret);
}

/* Get an instance of a state that is set up. */
static int set_up(struct kpatch_state *state, struct kpatch_requester *by)
{
	int ret;

	ret = get_instance(state);
	if (ret)
		return kpatch_refuse(KPATCH_CAUSE_NO_MEMORY,
				     .kpmod = state->object->patch->kpmod,
				     .action = "set up a state");
	if (!state->instance->ready && state->setup)
		ret = call_setup(state, by);
	if (ret)
		put_instance(state, by);
	else
		state->instance->ready = true;
	return ret;
}

/**
 * kpatch_states_set_up() - set up states of a patch that is to be enabled
 * @patch: the patch, pinned and bound
 * @by: the requester
 *
 * Sets up the next state that exists and is not set up.
 *
 * Context: kernel thread, under kpatch_mutex, which is released for the callback.
 *
 * Return: 0 if all states that exist are set up; 1 if the caller has to bind the patch
 * again and to call this again, as modules may have come and gone; an errno with a line
 * logged. In all cases kpatch_states_put() must follow unless the patch is enabled.
 */
int kpatch_states_set_up(struct kpatch_patch *patch, struct kpatch_requester *by)
{
	struct kpatch_state *state;
	int ret;

	lockdep_assert_held(&kpatch_mutex);
	kpatch_for_each_state(state, patch) {
		if (state->instance && is_dead(state->instance)) {
			put_instance(state, by);
			return 1;
		}
		if (state->instance || !state->object->bound)
			continue;
		ret = set_up(state, by);
		return ret ?: 1;
	}
	return 0;
}

/* The instance of a state, also of one that only other patches have yet. */
static struct kpatch_instance *instance_of(const struct kpatch_state *state)
{
	return state->instance ?: find_instance(state);
}

static unsigned int users_before(const struct kpatch_state *state)
{
	struct kpatch_instance *instance = instance_of(state);

	return instance ? instance->users : 0;
}

/* Find the state in the patch of a change. */
static struct kpatch_state *find_in(const struct kpatch_change *change,
				    const struct kpatch_state *state)
{
	struct kpatch_state *own;

	kpatch_for_each_state(own, change->patch) {
		if (is_same(own, state))
			return own;
	}
	return NULL;
}

static unsigned int users_after(const struct kpatch_state *state,
				const struct kpatch_change *changes, unsigned int nr)
{
	unsigned int users = users_before(state), i;

	for (i = 0; i < nr; i++) {
		if (find_in(&changes[i], state))
			users += changes[i].to == KPATCH_ON ? 1 : -1;
	}
	return users;
}

/* Test whether a state exists: it has an instance, or would get one. */
static bool exists(const struct kpatch_state *state)
{
	return state->object->bound &&
	       !(state->instance && is_dead(state->instance));
}

/* Test whether @change disables a patch that has @state, and no patch has it afterwards. */
static bool is_given_up(const struct kpatch_change *change,
			const struct kpatch_state *state,
			const struct kpatch_change *changes, unsigned int nr)
{
	return change->to == KPATCH_OFF && exists(state) &&
	       !users_after(state, changes, nr);
}

/*
 * The last patch that goes leaves a state. It is also the one that puts the state last, and
 * so releases what it has left.
 */
static bool is_left_by(const struct kpatch_change *change,
		       const struct kpatch_state *state,
		       const struct kpatch_change *changes, unsigned int nr)
{
	const struct kpatch_change *later;

	for (later = change + 1; later < changes + nr; later++) {
		if (later->to == KPATCH_OFF && find_in(later, state))
			return false;
	}
	return true;
}

/* The first patch that comes enters a state. */
static bool is_entered_by(const struct kpatch_change *change,
			  const struct kpatch_state *state,
			  const struct kpatch_change *changes)
{
	const struct kpatch_change *earlier;

	if (change->to != KPATCH_ON || !exists(state) || users_before(state))
		return false;
	for (earlier = changes; earlier < change; earlier++) {
		if (earlier->to == KPATCH_ON && find_in(earlier, state))
			return false;
	}
	return true;
}

static void add_transition(struct kpatch_transitions *transitions,
			   struct kpatch_state *state, bool enter)
{
	transitions->t[transitions->nr++] = (struct kpatch_transition) {
		.state = state,
		.enter = enter,
	};
}

static int add_left(struct kpatch_transitions *transitions,
		    const struct kpatch_change *change,
		    const struct kpatch_change *changes, unsigned int nr,
		    const struct kpatch_requester *by)
{
	struct kpatch_state *state;

	kpatch_for_each_state_reverse(state, change->patch) {
		if (!is_given_up(change, state, changes, nr))
			continue;
		/* One that says so is enough. A module that goes cannot be refused. */
		if (state->flags & KPATCH_STATE_PERMANENT && !by->forced)
			return kpatch_refuse(KPATCH_CAUSE_STATE_PERMANENT,
					     .kpmod = change->patch->kpmod,
					     .number = state->id,
					     .quiet = by->quiet);
		if (is_left_by(change, state, changes, nr))
			add_transition(transitions, state, false);
	}
	return 0;
}

static void add_entered(struct kpatch_transitions *transitions,
			const struct kpatch_change *change,
			const struct kpatch_change *changes)
{
	struct kpatch_state *state;

	kpatch_for_each_state(state, change->patch) {
		if (is_entered_by(change, state, changes))
			add_transition(transitions, state, true);
	}
}

/**
 * kpatch_states_collect() - collect the states that a transaction enters or leaves
 * @changes: the patches of the transaction, prepared
 * @nr: number of elements in @changes
 * @by: the requester
 * @transitions: filled with those that are left, the last one first, and then those that
 *	are entered. To be freed by kfree() of its array, whatever this returns.
 *
 * Context: process context, under kpatch_mutex.
 *
 * Return: 0; -EPERM or -ENOMEM with a line logged.
 */
int kpatch_states_collect(const struct kpatch_change *changes, unsigned int nr,
			  const struct kpatch_requester *by,
			  struct kpatch_transitions *transitions)
{
	const struct kpatch_change *change;
	unsigned int most = 0;
	int ret;

	lockdep_assert_held(&kpatch_mutex);
	*transitions = (struct kpatch_transitions) {};
	for (change = changes; change < changes + nr; change++)
		most += change->patch->kpmod->num_states;
	if (!most)
		return 0;
	transitions->t = kcalloc(most, sizeof(*transitions->t), GFP_KERNEL);
	if (!transitions->t)
		return kpatch_refuse(KPATCH_CAUSE_NO_MEMORY,
				     .kpmod = changes->patch->kpmod,
				     .action = "list its states");
	for (change = changes; change < changes + nr; change++) {
		ret = add_left(transitions, change, changes, nr, by);
		if (ret)
			return ret;
	}
	for (change = changes; change < changes + nr; change++)
		add_entered(transitions, change, changes);
	return 0;
}

/**
 * kpatch_states_log_no_setup() - log which callbacks a dry run has left out
 * @transitions: the states of the transaction
 */
void kpatch_states_log_no_setup(const struct kpatch_transitions *transitions)
{
	const struct kpatch_transition *t;

	for (t = transitions->t; t < transitions->t + transitions->nr; t++) {
		if (t->enter && t->state->setup)
			kpatch_log_no_setup(t->state->object->patch->kpmod,
					    t->state->id);
	}
}

/**
 * kpatch_states_commit() - a transaction has entered and left its states
 * @changes: the patches of the transaction
 * @nr: number of elements in @changes
 *
 * Context: process context, under kpatch_mutex.
 */
void kpatch_states_commit(const struct kpatch_change *changes, unsigned int nr)
{
	const struct kpatch_change *change;
	struct kpatch_state *state;

	lockdep_assert_held(&kpatch_mutex);
	for (change = changes; change < changes + nr; change++) {
		kpatch_for_each_state(state, change->patch) {
			if (!state->instance || is_dead(state->instance))
				continue;
			state->instance->users += change->to == KPATCH_ON ? 1 : -1;
		}
	}
}

/**
 * kpatch_states_put() - put all states of a patch that is disabled
 * @patch: the patch; no task is in it any more
 * @by: the requester
 *
 * Context: kernel thread, under kpatch_mutex, which is released for each callback.
 */
void kpatch_states_put(struct kpatch_patch *patch, struct kpatch_requester *by)
{
	struct kpatch_state *state;

	lockdep_assert_held(&kpatch_mutex);
	kpatch_for_each_state_reverse(state, patch) {
		if (state->instance)
			put_instance(state, by);
	}
}

/* No code of the module runs yet, so none sees what is half converted. */
static void enter_alone(struct kpatch_state *state)
{
	if (!state->instance->users++ && state->enter) {
		guard(irqsave)();
		state->enter(state);
	}
}

/**
 * kpatch_states_come() - enter the states of a module that is being loaded
 * @patch: an enabled patch
 * @object: the module, bound and hooked; none of its code has run
 *
 * Context: process context, sleeps, under kpatch_mutex, while no patch is switched.
 *
 * Return: 0, or an errno with a line logged. Then kpatch_states_go() and
 * kpatch_states_gone() must be called.
 */
int kpatch_states_come(struct kpatch_patch *patch, const struct kpatch_object *object)
{
	struct kpatch_state *state;
	int ret;

	lockdep_assert_held(&kpatch_mutex);
	kpatch_for_each_state(state, patch) {
		if (state->object != object)
			continue;
		/* A callback may use what the module had before it went. */
		if (state->instance)
			return kpatch_refuse(KPATCH_CAUSE_OPERATION,
					     .action = object->name,
					     .names = "a callback of a patch");
		ret = set_up(state, NULL);
		if (ret)
			return ret;
		enter_alone(state);
	}
	return 0;
}

/**
 * kpatch_states_go() - leave the states of a module that goes
 * @patch: a registered patch
 * @object: the module
 *
 * A patch that is being enabled finds out that the instance is dead.
 *
 * Context: process context, under kpatch_mutex, while no patch is switched.
 */
void kpatch_states_go(struct kpatch_patch *patch, const struct kpatch_object *object)
{
	struct kpatch_state *state;
	struct kpatch_instance *instance;

	lockdep_assert_held(&kpatch_mutex);
	kpatch_for_each_state_reverse(state, patch) {
		instance = state->instance;
		if (state->object != object || !instance)
			continue;
		if (patch->kpmod->status == KPATCH_ON && instance->users &&
		    !--instance->users && state->leave) {
			guard(irqsave)();
			state->leave(state);
		}
		if (!instance->users)
			list_del_init(&instance->list);
	}
}

/**
 * kpatch_states_gone() - put the states of a module that is gone
 * @patch: a registered patch
 * @object: the module; no task is in it, nor in a replacement of one of its functions
 *
 * Context: process context, sleeps, under kpatch_mutex.
 */
void kpatch_states_gone(struct kpatch_patch *patch, const struct kpatch_object *object)
{
	struct kpatch_state *state;

	lockdep_assert_held(&kpatch_mutex);
	kpatch_for_each_state_reverse(state, patch) {
		if (state->object != object || !state->instance ||
		    !is_dead(state->instance))
			continue;
		state->instance->gone = true;
		/* The thread may be in a callback of the patch, and puts it afterwards. */
		if (patch->kpmod->status != KPATCH_OFF && !patch->calling)
			put_instance(state, NULL);
	}
}

/*
 * A callback of the patch begins. It may use states of modules that go meanwhile: these
 * stay until it has returned.
 */
static unsigned long begin_calling(struct kpatch_patch *patch,
				   struct kpatch_requester *by, void *fn)
{
	patch->calling = true;
	return begin_callback(by, fn);
}

/* Find a state that kpatch_states_gone() has left to the thread. */
static struct kpatch_state *find_gone(const struct kpatch_patch *patch)
{
	struct kpatch_state *state;

	kpatch_for_each_state_reverse(state, patch) {
		if (state->instance && state->instance->gone)
			return state;
	}
	return NULL;
}

static void end_calling(struct kpatch_patch *patch, struct kpatch_requester *by,
			unsigned long start)
{
	struct kpatch_state *state;

	end_callback(by, start);
	while ((state = find_gone(patch)))
		put_instance(state, by);
	patch->calling = false;
}

/**
 * kpatch_state_started() - tell a patch that it is enabled
 * @patch: the patch
 * @by: the requester
 *
 * Context: kernel thread, under kpatch_mutex, which is released for the callback.
 */
void kpatch_state_started(struct kpatch_patch *patch, struct kpatch_requester *by)
{
	struct kpatch_module *kpmod = patch->kpmod;
	unsigned long start;

	lockdep_assert_held(&kpatch_mutex);
	if (!kpmod->started)
		return;
	start = begin_calling(patch, by, kpmod->started);
	kpmod->started(kpmod);
	end_calling(patch, by, start);
}

/**
 * kpatch_state_stopping() - tell a patch that it is to be disabled
 * @patch: the patch
 * @by: the requester
 *
 * Context: kernel thread, under kpatch_mutex, which is released for the callback.
 *
 * Return: 0; then kpatch_state_started() must follow if the patch stays enabled. An errno,
 * with a line logged, if it refuses.
 */
int kpatch_state_stopping(struct kpatch_patch *patch, struct kpatch_requester *by)
{
	struct kpatch_module *kpmod = patch->kpmod;
	unsigned long start;
	int ret;

	lockdep_assert_held(&kpatch_mutex);
	if (!kpmod->stopping)
		return 0;
	start = begin_calling(patch, by, kpmod->stopping);
	ret = kpmod->stopping(kpmod);
	end_calling(patch, by, start);
	return kpatch_refuse(ret ? KPATCH_CAUSE_STOPPING : KPATCH_CAUSE_NONE,
			     .kpmod = kpmod, .addr = (unsigned long)kpmod->stopping,
			     .err = ret, .quiet = by->quiet);
}

/**
 * kpatch_state_is_entered() - test whether a state is entered
 * @state: a state of a registered patch
 *
 * Context: process context, under kpatch_mutex.
 *
 * Return: true if an enabled patch is in it.
 */
bool kpatch_state_is_entered(const struct kpatch_state *state)
{
	return users_before(state);
}

/**
 * kpatch_states_need() - test whether a patch may need another one to be disabled
 * @patch: a registered patch
 * @other: another one
 *
 * Context: process context, under kpatch_mutex.
 *
 * Return: true if both declare a state that @patch cannot leave.
 */
bool kpatch_states_need(const struct kpatch_patch *patch, const struct kpatch_patch *other)
{
	const struct kpatch_state *state, *same;

	kpatch_for_each_state(state, patch) {
		if (!(state->flags & KPATCH_STATE_PERMANENT))
			continue;
		kpatch_for_each_state(same, other) {
			if (is_same(same, state))
				return true;
		}
	}
	return false;
}

/**
 * kpatch_state_data() - get what the callbacks of a state have stored
 * @state: the state
 *
 * Context: any; functions and callbacks of a patch that declares @state.
 *
 * Return: what kpatch_state_set_data() has stored last, by whichever patch. %NULL before
 * that, and in a dry run.
 */
void *kpatch_state_data(const struct kpatch_state *state)
{
	struct kpatch_instance *instance;

	guard(rcu)();
	instance = READ_ONCE(state->instance);
	return instance ? READ_ONCE(instance->data) : NULL;
}
EXPORT_SYMBOL_GPL(kpatch_state_data);

/**
 * kpatch_state_set_data() - store something in a state
 * @state: the state, set up or about to be
 * @data: what to store; a later patch that declares the state gets it, so it must not
 *	point into a module
 *
 * Context: any; callbacks of @state. The callers serialise themselves.
 */
void kpatch_state_set_data(struct kpatch_state *state, void *data)
{
	struct kpatch_instance *instance;

	guard(rcu)();
	instance = READ_ONCE(state->instance);
	if (!WARN_ON_ONCE(!instance))
		WRITE_ONCE(instance->data, data);
}
EXPORT_SYMBOL_GPL(kpatch_state_set_data);
