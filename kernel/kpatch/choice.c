// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which patches an operation switches: those that are named, those that they replace, and
 * those that are enabled again when a replace is rolled back.
 */
#include "common.h"

#include <linux/minmax.h>
#include <linux/overflow.h>

#include "choice.h"
#include "confirm.h"
#include "patch.h"
#include "txn.h"

/**
 * DOC: Replace and rollback
 *
 * A patch that replaces others is enabled, and they are disabled, in one transaction. Its
 * record says which they were. Enabled again, it gets a new record. Going back is another
 * transaction, made from the record: so all that has changed since is checked anew, and
 * nothing has to be kept ready for it. The record stays as it is when patches go or are
 * disabled; it holds the numbers of their registrations, so it takes no other patch for
 * one of them.
 */

static bool is_in(const struct kpatch_patch *patch,
		  const struct kpatch_change *changes, unsigned int nr)
{
	while (nr--) {
		if (changes[nr].patch == patch)
			return true;
	}
	return false;
}

/* Find the patches, in the order in which they are named. */
static int find_changes(const struct kpatch_choice *choices, unsigned int nr,
			struct kpatch_change *changes)
{
	struct kpatch_patch *patch;
	unsigned int i;

	for (i = 0; i < nr; i++) {
		patch = kpatch_patch_find(&choices[i]);
		if (!patch && choices[i].kpmod)
			return kpatch_refuse(KPATCH_CAUSE_NOT_REGISTERED,
					     .action = "switch", .err = -ENODEV);
		if (!patch)
			return kpatch_refuse(KPATCH_CAUSE_NO_SUCH_PATCH,
					     .names = choices[i].name);
		if (is_in(patch, changes, i))
			return kpatch_refuse(KPATCH_CAUSE_NAMED_TWICE,
					     .kpmod = patch->kpmod);
		changes[i] = (struct kpatch_change) {
			.patch = patch,
			.from = patch->kpmod->status,
			.to = choices[i].to,
		};
	}
	return 0;
}

/* Leave out patches that are as wanted. Return the number of the others. */
static unsigned int drop_unchanged(struct kpatch_change *changes, unsigned int nr)
{
	unsigned int i, left = 0;

	for (i = 0; i < nr; i++) {
		if (changes[i].from != changes[i].to)
			changes[left++] = changes[i];
	}
	return left;
}

static struct kpatch_change *find_disabled(const struct kpatch_patch *patch,
					   struct kpatch_change *changes, unsigned int nr)
{
	struct kpatch_change *change;

	for (change = changes; change < changes + nr; change++) {
		if (change->patch == patch && change->to == KPATCH_OFF)
			return change;
	}
	return NULL;
}

/*
 * Order the patches that are disabled as they would be if that were done one by one: the
 * newest first. Their callbacks are called in this order. Others keep their places.
 */
static void sort_disabled(struct kpatch_change *changes, unsigned int nr)
{
	struct kpatch_change *place = changes, *change;
	struct kpatch_patch *patch;

	list_for_each_entry_reverse(patch, &kpatch_enabled_patches, enabled) {
		change = find_disabled(patch, place, nr - (place - changes));
		if (!change)
			continue;
		while (place->to != KPATCH_OFF)
			place++;
		swap(*place, *change);
		place++;
	}
}

/* Whether @change enables a patch that replaces the others of its set. */
static bool replaces(const struct kpatch_change *change)
{
	return change->from == KPATCH_OFF && change->to == KPATCH_ON &&
	       change->patch->kpmod->flags & KPATCH_REPLACE;
}

static bool are_in_one_set(const struct kpatch_patch *a, const struct kpatch_patch *b)
{
	return !strcmp(kpatch_set_of(a), kpatch_set_of(b));
}

/*
 * Add the patches that are replaced. @changes has room for all enabled ones. A patch that
 * is in @changes already becomes what it says there. Return the number of all.
 */
static unsigned int add_replaced(struct kpatch_change *changes, unsigned int nr)
{
	unsigned int chosen = nr, i;
	struct kpatch_patch *patch;

	for (i = 0; i < chosen; i++) {
		if (!replaces(&changes[i]))
			continue;
		list_for_each_entry(patch, &kpatch_enabled_patches, enabled) {
			if (!are_in_one_set(patch, changes[i].patch) ||
			    is_in(patch, changes, nr))
				continue;
			changes[nr++] = (struct kpatch_change) {
				.patch = patch,
				.from = KPATCH_ON,
				.to = KPATCH_OFF,
			};
		}
	}
	return nr;
}

/* Record which patches of the set of @patch are disabled, in their order. */
static int record_replaced(const struct kpatch_patch *patch,
			   const struct kpatch_change *changes, unsigned int nr,
			   struct kpatch_replaced **record)
{
	struct kpatch_replaced *replaced;
	const struct kpatch_patch *old;
	unsigned int i = 0;

	replaced = kvzalloc(struct_size(replaced, patch, nr), GFP_KERNEL);
	if (!replaced)
		return kpatch_refuse(KPATCH_CAUSE_NO_MEMORY, .kpmod = patch->kpmod,
				     .action = "record what it replaces");
	replaced->nr = nr;
	list_for_each_entry(old, &kpatch_enabled_patches, enabled) {
		if (!are_in_one_set(old, patch) || !kpatch_patch_goes_off(old, changes, nr))
			continue;
		strscpy(replaced->patch[i].name, old->kpmod->mod->name,
			sizeof(replaced->patch[i].name));
		replaced->patch[i++].serial = old->serial;
	}
	replaced->nr = i;
	*record = replaced;
	return 0;
}

/* Prepare the records of all patches that replace others, before anything changes. */
static int record_all(struct kpatch_change *changes, unsigned int nr)
{
	unsigned int i;
	int ret = 0;

	for (i = 0; i < nr && !ret; i++) {
		if (replaces(&changes[i]))
			ret = record_replaced(changes[i].patch, changes, nr,
					      &changes[i].replaced);
	}
	return ret;
}

/* A patch that was enabled has a new record, or none. Others keep what they have. */
static void keep_records(struct kpatch_change *changes, unsigned int nr)
{
	struct kpatch_patch *patch;
	unsigned int i;

	for (i = 0; i < nr; i++) {
		patch = changes[i].patch;
		if (changes[i].from == KPATCH_OFF && patch->kpmod->status == KPATCH_ON)
			swap(patch->replaced, changes[i].replaced);
		kvfree(changes[i].replaced);
	}
}

static unsigned int count_enabled(void)
{
	struct kpatch_patch *patch;
	unsigned int nr = 0;

	list_for_each_entry(patch, &kpatch_enabled_patches, enabled)
		nr++;
	return nr;
}

/* Switch patches, which may become a trial, unless one that has not ended forbids that. */
static int switch_changes(struct kpatch_change *changes, unsigned int nr,
			  unsigned int flags, struct kpatch_requester *by)
{
	struct kpatch_trial *trial = NULL;
	int ret;

	if (!nr)
		return 0;
	ret = kpatch_confirm_check(changes, nr, by);
	if (!ret && !(flags & KPATCH_TXN_DRY_RUN))
		ret = kpatch_confirm_prepare(changes, nr, by, &trial);
	if (!ret)
		ret = kpatch_patch_switch(changes, nr, flags, by);
	if (ret)
		kpatch_confirm_drop(trial);
	else
		kpatch_confirm_begin(trial);
	return ret;
}

/* Enable and disable what is chosen, and disable what that replaces. */
static int switch_choices(const struct kpatch_choice *choices, unsigned int nr,
			  unsigned int flags, struct kpatch_requester *by)
{
	struct kpatch_change *changes;
	int ret;

	changes = kvcalloc(nr + count_enabled(), sizeof(*changes), GFP_KERNEL);
	if (!changes)
		return kpatch_refuse(KPATCH_CAUSE_NO_MEMORY, .action = "switch patches");
	ret = find_changes(choices, nr, changes);
	if (ret)
		goto free;
	nr = drop_unchanged(changes, add_replaced(changes, nr));
	sort_disabled(changes, nr);
	ret = record_all(changes, nr);
	if (!ret)
		ret = switch_changes(changes, nr, flags, by);
	if (ret && !(flags & KPATCH_TXN_DRY_RUN))
		kpatch_patch_refused(changes, nr, ret);
	keep_records(changes, nr);
free:
	kvfree(changes);
	return ret;
}

static int switch_patch(struct kpatch_patch *patch, enum kpatch_status to,
			unsigned int flags, struct kpatch_requester *by)
{
	struct kpatch_choice choice = {
		.kpmod = patch->kpmod,
		.to = to,
	};

	return switch_choices(&choice, 1, flags, by);
}

/**
 * kpatch_choice_load() - enable a patch that is being registered, if wanted
 * @patch: the patch, as kpatch_patch_add() left it
 * @to: %KPATCH_ON to enable it, %KPATCH_OFF to leave it disabled
 * @by: the requester
 *
 * Return: 0, or an errno as kpatch_enable() lists them, with a line logged and the
 * patch disabled.
 */
int kpatch_choice_load(struct kpatch_patch *patch, enum kpatch_status to,
		       struct kpatch_requester *by)
{
	int ret = 0;

	lockdep_assert_held(&kpatch_mutex);
	WRITE_ONCE(patch->operation, by->number);
	patch->silent = true;
	if (to == KPATCH_ON)
		ret = switch_patch(patch, KPATCH_ON, 0, by);
	else
		kpatch_patch_unbind(patch);
	patch->silent = false;
	return ret;
}

/**
 * kpatch_choice_take_down() - disable a registered patch whose module goes
 * @patch: the patch
 * @by: the requester
 *
 * Interrupts isolated CPUs even if they are to be spared: the text of the module is
 * freed afterwards in any case.
 *
 * Return: 0 if it is disabled, now or before; an errno as kpatch_disable() lists
 * them, with nothing changed and a line logged; -EBUSY if a trial must be undone first.
 */
int kpatch_choice_take_down(struct kpatch_patch *patch, struct kpatch_requester *by)
{
	int ret;

	lockdep_assert_held(&kpatch_mutex);
	if (!kpatch_confirm_forget(patch))
		return kpatch_refuse(KPATCH_CAUSE_TRIAL_OF_GONE, .kpmod = patch->kpmod,
				     .quiet = by->quiet);
	patch->silent = true;
	ret = switch_patch(patch, KPATCH_OFF, 0, by);
	patch->silent = false;
	return ret;
}

/**
 * kpatch_choice_switch() - enable or disable a patch, or check whether one could
 * @kpmod: the patch; may have been unregistered meanwhile
 * @action: one of the first four of &enum kpatch_action
 * @by: the requester
 *
 * Context: kernel thread of request.c, sleeps, under kpatch_mutex.
 *
 * Return: 0 if the patch is as requested, now or before, or could be made so; else an
 * errno as kpatch_enable() and kpatch_disable() list them, with nothing changed and a
 * line logged.
 */
int kpatch_choice_switch(struct kpatch_module *kpmod, enum kpatch_action action,
			 struct kpatch_requester *by)
{
	bool on = action == KPATCH_ENABLE || action == KPATCH_CHECK_ENABLE;
	bool dry_run = action == KPATCH_CHECK_ENABLE ||
		       action == KPATCH_CHECK_DISABLE;

	lockdep_assert_held(&kpatch_mutex);
	if (!kpatch_patch_known(kpmod))
		return kpatch_refuse(KPATCH_CAUSE_NOT_REGISTERED,
				     .action = "switch", .err = -ENODEV);
	return switch_patch(kpmod->patch, on ? KPATCH_ON : KPATCH_OFF,
			    dry_run ? KPATCH_TXN_DRY_RUN : 0, by);
}

/**
 * kpatch_choice_switch_several() - enable and disable patches at one instant
 * @choices: what each is to become; among those that are enabled by this, the later ones
 *	are newer
 * @nr: number of elements in @choices
 * @by: the requester
 *
 * Context: kernel thread of request.c, sleeps, under kpatch_mutex.
 *
 * Return: 0 if all patches are as requested, now or before; -ENOENT, or -ENODEV if it is
 * not known by its name, if one is not registered; -EINVAL if one is in @choices twice;
 * else an errno as kpatch_enable() and kpatch_disable() list them. Then nothing has
 * changed, and a line is logged.
 */
int kpatch_choice_switch_several(const struct kpatch_choice *choices, unsigned int nr,
				 struct kpatch_requester *by)
{
	lockdep_assert_held(&kpatch_mutex);
	return switch_choices(choices, nr, 0, by);
}

/*
 * Find the patches that @replaced lists, to enable them. All must be registered still, and
 * not anew: that may be another version.
 */
static int find_replaced(const struct kpatch_patch *patch,
			 struct kpatch_change *changes)
{
	const struct kpatch_replaced *replaced = patch->replaced;
	struct kpatch_patch *old;
	unsigned int i;

	for (i = 0; i < replaced->nr; i++) {
		old = kpatch_patch_find_serial(replaced->patch[i].serial);
		if (!old)
			return kpatch_refuse(KPATCH_CAUSE_REPLACED_GONE,
					     .kpmod = patch->kpmod,
					     .names = replaced->patch[i].name);
		changes[i] = (struct kpatch_change) {
			.patch = old,
			.from = old->kpmod->status,
			.to = KPATCH_ON,
			.restored = true,
		};
	}
	return 0;
}

/*
 * A patch that is disabled has nothing to give back: what is enabled now may be newer than
 * what it has replaced.
 */
static int check_enabled(const struct kpatch_patch *patch,
			 const struct kpatch_change *changes, unsigned int nr)
{
	unsigned int i;

	if (patch->kpmod->status != KPATCH_OFF)
		return 0;
	for (i = 0; i < nr; i++) {
		if (changes[i].from != changes[i].to)
			return kpatch_refuse(KPATCH_CAUSE_NOT_ENABLED,
					     .kpmod = patch->kpmod,
					     .names = changes[i].patch->kpmod->mod->name);
	}
	return 0;
}

/* Make the changes of a rollback. @nr is their number, also if not all can be made. */
static int find_inverse(struct kpatch_patch *patch, struct kpatch_change *changes,
			unsigned int *nr)
{
	int ret;

	changes[0] = (struct kpatch_change) {
		.patch = patch,
		.from = patch->kpmod->status,
		.to = KPATCH_OFF,
	};
	*nr = 1;
	ret = find_replaced(patch, changes + 1);
	if (ret)
		return ret;
	*nr += patch->replaced->nr;
	ret = check_enabled(patch, changes, *nr);
	*nr = drop_unchanged(changes, *nr);
	return ret;
}

static int roll_back(struct kpatch_patch *patch, struct kpatch_change *changes,
		     struct kpatch_requester *by)
{
	unsigned int nr;
	int ret;

	ret = find_inverse(patch, changes, &nr) ?: switch_changes(changes, nr, 0, by);
	if (ret)
		kpatch_patch_refused(changes, nr, ret);
	return ret;
}

/**
 * kpatch_choice_roll_back() - disable a patch, and enable those that it has replaced
 * @kpmod: the patch; may have been unregistered meanwhile
 * @by: the requester
 *
 * A transaction like any other, with all checks, whatever has changed since. The patches
 * are enabled in the order in which they had been, and cover no patch that stays enabled,
 * which is newer. They replace nothing now, and what they had replaced themselves stays
 * recorded, so that one can go back further.
 *
 * Context: kernel thread of request.c, sleeps, under kpatch_mutex.
 *
 * Return: 0 if it is so, now or before; -EINVAL if the patch has replaced none or is
 * disabled itself; -ENOENT if one of them has been unregistered; -EBUSY also if a
 * patch that stays shares a function with one of them; else as
 * kpatch_choice_switch_several().
 */
int kpatch_choice_roll_back(struct kpatch_module *kpmod, struct kpatch_requester *by)
{
	struct kpatch_change *changes;
	struct kpatch_patch *patch;
	int ret;

	lockdep_assert_held(&kpatch_mutex);
	if (!kpatch_patch_known(kpmod))
		return kpatch_refuse(KPATCH_CAUSE_NOT_REGISTERED,
				     .action = "roll back", .err = -ENODEV);
	patch = kpmod->patch;
	if (!patch->replaced || !patch->replaced->nr)
		return kpatch_refuse(KPATCH_CAUSE_NOTHING_REPLACED, .kpmod = kpmod);
	changes = kvcalloc(patch->replaced->nr + 1, sizeof(*changes), GFP_KERNEL);
	if (!changes)
		return kpatch_refuse(KPATCH_CAUSE_NO_MEMORY, .kpmod = kpmod,
				     .action = "roll back");
	ret = roll_back(patch, changes, by);
	kvfree(changes);
	return ret;
}
