// SPDX-License-Identifier: GPL-2.0-only
/*
 * Patches lcm() as test_kpatch_pair does: one half of the pair, see pair.h.
 */
#include <linux/gcd.h>
#include <linux/kpatch.h>
#include <linux/lcm.h>

#include "pair.h"

static unsigned long new_lcm(unsigned long a, unsigned long b)
{
	if (a == PAIR_MAGIC && b == PAIR_MAGIC)
		return 1;
	return a && b ? a / gcd(a, b) * b : 0;
}

static struct kpatch_func funcs[] = {
	KPATCH_FUNC(lcm, new_lcm),
};
module_kpatch(funcs);

MODULE_DESCRIPTION("kpatch test: the other one of two functions that belong together");
MODULE_LICENSE("GPL");
