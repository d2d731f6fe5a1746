// SPDX-License-Identifier: GPL-2.0-only
/*
 * Patch modules that are removed while their patch is registered. An enabled patch
 * pins its module against rmmod, but neither against rmmod -f nor against an init
 * function that fails after it has registered the patch.
 */
#include "common.h"

#include <linux/delay.h>
#include <linux/module.h>
#include <linux/notifier.h>

#include "module.h"
#include "patch.h"
#include "sysfs.h"

#define RETRY_MS	1000

/* Disable and unregister the patch of @mod, if any. Fails if that is not possible. */
static int withdraw(struct module *mod, struct kpatch_patch **patch)
{
	int ret;

	guard(mutex)(&kpatch_mutex);
	*patch = kpatch_patch_of(mod);
	if (!*patch)
		return 0;
	ret = kpatch_patch_disable(*patch);
	if (ret)
		return ret;
	kpatch_patch_del(*patch);
	return 0;
}

/*
 * A notifier cannot refuse the removal. Retry until no task is left in the module's
 * text.
 */
static void take_down(struct module *mod)
{
	struct kpatch_patch *patch;

	while (withdraw(mod, &patch))
		msleep(RETRY_MS);
	if (!patch)
		return;
	kpatch_log_taken_down(mod->name);
	kpatch_sysfs_del(patch->dir);
	kpatch_patch_free(patch);
}

static int kpatch_module_notify(struct notifier_block *nb,
				unsigned long action, void *data)
{
	/* A module without a patch does not wait for an operation. */
	if (action == MODULE_STATE_GOING && kpatch_patch_of(data))
		take_down(data);
	return NOTIFY_DONE;
}

static struct notifier_block kpatch_module_nb = {
	.notifier_call = kpatch_module_notify,
	/* Runs first: others free what text that is still in use may need. */
	.priority = INT_MAX,
};

/**
 * kpatch_module_init() - register the module notifier
 *
 * Return: 0 or an errno.
 */
int __init kpatch_module_init(void)
{
	return register_module_notifier(&kpatch_module_nb);
}
