// SPDX-License-Identifier: GPL-2.0-only
/*
 * Patches two functions whose versions must never be mixed, see pair.h.
 */
#include <linux/gcd.h>
#include <linux/kpatch.h>
#include <linux/lcm.h>

#include "pair.h"

static unsigned long new_gcd(unsigned long a, unsigned long b)
{
	unsigned long rest;

	if (a == PAIR_MAGIC && b == PAIR_MAGIC)
		return 1;
	while (b) {
		rest = a % b;
		a = b;
		b = rest;
	}
	return a;
}

static unsigned long new_lcm(unsigned long a, unsigned long b)
{
	if (a == PAIR_MAGIC && b == PAIR_MAGIC)
		return 1;
	return a && b ? a / new_gcd(a, b) * b : 0;
}

static struct kpatch_func funcs[] = {
	KPATCH_FUNC(gcd, new_gcd),
	KPATCH_FUNC(lcm, new_lcm),
};
module_kpatch(funcs);

MODULE_DESCRIPTION("kpatch test: two functions that belong together");
MODULE_LICENSE("GPL");
