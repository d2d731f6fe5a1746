// SPDX-License-Identifier: GPL-2.0-only
/*
 * The exported interface, and where kpatch starts.
 */
#include "common.h"

#include <linux/export.h>
#include <linux/init.h>

#include "module.h"
#include "object.h"
#include "patch.h"
#include "sysfs.h"

static bool kpatch_ready __ro_after_init;

/* Whatever registration got done; nobody can reach the patch any more. */
static void forget(struct kpatch_module *kpmod)
{
	kpatch_sysfs_del(kpmod->dir);
	kpatch_release(kpmod);
}

/**
 * kpatch_register() - register a patch and enable it
 * @kpmod: the patch; @mod, @funcs and @num_funcs are filled in, and so is the
 *	caller's part of each function. What the core owns may hold anything.
 *
 * Resolves and checks all functions, creates the patch's directory in
 * /sys/kernel/kpatch and enables the patch as kpatch_enable() does. Either all
 * of it is done or none.
 *
 * On success @kpmod and its functions belong to the core until
 * kpatch_unregister() has succeeded, and the module is pinned while the patch
 * is enabled.
 *
 * Context: process context, sleeps; usually the init of the patch module, and
 * then the last thing there that can fail: text of a module whose init fails is
 * freed.
 *
 * Return: 0, or an errno, with a line in the log that names function and
 * remedy:
 *
 * * -EINVAL - no module, no functions, neither or both of name and address; not
 *   the start of a function, init code, data; @sympos out of range; the same
 *   function twice; a new function that is not in the text of the module; a
 *   function that has clones which the patch does not list, a clone or what is
 *   none with the wrong @flags, see &enum kpatch_func_flags; @kpmod or its
 *   functions in memory that cannot be written or does not stay: init, read-only
 *   or constant data, the stack
 * * -ENOENT - there is no symbol of that name; if it was inlined or renamed, the
 *   line says what there is
 * * -ENOTUNIQ - there are several and @sympos does not choose
 * * -EOPNOTSUPP - the function cannot be traced, or is in a module
 * * -EEXIST - the module has registered a patch already
 * * -EDEADLK - some task is always in the function: it is what a kernel thread
 *   started in, or what a switch itself runs
 * * -ENODEV - kpatch could not start at boot
 * * any errno of kpatch_enable()
 */
int kpatch_register(struct kpatch_module *kpmod)
{
	int ret;

	if (!kpmod) {
		pr_err("no patch to register; pass a struct kpatch_module (%d)\n",
		       -EINVAL);
		return -EINVAL;
	}
	if (!kpatch_ready) {
		pr_err("did not start at boot, see the log of then; no patch can be registered (%d)\n",
		       -ENODEV);
		return -ENODEV;
	}
	mutex_lock(&kpatch_mutex);
	ret = kpatch_patch_add(kpmod);
	mutex_unlock(&kpatch_mutex);
	if (ret)
		return ret;

	/* Nobody else switches the patch or removes it before it is ready. */
	ret = kpatch_sysfs_add(kpmod);
	if (ret)
		pr_err("'%s': cannot create its directory in sysfs; try again with more memory (%d)\n",
		       kpmod->mod->name, ret);
	mutex_lock(&kpatch_mutex);
	if (!ret)
		ret = kpatch_patch_enable(kpmod);
	if (ret)
		kpatch_patch_del(kpmod);
	else
		kpmod->ready = true;
	mutex_unlock(&kpatch_mutex);
	if (ret) {
		forget(kpmod);
		return ret;
	}
	pr_notice("loaded patch module \"%s\"\n", kpmod->mod->name);
	return 0;
}
EXPORT_SYMBOL_GPL(kpatch_register);

/**
 * kpatch_unregister() - withdraw a disabled patch
 * @kpmod: the patch
 *
 * On success @kpmod and its functions are the caller's again.
 *
 * Context: process context, sleeps; usually the exit of the patch module.
 *
 * Return: 0; -EBUSY if the patch is enabled, which rmmod does not let happen;
 * -ENOENT if it is not registered.
 */
int kpatch_unregister(struct kpatch_module *kpmod)
{
	int ret = 0;

	mutex_lock(&kpatch_mutex);
	if (!kpatch_patch_known(kpmod)) {
		ret = -ENOENT;
		pr_err("cannot unregister a patch that is not registered; register it first (%d)\n",
		       ret);
	} else if (kpmod->state != KPATCH_OFF) {
		ret = -EBUSY;
		pr_err("'%s': cannot unregister: the patch is enabled; write 0 to /sys/kernel/kpatch/%s/enabled first (%d)\n",
		       kpmod->mod->name, kpmod->mod->name, ret);
	} else {
		kpatch_patch_del(kpmod);
	}
	mutex_unlock(&kpatch_mutex);
	if (ret)
		return ret;

	forget(kpmod);
	pr_notice("unloaded patch module \"%s\"\n", kpmod->mod->name);
	return 0;
}
EXPORT_SYMBOL_GPL(kpatch_unregister);

/**
 * kpatch_enable() - enable a patch
 * @kpmod: the patch, registered
 *
 * What writing 1 to the file "enabled" of the patch does. When this returns 0
 * every call of its functions, anywhere, runs the new code, and none runs old
 * code any more.
 *
 * Context: process context, sleeps, up to some seconds. Stops the machine for
 * a moment. Not from CPU hotplug callbacks.
 *
 * Return: 0 if the patch is enabled, now or before; or, with nothing changed,
 *
 * * -EBUSY - a task stayed inside a function that is to be replaced, or a CPU did
 *   not come to be stopped, see "blockers"; or livepatch or a probe owns the
 *   function; or NMIs kept running it; or a BPF trampoline was being changed
 * * -EDEADLK - the caller itself is inside, or the idle task of a CPU
 * * -ETIME - the machine would have had to be stopped for longer than
 *   kpatch.stop_budget_us allows
 * * -EINTR - the caller was killed while it waited
 * * -EOPNOTSUPP - the tracing site of a function is disabled
 * * -ENODEV - the patch is not registered, its module is being unloaded, or
 *   ftrace is out of order
 * * -ENOMEM
 */
int kpatch_enable(struct kpatch_module *kpmod)
{
	return kpatch_patch_switch(kpmod, true, false);
}
EXPORT_SYMBOL_GPL(kpatch_enable);

/**
 * kpatch_disable() - disable a patch
 * @kpmod: the patch, registered
 *
 * What writing 0 to the file "enabled" of the patch does. When this returns 0
 * nothing in the system can reach the text of the patch module any more, and
 * the module may be unloaded.
 *
 * Context: process context, sleeps, up to some seconds. Stops the machine for
 * a moment. Not from CPU hotplug callbacks, and not from the text of the patch
 * module, which counts as being inside.
 *
 * Return: 0 if the patch is disabled, now or before; or, with nothing changed,
 *
 * * -EBUSY - a task stayed inside the text of the patch module, or a CPU did not
 *   come to be stopped, see "blockers"; or a newer patch has replaced one of the
 *   functions again; or NMIs kept running them
 * * -EDEADLK - the caller itself is inside
 * * -ETIME, -EINTR - as for kpatch_enable()
 * * -ENODEV - the patch is not registered
 * * -ENOMEM
 */
int kpatch_disable(struct kpatch_module *kpmod)
{
	return kpatch_patch_switch(kpmod, false, false);
}
EXPORT_SYMBOL_GPL(kpatch_disable);

static int __init kpatch_init(void)
{
	int ret;

	ret = kpatch_sysfs_init();
	if (!ret)
		ret = kpatch_module_init();
	if (!ret)
		kpatch_ready = true;
	return ret;
}
subsys_initcall(kpatch_init);
