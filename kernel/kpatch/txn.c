// SPDX-License-Identifier: GPL-2.0-only
/*
 * The transaction that switches a patch on or off, on the whole machine at one
 * instant. No policy and no retries here: one attempt, one verdict.
 */
#include "common.h"

#include <linux/cpu.h>
#include <linux/cpumask.h>
#include <linux/minmax.h>
#include <linux/nmi.h>
#include <linux/percpu.h>
#include <linux/stop_machine.h>
#include <linux/timekeeping.h>

#include "txn.h"
#include "cpus.h"
#include "debug.h"
#include "handler.h"
#include "scan.h"
#include "tasks.h"

/**
 * DOC: Transaction
 *
 *  1. kpatch_txn_begin(): put the patch in state ADDING or REMOVING, and, to
 *     enable it, its functions in the table. Nothing changes for callers: the
 *     transaction word is IDLE, which such a patch reads as "not committed".
 *  2. kpatch_txn_try(), any number of times: stop all CPUs.
 *
 *     a. Each one checks the stack of its own stopper and its idle task, and takes
 *        its share of the tasks that may have run since they were looked at. One
 *        of the CPUs, the leader, also checks tasks that nobody could note.
 *        Somebody inside: leave, -EBUSY. It took too long: leave, -ETIME.
 *     b. The leader sets the word to OPEN. From here on an NMI that meets a
 *        function of the patch aborts the transaction.
 *     c. Every other CPU acknowledges, at task level, that it has seen OPEN. An
 *        NMI that began before and is about to run old code has returned by
 *        then, and one that begins later sees the word.
 *     d. The leader tries to change the word from OPEN to COMMITTED. This is the
 *        instant. If an NMI was faster: leave, -EAGAIN. To try again without
 *        leaving would be wrong: the NMI may be about to run more old code.
 *     e. The leader puts the patch in state ON or OFF, which says the same as
 *        the state before together with the word.
 *     f. All CPUs go on, each one having seen that.
 *
 *     Then the word is set to IDLE. Nobody needs it any more: no handler lives
 *     through a stop, since those outside of NMIs have preemption off, and an
 *     NMI returns before its CPU goes on. So whoever looks at the patch from
 *     here on reads the new state; after a failed attempt, the old one, together
 *     with a word that says "not committed" as it did before. (The last steps of
 *     a CPU that is taken down are seen by neither RCU nor the stop. What it
 *     calls there may be old once more.)
 *
 *  3. kpatch_txn_finish(): if nothing was committed, go back to the state from
 *     before. A patch that is OFF has nothing in the table.
 *
 * So there is nothing to wait for after a commit. Handlers that still look at the
 * functions of a patch that is OFF are waited for where the hooks are removed.
 *
 * While the CPUs are stopped nothing may sleep, allocate, take a lock or print;
 * culprits are noted and reported later.
 */

enum phase {
	PHASE_SCAN,	/* stacks are being checked */
	PHASE_OPEN,	/* nobody is inside, acknowledge */
	PHASE_DONE,	/* leave */
};

/**
 * struct apply - one attempt
 * @kpmod: the patch
 * @attempt: what is wanted
 * @asked: when stop_machine() was called, by ktime_get_mono_fast_ns()
 * @since: when the first CPU began to stand still
 * @work_ns: how long it took from when all stood still
 * @missed: somebody who ran was not noted
 * @arrived: CPUs that entered; the first one leads
 * @scanned: CPUs other than the leader that have done their share of the scan
 * @acked: CPUs other than the leader that saw %PHASE_OPEN
 * @phase: what the leader tells the others, which spin on it
 */
struct apply {
	struct kpatch_module *kpmod;
	const struct kpatch_attempt *attempt;
	u64 asked;
	u64 since;
	u64 work_ns;
	bool missed;
	atomic_t arrived;
	atomic_t scanned ____cacheline_aligned_in_smp;
	atomic_t acked;
	enum phase phase ____cacheline_aligned_in_smp;
};

/* When each CPU was done, in the last stop. */
static DEFINE_PER_CPU(u64, left_at);

/* The other CPUs spin with interrupts off: keep the lockup detector quiet. */
static void wait_for_others(atomic_t *count)
{
	while (atomic_read_acquire(count) != num_online_cpus() - 1) {
		touch_nmi_watchdog();
		cpu_relax();
	}
}

/* Every CPU takes tasks until there are none left, or no time. */
static void scan_share(const struct kpatch_attempt *attempt, u64 end)
{
	kpatch_scan_stopper(attempt->scan);
	kpatch_scan_idle_task(attempt->scan);
	while (ktime_get_mono_fast_ns() < end &&
	       kpatch_tasks_scan_some(attempt->tasks, attempt->scan))
		cpu_relax();
}

/* What one CPU has to do alone, and the verdict of the scan. */
static int finish_scan(struct apply *apply, u64 end)
{
	const struct kpatch_attempt *attempt = apply->attempt;
	bool all;

	all = kpatch_tasks_scan_rest(attempt->tasks, attempt->scan, end);
	kpatch_scan_exiting(attempt->scan);
	wait_for_others(&apply->scanned);
	if (kpatch_report_total(attempt->scan->report))
		return -EBUSY;
	/* Any of us may have run out of time and left tasks to nobody. */
	if (!all || !kpatch_tasks_all_scanned(attempt->tasks) ||
	    ktime_get_mono_fast_ns() > end)
		return -ETIME;
	apply->missed = kpatch_tasks_missed(attempt->tasks);
	return apply->missed ? -EAGAIN : 0;
}

static void set_state(struct kpatch_module *kpmod, enum kpatch_state state)
{
	/*
	 * Pairs with READ_ONCE() in func_is_live() and smp_rmb() in
	 * txn_committed(): the word was set to IDLE before.
	 */
	smp_store_release(&kpmod->state, state);
}

/* Nobody is inside: switch, unless an NMI comes in between. */
static int commit(struct apply *apply)
{
	struct kpatch_module *kpmod = apply->kpmod;

	kpatch_word_open();
	/* Pairs with follow(): who sees the phase sees the word OPEN. */
	smp_store_release(&apply->phase, PHASE_OPEN);
	wait_for_others(&apply->acked);
	kpatch_debug_commit_delay();
	/* ---- the instant ---- */
	if (!kpatch_word_commit())
		return -EAGAIN;
	set_state(kpmod, kpmod->state == KPATCH_ADDING ? KPATCH_ON :
							 KPATCH_OFF);
	return 0;
}

static int lead(struct apply *apply, u64 end)
{
	int ret;

	ret = finish_scan(apply, end);
	if (!ret && !apply->attempt->dry_run)
		ret = commit(apply);
	/* Pairs with follow(): who leaves has seen the state. */
	smp_store_release(&apply->phase, PHASE_DONE);
	return ret;
}

/* Keep the lockup detector quiet here, too. */
static enum phase wait_while(const struct apply *apply, enum phase phase)
{
	enum phase now;

	/* Pairs with lead() and commit(). */
	while ((now = smp_load_acquire(&apply->phase)) == phase) {
		touch_nmi_watchdog();
		cpu_relax();
	}
	return now;
}

static int follow(struct apply *apply)
{
	atomic_inc_return_release(&apply->scanned);
	if (wait_while(apply, PHASE_SCAN) != PHASE_OPEN)
		return 0;
	/*
	 * Fully ordered: the loads of an NMI that comes after the leader has
	 * seen this cannot be older than our load of the phase.
	 */
	atomic_inc_return(&apply->acked);
	wait_while(apply, PHASE_OPEN);
	return 0;
}

static int run(struct apply *apply)
{
	bool leader = atomic_inc_return(&apply->arrived) == 1;
	u64 start = ktime_get_mono_fast_ns();
	u64 end = start + apply->attempt->budget_ns;
	int ret;

	scan_share(apply->attempt, end);
	if (!leader)
		return follow(apply);
	apply->since = kpatch_cpus_stood_since(apply->asked);
	ret = lead(apply, end);
	apply->work_ns = ktime_get_mono_fast_ns() - start;
	return ret;
}

/* Runs on every online CPU, interrupts off, nothing else running anywhere. */
static int txn_stopped(void *data)
{
	int ret = run(data);

	__this_cpu_write(left_at, ktime_get_mono_fast_ns());
	return ret;
}

static void add_funcs(struct kpatch_module *kpmod)
{
	unsigned int i;

	for (i = 0; i < kpmod->num_funcs; i++) {
		if (!kpatch_is_kept(&kpmod->funcs[i]))
			kpatch_table_add(&kpmod->funcs[i]);
	}
}

static void del_funcs(struct kpatch_module *kpmod)
{
	unsigned int i;

	for (i = 0; i < kpmod->num_funcs; i++) {
		if (!kpatch_is_kept(&kpmod->funcs[i]))
			kpatch_table_del(&kpmod->funcs[i]);
	}
}

/*
 * The machine stands still from when the first CPU has switched to its stopper
 * until the last one is done and goes on.
 */
static void account(struct kpatch_stats *stats, const struct apply *apply)
{
	u64 until = 0;
	int cpu;

	for_each_online_cpu(cpu)
		until = max(until, per_cpu(left_at, cpu));
	stats->stops++;
	stats->stop_ns = until - apply->since;
	stats->max_stop_ns = max(stats->max_stop_ns, stats->stop_ns);
	stats->work_ns = apply->work_ns;
	stats->max_work_ns = max(stats->max_work_ns, stats->work_ns);
	stats->scanned_stopped = atomic_read(&apply->attempt->tasks->scanned);
}

/**
 * kpatch_txn_begin() - get ready to switch a patch on or off
 * @kpmod: the patch: resolved, hooked, its module pinned, and in state OFF to
 *	enable or ON to disable it
 * @enable: which of the two
 *
 * To be followed by kpatch_txn_finish().
 *
 * Context: process context, under kpatch_mutex.
 */
void kpatch_txn_begin(struct kpatch_module *kpmod, bool enable)
{
	lockdep_assert_held(&kpatch_mutex);
	set_state(kpmod, enable ? KPATCH_ADDING : KPATCH_REMOVING);
	if (enable)
		add_funcs(kpmod);
}

/**
 * kpatch_txn_try() - make one attempt to commit
 * @kpmod: the patch, as kpatch_txn_begin() left it; its report and statistics
 *	are filled in
 * @attempt: how
 *
 * Context: process context, sleeps, under kpatch_mutex and cpus_read_lock(). Stops
 * the machine.
 *
 * Return: 0 if the patch is switched, everywhere, or could have been if this is
 * a dry run; or, with nothing changed, -EBUSY if @kpmod->report tells who is
 * inside, -EAGAIN if an NMI interfered, -ETIME if it took too long.
 */
int kpatch_txn_try(struct kpatch_module *kpmod,
		     const struct kpatch_attempt *attempt)
{
	struct apply apply = { .kpmod = kpmod, .attempt = attempt };
	int ret;

	lockdep_assert_held(&kpatch_mutex);
	lockdep_assert_cpus_held();
	kpatch_tasks_rewind(attempt->tasks);
	apply.asked = ktime_get_mono_fast_ns();
	ret = stop_machine_cpuslocked(txn_stopped, &apply, cpu_online_mask);
	kpatch_word_reset();
	WARN_ON_ONCE(apply.missed);
	account(&kpmod->stats, &apply);
	return ret;
}

/**
 * kpatch_txn_finish() - done with attempts
 * @kpmod: the patch; ON or OFF when this returns
 *
 * If it is OFF handlers may be looking at its functions still, and so these must
 * stay as they are until kpatch_unhook() has returned.
 *
 * Context: process context, under kpatch_mutex.
 */
void kpatch_txn_finish(struct kpatch_module *kpmod)
{
	if (kpmod->state == KPATCH_ADDING)
		set_state(kpmod, KPATCH_OFF);
	else if (kpmod->state == KPATCH_REMOVING)
		set_state(kpmod, KPATCH_ON);
	if (kpmod->state == KPATCH_OFF)
		del_funcs(kpmod);
}
