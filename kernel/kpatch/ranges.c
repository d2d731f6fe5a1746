// SPDX-License-Identifier: GPL-2.0-only
/*
 * Sets of address ranges. A set is filled and sorted while the machine runs, and
 * may be searched while it is stopped.
 */
#include <linux/errno.h>
#include <linux/minmax.h>
#include <linux/slab.h>
#include <linux/sort.h>
#include <linux/string.h>

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
 * @set: the set, which must be sorted or flattened before the next search
 * @start: first address of the range
 * @end: first address behind it
 * @flags: &enum kpatch_range_flags
 * @func: the function that the range is part of, or %NULL
 *
 * Context: process context, may sleep.
 *
 * Return: 0, or -ENOMEM with the set as it was.
 */
int kpatch_ranges_add(struct kpatch_ranges *set, unsigned long start,
		      unsigned long end, unsigned int flags,
		      struct kpatch_func *func)
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
		.flags = flags,
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
 * kpatch_ranges_sort() - order the ranges of a set by their start
 * @set: the set
 *
 * Keeps duplicates and overlaps. Enough to look up functions by their first
 * address, see kpatch_ranges_find().
 */
void kpatch_ranges_sort(struct kpatch_ranges *set)
{
	const struct kpatch_range *range;

	sort(set->r, set->nr, sizeof(*set->r), cmp_start, NULL);
	set->max_end = 0;
	for (range = set->r; range < set->r + set->nr; range++)
		set->max_end = max(set->max_end, range->end);
}

/**
 * struct edge - an address where ranges of a set begin or end
 * @addr: the address
 * @flags: flags of the range that begins or ends
 * @step: 1 if it begins, -1 if it ends
 */
struct edge {
	unsigned long addr;
	unsigned int flags;
	int step;
};

static int cmp_edge(const void *a, const void *b)
{
	const struct edge *x = a, *y = b;

	if (x->addr != y->addr)
		return x->addr < y->addr ? -1 : 1;
	return 0;
}

/* Append [@start, @end), or extend the last range by it. */
static int append(struct kpatch_ranges *flat, unsigned long start,
		  unsigned long end, unsigned int flags)
{
	struct kpatch_range *last = flat->nr ? &flat->r[flat->nr - 1] : NULL;

	flat->flags |= flags;
	flat->max_end = end;
	if (last && last->end == start && last->flags == flags) {
		last->end = end;
		return 0;
	}
	return kpatch_ranges_add(flat, start, end, flags, NULL);
}

/* Sort all edges; @edges has room for two per range. */
static unsigned int list_edges(struct edge *edges,
			       const struct kpatch_ranges *set)
{
	const struct kpatch_range *range;
	unsigned int nr = 0;

	for (range = set->r; range < set->r + set->nr; range++) {
		if (range->start >= range->end)
			continue;
		edges[nr++] = (struct edge) { range->start, range->flags, 1 };
		edges[nr++] = (struct edge) { range->end, range->flags, -1 };
	}
	sort(edges, nr, sizeof(*edges), cmp_edge, NULL);
	return nr;
}

/* Go from edge to edge, and count the open ranges that have each flag. */
static int flatten_into(struct kpatch_ranges *flat, const struct edge *edges,
			unsigned int nr)
{
	int open_old = 0, open_freed = 0, ret;
	unsigned int flags, i;

	for (i = 0; i + 1 < nr; i++) {
		if (edges[i].flags & KPATCH_RANGE_OLD)
			open_old += edges[i].step;
		if (edges[i].flags & KPATCH_RANGE_FREED)
			open_freed += edges[i].step;
		flags = (open_old > 0 ? KPATCH_RANGE_OLD : 0) |
			(open_freed > 0 ? KPATCH_RANGE_FREED : 0);
		if (!flags || edges[i].addr == edges[i + 1].addr)
			continue;
		ret = append(flat, edges[i].addr, edges[i + 1].addr, flags);
		if (ret)
			return ret;
	}
	return 0;
}

/**
 * kpatch_ranges_flatten() - make the ranges of a set disjoint
 * @set: the set; each range has at least one flag
 *
 * Sorts the ranges, splits them where they overlap and merges adjacent ones with the
 * same flags. Each address then has the flags of all ranges that contained it.
 * Functions are forgotten.
 *
 * Context: process context, may sleep.
 *
 * Return: 0, or -ENOMEM with the set as it was.
 */
int kpatch_ranges_flatten(struct kpatch_ranges *set)
{
	struct kpatch_ranges flat = {};
	struct edge *edges;
	int ret;

	if (!set->nr)
		return 0;
	edges = kvmalloc_array(set->nr, 2 * sizeof(*edges), GFP_KERNEL);
	if (!edges)
		return -ENOMEM;
	ret = flatten_into(&flat, edges, list_edges(edges, set));
	kvfree(edges);
	if (ret) {
		kpatch_ranges_clear(&flat);
		return ret;
	}
	kpatch_ranges_clear(set);
	*set = flat;
	return 0;
}

/**
 * kpatch_ranges_join() - let each range end where the next one begins
 * @set: a sorted set; the ends of its ranges do not matter so far
 * @end: where the last one ends
 */
void kpatch_ranges_join(struct kpatch_ranges *set, unsigned long end)
{
	unsigned int i = set->nr;

	set->max_end = end;
	while (i--) {
		/* Ranges with the same start have the same end. */
		if (i + 1 < set->nr && set->r[i + 1].start != set->r[i].start)
			end = set->r[i + 1].start;
		set->r[i].end = end;
	}
}

/**
 * kpatch_ranges_find() - look up the range that contains an address
 * @set: a flattened set; or a sorted one, if @addr is the start of a range
 * @addr: the address
 *
 * Looks only at the last range that starts at or before @addr. In a set that is
 * sorted but not flattened, an address in an outer range, behind a nested one, is
 * not found.
 *
 * Context: any, takes no lock. Most words of a stack are not text addresses, so the
 * bounds of the whole set are compared first.
 *
 * Return: the range, or %NULL if there is none.
 */
const struct kpatch_range *kpatch_ranges_find(const struct kpatch_ranges *set,
					      unsigned long addr)
{
	unsigned int lo = 0, hi = set->nr, mid;

	if (!hi || addr < set->r[0].start || addr >= set->max_end)
		return NULL;
	/* r[lo].start <= addr < r[hi].start, with r[nr].start as infinity. */
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
