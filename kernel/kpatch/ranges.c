// SPDX-License-Identifier: GPL-2.0-only
/*
 * Sorted sets of address ranges: filled at leisure, searched with the machine
 * stopped.
 */
#include "common.h"

#include <linux/slab.h>
#include <linux/sort.h>

#include "ranges.h"

static int grow(struct kpatch_ranges *set, unsigned int room)
{
	struct kpatch_range *r;

	r = kvcalloc(room, sizeof(*r), GFP_KERNEL);
	if (!r)
		return -ENOMEM;
	if (set->nr)
		memcpy(r, set->r, set->nr * sizeof(*r));
	kvfree(set->r);
	set->r = r;
	set->room = room;
	return 0;
}

/**
 * kpatch_ranges_add() - add a range to a set
 * @set: the set, which has to be sorted again before it is searched
 * @start: first address of the range
 * @end: first address behind it
 * @func: the function it belongs to, or %NULL
 *
 * Return: 0, or -ENOMEM with the set as it was.
 */
int kpatch_ranges_add(struct kpatch_ranges *set, unsigned long start,
		      unsigned long end, struct kpatch_func *func)
{
	int ret;

	if (set->nr == set->room) {
		ret = grow(set, max(2 * set->room, 8U));
		if (ret)
			return ret;
	}
	set->r[set->nr++] = (struct kpatch_range) {
		.start = start,
		.end = end,
		.func = func,
	};
	return 0;
}

static int cmp_start(const void *a, const void *b)
{
	const struct kpatch_range *x = a, *y = b;

	if (x->start != y->start)
		return x->start < y->start ? -1 : 1;
	return 0;
}

/**
 * kpatch_ranges_sort() - make a set ready for kpatch_ranges_find()
 * @set: the set
 *
 * Ranges may repeat but must not overlap in part: they come from symbols.
 */
void kpatch_ranges_sort(struct kpatch_ranges *set)
{
	unsigned int i;

	sort(set->r, set->nr, sizeof(*set->r), cmp_start, NULL);
	set->max_end = 0;
	for (i = 0; i < set->nr; i++)
		set->max_end = max(set->max_end, set->r[i].end);
}

/**
 * kpatch_ranges_join() - let each range end where the next one begins
 * @set: a sorted set, whose ends do not matter so far
 * @end: where the last one ends
 */
void kpatch_ranges_join(struct kpatch_ranges *set, unsigned long end)
{
	unsigned int i = set->nr;

	set->max_end = end;
	while (i--) {
		/* Of several that begin at one address none ends there. */
		if (i + 1 < set->nr && set->r[i + 1].start != set->r[i].start)
			end = set->r[i + 1].start;
		set->r[i].end = end;
	}
}

/**
 * kpatch_ranges_find() - look up the range that an address lies in
 * @set: a sorted set
 * @addr: the address
 *
 * Context: any, takes no lock. Most words of a stack are not text addresses
 * at all, so the bounds of the whole set are compared first.
 *
 * Return: a range with @addr in it, or %NULL if there is none.
 */
const struct kpatch_range *kpatch_ranges_find(const struct kpatch_ranges *set,
					      unsigned long addr)
{
	unsigned int lo = 0, hi = set->nr, mid;

	if (!hi || addr < set->r[0].start || addr >= set->max_end)
		return NULL;
	/* r[lo].start <= addr < r[hi].start, r[nr] taken as infinite */
	while (hi - lo > 1) {
		mid = lo + (hi - lo) / 2;
		if (set->r[mid].start <= addr)
			lo = mid;
		else
			hi = mid;
	}
	return addr < set->r[lo].end ? &set->r[lo] : NULL;
}

/**
 * kpatch_ranges_clear() - empty a set and free its memory
 * @set: the set
 */
void kpatch_ranges_clear(struct kpatch_ranges *set)
{
	kvfree(set->r);
	memset(set, 0, sizeof(*set));
}
