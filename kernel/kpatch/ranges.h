/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Sets of address ranges.
 */
#ifndef _KPATCH_RANGES_H
#define _KPATCH_RANGES_H

#include <linux/bits.h>
#include <linux/types.h>

struct kpatch_func;

/**
 * enum kpatch_range_flags - what happens to a piece of text in a transaction
 * @KPATCH_RANGE_OLD: it is replaced, and stays in memory
 * @KPATCH_RANGE_FREED: it may be freed after the transaction
 */
enum kpatch_range_flags {
	KPATCH_RANGE_OLD	= BIT(0),
	KPATCH_RANGE_FREED	= BIT(1),
};

/**
 * struct kpatch_range - a piece of text
 * @start: its first address
 * @end: the first address behind it
 * @flags: &enum kpatch_range_flags
 * @func: the function that it is part of, %NULL if that is not known
 */
struct kpatch_range {
	unsigned long start;
	unsigned long end;
	unsigned int flags;
	struct kpatch_func *func;
};

/**
 * struct kpatch_ranges - a set of ranges, zeroed when empty
 * @r: the ranges
 * @nr: their number
 * @room: number of ranges that @r has memory for
 * @max_end: the highest end of all, once sorted
 * @flags: the flags of all ranges, once flattened
 */
struct kpatch_ranges {
	struct kpatch_range *r;
	unsigned int nr;
	unsigned int room;
	unsigned long max_end;
	unsigned int flags;
};

int kpatch_ranges_add(struct kpatch_ranges *set, unsigned long start,
		      unsigned long end, unsigned int flags,
		      struct kpatch_func *func);
void kpatch_ranges_sort(struct kpatch_ranges *set);
int kpatch_ranges_flatten(struct kpatch_ranges *set);
void kpatch_ranges_join(struct kpatch_ranges *set, unsigned long end);
const struct kpatch_range *kpatch_ranges_find(const struct kpatch_ranges *set,
					      unsigned long addr);
void kpatch_ranges_clear(struct kpatch_ranges *set);

#endif /* _KPATCH_RANGES_H */
