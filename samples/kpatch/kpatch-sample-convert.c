// SPDX-License-Identifier: GPL-2.0-only
/*
 * Data that is converted in the switch: the weather station keeps thousandths of degrees
 * from now on, and rounds its mean temperature.
 *
 *   $ insmod kpatch-sample-station.ko
 *   $ insmod kpatch-sample-convert.ko
 *   $ cat /sys/module/kpatch_sample_station/parameters/mean
 *   19
 *
 * No reader, in whatever context, takes one for the other: the table is replaced while all
 * CPUs stand still, at the instant at which the functions are. What that needs is allocated
 * before. Readers that have a pointer to the old table may go on to use it, so it is freed
 * after a grace period.
 */
#include <linux/kpatch_state.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/spinlock.h>

#include "kpatch-sample-station.h"

#define STATION		"kpatch_sample_station"

static struct station_table __rcu **station_table;
static spinlock_t *station_lock;

static const struct kpatch_symbol symbols[] = {
	KPATCH_SYMBOL_NAMED("station_table", station_table, .objname = STATION),
	KPATCH_SYMBOL_NAMED("station_lock", station_lock, .objname = STATION),
};

static int new_station_mean(void)
{
	const struct station_table *table;
	int i, sum = 0;

	guard(rcu)();
	table = rcu_dereference(*station_table);
	for (i = 0; i < STATION_SENSORS; i++)
		sum += table->value[i];
	return DIV_ROUND_CLOSEST(sum / STATION_SENSORS, 1000);
}

static void new_station_set(int sensor, int degrees)
{
	struct station_table *table;

	guard(spinlock_bh)(station_lock);
	table = rcu_dereference_protected(*station_table,
					  lockdep_is_held(station_lock));
	table->value[sensor] = 1000 * degrees;
}

/* The state holds a table that is not in use: the next one, or the one before. */
static int allocate_table(struct kpatch_state *state)
{
	struct station_table *table = kzalloc(sizeof(*table), GFP_KERNEL);

	if (!table)
		return -ENOMEM;
	table->valid = STATION_VALID;
	kpatch_state_set_data(state, table);
	return 0;
}

static void free_table(struct kpatch_state *state)
{
	struct station_table *table = kpatch_state_data(state);

	if (!table)
		return;
	/* Readers may have got it before the switch. */
	synchronize_rcu();
	table->valid = 0;
	kfree(table);
	kpatch_state_set_data(state, NULL);
}

/*
 * With all CPUs stopped. Spinlocks are free then, but on PREEMPT_RT, so no writer is
 * halfway through.
 */
static void convert(struct kpatch_state *state, int factor, int divisor)
{
	struct station_table *to = kpatch_state_data(state), *from;
	int i;

	from = rcu_dereference_protected(*station_table, true);
	for (i = 0; i < STATION_SENSORS; i++)
		to->value[i] = from->value[i] * factor / divisor;
	rcu_assign_pointer(*station_table, to);
	kpatch_state_set_data(state, from);
}

static int check_lock(struct kpatch_state *state)
{
	return IS_ENABLED(CONFIG_PREEMPT_RT) ? -EOPNOTSUPP : 0;
}

static void to_thousandths(struct kpatch_state *state)
{
	convert(state, 1000, 1);
}

static void to_degrees(struct kpatch_state *state)
{
	convert(state, 1, 1000);
}

static struct kpatch_state states[] = { {
	.objname = STATION,
	.setup = allocate_table,
	.check_enter = check_lock,
	.enter = to_thousandths,
	.leave = to_degrees,
	.release = free_table,
} };

/* The table before is not needed any more. */
static void started(struct kpatch_module *kpmod)
{
	free_table(&states[0]);
}

static int stopping(struct kpatch_module *kpmod)
{
	return allocate_table(&states[0]);
}

static struct kpatch_func funcs[] = {
	KPATCH_FUNC_NAMED("station_mean", new_station_mean, .objname = STATION),
	KPATCH_FUNC_NAMED("station_set", new_station_set, .objname = STATION),
};

/* The station is not unloaded meanwhile. */
module_kpatch(funcs, KPATCH_SYMBOLS(symbols), KPATCH_STATES(states),
	      .flags = KPATCH_PIN_TARGETS, .started = started, .stopping = stopping);

MODULE_DESCRIPTION("kpatch sample: data that is converted in the switch");
MODULE_LICENSE("GPL");
