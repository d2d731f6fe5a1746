// SPDX-License-Identifier: GPL-2.0-only
/*
 * Patch modules that go without asking. The reference that an enabled patch holds
 * on its module stops rmmod, but neither rmmod -f nor a module whose init fails
 * after it has registered its patch.
 */
#include "common.h"

#include <linux/delay.h>
#include <linux/module.h>
#include <linux/notifier.h>

#include "module.h"
#include "object.h"
#include "patch.h"
#include "sysfs.h"

#define RETRY_MS	1000

/* Take the patch of @mod off the list, if it can be done now. */
static int withdraw(struct module *mod, struct kpatch_module **kpmod)
{
	int ret = 0;

	mutex_lock(&kpatch_mutex);
	*kpmod = kpatch_patch_of(mod);
	if (*kpmod) {
		ret = kpatch_patch_disable(*kpmod);
		if (!ret)
			kpatch_patch_del(*kpmod);
	}
	mutex_unlock(&kpatch_mutex);
	return ret;
}

/*
 * The module is about to be freed, and nothing can be told to whoever wants that.
 * So take as long as it takes until nobody is in its text.
 */
static void take_down(struct module *mod)
{
	struct kpatch_module *kpmod;

	while (withdraw(mod, &kpmod))
		msleep(RETRY_MS);
	if (!kpmod)
		return;
	pr_err("'%s': the module goes while its patch is registered, which has been disabled; do not use rmmod -f, and register last in init\n",
	       mod->name);
	kpatch_sysfs_del(kpmod->dir);
	kpatch_release(kpmod);
}

static int kpatch_module_notify(struct notifier_block *nb,
				unsigned long action, void *data)
{
	/* Most modules have none, and need not wait for a switch. */
	if (action == MODULE_STATE_GOING && kpatch_patch_of(data))
		take_down(data);
	return NOTIFY_DONE;
}

static struct notifier_block kpatch_module_nb = {
	.notifier_call = kpatch_module_notify,
	/* First: others take apart what text that is still in use needs. */
	.priority = INT_MAX,
};

/**
 * kpatch_module_init() - watch modules go
 *
 * Return: 0 or an errno.
 */
int __init kpatch_module_init(void)
{
	return register_module_notifier(&kpatch_module_nb);
}
