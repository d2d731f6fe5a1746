// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests of the policy that decides which tasks are parked.
 */
#include <kunit/test.h>

#include "../common.h"
#include "../evict.h"

#define NR_TASKS	4
#define PATIENCE	50
#define HOLD_NS		1000
#define CPUS		2
#define START		100

/**
 * struct fixture - an operation with some tasks
 * @evict: the policy
 * @tasks: all tasks
 * @t: the tasks, all free, outside, parkable
 */
struct fixture {
	struct kpatch_evict evict;
	struct kpatch_tasks tasks;
	struct kpatch_task t[NR_TASKS];
};

static int evict_test_init(struct kunit *test)
{
	struct fixture *f;
	unsigned int i;

	f = kunit_kzalloc(test, sizeof(*f), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, f);
	kpatch_evict_init(&f->evict, PATIENCE, HOLD_NS, CPUS);
	f->tasks.t = f->t;
	f->tasks.nr = NR_TASKS;
	for (i = 0; i < NR_TASKS; i++)
		f->t[i].facts = KPATCH_FACT_PARKABLE | KPATCH_FACT_WAKES;
	test->priv = f;
	return 0;
}

/* What a scan found of a task. */
static void scanned(struct kpatch_task *t, bool inside, bool ran)
{
	t->inside = inside;
	t->ran = ran;
	t->scanned = true;
	kpatch_evict_scanned(t);
}

static enum kpatch_evict_action decide(struct fixture *f, unsigned long now)
{
	return kpatch_evict_decide(&f->evict, &f->tasks, now);
}

static bool must_go(struct fixture *f, unsigned int i)
{
	return kpatch_evict_must_go(&f->evict, &f->t[i]);
}

static void no_task_is_parked_without_a_blocker(struct kunit *test)
{
	struct fixture *f = test->priv;

	KUNIT_EXPECT_EQ(test, decide(f, START), KPATCH_EVICT_WAIT);
}

static void a_task_inside_is_parked(struct kunit *test)
{
	struct fixture *f = test->priv;

	scanned(&f->t[1], true, false);
	KUNIT_EXPECT_EQ(test, decide(f, START), KPATCH_EVICT_PARK);
	KUNIT_EXPECT_FALSE(test, must_go(f, 0));
	KUNIT_EXPECT_TRUE(test, must_go(f, 1));
	kpatch_evict_sent(&f->evict, &f->t[1], START);
	KUNIT_EXPECT_EQ(test, f->t[1].state, KPATCH_TASK_SENT);
	KUNIT_EXPECT_FALSE(test, must_go(f, 1));
	kpatch_evict_arrived(&f->evict, &f->t[1], START);
	scanned(&f->t[1], false, true);
	KUNIT_EXPECT_EQ(test, f->t[1].state, KPATCH_TASK_HELD);
	KUNIT_EXPECT_EQ(test, decide(f, START + 1), KPATCH_EVICT_WAIT);
}

static void no_task_is_held_for_too_long(struct kunit *test)
{
	struct fixture *f = test->priv;

	scanned(&f->t[0], true, false);
	f->t[0].held_ns = HOLD_NS - 1;
	KUNIT_EXPECT_EQ(test, kpatch_evict_left(&f->evict, &f->t[0]), 1);
	KUNIT_EXPECT_TRUE(test, must_go(f, 0));
	f->t[0].held_ns = HOLD_NS;
	KUNIT_EXPECT_EQ(test, kpatch_evict_left(&f->evict, &f->t[0]), 0);
	KUNIT_EXPECT_FALSE(test, must_go(f, 0));
	f->t[0].held_ns = HOLD_NS + 1;
	KUNIT_EXPECT_EQ(test, kpatch_evict_left(&f->evict, &f->t[0]), 0);
	KUNIT_EXPECT_FALSE(test, must_go(f, 0));
}

/* It would not do anything else. */
static void the_requester_may_be_held_again_and_again(struct kunit *test)
{
	struct fixture *f = test->priv;

	scanned(&f->t[0], true, false);
	f->t[0].facts |= KPATCH_FACT_REQUESTER;
	f->t[0].held_ns = 2 * HOLD_NS;
	KUNIT_EXPECT_TRUE(test, must_go(f, 0));
	KUNIT_EXPECT_EQ(test, kpatch_evict_left(&f->evict, &f->t[0]), HOLD_NS);
}

/* It would wait, too, but has a deadline of its own. */
static void a_queued_requester_may_be_held_again_and_again(struct kunit *test)
{
	struct fixture *f = test->priv;

	scanned(&f->t[0], true, false);
	f->t[0].facts |= KPATCH_FACT_QUEUED;
	f->t[0].held_ns = 2 * HOLD_NS;
	KUNIT_EXPECT_TRUE(test, must_go(f, 0));
	KUNIT_EXPECT_EQ(test, kpatch_evict_left(&f->evict, &f->t[0]), HOLD_NS);
}

/* Attempt after attempt finds task @i inside, and it has not been sent to the park. */
static void find_entered(struct fixture *f, unsigned int i, unsigned int attempts)
{
	while (attempts--) {
		scanned(&f->t[i], true, true);
		decide(f, START);
	}
}

static void running_tasks_are_parked_if_others_enter_all_the_time(struct kunit *test)
{
	struct fixture *f = test->priv;

	f->t[1].facts |= KPATCH_FACT_RUNS;
	f->t[2].facts |= KPATCH_FACT_RUNS;
	find_entered(f, 1, 2);
	KUNIT_EXPECT_FALSE(test, must_go(f, 2));
	find_entered(f, 1, 1);
	KUNIT_EXPECT_TRUE(test, must_go(f, 2));
	KUNIT_EXPECT_FALSE(test, must_go(f, 3));
	kpatch_evict_unparked(&f->evict, &f->tasks);
	KUNIT_EXPECT_FALSE(test, must_go(f, 2));
}

static void running_tasks_are_parked_at_once_if_many_have_entered(struct kunit *test)
{
	struct fixture *f = test->priv;
	unsigned int i;

	for (i = 0; i < NR_TASKS; i++)
		f->t[i].facts |= KPATCH_FACT_RUNS;
	scanned(&f->t[0], true, true);
	find_entered(f, 1, 1);
	KUNIT_EXPECT_FALSE(test, must_go(f, 3));
	find_entered(f, 2, 1);
	KUNIT_EXPECT_TRUE(test, must_go(f, 3));
}

/* Threads that are created one after the other enter, and sleep there. */
static void running_tasks_are_parked_if_new_ones_come_all_the_time(struct kunit *test)
{
	struct fixture *f = test->priv;

	f->t[3].facts |= KPATCH_FACT_RUNS;
	scanned(&f->t[0], true, false);
	kpatch_evict_sent(&f->evict, &f->t[0], START);
	find_entered(f, 1, 2);
	KUNIT_EXPECT_FALSE(test, must_go(f, 3));
	find_entered(f, 1, 1);
	KUNIT_EXPECT_TRUE(test, must_go(f, 3));
}

static void running_tasks_are_not_parked_for_a_task_that_sleeps(struct kunit *test)
{
	struct fixture *f = test->priv;

	f->t[2].facts |= KPATCH_FACT_RUNS;
	find_entered(f, 1, 10);
	KUNIT_EXPECT_FALSE(test, must_go(f, 2));
}

static void running_tasks_are_not_parked_for_a_kernel_thread(struct kunit *test)
{
	struct fixture *f = test->priv;

	f->t[0].facts = 0;
	scanned(&f->t[0], true, true);
	f->t[1].facts |= KPATCH_FACT_RUNS;
	f->t[2].facts |= KPATCH_FACT_RUNS;
	find_entered(f, 1, 10);
	KUNIT_EXPECT_FALSE(test, must_go(f, 2));
	/* Nor if it comes when they are parked. */
	scanned(&f->t[0], false, true);
	find_entered(f, 1, 10);
	KUNIT_EXPECT_TRUE(test, must_go(f, 2));
	scanned(&f->t[0], true, true);
	decide(f, START);
	KUNIT_EXPECT_FALSE(test, must_go(f, 2));
}

static void a_task_inside_while_parked_is_not_parked_again(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct kpatch_task *t = &f->t[1];

	scanned(t, true, false);
	kpatch_evict_sent(&f->evict, t, START);
	kpatch_evict_step(t, KPATCH_EVENT_ARRIVE);
	scanned(t, true, true);
	KUNIT_EXPECT_EQ(test, t->state, KPATCH_TASK_STUCK);
	/* Whatever it does later. */
	scanned(t, false, true);
	scanned(t, true, true);
	kpatch_evict_unparked(&f->evict, &f->tasks);
	KUNIT_EXPECT_EQ(test, t->state, KPATCH_TASK_STUCK);
	KUNIT_EXPECT_FALSE(test, must_go(f, 1));
}

static void an_old_scan_changes_nothing(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct kpatch_task *t = &f->t[1];

	scanned(t, true, false);
	kpatch_evict_sent(&f->evict, t, START);
	kpatch_evict_step(t, KPATCH_EVENT_ARRIVE);
	kpatch_evict_scanned(t);
	KUNIT_EXPECT_EQ(test, t->state, KPATCH_TASK_HELD);
}

static void parked_tasks_do_not_wait_long_for_one_that_does_not_arrive(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct kpatch_task *t = &f->t[1];

	scanned(t, true, false);
	kpatch_evict_sent(&f->evict, t, START);
	scanned(t, true, false);
	KUNIT_EXPECT_NE(test, decide(f, START + PATIENCE), KPATCH_EVICT_UNPARK);
	KUNIT_EXPECT_EQ(test, decide(f, START + PATIENCE + 1), KPATCH_EVICT_UNPARK);
	kpatch_evict_unparked(&f->evict, &f->tasks);
	KUNIT_EXPECT_EQ(test, t->state, KPATCH_TASK_SLOW);

	/* No task is parked until it has run. */
	scanned(&f->t[2], true, true);
	scanned(t, true, false);
	KUNIT_EXPECT_EQ(test, decide(f, START + 200), KPATCH_EVICT_WAIT);
	scanned(t, true, true);
	KUNIT_EXPECT_EQ(test, t->state, KPATCH_TASK_FREE);
	KUNIT_EXPECT_EQ(test, decide(f, START + 201), KPATCH_EVICT_PARK);
}

static void parked_tasks_do_not_wait_long_for_a_kernel_thread(struct kunit *test)
{
	struct fixture *f = test->priv;

	f->t[0].facts = 0;
	scanned(&f->t[0], true, false);
	/* No task waits for it so far. */
	KUNIT_EXPECT_EQ(test, decide(f, START + 500), KPATCH_EVICT_PARK);
	scanned(&f->t[1], true, false);
	kpatch_evict_sent(&f->evict, &f->t[1], START + 490);
	kpatch_evict_arrived(&f->evict, &f->t[1], START + 500);
	scanned(&f->t[1], false, true);
	scanned(&f->t[0], true, false);
	KUNIT_EXPECT_EQ(test, decide(f, START + 500 + PATIENCE + 1),
			KPATCH_EVICT_UNPARK);
	kpatch_evict_unparked(&f->evict, &f->tasks);
	KUNIT_EXPECT_EQ(test, f->t[0].state, KPATCH_TASK_SLOW);
	KUNIT_EXPECT_EQ(test, f->t[1].state, KPATCH_TASK_FREE);
	scanned(&f->t[0], false, false);
	KUNIT_EXPECT_EQ(test, f->t[0].state, KPATCH_TASK_FREE);
}

/* Tasks that arrive one after the other are waited for. */
static void parked_tasks_wait_while_others_arrive(struct kunit *test)
{
	struct fixture *f = test->priv;
	unsigned int i;

	for (i = 0; i < 3; i++) {
		scanned(&f->t[i], true, false);
		kpatch_evict_sent(&f->evict, &f->t[i], START);
	}
	for (i = 0; i < 2; i++) {
		kpatch_evict_arrived(&f->evict, &f->t[i],
				     START + (i + 1) * (PATIENCE - 1));
		scanned(&f->t[i], false, true);
		scanned(&f->t[2], true, false);
		KUNIT_EXPECT_EQ(test, decide(f, START + (i + 1) * PATIENCE - 1),
				KPATCH_EVICT_PARK);
	}
	KUNIT_EXPECT_EQ(test, decide(f, START + 3 * PATIENCE - 2),
			KPATCH_EVICT_PARK);
	KUNIT_EXPECT_EQ(test, decide(f, START + 3 * PATIENCE - 1),
			KPATCH_EVICT_UNPARK);
}

/* Tasks that are inside only because no task is parked now are not to blame. */
static void only_tasks_that_stay_are_to_blame(struct kunit *test)
{
	struct fixture *f = test->priv;

	scanned(&f->t[0], true, false);
	KUNIT_EXPECT_FALSE(test, kpatch_evict_stays(&f->t[0]));
	kpatch_evict_step(&f->t[0], KPATCH_EVENT_DELAY);
	KUNIT_EXPECT_TRUE(test, kpatch_evict_stays(&f->t[0]));
	f->t[1].facts = 0;
	scanned(&f->t[1], true, false);
	KUNIT_EXPECT_TRUE(test, kpatch_evict_stays(&f->t[1]));
	scanned(&f->t[1], false, true);
	KUNIT_EXPECT_FALSE(test, kpatch_evict_stays(&f->t[1]));
}

static void a_stuck_task_can_be_slow(struct kunit *test)
{
	struct kpatch_task *t = &((struct fixture *)test->priv)->t[0];

	t->state = KPATCH_TASK_STUCK;
	kpatch_evict_step(t, KPATCH_EVENT_DELAY);
	KUNIT_EXPECT_EQ(test, t->state, KPATCH_TASK_STUCK_SLOW);
	scanned(t, true, false);
	KUNIT_EXPECT_EQ(test, t->state, KPATCH_TASK_STUCK_SLOW);
	scanned(t, true, true);
	KUNIT_EXPECT_EQ(test, t->state, KPATCH_TASK_STUCK);
}

static void times_may_wrap(struct kunit *test)
{
	struct fixture *f = test->priv;
	unsigned long now = -10UL;

	scanned(&f->t[1], true, false);
	kpatch_evict_sent(&f->evict, &f->t[1], now);
	scanned(&f->t[1], true, false);
	KUNIT_EXPECT_EQ(test, decide(f, now + PATIENCE), KPATCH_EVICT_PARK);
	KUNIT_EXPECT_EQ(test, decide(f, now + PATIENCE + 1), KPATCH_EVICT_UNPARK);
}

static void a_dry_run_succeeds_if_all_blockers_can_be_parked(struct kunit *test)
{
	struct fixture *f = test->priv;

	KUNIT_EXPECT_FALSE(test, kpatch_evict_parking_suffices(&f->tasks, 0));
	scanned(&f->t[0], true, false);
	scanned(&f->t[1], true, false);
	KUNIT_EXPECT_TRUE(test, kpatch_evict_parking_suffices(&f->tasks, 2));
	/* A blocker that is no task of the list. */
	KUNIT_EXPECT_FALSE(test, kpatch_evict_parking_suffices(&f->tasks, 3));
	f->t[1].facts = KPATCH_FACT_PARKABLE;
	KUNIT_EXPECT_FALSE(test, kpatch_evict_parking_suffices(&f->tasks, 2));
}

/* From each state an event leads to a state; no event ends being stuck. */
static void each_state_takes_each_event(struct kunit *test)
{
	struct kpatch_task t = {};
	unsigned int state, event;

	for (state = 0; state < KPATCH_TASK_NR_STATES; state++) {
		for (event = 0; event < KPATCH_NR_EVENTS; event++) {
			t.state = state;
			kpatch_evict_step(&t, event);
			KUNIT_EXPECT_LT(test, t.state, KPATCH_TASK_NR_STATES);
			if (state == KPATCH_TASK_STUCK ||
			    state == KPATCH_TASK_STUCK_SLOW)
				KUNIT_EXPECT_TRUE(test,
						  t.state == KPATCH_TASK_STUCK ||
						  t.state == KPATCH_TASK_STUCK_SLOW);
		}
	}
}

static struct kunit_case evict_cases[] = {
	KUNIT_CASE(no_task_is_parked_without_a_blocker),
	KUNIT_CASE(a_task_inside_is_parked),
	KUNIT_CASE(no_task_is_held_for_too_long),
	KUNIT_CASE(the_requester_may_be_held_again_and_again),
	KUNIT_CASE(a_queued_requester_may_be_held_again_and_again),
	KUNIT_CASE(running_tasks_are_parked_if_others_enter_all_the_time),
	KUNIT_CASE(running_tasks_are_parked_at_once_if_many_have_entered),
	KUNIT_CASE(running_tasks_are_parked_if_new_ones_come_all_the_time),
	KUNIT_CASE(running_tasks_are_not_parked_for_a_task_that_sleeps),
	KUNIT_CASE(running_tasks_are_not_parked_for_a_kernel_thread),
	KUNIT_CASE(a_task_inside_while_parked_is_not_parked_again),
	KUNIT_CASE(an_old_scan_changes_nothing),
	KUNIT_CASE(parked_tasks_do_not_wait_long_for_one_that_does_not_arrive),
	KUNIT_CASE(parked_tasks_do_not_wait_long_for_a_kernel_thread),
	KUNIT_CASE(parked_tasks_wait_while_others_arrive),
	KUNIT_CASE(only_tasks_that_stay_are_to_blame),
	KUNIT_CASE(a_stuck_task_can_be_slow),
	KUNIT_CASE(times_may_wrap),
	KUNIT_CASE(a_dry_run_succeeds_if_all_blockers_can_be_parked),
	KUNIT_CASE(each_state_takes_each_event),
	{}
};

static struct kunit_suite evict_suite = {
	.name = "kpatch_evict",
	.init = evict_test_init,
	.test_cases = evict_cases,
};

kunit_test_suite(evict_suite);

MODULE_DESCRIPTION("KUnit tests of kpatch: which tasks are parked");
MODULE_LICENSE("GPL");
