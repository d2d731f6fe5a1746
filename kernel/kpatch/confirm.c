// SPDX-License-Identifier: GPL-2.0-only
/*
 * Trials: switches that are undone unless they are confirmed.
 */
#include "common.h"

#include <linux/init.h>
#include <linux/jiffies.h>
#include <linux/minmax.h>
#include <linux/module.h>
#include <linux/overflow.h>
#include <linux/refcount.h>
#include <linux/sched.h>
#include <linux/spinlock.h>
#include <linux/sysfs.h>
#include <linux/wait.h>

#include "confirm.h"
#include "patch.h"
#include "state.h"
#include "switch.h"

/* The first and the longest time between two attempts to undo a trial. */
#define RETRY_MS	1000U
#define RETRY_MAX_MS	30000U

/* Room for the first patches of a trial, in the log. */
#define WORDS_LEN	128

/**
 * DOC: Trials
 *
 * If the administrator has said beforehand how many seconds a trial is to take, the next
 * switch that succeeds is one. Unless it is confirmed within this time, the thread of
 * request.c makes the inverse transaction: one like any other, with all checks. If that
 * is refused, it is tried again, later each time, until it succeeds or the trial is
 * confirmed.
 *
 * Until then nothing may change that the inverse transaction needs:
 *
 *  - A patch that the trial has disabled stays registered, and its module loaded, and so
 *    do the modules that it pinned. Those that the trial has enabled are pinned as usual.
 *  - No patch of the same sets is switched. No patch of another set is enabled that
 *    replaces a function of a patch that the trial has disabled, or disabled that shares a
 *    state which a patch that the trial has enabled cannot leave.
 *  - No trial begins that would enter a state that cannot be left, or that would disable a
 *    patch below a newer one: enabled again it would be the newest.
 *
 * A module whose init fails goes all the same. If its patch is on trial and enabled, the
 * trial is undone at once; if it is disabled, the inverse transaction leaves it out.
 *
 * There is one trial at a time. Time in which the system is suspended does not count:
 * it could not be confirmed then.
 */

/**
 * struct member - a patch that a trial has switched
 * @patch: the patch, registered
 * @before: its status before, which the inverse transaction restores
 */
struct member {
	struct kpatch_patch *patch;
	enum kpatch_status before;
};

/**
 * struct kpatch_trial - a switch that is undone unless it is confirmed
 * @users: references: one until the trial has ended, and one of the thread while it
 *	reads @member without the lock
 * @number: tells it from other trials
 * @due: when it is undone, or when that is tried next, in jiffies
 * @retry_ms: the time between the next two attempts to undo it
 * @tried: it could not be undone so far
 * @kept: it is confirmed while it is being undone; if that fails it ends
 * @undoer: what request.c knows of the operation that undoes it, while that runs
 * @pins: modules that must not go, with a reference each; %NULL for none
 * @nr_pins: number of elements in @pins
 * @nr: number of elements in @member
 * @member: its patches: first those that it has enabled, then those that it has disabled,
 *	in the order in which they had been enabled
 */
struct kpatch_trial {
	refcount_t users;
	unsigned long number;
	unsigned long due;
	unsigned int retry_ms;
	bool tried;
	bool kept;
	struct kpatch_requester *undoer;
	struct module **pins;
	unsigned int nr_pins;
	unsigned int nr;
	struct member member[] __counted_by(nr);
};

/*
 * Protects the variables below, and all of the trial. To change @member requires
 * kpatch_mutex, too. Readers of the file take nothing else, so they do not wait for an
 * operation. A leaf.
 */
static DEFINE_SPINLOCK(trial_lock);

/* How long the next trial takes, in seconds; 0 if the next switch is none. */
static unsigned int armed;

/* The trial that is neither confirmed nor undone, %NULL if there is none. */
static struct kpatch_trial *current_trial;

/* Number of the last trial that has begun, and of the last one that was undone. */
static unsigned long last_number;
static unsigned long last_undone;

/* Tasks that confirm a trial which is being undone sleep here until that has ended. */
static DECLARE_WAIT_QUEUE_HEAD(undoing_ends);

static void (*on_change)(void) __ro_after_init;

static void put_trial(struct kpatch_trial *trial)
{
	if (trial && refcount_dec_and_test(&trial->users))
		kvfree(trial);
}

static void unpin(struct kpatch_trial *trial)
{
	unsigned int i;

	for (i = 0; i < trial->nr_pins; i++)
		module_put(trial->pins[i]);
	kfree(trial->pins);
	trial->pins = NULL;
	trial->nr_pins = 0;
}

/**
 * kpatch_confirm_drop() - free a trial that does not begin
 * @trial: the trial, as kpatch_confirm_prepare() has made it; %NULL is allowed
 */
void kpatch_confirm_drop(struct kpatch_trial *trial)
{
	if (!trial)
		return;
	unpin(trial);
	put_trial(trial);
}

/* End the current trial. The caller drops it, without the lock. */
static struct kpatch_trial *end_trial(void)
{
	struct kpatch_trial *trial = current_trial;

	lockdep_assert_held(&trial_lock);
	current_trial = NULL;
	return trial;
}

/*
 * Get the current trial, which may end meanwhile. Its patches stay registered as long as
 * kpatch_mutex is held.
 */
static struct kpatch_trial *get_trial(void)
{
	struct kpatch_trial *trial;

	lockdep_assert_held(&kpatch_mutex);
	spin_lock(&trial_lock);
	trial = current_trial;
	if (trial)
		refcount_inc(&trial->users);
	spin_unlock(&trial_lock);
	return trial;
}

/* Format the patches as words for the file "switch", none of them cut. */
static int format_words(const struct kpatch_trial *trial, char *buf, size_t size)
{
	char word[MODULE_NAME_LEN + 2];
	unsigned int i;
	int len = 0, n;

	buf[0] = '\0';
	for (i = 0; i < trial->nr; i++) {
		n = scnprintf(word, sizeof(word), "%s%c%s", i ? " " : "",
			      trial->member[i].before == KPATCH_OFF ? '+' : '-',
			      trial->member[i].patch->kpmod->mod->name);
		if (len + n >= size)
			break;
		len += scnprintf(buf + len, size - len, "%s", word);
	}
	return len;
}

/* Test whether switching a patch would get in the way of the inverse transaction. */
static bool collides(const struct kpatch_trial *trial,
		     const struct kpatch_change *change)
{
	const struct member *member;
	unsigned int i;

	for (i = 0; i < trial->nr; i++) {
		member = &trial->member[i];
		if (!strcmp(kpatch_set_of(member->patch), kpatch_set_of(change->patch)))
			return true;
		if (change->to == KPATCH_ON && member->before == KPATCH_ON &&
		    kpatch_patch_same_name(change->patch, member->patch))
			return true;
		if (change->to == KPATCH_OFF && member->before == KPATCH_OFF &&
		    kpatch_states_need(member->patch, change->patch))
			return true;
	}
	return false;
}

/* Refuse what would get in the way of undoing the current trial. */
static int check_trial(const struct kpatch_change *changes, unsigned int nr)
{
	struct kpatch_trial *trial = get_trial();
	char words[WORDS_LEN];
	unsigned int i;
	int ret = 0;

	if (!trial)
		return 0;
	for (i = 0; i < nr && !ret; i++) {
		if (!collides(trial, &changes[i]))
			continue;
		format_words(trial, words, sizeof(words));
		ret = kpatch_refuse(KPATCH_CAUSE_ON_TRIAL,
				    .kpmod = changes[i].patch->kpmod, .names = words);
	}
	put_trial(trial);
	return ret;
}

/*
 * Refuse a trial that would enter a state which cannot be left. Those of a module that is
 * not loaded count, too: it may be loaded during the trial.
 */
static int check_permanent(const struct kpatch_change *changes, unsigned int nr)
{
	const struct kpatch_state *state;
	unsigned int i;

	for (i = 0; i < nr; i++) {
		if (changes[i].to == KPATCH_OFF)
			continue;
		kpatch_for_each_state(state, changes[i].patch) {
			if (state->flags & KPATCH_STATE_PERMANENT &&
			    !kpatch_state_is_entered(state))
				return kpatch_refuse(KPATCH_CAUSE_TRIAL_PERMANENT,
						     .kpmod = changes[i].patch->kpmod,
						     .number = state->id);
		}
	}
	return 0;
}

static const struct kpatch_patch *
find_newer(const struct kpatch_patch *patch,
	   const struct kpatch_change *changes, unsigned int nr)
{
	const struct kpatch_patch *newer;

	list_for_each_entry_reverse(newer, &kpatch_enabled_patches, enabled) {
		if (newer == patch)
			break;
		if (!kpatch_patch_goes_off(newer, changes, nr) &&
		    kpatch_patch_same_name(newer, patch))
			return newer;
	}
	return NULL;
}

/*
 * Refuse a trial that would disable a patch below a newer one. In a module that is not
 * loaded that is possible, but it may be loaded during the trial.
 */
static int check_order(const struct kpatch_change *changes, unsigned int nr)
{
	const struct kpatch_patch *newer = NULL;
	unsigned int i;

	for (i = 0; i < nr; i++) {
		if (changes[i].to == KPATCH_OFF)
			newer = find_newer(changes[i].patch, changes, nr);
		if (newer)
			return kpatch_refuse(KPATCH_CAUSE_TRIAL_COVERED,
					     .kpmod = changes[i].patch->kpmod,
					     .names = newer->kpmod->mod->name);
	}
	return 0;
}

/**
 * kpatch_confirm_check() - test whether patches may be switched now
 * @changes: the patches
 * @nr: number of elements in @changes
 * @by: the requester
 *
 * Context: kernel thread of request.c, under kpatch_mutex.
 *
 * Return: 0; -EBUSY if that could keep a trial from being undone, or if it would be a trial
 * that would not restore the order; -EPERM if it would be one that could not be undone. Then
 * a line is logged.
 */
int kpatch_confirm_check(const struct kpatch_change *changes, unsigned int nr,
			 const struct kpatch_requester *by)
{
	int ret;

	lockdep_assert_held(&kpatch_mutex);
	if (by->forced)
		return 0;
	ret = check_trial(changes, nr);
	if (ret || !READ_ONCE(armed))
		return ret;
	return check_permanent(changes, nr) ?: check_order(changes, nr);
}

static void add_member(struct kpatch_trial *trial, struct kpatch_patch *patch,
		       enum kpatch_status before)
{
	trial->member[trial->nr].patch = patch;
	trial->member[trial->nr++].before = before;
}

static void add_members(struct kpatch_trial *trial,
			const struct kpatch_change *changes, unsigned int nr)
{
	struct kpatch_patch *patch;
	unsigned int i;

	for (i = 0; i < nr; i++) {
		if (changes[i].to == KPATCH_ON)
			add_member(trial, changes[i].patch, KPATCH_OFF);
	}
	list_for_each_entry(patch, &kpatch_enabled_patches, enabled) {
		if (kpatch_patch_goes_off(patch, changes, nr))
			add_member(trial, patch, KPATCH_ON);
	}
}

static unsigned int count_pins(const struct kpatch_trial *trial)
{
	const struct kpatch_object *object;
	unsigned int i, nr = 0;

	for (i = 0; i < trial->nr; i++) {
		if (trial->member[i].before != KPATCH_ON)
			continue;
		nr++;
		kpatch_for_each_object(object, trial->member[i].patch)
			nr += object->pinned;
	}
	return nr;
}

/* All of these modules are pinned now, since their patches are enabled. */
static int pin(struct kpatch_trial *trial)
{
	const struct kpatch_object *object;
	const struct kpatch_patch *patch;
	unsigned int i;

	trial->pins = kcalloc(count_pins(trial), sizeof(*trial->pins), GFP_KERNEL);
	if (!trial->pins)
		return -ENOMEM;
	for (i = 0; i < trial->nr; i++) {
		if (trial->member[i].before != KPATCH_ON)
			continue;
		patch = trial->member[i].patch;
		__module_get(patch->kpmod->mod);
		trial->pins[trial->nr_pins++] = patch->kpmod->mod;
		kpatch_for_each_object(object, patch) {
			if (!object->pinned)
				continue;
			__module_get(object->mod);
			trial->pins[trial->nr_pins++] = object->mod;
		}
	}
	return 0;
}

/**
 * kpatch_confirm_prepare() - make a trial of a switch that is about to be made
 * @changes: the patches
 * @nr: number of elements in @changes
 * @by: the requester
 * @trial: set to the trial; to %NULL if none is wanted. kpatch_confirm_begin() must follow
 *	if the switch succeeds, else kpatch_confirm_drop().
 *
 * Context: kernel thread of request.c, sleeps, under kpatch_mutex.
 *
 * Return: 0; -ENOMEM with a line logged.
 */
int kpatch_confirm_prepare(const struct kpatch_change *changes, unsigned int nr,
			   const struct kpatch_requester *by,
			   struct kpatch_trial **trial)
{
	struct kpatch_trial *new;

	lockdep_assert_held(&kpatch_mutex);
	*trial = NULL;
	if (by->forced || !READ_ONCE(armed))
		return 0;
	new = kvzalloc(struct_size(new, member, nr), GFP_KERNEL);
	if (!new)
		goto no_memory;
	refcount_set(&new->users, 1);
	add_members(new, changes, nr);
	if (pin(new)) {
		put_trial(new);
		goto no_memory;
	}
	*trial = new;
	return 0;

no_memory:
	return kpatch_refuse(KPATCH_CAUSE_NO_MEMORY, .kpmod = changes[0].patch->kpmod,
			     .action = "record what is on trial");
}

/**
 * kpatch_confirm_begin() - begin a trial: its switch has succeeded
 * @trial: the trial, %NULL if there is none
 *
 * The administrator may have changed the time meanwhile, or may want no trial any more.
 *
 * Context: kernel thread of request.c, under kpatch_mutex, which has not been released
 * since the patches were not marked as @switching any more.
 */
void kpatch_confirm_begin(struct kpatch_trial *trial)
{
	char words[WORDS_LEN];
	unsigned int seconds;

	lockdep_assert_held(&kpatch_mutex);
	if (!trial)
		return;
	format_words(trial, words, sizeof(words));
	spin_lock(&trial_lock);
	seconds = armed;
	armed = 0;
	if (seconds) {
		trial->number = ++last_number;
		trial->due = jiffies + seconds * HZ;
		trial->retry_ms = RETRY_MS;
		current_trial = trial;
	}
	spin_unlock(&trial_lock);
	if (!seconds) {
		kpatch_confirm_drop(trial);
		return;
	}
	kpatch_log_trial(words, seconds);
	on_change();
}

/**
 * kpatch_confirm_holds() - test whether a patch is on trial
 * @patch: the patch
 *
 * Context: process context, under kpatch_mutex.
 *
 * Return: true if it must stay registered.
 */
bool kpatch_confirm_holds(const struct kpatch_patch *patch)
{
	struct kpatch_trial *trial = get_trial();
	bool holds = false;
	unsigned int i;

	for (i = 0; trial && i < trial->nr; i++)
		holds |= trial->member[i].patch == patch;
	put_trial(trial);
	return holds;
}

/* The module of a patch that is on trial goes, so it need not be pinned any more. */
static void remove_member(struct kpatch_trial *trial, unsigned int which)
{
	const struct module *mod = trial->member[which].patch->kpmod->mod;
	unsigned int i;

	for (i = 0; i < trial->nr_pins; i++) {
		if (trial->pins[i] != mod)
			continue;
		module_put(trial->pins[i]);
		trial->pins[i] = NULL;
	}
	for (i = which + 1; i < trial->nr; i++)
		trial->member[i - 1] = trial->member[i];
	trial->nr--;
}

/**
 * kpatch_confirm_forget() - the module of a patch goes, which may be on trial
 * @patch: the patch
 *
 * Context: kernel thread of request.c, under kpatch_mutex.
 *
 * Return: false if the trial must be undone first, to disable the patch. It is due now.
 */
bool kpatch_confirm_forget(const struct kpatch_patch *patch)
{
	bool enabled = patch->kpmod->status == KPATCH_ON, held = false;
	unsigned int i;

	lockdep_assert_held(&kpatch_mutex);
	spin_lock(&trial_lock);
	for (i = 0; current_trial && i < current_trial->nr; i++) {
		if (current_trial->member[i].patch != patch)
			continue;
		held = true;
		if (!enabled)
			remove_member(current_trial, i);
		else
			current_trial->due = jiffies;
		break;
	}
	spin_unlock(&trial_lock);
	return !held || !enabled;
}

/**
 * kpatch_confirm_left() - how long it takes until a trial has to be undone
 *
 * Context: process context.
 *
 * Return: the time in jiffies, 0 if it is due; %MAX_SCHEDULE_TIMEOUT if there is no trial.
 */
long kpatch_confirm_left(void)
{
	long left = MAX_SCHEDULE_TIMEOUT;

	spin_lock(&trial_lock);
	if (current_trial)
		left = max((long)(current_trial->due - jiffies), 0L);
	spin_unlock(&trial_lock);
	return left;
}

/* Begin to undo the current trial. */
static struct kpatch_trial *begin_undo(struct kpatch_requester *by)
{
	struct kpatch_trial *trial;

	spin_lock(&trial_lock);
	trial = current_trial;
	if (trial) {
		refcount_inc(&trial->users);
		trial->undoer = by;
	}
	spin_unlock(&trial_lock);
	return trial;
}

/* An attempt to undo a trial has ended. Return true if the trial has, too. */
static bool end_undo(struct kpatch_trial *trial, int err)
{
	struct kpatch_trial *ended = NULL;

	spin_lock(&trial_lock);
	trial->undoer = NULL;
	trial->tried = true;
	trial->due = jiffies + msecs_to_jiffies(trial->retry_ms);
	trial->retry_ms = min(2 * trial->retry_ms, RETRY_MAX_MS);
	if (!err)
		last_undone = trial->number;
	if (!err || trial->kept)
		ended = end_trial();
	spin_unlock(&trial_lock);
	kpatch_confirm_drop(ended);
	wake_up_all(&undoing_ends);
	return ended;
}

/* Add what makes a patch of the trial as it was before. Return the number of changes. */
static unsigned int add_inverse(struct kpatch_change *changes, unsigned int nr,
				const struct member *member)
{
	if (member->patch->kpmod->status == member->before)
		return nr;
	changes[nr] = (struct kpatch_change) {
		.patch = member->patch,
		.from = member->patch->kpmod->status,
		.to = member->before,
	};
	return nr + 1;
}

/* The patches that are disabled come first, the newest of them before older ones. */
static int switch_back(const struct kpatch_trial *trial, struct kpatch_requester *by)
{
	struct kpatch_change *changes;
	unsigned int i, nr = 0;
	int ret = 0;

	changes = kvcalloc(trial->nr, sizeof(*changes), GFP_KERNEL);
	if (!changes)
		return kpatch_refuse(KPATCH_CAUSE_NO_MEMORY, .action = "undo a trial");
	for (i = trial->nr; i--;) {
		if (trial->member[i].before == KPATCH_OFF)
			nr = add_inverse(changes, nr, &trial->member[i]);
	}
	for (i = 0; i < trial->nr; i++) {
		if (trial->member[i].before == KPATCH_ON)
			nr = add_inverse(changes, nr, &trial->member[i]);
	}
	if (nr)
		ret = kpatch_patch_switch(changes, nr, 0, by);
	if (ret)
		kpatch_patch_refused(changes, nr, ret);
	kvfree(changes);
	return ret;
}

/**
 * kpatch_confirm_undo() - undo the trial, which was not confirmed in time
 * @by: the requester, which is no task
 *
 * If this fails, kpatch_confirm_left() tells when to call it again. Only the first failure
 * is logged.
 *
 * Context: kernel thread of request.c, sleeps, under kpatch_mutex.
 *
 * Return: 0 if it is undone, or was confirmed meanwhile; else an errno as
 * kpatch_patch_switch() returns it.
 */
int kpatch_confirm_undo(struct kpatch_requester *by)
{
	struct kpatch_trial *trial;
	char words[WORDS_LEN];
	int ret;

	lockdep_assert_held(&kpatch_mutex);
	trial = begin_undo(by);
	if (!trial)
		return 0;
	format_words(trial, words, sizeof(words));
	if (trial->tried)
		kpatch_log_hush(true);
	else
		kpatch_log_unconfirmed(words);
	ret = switch_back(trial, by);
	kpatch_log_hush(false);
	if (end_undo(trial, ret) && ret)
		kpatch_log_confirmed(words);
	put_trial(trial);
	on_change();
	return ret;
}

/* Refuse to arm: a trial has not ended. */
static int refuse_second(void)
{
	char words[WORDS_LEN] = "";

	spin_lock(&trial_lock);
	if (current_trial)
		format_words(current_trial, words, sizeof(words));
	spin_unlock(&trial_lock);
	return kpatch_refuse(KPATCH_CAUSE_SECOND_TRIAL, .names = words);
}

/**
 * kpatch_confirm_arm() - make the next switch that succeeds a trial
 * @seconds: how long it takes, not 0
 *
 * Context: process context.
 *
 * Return: 0; -EBUSY with a line logged if a trial has not ended.
 */
int kpatch_confirm_arm(unsigned int seconds)
{
	bool busy;

	spin_lock(&trial_lock);
	busy = current_trial;
	if (!busy)
		armed = seconds;
	spin_unlock(&trial_lock);
	if (busy)
		return refuse_second();
	on_change();
	return 0;
}

static bool is_undone(unsigned long number)
{
	bool undone;

	spin_lock(&trial_lock);
	undone = last_undone == number;
	spin_unlock(&trial_lock);
	return undone;
}

static bool is_being_undone(unsigned long number)
{
	bool undoing;

	spin_lock(&trial_lock);
	undoing = current_trial && current_trial->number == number &&
		  current_trial->undoer;
	spin_unlock(&trial_lock);
	return undoing;
}

/*
 * The trial is being undone. Let it end after the current attempt, and see whether that
 * has succeeded.
 */
static int wait_for_undo(unsigned long number)
{
	kpatch_switch_wake();
	if (wait_event_killable(undoing_ends, !is_being_undone(number)))
		return -EINTR;
	return is_undone(number) ? kpatch_refuse(KPATCH_CAUSE_NO_TRIAL) : 0;
}

/* If the current trial is being undone, end that, and then keep the trial. */
static unsigned long keep_if_undoing(void)
{
	struct kpatch_requester *undoer = current_trial ? current_trial->undoer : NULL;

	lockdep_assert_held(&trial_lock);
	if (!undoer)
		return 0;
	current_trial->kept = true;
	WRITE_ONCE(undoer->quiet, true);
	WRITE_ONCE(undoer->cancel, true);
	return current_trial->number;
}

/**
 * kpatch_confirm_keep() - confirm the trial
 *
 * If there is none, but the next switch was to be one, it will not be. If the trial is
 * being undone at this moment, waits for the end of the current attempt.
 *
 * Context: process context, sleeps.
 *
 * Return: 0; -ENOENT with a line logged if there is no trial, or it is undone; -EINTR on a
 * fatal signal, and the trial may be undone or not.
 */
int kpatch_confirm_keep(void)
{
	struct kpatch_trial *ended = NULL;
	char words[WORDS_LEN] = "";
	unsigned long undoing;
	bool nothing;

	spin_lock(&trial_lock);
	nothing = !current_trial && !armed;
	armed = 0;
	undoing = keep_if_undoing();
	if (current_trial && !undoing) {
		format_words(current_trial, words, sizeof(words));
		ended = end_trial();
	}
	spin_unlock(&trial_lock);
	if (nothing)
		return kpatch_refuse(KPATCH_CAUSE_NO_TRIAL);
	if (undoing)
		return wait_for_undo(undoing);
	if (ended)
		kpatch_log_confirmed(words);
	kpatch_confirm_drop(ended);
	on_change();
	return 0;
}

static int show_trial(char *buf)
{
	long left = max((long)(current_trial->due - jiffies), 0L);
	int len;

	lockdep_assert_held(&trial_lock);
	if (current_trial->tried)
		left = 0;
	len = sysfs_emit(buf, "trial %lu ", DIV_ROUND_UP(left, HZ));
	len += format_words(current_trial, buf + len, PAGE_SIZE - 1 - len);
	return len + sysfs_emit_at(buf, len, "\n");
}

/**
 * kpatch_confirm_show() - show the trial
 * @buf: a page
 *
 * Context: process context. Does not wait for an operation.
 *
 * Return: the length.
 */
ssize_t kpatch_confirm_show(char *buf)
{
	int len;

	spin_lock(&trial_lock);
	if (current_trial)
		len = show_trial(buf);
	else
		len = sysfs_emit(buf, armed ? "armed %u\n" : "0\n", armed);
	spin_unlock(&trial_lock);
	return len;
}

/**
 * kpatch_confirm_on_change() - set the function to call when the content changes
 * @changed: called when kpatch_confirm_show() shows another state, without the lock
 *
 * Must be called once, before the first patch is registered.
 */
void __init kpatch_confirm_on_change(void (*changed)(void))
{
	on_change = changed;
}
