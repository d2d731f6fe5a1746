// SPDX-License-Identifier: GPL-2.0-only
/*
 * A patch of the random walk. Its parameters say which functions it replaces and which
 * states it has. Loaded as copies with other names.
 */
#include <linux/errno.h>
#include <linux/kpatch_state.h>

#include "walk.h"

static unsigned int serial;
module_param(serial, uint, 0444);
MODULE_PARM_DESC(serial, "which registration of a patch this is");

static unsigned int funcs;
module_param(funcs, uint, 0444);
MODULE_PARM_DESC(funcs, "the functions that it replaces, a bit each");

static unsigned int states;
module_param(states, uint, 0444);
MODULE_PARM_DESC(states, "the states that it has, a bit each");

static unsigned int permanent;
module_param(permanent, uint, 0444);
MODULE_PARM_DESC(permanent, "those of them that it cannot leave, a bit each");

static char *set;
module_param(set, charp, 0444);
MODULE_PARM_DESC(set, "name of the set of the patch");

static bool replace;
module_param(replace, bool, 0444);
MODULE_PARM_DESC(replace, "the patch replaces the others of its set");

static bool pin;
module_param(pin, bool, 0444);
MODULE_PARM_DESC(pin, "it pins the modules that it names");

static bool enable;
module_param(enable, bool, 0444);
MODULE_PARM_DESC(enable, "enable the patch when it is loaded");

static unsigned int refuse;
module_param(refuse, uint, 0644);
MODULE_PARM_DESC(refuse, "callbacks that refuse, a bit each");

#define REPLACEMENT(_i)							\
static noinline int replacement##_i(int unused)				\
{									\
	return WALK_VALUE(READ_ONCE(serial), _i);			\
}

REPLACEMENT(0)
REPLACEMENT(1)
REPLACEMENT(2)
REPLACEMENT(3)
REPLACEMENT(4)
REPLACEMENT(5)

static const char * const objects[] = { NULL, WALK_TARGET_X, WALK_TARGET_Y };

#define FUNC(_object, _i, _replacement)					\
	KPATCH_FUNC_NAMED(WALK_FUNC_NAME #_i, _replacement, .objname = (_object))

static const struct kpatch_func all_funcs[WALK_NR_FUNCS] = {
	FUNC(WALK_TARGET_X, 0, replacement0),
	FUNC(WALK_TARGET_X, 1, replacement1),
	FUNC(WALK_TARGET_X, 2, replacement2),
	FUNC(WALK_TARGET_Y, 0, replacement3),
	FUNC(WALK_TARGET_Y, 1, replacement4),
	FUNC(WALK_TARGET_Y, 2, replacement5),
};

static struct kpatch_state patch_states[WALK_NR_STATES];
static unsigned int number[WALK_NR_STATES];

static unsigned int number_of(const struct kpatch_state *state)
{
	return number[state - patch_states];
}

static void log_state(const char *callback, const struct kpatch_state *state)
{
	walk_log("%u.%s.%u.%lu ", serial, callback, number_of(state),
		 (unsigned long)kpatch_state_data(state));
}

static int verdict(unsigned int callback)
{
	return READ_ONCE(refuse) & callback ? -ENOSPC : 0;
}

static int setup(struct kpatch_state *state)
{
	int ret = verdict(WALK_REFUSE_SETUP);

	if (ret)
		return ret;
	log_state("setup", state);
	kpatch_state_set_data(state, (void *)(unsigned long)serial);
	return 0;
}

static void release(struct kpatch_state *state)
{
	log_state("release", state);
}

static int check_enter(struct kpatch_state *state)
{
	return verdict(WALK_REFUSE_ENTER);
}

static int check_leave(struct kpatch_state *state)
{
	return verdict(WALK_REFUSE_LEAVE);
}

static void enter(struct kpatch_state *state)
{
	log_state("enter", state);
}

static void leave(struct kpatch_state *state)
{
	log_state("leave", state);
}

static void log_started(struct kpatch_module *kpmod)
{
	walk_log("%u.started ", serial);
}

static int log_stopping(struct kpatch_module *kpmod)
{
	int ret = verdict(WALK_REFUSE_STOPPING);

	if (!ret)
		walk_log("%u.stopping ", serial);
	return ret;
}

static struct kpatch_func patch_funcs[WALK_NR_FUNCS];

static struct kpatch_module patch = {
	.mod = THIS_MODULE,
	.funcs = patch_funcs,
	.states = patch_states,
	.started = log_started,
	.stopping = log_stopping,
};
MODULE_INFO(kpatch, "Y");

static void __init add_funcs(void)
{
	unsigned int i;

	for (i = 0; i < WALK_NR_FUNCS; i++) {
		if (funcs & BIT(i))
			patch_funcs[patch.num_funcs++] = all_funcs[i];
	}
}

/* The state of number 0 is private to the patch: its id is 0, too. */
static void __init add_states(void)
{
	unsigned int i;

	for (i = 0; i < WALK_NR_STATES; i++) {
		if (!(states & BIT(i)))
			continue;
		number[patch.num_states] = i;
		patch_states[patch.num_states++] = (struct kpatch_state) {
			.id = i,
			.objname = objects[i / WALK_STATES],
			.flags = permanent & BIT(i) ? KPATCH_STATE_PERMANENT : 0,
			.setup = setup,
			.release = release,
			.check_enter = check_enter,
			.check_leave = check_leave,
			.enter = enter,
			.leave = leave,
		};
	}
}

static int __init m_init(void)
{
	add_funcs();
	add_states();
	patch.set = set;
	patch.flags = (enable ? 0 : KPATCH_LOAD_DISABLED) |
		      (replace ? KPATCH_REPLACE : 0) |
		      (pin ? KPATCH_PIN_TARGETS : 0);
	return kpatch_register(&patch);
}
module_init(m_init);

static void __exit m_exit(void)
{
	kpatch_unregister(&patch);
}
module_exit(m_exit);

MODULE_DESCRIPTION("kpatch test: a patch of the random walk");
MODULE_LICENSE("GPL");
