// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests of shadow variables.
 */
#include <kunit/test.h>
#include <linux/atomic.h>
#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/err.h>
#include <linux/kthread.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>

#include "../common.h"
#include "../shadow.h"

#define NR_OBJECTS 50

struct variable {
	void *obj;
	unsigned int number;
};

static char instances[2];
static struct kpatch_state state, other;
static char objects[NR_OBJECTS];

static unsigned int constructed, destroyed;

/* An instance is only a key here. */
static int begin(struct kunit *test)
{
	state = (struct kpatch_state) { .instance = (void *)&instances[0] };
	other = (struct kpatch_state) { .instance = (void *)&instances[1] };
	constructed = 0;
	destroyed = 0;
	return 0;
}

static void count_dtor(void *obj, void *data)
{
	destroyed++;
}

static void end(struct kunit *test)
{
	destroyed = 0;
	kpatch_shadow_drop(state.instance, count_dtor);
	kpatch_shadow_drop(other.instance, count_dtor);
	KUNIT_EXPECT_EQ_MSG(test, destroyed, 0, "the test has left variables");
}

static int ctor(void *obj, void *data, void *arg)
{
	struct variable *var = data;
	static const struct variable zero;

	if (memcmp(var, &zero, sizeof(zero)))
		return -EINVAL;
	/* Nobody finds it before it is initialised. */
	if (kpatch_shadow_get(&state, obj))
		return -EEXIST;
	constructed++;
	var->obj = obj;
	var->number = *(unsigned int *)arg;
	return 0;
}

static int refuse(void *obj, void *data, void *arg)
{
	return -EPERM;
}

static void check_dtor(void *obj, void *data)
{
	struct variable *var = data;

	if (var->obj == obj)
		destroyed++;
}

static struct variable *alloc(struct kpatch_state *s, void *obj, unsigned int number)
{
	return kpatch_shadow_alloc(s, obj, sizeof(struct variable), GFP_KERNEL, ctor,
				   &number);
}

static void a_variable_is_found_until_it_is_freed(struct kunit *test)
{
	struct variable *var;

	KUNIT_EXPECT_NULL(test, kpatch_shadow_get(&state, objects));
	var = alloc(&state, objects, 5);
	KUNIT_ASSERT_NOT_NULL(test, var);
	KUNIT_EXPECT_EQ(test, constructed, 1);
	KUNIT_EXPECT_EQ(test, var->number, 5);
	KUNIT_EXPECT_PTR_EQ(test, kpatch_shadow_get(&state, objects), (void *)var);
	KUNIT_EXPECT_NULL(test, kpatch_shadow_get(&state, objects + 1));
	kpatch_shadow_free(&state, objects, check_dtor);
	KUNIT_EXPECT_EQ(test, destroyed, 1);
	KUNIT_EXPECT_NULL(test, kpatch_shadow_get(&state, objects));
	kpatch_shadow_free(&state, objects, check_dtor);
	KUNIT_EXPECT_EQ(test, destroyed, 1);
}

static void one_without_a_constructor_is_zeroed(struct kunit *test)
{
	static const struct variable zero;
	struct variable *var;

	var = kpatch_shadow_alloc(&state, objects, sizeof(*var), GFP_KERNEL, NULL, NULL);
	KUNIT_ASSERT_NOT_NULL(test, var);
	KUNIT_EXPECT_MEMEQ(test, var, &zero, sizeof(zero));
	kpatch_shadow_free(&state, objects, NULL);
}

static void a_constructor_can_refuse(struct kunit *test)
{
	KUNIT_EXPECT_NULL(test, kpatch_shadow_alloc(&state, objects, 8, GFP_KERNEL, refuse,
						    NULL));
	KUNIT_EXPECT_NULL(test, kpatch_shadow_get(&state, objects));
	KUNIT_EXPECT_NULL(test, kpatch_shadow_get_or_alloc(&state, objects, 8, GFP_KERNEL,
							   refuse, NULL));
	KUNIT_EXPECT_NULL(test, kpatch_shadow_get(&state, objects));
}

static void get_or_alloc_constructs_only_a_new_one(struct kunit *test)
{
	unsigned int number = 5;
	struct variable *var;

	var = kpatch_shadow_get_or_alloc(&state, objects, sizeof(*var), GFP_KERNEL, ctor,
					 &number);
	KUNIT_ASSERT_NOT_NULL(test, var);
	number = 6;
	KUNIT_EXPECT_PTR_EQ(test, (void *)var,
			    kpatch_shadow_get_or_alloc(&state, objects, sizeof(*var),
						       GFP_KERNEL, ctor, &number));
	KUNIT_EXPECT_EQ(test, var->number, 5);
	KUNIT_EXPECT_EQ(test, constructed, 1);
	kpatch_shadow_free(&state, objects, NULL);
}

static void attach_returns_the_one_that_is_there(struct kunit *test)
{
	unsigned int *first = kpatch_shadow_new(sizeof(*first), GFP_KERNEL);
	unsigned int *second = kpatch_shadow_new(sizeof(*second), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, first);
	KUNIT_ASSERT_NOT_NULL(test, second);
	KUNIT_EXPECT_EQ(test, *first, 0);
	KUNIT_EXPECT_NULL(test, kpatch_shadow_get(&state, objects));
	KUNIT_EXPECT_PTR_EQ(test, kpatch_shadow_attach(&state, objects, first),
			    (void *)first);
	KUNIT_EXPECT_PTR_EQ(test, kpatch_shadow_attach(&state, objects, second),
			    (void *)first);
	KUNIT_EXPECT_PTR_EQ(test, kpatch_shadow_get(&state, objects), (void *)first);
	/* The second one is still ours. */
	KUNIT_EXPECT_PTR_EQ(test, kpatch_shadow_attach(&state, objects + 1, second),
			    (void *)second);
	kpatch_shadow_free(&state, objects, NULL);
	kpatch_shadow_free(&state, objects + 1, NULL);
	kpatch_shadow_discard(kpatch_shadow_new(1, GFP_KERNEL));
	kpatch_shadow_discard(NULL);
}

/* Both states have a variable for each object. */
static void fill(struct kunit *test)
{
	unsigned int i;

	for (i = 0; i < NR_OBJECTS; i++) {
		KUNIT_ASSERT_NOT_NULL(test, alloc(&state, &objects[i], i));
		KUNIT_ASSERT_NOT_NULL(test,
				      kpatch_shadow_alloc(&other, &objects[i],
							  sizeof(struct variable),
							  GFP_KERNEL, NULL, NULL));
	}
}

static void check_only_other_is_left(struct kunit *test)
{
	unsigned int i;

	KUNIT_EXPECT_EQ(test, destroyed, NR_OBJECTS);
	for (i = 0; i < NR_OBJECTS; i++) {
		KUNIT_EXPECT_NULL(test, kpatch_shadow_get(&state, &objects[i]));
		KUNIT_EXPECT_NOT_NULL(test, kpatch_shadow_get(&other, &objects[i]));
	}
	kpatch_shadow_free_all(&other, NULL);
	for (i = 0; i < NR_OBJECTS; i++)
		KUNIT_EXPECT_NULL(test, kpatch_shadow_get(&other, &objects[i]));
}

static void states_do_not_see_each_others_variables(struct kunit *test)
{
	struct variable *var, *of_other;
	unsigned int i;

	fill(test);
	for (i = 0; i < NR_OBJECTS; i++) {
		var = kpatch_shadow_get(&state, &objects[i]);
		of_other = kpatch_shadow_get(&other, &objects[i]);
		KUNIT_ASSERT_NOT_NULL(test, var);
		KUNIT_EXPECT_PTR_NE(test, var, of_other);
		KUNIT_EXPECT_EQ(test, var->number, i);
		kpatch_shadow_free(&state, &objects[i], check_dtor);
	}
	check_only_other_is_left(test);
}

static void free_all_keeps_those_of_other_states(struct kunit *test)
{
	fill(test);
	kpatch_shadow_free_all(&state, check_dtor);
	check_only_other_is_left(test);
}

static void drop_keeps_those_of_other_states(struct kunit *test)
{
	fill(test);
	kpatch_shadow_drop(state.instance, check_dtor);
	check_only_other_is_left(test);
}

/* Readers may call this at any time. */
static void a_state_that_is_not_there_has_none(struct kunit *test)
{
	state.instance = NULL;
	KUNIT_EXPECT_NULL(test, kpatch_shadow_get(&state, objects));
	kpatch_shadow_free(&state, objects, check_dtor);
	kpatch_shadow_free_all(&state, check_dtor);
	KUNIT_EXPECT_EQ(test, destroyed, 0);
}

/*
 * Allocators hand out last what was freed last, so it would be seen if the memory were
 * free already.
 */
static void the_memory_stays_for_readers(struct kunit *test)
{
	void *data[16];
	struct variable *var;
	unsigned int i;

	var = alloc(&state, objects, 5);
	KUNIT_ASSERT_NOT_NULL(test, var);
	scoped_guard(rcu) {
		kpatch_shadow_free(&state, objects, NULL);
		for (i = 0; i < ARRAY_SIZE(data); i++)
			data[i] = kpatch_shadow_new(sizeof(*var), GFP_ATOMIC);
		KUNIT_EXPECT_EQ(test, var->number, 5);
	}
	for (i = 0; i < ARRAY_SIZE(data); i++) {
		KUNIT_EXPECT_PTR_NE(test, data[i], (void *)var);
		kpatch_shadow_discard(data[i]);
	}
}

static DECLARE_COMPLETION(inside);
static bool dropping, reader_has_left;

static int read_slowly(void *unused)
{
	unsigned int i;

	scoped_guard(rcu) {
		complete(&inside);
		for (i = 0; i < 1000 && !READ_ONCE(dropping); i++)
			mdelay(1);
		/* An emulator may run one CPU at a time, for 100 ms. */
		mdelay(300);
		WRITE_ONCE(reader_has_left, true);
	}
	return 0;
}

static void count_after_readers(void *obj, void *data)
{
	destroyed += READ_ONCE(reader_has_left);
}

static void drop_waits_for_readers(struct kunit *test)
{
	struct task_struct *task;

	KUNIT_ASSERT_NOT_NULL(test, alloc(&state, objects, 5));
	dropping = false;
	reader_has_left = false;
	reinit_completion(&inside);
	task = kthread_create(read_slowly, NULL, "kpatch_kunit");
	KUNIT_ASSERT_FALSE(test, IS_ERR(task));
	get_task_struct(task);
	wake_up_process(task);
	wait_for_completion(&inside);
	WRITE_ONCE(dropping, true);
	kpatch_shadow_drop(state.instance, count_after_readers);
	KUNIT_EXPECT_EQ(test, destroyed, 1);
	kthread_stop_put(task);
}

#define NR_TASKS 4
#define NR_ROUNDS 200

static void *found[NR_TASKS][NR_ROUNDS];
static atomic_t arrived, constructions;
static DECLARE_COMPLETION(done);

static int slow_ctor(void *obj, void *data, void *arg)
{
	atomic_inc(&constructions);
	udelay(2);
	return 0;
}

/* For each object all tasks begin at once. */
static int race(void *result)
{
	void **var = result;
	unsigned int i;

	for (i = 0; i < NR_ROUNDS; i++) {
		atomic_inc(&arrived);
		while (atomic_read(&arrived) < NR_TASKS * (i + 1))
			cond_resched();
		var[i] = kpatch_shadow_get_or_alloc(&state, &found[0][i], 8, GFP_KERNEL,
						    slow_ctor, NULL);
	}
	complete(&done);
	return 0;
}

static void tasks_that_race_get_the_same_variable(struct kunit *test)
{
	struct task_struct *tasks[NR_TASKS];
	unsigned int i, j, nr = 0;

	atomic_set(&arrived, 0);
	atomic_set(&constructions, 0);
	for (i = 0; i < NR_TASKS; i++) {
		tasks[i] = kthread_create(race, found[i], "kpatch_kunit");
		if (IS_ERR(tasks[i]))
			break;
		get_task_struct(tasks[i]);
		nr++;
	}
	for (i = 0; i < nr && nr == NR_TASKS; i++)
		wake_up_process(tasks[i]);
	/* One that is told to stop before it has run does not run at all. */
	for (i = 0; i < nr && nr == NR_TASKS; i++)
		wait_for_completion(&done);
	for (i = 0; i < nr; i++)
		kthread_stop_put(tasks[i]);
	KUNIT_ASSERT_EQ(test, nr, NR_TASKS);
	KUNIT_EXPECT_EQ(test, atomic_read(&constructions), NR_ROUNDS);
	for (i = 0; i < NR_ROUNDS; i++) {
		KUNIT_EXPECT_NOT_NULL(test, found[0][i]);
		for (j = 1; j < NR_TASKS; j++)
			KUNIT_EXPECT_PTR_EQ(test, found[j][i], found[0][i]);
	}
	kpatch_shadow_free_all(&state, count_dtor);
	KUNIT_EXPECT_EQ(test, destroyed, NR_ROUNDS);
}

static struct kunit_case shadow_cases[] = {
	KUNIT_CASE(a_variable_is_found_until_it_is_freed),
	KUNIT_CASE(one_without_a_constructor_is_zeroed),
	KUNIT_CASE(a_constructor_can_refuse),
	KUNIT_CASE(get_or_alloc_constructs_only_a_new_one),
	KUNIT_CASE(attach_returns_the_one_that_is_there),
	KUNIT_CASE(states_do_not_see_each_others_variables),
	KUNIT_CASE(free_all_keeps_those_of_other_states),
	KUNIT_CASE(drop_keeps_those_of_other_states),
	KUNIT_CASE(a_state_that_is_not_there_has_none),
	KUNIT_CASE(the_memory_stays_for_readers),
	KUNIT_CASE(drop_waits_for_readers),
	KUNIT_CASE(tasks_that_race_get_the_same_variable),
	{}
};

static struct kunit_suite shadow_suite = {
	.name = "kpatch_shadow",
	.init = begin,
	.exit = end,
	.test_cases = shadow_cases,
};

kunit_test_suite(shadow_suite);

MODULE_DESCRIPTION("KUnit tests of kpatch: shadow variables");
MODULE_LICENSE("GPL");
