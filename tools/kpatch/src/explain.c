// SPDX-License-Identifier: GPL-2.0-only
/*
 * Causes and remedies of errors. Those of loading cover what inserting any module
 * may return as well as what kpatch_register() may return.
 */
#include <errno.h>
#include <string.h>

#include "explain.h"
#include "utils.h"

struct explanation {
	int err;
	unsigned int actions;
	const char *cause;
	const char *remedy;
};

#define SWITCH_ON	(ACTION_LOAD | ACTION_ENABLE)
#define SWITCH		(SWITCH_ON | ACTION_DISABLE)

static const struct explanation explanations[] = {
	{ EBUSY, SWITCH_ON,
	  "a task stays inside a function of the patch, or a live patch or a probe owns one",
	  "see dmesg, then try again" },
	{ EBUSY, ACTION_DISABLE,
	  "a task stays inside a function of the patch",
	  "see dmesg, then try again" },
	{ EBUSY, ACTION_REMOVE,
	  "the module cannot be removed yet",
	  "see dmesg, then try again" },
	{ EAGAIN, ACTION_REMOVE,
	  "the module is in use",
	  "see lsmod for its users, then try again" },
	{ ETIME, SWITCH,
	  "scanning the tasks takes longer than the machine may be stopped",
	  "raise kpatch.stop_budget_us" },
	{ EDEADLK, SWITCH,
	  "this command itself or an idle task is always inside a function of the patch",
	  "see dmesg for the function, leave it out of the patch" },
	{ ENOENT, ACTION_LOAD,
	  "a symbol is missing: the patch was built for another kernel, or needs a module that is not loaded",
	  "see dmesg for the symbol, rebuild the patch for this kernel" },
	{ ENOENT, ACTION_ENABLE | ACTION_DISABLE | ACTION_REMOVE,
	  "it is no longer loaded",
	  "see 'kpatch list'" },
	{ ENODEV, ACTION_LOAD,
	  "kpatch or ftrace is disabled in this kernel after an internal error",
	  "see dmesg" },
	{ ENODEV, ACTION_ENABLE | ACTION_DISABLE,
	  "it is being unloaded, or ftrace is disabled after an internal error",
	  "see dmesg" },
	{ EPERM, ACTION_LOAD,
	  "needs root, a kernel that allows loading modules, and no isolated CPUs if kpatch.spare_isolated is set",
	  "see dmesg, become root, check kernel.modules_disabled and lockdown" },
	{ EPERM, ACTION_REMOVE,
	  "needs root, and a kernel that allows removing modules",
	  "become root, check kernel.modules_disabled and lockdown" },
	{ EPERM, ACTION_ENABLE | ACTION_DISABLE,
	  "needs root, and no isolated CPUs if kpatch.spare_isolated is set",
	  "become root, or see dmesg" },
	{ EACCES, SWITCH | ACTION_REMOVE,
	  "needs root",
	  "become root" },
	{ ENOEXEC, ACTION_LOAD,
	  "not a module for this kernel: wrong format, architecture or version",
	  "see dmesg, rebuild the patch for this kernel" },
	{ EKEYREJECTED, ACTION_LOAD,
	  "the module is not signed with a key that this kernel trusts",
	  "sign it with a trusted key" },
	{ ENOKEY, ACTION_LOAD,
	  "the module is signed with a key that this kernel does not know",
	  "sign it with a trusted key" },
	{ EBADMSG, ACTION_LOAD,
	  "the signature of the module is invalid",
	  "sign it again" },
	{ ENOTUNIQ, ACTION_LOAD,
	  "a function that it replaces shares its name with others",
	  "see dmesg for the function, set its sympos" },
	{ EINVAL, ACTION_LOAD,
	  "the patch is invalid, for instance because it replaces something that is not a function",
	  "see dmesg, correct the patch" },
	{ EOPNOTSUPP, SWITCH_ON,
	  "a function cannot be patched: it cannot be traced, or is in a module",
	  "see dmesg for the function, patch its callers instead" },
	{ EEXIST, ACTION_LOAD,
	  "a module of that name is already loaded, and is not a patch",
	  "see lsmod, remove it first" },
	{ ETXTBSY, ACTION_LOAD,
	  "the file is still being written",
	  "try again later" },
	{ ENOMEM, SWITCH | ACTION_REMOVE,
	  "out of memory",
	  "free some memory, then try again" },
};

static const struct explanation *find(enum action action, int err)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(explanations); i++) {
		if (explanations[i].err == err &&
		    explanations[i].actions & action)
			return &explanations[i];
	}
	return NULL;
}

static const char *action_text(enum action action)
{
	switch (action) {
	case ACTION_LOAD:
		return "load";
	case ACTION_ENABLE:
		return "enable";
	case ACTION_DISABLE:
		return "disable";
	default:
		return "remove the module of";
	}
}

/**
 * explain_error() - print why the kernel refused something
 * @action: what was requested
 * @patch: the patch
 * @err: the negative errno that the kernel returned
 */
void explain_error(enum action action, const char *patch, int err)
{
	const struct explanation *found = find(action, -err);

	print_err("cannot %s '%s': %s; %s (%d)", action_text(action), patch,
		  found ? found->cause : strerror(-err),
		  found ? found->remedy : "see dmesg", err);
}
