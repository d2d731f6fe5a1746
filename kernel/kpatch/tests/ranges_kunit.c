// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests of sets of address ranges.
 */
#include <kunit/test.h>

#include <linux/kernel.h>
#include <linux/prandom.h>
#include <linux/string.h>

#include "../ranges.h"

#define OLD	KPATCH_RANGE_OLD
#define FREED	KPATCH_RANGE_FREED

/* The random ranges lie in a piece of text so small that most of them overlap. */
#define RANDOM_BASE	0x1000UL
#define RANDOM_SIZE	96
#define RANDOM_ROUNDS	500
#define RANDOM_RANGES	24

static void add(struct kunit *test, unsigned long start, unsigned long end,
		unsigned int flags)
{
	KUNIT_ASSERT_EQ(test, 0, kpatch_ranges_add(test->priv, start, end, flags, NULL));
}

static void flatten(struct kunit *test)
{
	struct kpatch_ranges *set = test->priv;

	KUNIT_ASSERT_EQ(test, 0, kpatch_ranges_flatten(set));
}

/* The flags at an address, 0 if no range has it. */
static unsigned int flags_at(struct kunit *test, unsigned long addr)
{
	const struct kpatch_range *r = kpatch_ranges_find(test->priv, addr);

	if (!r)
		return 0;
	KUNIT_EXPECT_LE(test, r->start, addr);
	KUNIT_EXPECT_GT(test, r->end, addr);
	return r->flags;
}

static void expect_range(struct kunit *test, unsigned int i, unsigned long start,
			 unsigned long end, unsigned int flags)
{
	struct kpatch_ranges *set = test->priv;

	KUNIT_ASSERT_LT(test, i, set->nr);
	KUNIT_EXPECT_EQ(test, set->r[i].start, start);
	KUNIT_EXPECT_EQ(test, set->r[i].end, end);
	KUNIT_EXPECT_EQ(test, set->r[i].flags, flags);
}

static void expect_nr(struct kunit *test, unsigned int nr)
{
	struct kpatch_ranges *set = test->priv;

	KUNIT_ASSERT_EQ(test, set->nr, nr);
}

static void test_empty(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, 0, flags_at(test, 0x1000));
	flatten(test);
	expect_nr(test, 0);
	KUNIT_EXPECT_EQ(test, 0, flags_at(test, 0));
	KUNIT_EXPECT_EQ(test, 0, flags_at(test, 0x1000));
	KUNIT_EXPECT_EQ(test, 0, flags_at(test, ULONG_MAX));
}

static void test_one(struct kunit *test)
{
	struct kpatch_func *func = (struct kpatch_func *)test;
	const struct kpatch_range *r;

	KUNIT_ASSERT_EQ(test, 0, kpatch_ranges_add(test->priv, 0x1000, 0x1010, OLD, func));
	flatten(test);
	expect_nr(test, 1);
	expect_range(test, 0, 0x1000, 0x1010, OLD);
	KUNIT_EXPECT_EQ(test, 0, flags_at(test, 0xfff));
	KUNIT_EXPECT_EQ(test, OLD, flags_at(test, 0x1000));
	KUNIT_EXPECT_EQ(test, OLD, flags_at(test, 0x100f));
	KUNIT_EXPECT_EQ(test, 0, flags_at(test, 0x1010));
	r = kpatch_ranges_find(test->priv, 0x1008);
	KUNIT_ASSERT_NOT_NULL(test, r);
	/* A piece of several ranges could not name one. */
	KUNIT_EXPECT_NULL(test, r->func);
}

/* As added by a caller: the highest range first, with nothing in between. */
static void test_apart(struct kunit *test)
{
	add(test, 0x3000, 0x3010, FREED);
	add(test, 0x1000, 0x1010, OLD);
	add(test, 0x2000, 0x2010, OLD);
	flatten(test);
	expect_nr(test, 3);
	expect_range(test, 0, 0x1000, 0x1010, OLD);
	expect_range(test, 1, 0x2000, 0x2010, OLD);
	expect_range(test, 2, 0x3000, 0x3010, FREED);
	KUNIT_EXPECT_EQ(test, 0, flags_at(test, 0x1010));
	KUNIT_EXPECT_EQ(test, 0, flags_at(test, 0x1fff));
	KUNIT_EXPECT_EQ(test, OLD, flags_at(test, 0x2000));
	KUNIT_EXPECT_EQ(test, FREED, flags_at(test, 0x300f));
	KUNIT_EXPECT_EQ(test, 0, flags_at(test, 0x3010));
}

/*
 * The text of a module, with a function in it: what lies behind the function
 * belongs to the text as before.
 */
static void test_nested(struct kunit *test)
{
	add(test, 0x1000, 0x5000, FREED);
	add(test, 0x2000, 0x2100, OLD);
	flatten(test);
	expect_nr(test, 3);
	expect_range(test, 0, 0x1000, 0x2000, FREED);
	expect_range(test, 1, 0x2000, 0x2100, FREED | OLD);
	expect_range(test, 2, 0x2100, 0x5000, FREED);
	KUNIT_EXPECT_EQ(test, 0, flags_at(test, 0xfff));
	KUNIT_EXPECT_EQ(test, FREED, flags_at(test, 0x1fff));
	KUNIT_EXPECT_EQ(test, FREED | OLD, flags_at(test, 0x2050));
	KUNIT_EXPECT_EQ(test, FREED, flags_at(test, 0x2100));
	KUNIT_EXPECT_EQ(test, FREED, flags_at(test, 0x3000));
	KUNIT_EXPECT_EQ(test, FREED, flags_at(test, 0x4fff));
	KUNIT_EXPECT_EQ(test, 0, flags_at(test, 0x5000));
}

static void test_nested_twice(struct kunit *test)
{
	add(test, 0x2020, 0x2040, FREED);
	add(test, 0x2000, 0x2100, OLD);
	add(test, 0x1000, 0x5000, FREED);
	flatten(test);
	expect_nr(test, 3);
	expect_range(test, 0, 0x1000, 0x2000, FREED);
	expect_range(test, 1, 0x2000, 0x2100, FREED | OLD);
	expect_range(test, 2, 0x2100, 0x5000, FREED);
}

static void test_nested_same_flags(struct kunit *test)
{
	add(test, 0x1000, 0x5000, OLD);
	add(test, 0x2000, 0x2100, OLD);
	flatten(test);
	expect_nr(test, 1);
	expect_range(test, 0, 0x1000, 0x5000, OLD);
}

static void test_equal_start(struct kunit *test)
{
	add(test, 0x1000, 0x2000, FREED);
	add(test, 0x1000, 0x1100, OLD);
	flatten(test);
	expect_nr(test, 2);
	expect_range(test, 0, 0x1000, 0x1100, FREED | OLD);
	expect_range(test, 1, 0x1100, 0x2000, FREED);
}

static void test_equal_end(struct kunit *test)
{
	add(test, 0x1f00, 0x2000, OLD);
	add(test, 0x1000, 0x2000, FREED);
	flatten(test);
	expect_nr(test, 2);
	expect_range(test, 0, 0x1000, 0x1f00, FREED);
	expect_range(test, 1, 0x1f00, 0x2000, FREED | OLD);
	KUNIT_EXPECT_EQ(test, FREED | OLD, flags_at(test, 0x1fff));
	KUNIT_EXPECT_EQ(test, 0, flags_at(test, 0x2000));
}

static void test_identical(struct kunit *test)
{
	add(test, 0x1000, 0x2000, OLD);
	add(test, 0x1000, 0x2000, FREED);
	add(test, 0x1000, 0x2000, OLD);
	flatten(test);
	expect_nr(test, 1);
	expect_range(test, 0, 0x1000, 0x2000, FREED | OLD);
}

static void test_adjacent_same_flags(struct kunit *test)
{
	add(test, 0x1100, 0x1200, OLD);
	add(test, 0x1000, 0x1100, OLD);
	flatten(test);
	expect_nr(test, 1);
	expect_range(test, 0, 0x1000, 0x1200, OLD);
}

static void test_adjacent_other_flags(struct kunit *test)
{
	add(test, 0x1100, 0x1200, FREED);
	add(test, 0x1000, 0x1100, OLD);
	flatten(test);
	expect_nr(test, 2);
	expect_range(test, 0, 0x1000, 0x1100, OLD);
	expect_range(test, 1, 0x1100, 0x1200, FREED);
	KUNIT_EXPECT_EQ(test, OLD, flags_at(test, 0x10ff));
	KUNIT_EXPECT_EQ(test, FREED, flags_at(test, 0x1100));
}

static void test_partial_overlap(struct kunit *test)
{
	add(test, 0x1000, 0x2000, OLD);
	add(test, 0x1800, 0x2800, FREED);
	flatten(test);
	expect_nr(test, 3);
	expect_range(test, 0, 0x1000, 0x1800, OLD);
	expect_range(test, 1, 0x1800, 0x2000, FREED | OLD);
	expect_range(test, 2, 0x2000, 0x2800, FREED);
}

static void test_partial_overlap_same_flags(struct kunit *test)
{
	add(test, 0x1000, 0x2000, OLD);
	add(test, 0x1800, 0x2800, OLD);
	flatten(test);
	expect_nr(test, 1);
	expect_range(test, 0, 0x1000, 0x2800, OLD);
}

/* A range without an address is none, and cuts no other one in two. */
static void test_empty_range(struct kunit *test)
{
	add(test, 0x1800, 0x1800, FREED);
	flatten(test);
	expect_nr(test, 0);
	KUNIT_EXPECT_EQ(test, 0, flags_at(test, 0x1800));

	add(test, 0x1000, 0x2000, OLD);
	add(test, 0x1800, 0x1800, FREED);
	add(test, 0x3000, 0x3000, FREED);
	flatten(test);
	expect_nr(test, 1);
	expect_range(test, 0, 0x1000, 0x2000, OLD);
	KUNIT_EXPECT_EQ(test, OLD, flags_at(test, 0x1800));
	KUNIT_EXPECT_EQ(test, 0, flags_at(test, 0x3000));
}

/* More than a set has room for at first. */
static void test_many(struct kunit *test)
{
	unsigned long i;

	for (i = 0; i < 1000; i++)
		add(test, 0x10000 - 0x20 * i, 0x10010 - 0x20 * i, OLD);
	flatten(test);
	expect_nr(test, 1000);
	for (i = 0; i < 1000; i++) {
		KUNIT_EXPECT_EQ(test, OLD, flags_at(test, 0x10000 - 0x20 * i));
		KUNIT_EXPECT_EQ(test, 0, flags_at(test, 0x10010 - 0x20 * i));
	}
}

static void test_highest_addresses(struct kunit *test)
{
	add(test, ULONG_MAX - 0xff, ULONG_MAX, OLD);
	add(test, 0, 0x100, FREED);
	flatten(test);
	expect_nr(test, 2);
	KUNIT_EXPECT_EQ(test, FREED, flags_at(test, 0));
	KUNIT_EXPECT_EQ(test, 0, flags_at(test, 0x100));
	KUNIT_EXPECT_EQ(test, 0, flags_at(test, ULONG_MAX - 0x100));
	KUNIT_EXPECT_EQ(test, OLD, flags_at(test, ULONG_MAX - 0xff));
	KUNIT_EXPECT_EQ(test, OLD, flags_at(test, ULONG_MAX - 1));
}

static void test_flatten_again(struct kunit *test)
{
	add(test, 0x1000, 0x5000, FREED);
	add(test, 0x2000, 0x2100, OLD);
	flatten(test);
	flatten(test);
	expect_nr(test, 3);
	add(test, 0x2100, 0x2200, OLD);
	flatten(test);
	expect_nr(test, 3);
	expect_range(test, 0, 0x1000, 0x2000, FREED);
	expect_range(test, 1, 0x2000, 0x2200, FREED | OLD);
	expect_range(test, 2, 0x2200, 0x5000, FREED);
}

static void test_clear(struct kunit *test)
{
	add(test, 0x1000, 0x2000, OLD);
	flatten(test);
	kpatch_ranges_clear(test->priv);
	expect_nr(test, 0);
	KUNIT_EXPECT_EQ(test, 0, flags_at(test, 0x1000));
	add(test, 0x3000, 0x4000, FREED);
	flatten(test);
	KUNIT_EXPECT_EQ(test, 0, flags_at(test, 0x1000));
	KUNIT_EXPECT_EQ(test, FREED, flags_at(test, 0x3000));
}

/* Sorted, disjoint, none empty, none that could be one with the next. */
static void expect_flat(struct kunit *test, unsigned int round)
{
	struct kpatch_ranges *set = test->priv;
	const struct kpatch_range *r;
	unsigned int i;

	for (i = 0; i < set->nr; i++) {
		r = &set->r[i];
		KUNIT_EXPECT_LT_MSG(test, r->start, r->end, "round %u, range %u", round, i);
		if (!i)
			continue;
		KUNIT_EXPECT_LE_MSG(test, r[-1].end, r->start, "round %u, range %u", round, i);
		KUNIT_EXPECT_FALSE_MSG(test, r[-1].end == r->start && r[-1].flags == r->flags,
				       "round %u, range %u continues the one before", round, i);
	}
}

/* The seed is fixed, so that a failure can be repeated. */
static void test_random(struct kunit *test)
{
	unsigned int round, nr, i, from, to, flags;
	u8 expected[RANDOM_SIZE];
	struct rnd_state rnd;

	prandom_seed_state(&rnd, 1);
	for (round = 0; round < RANDOM_ROUNDS; round++) {
		memset(expected, 0, sizeof(expected));
		nr = prandom_u32_state(&rnd) % (RANDOM_RANGES + 1);
		while (nr--) {
			from = prandom_u32_state(&rnd) % RANDOM_SIZE;
			to = from + prandom_u32_state(&rnd) % (RANDOM_SIZE - from + 1);
			/* Half of them short, as functions are. */
			if (prandom_u32_state(&rnd) % 2)
				to = min(to, from + 8);
			flags = 1 + prandom_u32_state(&rnd) % (OLD | FREED);
			add(test, RANDOM_BASE + from, RANDOM_BASE + to, flags);
			for (i = from; i < to; i++)
				expected[i] |= flags;
		}
		flatten(test);
		expect_flat(test, round);
		for (i = 0; i < RANDOM_SIZE; i++)
			KUNIT_EXPECT_EQ_MSG(test, flags_at(test, RANDOM_BASE + i), expected[i],
					    "round %u, address %u", round, i);
		KUNIT_EXPECT_EQ(test, 0, flags_at(test, RANDOM_BASE - 1));
		KUNIT_EXPECT_EQ(test, 0, flags_at(test, RANDOM_BASE + RANDOM_SIZE));
		kpatch_ranges_clear(test->priv);
	}
}

static int kpatch_ranges_test_init(struct kunit *test)
{
	test->priv = kunit_kzalloc(test, sizeof(struct kpatch_ranges), GFP_KERNEL);
	return test->priv ? 0 : -ENOMEM;
}

static void kpatch_ranges_test_exit(struct kunit *test)
{
	if (test->priv)
		kpatch_ranges_clear(test->priv);
}

static struct kunit_case kpatch_ranges_test_cases[] = {
	KUNIT_CASE(test_empty),
	KUNIT_CASE(test_one),
	KUNIT_CASE(test_apart),
	KUNIT_CASE(test_nested),
	KUNIT_CASE(test_nested_twice),
	KUNIT_CASE(test_nested_same_flags),
	KUNIT_CASE(test_equal_start),
	KUNIT_CASE(test_equal_end),
	KUNIT_CASE(test_identical),
	KUNIT_CASE(test_adjacent_same_flags),
	KUNIT_CASE(test_adjacent_other_flags),
	KUNIT_CASE(test_partial_overlap),
	KUNIT_CASE(test_partial_overlap_same_flags),
	KUNIT_CASE(test_empty_range),
	KUNIT_CASE(test_many),
	KUNIT_CASE(test_highest_addresses),
	KUNIT_CASE(test_flatten_again),
	KUNIT_CASE(test_clear),
	KUNIT_CASE(test_random),
	{}
};

static struct kunit_suite kpatch_ranges_test_suite = {
	.name = "kpatch_ranges",
	.init = kpatch_ranges_test_init,
	.exit = kpatch_ranges_test_exit,
	.test_cases = kpatch_ranges_test_cases,
};

kunit_test_suite(kpatch_ranges_test_suite);
