// SPDX-License-Identifier: GPL-2.0-only
/*
 * The transaction that switches a patch on or off, on the whole machine at one
 * instant. No policy and no retries here: one attempt, one verdict.
 */
#include "common.h"

#include <linux/cpumask.h>
#include <linux/nmi.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/stop_machine.h>
#include <linux/timekeeping.h>

#include "apply.h"
#include "handler.h"
#include "object.h"
#include "stack.h"

/**
 * DOC: Transaction
 *
 *  1. Work out which text nobody may be in. Can fail.
 *  2. Put the patch in state ADDING or REMOVING, and, to enable it, its
 *     functions in the table. Nothing changes for callers: the transaction word
 *     is IDLE, which such a patch reads as "not committed".
 *  3. Stop all CPUs. Each one checks the stack of its own stopper, one of them,
 *     the leader, checks all other tasks. Somebody inside: leave, -EBUSY.
 *  4. The leader sets the word to OPEN. From here on an NMI that meets a
 *     function of the patch aborts the transaction.
 *  5. Every other CPU acknowledges, at task level, that it has seen OPEN. An NMI
 *     that began before and is about to run old code has returned by then, and
 *     one that begins later sees the word.
 *  6. The leader tries to change the word from OPEN to COMMITTED. This is the
 *     instant. If an NMI was faster: leave, -EAGAIN. To try again without
 *     leaving would be wrong: the NMI may be about to run more of the old code.
 *  7. All CPUs go on. Fold the verdict into the state of the patch while the
 *     word still tells it to those who read the state before.
 *  8. Wait for all handlers, then set the word to IDLE.
 *
 * From 2 to 8 nothing can fail but the attempt itself, and a failed attempt
 * leaves the state as it was. While the CPUs are stopped nothing may sleep,
 * allocate, take a lock, print or trace; culprits are noted and reported later.
 */

enum phase {
	PHASE_SCAN,	/* stacks are being checked */
	PHASE_OPEN,	/* nobody is inside, acknowledge */
	PHASE_QUIT,	/* somebody is inside, leave */
};

/**
 * struct apply - one attempt
 * @scan: what to look for on stacks, and who was found
 * @arrived: CPUs that entered; the first one leads
 * @scanned: CPUs other than the leader that checked their own stack
 * @acked: CPUs other than the leader that saw %PHASE_OPEN
 * @phase: what the leader tells the others
 * @stop_ns: how long the leader was in here
 */
struct apply {
	struct kpatch_scan scan;
	atomic_t arrived;
	atomic_t scanned;
	atomic_t acked;
	enum phase phase;
	u64 stop_ns;
};

/* The other CPUs spin with interrupts off: keep the lockup detector quiet. */
static void wait_for_others(atomic_t *count)
{
	while (atomic_read_acquire(count) != num_online_cpus() - 1) {
		touch_nmi_watchdog();
		cpu_relax();
	}
}

static int lead(struct apply *apply)
{
	kpatch_scan_others(&apply->scan);
	wait_for_others(&apply->scanned);
	if (atomic_read(&apply->scan.report->total)) {
		/* Pairs with follow(). */
		smp_store_release(&apply->phase, PHASE_QUIT);
		return -EBUSY;
	}
	kpatch_txn_open();
	/* Pairs with follow(): who sees the phase sees the word OPEN. */
	smp_store_release(&apply->phase, PHASE_OPEN);
	wait_for_others(&apply->acked);
	/* ---- the instant ---- */
	return kpatch_txn_commit() ? 0 : -EAGAIN;
}

static int follow(struct apply *apply)
{
	enum phase phase;

	atomic_inc_return_release(&apply->scanned);
	/* Pairs with lead(). */
	while ((phase = smp_load_acquire(&apply->phase)) == PHASE_SCAN) {
		touch_nmi_watchdog();
		cpu_relax();
	}
	/*
	 * Fully ordered: the loads of an NMI that comes after the leader has
	 * seen this cannot be older than our load of the phase.
	 */
	if (phase == PHASE_OPEN)
		atomic_inc_return(&apply->acked);
	return 0;
}

/* Runs on every online CPU, interrupts off, nothing else running anywhere. */
static noinline int apply_stopped(void *data)
{
	struct apply *apply = data;
	bool leader = atomic_inc_return(&apply->arrived) == 1;
	u64 start = ktime_get_mono_fast_ns();
	int ret;

	kpatch_scan_self(&apply->scan,
			 (unsigned long)__builtin_frame_address(0));
	if (!leader)
		return follow(apply);
	ret = lead(apply);
	apply->stop_ns = ktime_get_mono_fast_ns() - start;
	return ret;
}

static void account(struct kpatch_module *kpmod, u64 stop_ns)
{
	kpmod->attempts++;
	kpmod->stop_ns = stop_ns;
	kpmod->max_stop_ns = max(kpmod->max_stop_ns, stop_ns);
}

/*
 * Handlers run with preemption off, so synchronize_rcu() waits for them, those
 * in NMIs too, wherever RCU watches; the rude flavour makes every CPU schedule,
 * which covers the rest.
 */
static void wait_for_handlers(void)
{
	synchronize_rcu();
	synchronize_rcu_tasks_rude();
}

static void set_state(struct kpatch_module *kpmod, enum kpatch_state state)
{
	/*
	 * Pairs with READ_ONCE() in func_is_live() and smp_rmb() in
	 * txn_committed(): the word was set to IDLE before.
	 */
	smp_store_release(&kpmod->state, state);
}

static void add_funcs(struct kpatch_module *kpmod)
{
	unsigned int i;

	for (i = 0; i < kpmod->num_funcs; i++)
		kpatch_table_add(&kpmod->funcs[i]);
}

static void del_funcs(struct kpatch_module *kpmod)
{
	unsigned int i;

	for (i = 0; i < kpmod->num_funcs; i++)
		kpatch_table_del(&kpmod->funcs[i]);
}

static int prepare(struct kpatch_module *kpmod, bool enable,
		   struct apply *apply)
{
	struct kpatch_report *report = kpmod->report;
	int ret;

	ret = enable ? kpatch_enable_scan(kpmod, &apply->scan) :
		       kpatch_disable_scan(kpmod, &apply->scan);
	if (ret)
		return ret;
	apply->scan.writer = current;
	memset(report, 0, sizeof(*report));
	return 0;
}

/* No failure from here on but that of the attempt itself. */
static int switch_patch(struct kpatch_module *kpmod, bool enable,
			struct apply *apply)
{
	bool live;
	int ret;

	set_state(kpmod, enable ? KPATCH_ADDING : KPATCH_REMOVING);
	if (enable)
		add_funcs(kpmod);
	ret = stop_machine(apply_stopped, apply, cpu_online_mask);
	live = enable == !ret;
	set_state(kpmod, live ? KPATCH_ON : KPATCH_OFF);
	if (!live)
		del_funcs(kpmod);
	wait_for_handlers();
	kpatch_txn_finish();
	return ret;
}

/**
 * kpatch_apply() - make one attempt to switch a patch on or off
 * @kpmod: the patch: resolved, hooked, its module pinned, and in state OFF to
 *	enable or ON to disable it
 * @enable: which of the two
 *
 * When a disable has succeeded nothing leads to the text of the module any
 * more: no task has an address in it, no handler hands out another.
 *
 * Context: process context, sleeps, under kpatch_mutex. Stops the machine.
 *
 * Return: 0 if the patch is switched, everywhere; or, with nothing changed,
 * -EBUSY if @kpmod->report tells who is inside, -EAGAIN if an NMI interfered,
 * -ENOMEM.
 */
int kpatch_apply(struct kpatch_module *kpmod, bool enable)
{
	struct apply *apply;
	int ret;

	lockdep_assert_held(&kpatch_mutex);
	apply = kzalloc_obj(*apply, GFP_KERNEL);
	if (!apply)
		return -ENOMEM;
	ret = prepare(kpmod, enable, apply);
	if (!ret) {
		ret = switch_patch(kpmod, enable, apply);
		account(kpmod, apply->stop_ns);
		kpatch_free_scan(&apply->scan);
	}
	kfree(apply);
	return ret;
}
