// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests of the states of an operation.
 */
#include <kunit/test.h>

#include "../common.h"
#include "../request.h"

#define S(state)	KPATCH_REQUEST_##state

/**
 * struct walk - events from a new operation on, and the state after the last one
 * @name: what happens
 * @events: the events
 * @nr: their number
 * @end: the state
 */
struct walk {
	const char *name;
	enum kpatch_request_event events[8];
	unsigned int nr;
	enum kpatch_request_state end;
};

#define WALK(_name, _end, ...)						\
	{								\
		.name = _name,						\
		.events = { __VA_ARGS__ },				\
		.nr = sizeof((enum kpatch_request_event[]){ __VA_ARGS__ }) / \
		      sizeof(enum kpatch_request_event),		\
		.end = _end,						\
	}

static const struct walk walks[] = {
	WALK("it runs and ends", S(NONE), S(TAKE), S(END), S(COLLECT)),
	WALK("it is killed while it waits for its turn", S(NONE), S(CANCEL)),
	WALK("it is killed while it runs", S(DONE), S(TAKE), S(CANCEL), S(END)),
	WALK("it is parked by another operation", S(WAITING),
	     S(LEAVE), S(RETURN)),
	WALK("it exits in a signal handler", S(NONE), S(LEAVE), S(CANCEL)),
	WALK("it is parked by its own operation", S(NONE), S(TAKE), S(LEAVE),
	     S(RETURN), S(END), S(COLLECT)),
	WALK("it is parked, and returns after the verdict", S(NONE), S(TAKE),
	     S(LEAVE), S(END), S(RETURN), S(COLLECT)),
	WALK("it is parked and killed", S(DONE), S(TAKE), S(LEAVE), S(CANCEL),
	     S(END)),
	WALK("it is parked, and exits after the verdict", S(NONE), S(TAKE),
	     S(LEAVE), S(END), S(CANCEL)),
};

static void each_walk_ends_as_expected(struct kunit *test)
{
	enum kpatch_request_state state, next;
	const struct walk *w;
	unsigned int i;

	for (w = walks; w < walks + ARRAY_SIZE(walks); w++) {
		state = S(WAITING);
		for (i = 0; i < w->nr; i++) {
			next = kpatch_request_next(state, w->events[i]);
			KUNIT_EXPECT_NE_MSG(test, next, state, "%s, %u", w->name,
					    i);
			state = next;
		}
		KUNIT_EXPECT_EQ_MSG(test, state, w->end, "%s", w->name);
	}
}

/* Nothing may be begun for a requester that has left and may never return. */
static void only_a_waiting_operation_is_taken(struct kunit *test)
{
	unsigned int state;

	for (state = 0; state < KPATCH_REQUEST_NR_STATES; state++)
		KUNIT_EXPECT_EQ(test, kpatch_request_next(state, S(TAKE)),
				state == S(WAITING) ? S(RUNNING) : state);
}

/* What runs has a verdict in the end, whatever the requester does. */
static void what_runs_ends_only_with_a_verdict(struct kunit *test)
{
	static const enum kpatch_request_state running[] = {
		S(RUNNING), S(AWAY), S(CANCELLING),
	};
	unsigned int i, event, next;

	for (i = 0; i < ARRAY_SIZE(running); i++) {
		for (event = 0; event < KPATCH_REQUEST_NR_EVENTS; event++) {
			next = kpatch_request_next(running[i], event);
			if (event == S(END))
				KUNIT_EXPECT_EQ(test, next,
						running[i] == S(AWAY) ?
						S(KEPT) : S(DONE));
			else
				KUNIT_EXPECT_TRUE(test, next == S(RUNNING) ||
						  next == S(AWAY) ||
						  next == S(CANCELLING));
		}
	}
}

/* It may be just about to use the operation. */
static void nobody_drops_the_verdict_of_a_requester_that_is_there(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, kpatch_request_next(S(DONE), S(CANCEL)), S(DONE));
	KUNIT_EXPECT_EQ(test, kpatch_request_next(S(KEPT), S(CANCEL)), S(NONE));
	KUNIT_EXPECT_EQ(test, kpatch_request_next(S(KEPT), S(RETURN)), S(DONE));
}

static void nothing_comes_after_the_end(struct kunit *test)
{
	unsigned int event;

	for (event = 0; event < KPATCH_REQUEST_NR_EVENTS; event++)
		KUNIT_EXPECT_EQ(test, kpatch_request_next(S(NONE), event),
				S(NONE));
}

static struct kunit_case request_cases[] = {
	KUNIT_CASE(each_walk_ends_as_expected),
	KUNIT_CASE(only_a_waiting_operation_is_taken),
	KUNIT_CASE(what_runs_ends_only_with_a_verdict),
	KUNIT_CASE(nobody_drops_the_verdict_of_a_requester_that_is_there),
	KUNIT_CASE(nothing_comes_after_the_end),
	{}
};

static struct kunit_suite request_suite = {
	.name = "kpatch_request",
	.test_cases = request_cases,
};

kunit_test_suite(request_suite);

MODULE_DESCRIPTION("KUnit tests of kpatch: states of an operation");
MODULE_LICENSE("GPL");
