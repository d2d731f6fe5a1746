// SPDX-License-Identifier: GPL-2.0-only
/*
 * Patches functions of test_kpatch_target and uses symbols of it that are not exported.
 */
#include <linux/kpatch.h>

#include "target.h"

#ifndef BASE
#define BASE 100
#endif

static typeof(target_limit) *limit;

static int new_target_value(int arg)
{
	return BASE + arg + (limit ? *limit * 1000 : 0);
}

static int new_target_wait(int arg)
{
	return BASE + 50 + arg;
}

static struct kpatch_func funcs[] = {
	KPATCH_FUNC(target_value, new_target_value, .objname = TARGET),
	KPATCH_FUNC(target_wait, new_target_wait, .objname = TARGET),
};

static const struct kpatch_symbol symbols[] = {
	KPATCH_SYMBOL(target_limit, limit, .objname = TARGET),
};

module_kpatch(funcs, KPATCH_SYMBOLS(symbols));

MODULE_DESCRIPTION("kpatch test: functions of a module");
MODULE_LICENSE("GPL");
