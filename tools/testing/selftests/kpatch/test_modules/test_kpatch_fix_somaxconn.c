// SPDX-License-Identifier: GPL-2.0-only
/*
 * 19f92a030ca6 ("net: increase SOMAXCONN to 4096"): servers that asked for a longer queue
 * of connections got one of 128. What the fix changes is a default value, so the patch
 * has a state and no functions. The value of an administrator stays as it is. Network
 * namespaces other than the first one are left alone.
 */
#include <linux/compiler.h>
#include <linux/kpatch_state.h>
#include <net/net_namespace.h>

#define SHORT_QUEUE 128
#define LONG_QUEUE 4096

#ifdef WITH_BUG
#define DEFAULT_BEFORE LONG_QUEUE
#define DEFAULT_NOW SHORT_QUEUE
#else
#define DEFAULT_BEFORE SHORT_QUEUE
#define DEFAULT_NOW LONG_QUEUE
#endif

/* The data of the state is the variable, if it has been changed. */
static void enter(struct kpatch_state *state)
{
	int *somaxconn = &init_net.core.sysctl_somaxconn;

	if (*somaxconn != DEFAULT_BEFORE)
		return;
	WRITE_ONCE(*somaxconn, DEFAULT_NOW);
	kpatch_state_set_data(state, somaxconn);
}

static void leave(struct kpatch_state *state)
{
	int *somaxconn = kpatch_state_data(state);

	if (somaxconn && *somaxconn == DEFAULT_NOW)
		WRITE_ONCE(*somaxconn, DEFAULT_BEFORE);
}

static struct kpatch_state states[] = { {
	.enter = enter,
	.leave = leave,
} };
module_kpatch_states(states);

MODULE_DESCRIPTION("kpatch test: a default value of a sysctl");
MODULE_LICENSE("GPL");
