// SPDX-License-Identifier: GPL-2.0-only
/*
 * Patches gcd() as test_kpatch_pair does: one half of the pair, see pair.h.
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

static struct kpatch_func funcs[] = {
	KPATCH_FUNC(gcd, new_gcd),
};
module_kpatch(funcs);

MODULE_DESCRIPTION("kpatch test: one of two functions that belong together");
MODULE_LICENSE("GPL");
