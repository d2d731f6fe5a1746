// SPDX-License-Identifier: GPL-2.0-only
/*
 * A function and a variable of test_kpatch_target with the same names as those in
 * target.c.
 */
#include <linux/compiler.h>

#include "target.h"

static int twin_limit = 9;

static noinline int target_twin(int arg)
{
	return 80 + arg + READ_ONCE(twin_limit);
}

/* One function with two names. Nothing calls it. */
int target_one_name(int arg)
{
	return arg;
}

int target_other_name(int arg) __alias(target_one_name);

int target_other_twin(int arg)
{
	int ret = target_twin(arg);

	barrier();
	return ret;
}
