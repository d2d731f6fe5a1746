/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Sorted sets of address ranges.
 */
#ifndef _KPATCH_RANGES_H
#define _KPATCH_RANGES_H

#include <linux/types.h>

struct kpatch_func;

/**
 * struct kpatch_range - a piece of text
 * @start: first address in it
 * @end: first address behind it
 * @func: the function that it is part of, %NULL if it may be part of any
 */
struct kpatch_range {
	unsigned long start;
	unsigned long end;
	struct kpatch_func *func;
};

/**
 * struct kpatch_ranges - a set of ranges, zeroed when empty
 * @r: the ranges, sorted by start once kpatch_ranges_sort() ran
 * @nr: how many
 * @room: for how many @r has memory
 * @max_end: the highest end of all, once sorted
 */
struct kpatch_ranges {
	struct kpatch_range *r;
	unsigned int nr;
	unsigned int room;
	unsigned long max_end;
};

int kpatch_ranges_add(struct kpatch_ranges *set, unsigned long start,
		      unsigned long end, struct kpatch_func *func);
void kpatch_ranges_sort(struct kpatch_ranges *set);
void kpatch_ranges_join(struct kpatch_ranges *set, unsigned long end);
const struct kpatch_range *kpatch_ranges_find(const struct kpatch_ranges *set,
					      unsigned long addr);
void kpatch_ranges_clear(struct kpatch_ranges *set);

#endif /* _KPATCH_RANGES_H */
