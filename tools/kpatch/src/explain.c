// SPDX-License-Identifier: GPL-2.0-only
/*
 * Causes and remedies. Those of loading are the union of what inserting any
 * module and what kpatch_register() may return.
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
	  "a task stays inside a function of the patch, or a live patch or probe owns one",
	  "see dmesg, try again later" },
	{ EBUSY, ACTION_DISABLE,
	  "a task stays inside a function of the patch",
	  "see dmesg, try again later" },
	{ EBUSY, ACTION_REMOVE,
	  "the module is not ready to be removed",
	  "see dmesg, try again later" },
	{ EAGAIN, ACTION_REMOVE,
	  "the module is in use",
	  "see lsmod for who uses it, try again later" },
	{ ETIME, SWITCH,
	  "looking at all tasks takes longer than the machine may be stopped",
	  "raise kpatch.stop_budget_us" },
	{ EDEADLK, SWITCH,
	  "this command itself, or an idle CPU, is in a function of the patch, and always would be",
	  "see dmesg for which, leave it out of the patch" },
	{ ENOENT, ACTION_LOAD,
	  "a symbol is missing: built for another kernel, or needs a module that is not loaded",
	  "see dmesg for which, rebuild it for this kernel" },
	{ ENOENT, ACTION_ENABLE | ACTION_DISABLE | ACTION_REMOVE,
	  "it is not loaded any more",
	  "see 'kpatch list'" },
	{ ENODEV, ACTION_LOAD,
	  "kpatch or ftrace is out of order in this kernel",
	  "see dmesg" },
	{ ENODEV, ACTION_ENABLE | ACTION_DISABLE,
	  "it is being unloaded, or ftrace is out of order",
	  "see dmesg" },
	{ EPERM, ACTION_LOAD | ACTION_REMOVE,
	  "needs root, and a kernel that lets modules be loaded and removed",
	  "become root, look at kernel.modules_disabled and at lockdown" },
	{ EPERM, ACTION_ENABLE | ACTION_DISABLE,
	  "needs root",
	  "become root" },
	{ EACCES, SWITCH | ACTION_REMOVE,
	  "needs root",
	  "become root" },
	{ ENOEXEC, ACTION_LOAD,
	  "not a module for this kernel: wrong format, architecture or version",
	  "see dmesg, rebuild it for this kernel" },
	{ EKEYREJECTED, ACTION_LOAD,
	  "it is not signed, or not by a key that this kernel trusts",
	  "sign it with one that it does" },
	{ ENOKEY, ACTION_LOAD,
	  "it is signed by a key that this kernel does not know",
	  "sign it with one that it trusts" },
	{ EBADMSG, ACTION_LOAD,
	  "its signature is broken",
	  "sign it again" },
	{ ENOTUNIQ, ACTION_LOAD,
	  "several functions have the name of one that it replaces",
	  "see dmesg for which, set its sympos" },
	{ EINVAL, ACTION_LOAD,
	  "the patch is not valid, like when it replaces something that is not a function",
	  "see dmesg, correct it" },
	{ EOPNOTSUPP, SWITCH_ON,
	  "a function cannot be patched: it cannot be traced, or is in a module",
	  "see dmesg for which, patch its callers instead" },
	{ EEXIST, ACTION_LOAD,
	  "a module of that name is loaded, and it is not a patch",
	  "see lsmod, remove it first" },
	{ ETXTBSY, ACTION_LOAD,
	  "the file is still being written",
	  "try again later" },
	{ ENOMEM, SWITCH | ACTION_REMOVE,
	  "out of memory",
	  "free some, try again" },
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
 * explain_error() - tell the user why the kernel refused something
 * @action: what was asked of it
 * @patch: the patch
 * @err: what it returned, negative
 */
void explain_error(enum action action, const char *patch, int err)
{
	const struct explanation *found = find(action, -err);

	print_err("cannot %s '%s': %s; %s (%d)", action_text(action), patch,
		  found ? found->cause : strerror(-err),
		  found ? found->remedy : "see dmesg", err);
}
