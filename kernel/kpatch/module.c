// SPDX-License-Identifier: GPL-2.0-only
/*
 * Calls from the module loader.
 *
 * Modules that patches name come and go: enabled patches redirect their functions.
 *
 * Patch modules are removed while their patch is registered: an enabled patch pins its
 * module, and rmmod -f is refused. But the init function of a module may fail after it
 * has registered a patch, and a module need not have an exit function that unregisters
 * it.
 */
#include "common.h"

#include <linux/jiffies.h>
#include <linux/kpatch_hooks.h>
#include <linux/module.h>
#include <linux/sched.h>

#include "choice.h"
#include "hook.h"
#include "patch.h"
#include "request.h"
#include "switch.h"
#include "sysfs.h"
#include "target.h"

#define RETRY_MS	1000

/*
 * Disable and unregister the patch of the module that goes. The patch is found here,
 * since it may have been unregistered before the turn of this operation came.
 */
static int run_take_down(const struct kpatch_request *request,
			 struct kpatch_requester *by)
{
	struct kpatch_patch **gone = request->data;
	struct kpatch_patch *patch = kpatch_patch_of(request->kpmod->mod);
	int ret;

	if (!patch)
		return 0;
	ret = kpatch_choice_take_down(patch, by);
	if (ret)
		return ret;
	kpatch_patch_del(patch);
	*gone = patch;
	return 0;
}

/* No lock is held here, so the system can be suspended meanwhile. */
static void wait_to_retry(void)
{
	set_current_state(TASK_IDLE | TASK_FREEZABLE);
	schedule_timeout(msecs_to_jiffies(RETRY_MS));
}

/**
 * kpatch_module_is_used() - test whether a module must not be removed by force
 * @mod: the module
 *
 * If it has registered a patch, calls may be redirected to its text, or tasks may be
 * inside. Removing the module would require to disable the patch first, which may not
 * be possible. If a patch pins it, functions of vmlinux use it. If a function of it was
 * switched unchecked, tasks may be inside.
 *
 * Context: any but interrupts; takes spinlocks only, so also under module_mutex.
 *
 * Return: true if a plain rmmod is the only way to remove it.
 */
bool kpatch_module_is_used(const struct module *mod)
{
	return kpatch_patch_of(mod) || kpatch_target_is_pinned(mod) ||
	       READ_ONCE(mod->kpatch_kept);
}

/**
 * kpatch_take_down() - take down the patch of a module that is about to go
 * @mod: the module; a failed init or a successful exit function has returned
 *
 * The removal cannot be refused. So this retries until no task is left in the text of
 * the module, and no newer patch replaces its functions again. Other operations come
 * in between. It is called before the notifiers for modules that go, so these do not
 * wait, and before they free what text that is still in use may need. A module without
 * a patch does not wait for an operation.
 *
 * Context: process context, sleeps. A fatal signal does not end the wait: the memory of
 * the module is freed next.
 */
void kpatch_take_down(struct module *mod)
{
	struct kpatch_patch *patch = kpatch_patch_of(mod), *gone = NULL;
	struct kpatch_request request = {
		.run = run_take_down,
		.data = &gone,
		.name = mod->name,
		.action = KPATCH_TAKE_DOWN,
		.flags = KPATCH_REQUEST_NO_OWNER,
	};

	if (!patch)
		return;
	request.kpmod = patch->kpmod;
	while (kpatch_request(&request)) {
		/* One line is enough. */
		request.flags |= KPATCH_REQUEST_QUIET;
		wait_to_retry();
	}
	if (!gone)
		return;
	kpatch_log_taken_down(mod->name);
	kpatch_sysfs_forget(gone);
}

/**
 * kpatch_module_coming() - redirect functions of a module that is being loaded
 * @mod: the module; ftrace accepts its functions, and none of its code has run
 *
 * Waits for one attempt of the current operation at most, and for nothing if no patch
 * names the module.
 *
 * Context: process context, sleeps.
 *
 * Return: 0; -EINTR on a fatal signal; or an errno with a line logged. Then the module
 * must not be loaded, and nothing of it is redirected.
 */
int kpatch_module_coming(struct module *mod)
{
	int ret;

	if (!kpatch_target_comes(mod))
		return 0;
	ret = kpatch_switch_pause(TASK_KILLABLE);
	if (ret)
		return ret;
	kpatch_target_came(mod);
	ret = kpatch_patch_redirect(mod);
	if (ret)
		kpatch_target_goes(mod);
	kpatch_switch_resume();
	if (ret)
		kpatch_hook_release_module(mod);
	return ret;
}

/**
 * kpatch_module_going() - forget a module that goes
 * @mod: the module; its exit function or a failed init has returned, or its init has
 *	not run
 *
 * When this returns no hook is left in the module. Its parameters can still be read,
 * and then its own functions run again.
 *
 * Context: process context, sleeps. Waits for one attempt of the current operation at
 * most, and for nothing if no patch names the module.
 */
void kpatch_module_going(struct module *mod)
{
	if (!kpatch_target_goes(mod))
		return;
	kpatch_switch_pause(TASK_UNINTERRUPTIBLE);
	kpatch_patch_forget(mod);
	kpatch_switch_resume();
	kpatch_hook_release_module(mod);
}

/**
 * kpatch_module_gone() - forget the symbols of a module
 * @mod: the module; no task is in it, in its files or in code that it has started
 *
 * Readers of a pointer that are RCU readers are waited for after this, before the
 * module is freed.
 *
 * Context: process context, sleeps.
 */
void kpatch_module_gone(const struct module *mod)
{
	if (!kpatch_target_is_named(mod->name))
		return;
	guard(mutex)(&kpatch_mutex);
	kpatch_patch_clear(mod);
}
