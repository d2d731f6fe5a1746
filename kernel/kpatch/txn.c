// SPDX-License-Identifier: GPL-2.0-only
/*
 * The transaction that switches a set of patches, on all CPUs at one instant. Each
 * attempt has one verdict; policy and retries are in switch.c.
 */
#include "common.h"

#include <linux/cpu.h>
#include <linux/cpumask.h>
#include <linux/ftrace.h>
#include <linux/lockdep.h>
#include <linux/minmax.h>
#include <linux/module.h>
#include <linux/nmi.h>
#include <linux/percpu.h>
#include <linux/preempt.h>
#include <linux/printk.h>
#include <linux/sched/signal.h>
#include <linux/stop_machine.h>
#include <linux/timekeeping.h>

#include "cpus.h"
#include "debug.h"
#include "handler.h"
#include "txn.h"

/**
 * DOC: Transaction
 *
 *  1. kpatch_txn_prepare(): collect the text that no task may be inside: text that
 *     is live now and will be replaced, and text that may be freed afterwards.
 *  2. kpatch_txn_begin(): put each patch in status ADDING or REMOVING, and the
 *     functions of those being added in the handler's table. Nothing changes for
 *     callers: the transaction word is IDLE, which means "not committed" for patches
 *     in this status.
 *  3. kpatch_txn_try(), any number of times: stop all CPUs.
 *
 *     a. Each CPU checks the stack of its own stopper and its idle task, and takes
 *        its share of the tasks that may have run since the prescan. One CPU, the
 *        leader, also checks tasks that could not be tracked, and calls the checks of
 *        the states that are to be entered or left. If there is a blocker, the time
 *        runs out, or a check refuses, the attempt has failed, and all CPUs leave.
 *     b. The leader sets the word to OPEN. From here on an NMI that meets a function
 *        of the transaction aborts it.
 *     c. Each other CPU acknowledges, at task level, that it has seen OPEN. An NMI
 *        that began before, and is about to run old code, has returned by then. An
 *        NMI that begins later sees the word.
 *     d. The leader changes the word from OPEN to COMMITTED by one cmpxchg. This is
 *        the instant. If an NMI has aborted the transaction, all CPUs leave. Retrying
 *        within the stop would be wrong: that NMI may be about to run more old code.
 *     e. The leader folds the verdict into the statuses: each patch becomes ON or OFF,
 *        which means the same as its status before together with the word.
 *     f. The leader calls the callbacks that leave and enter states. They cannot fail.
 *     g. All CPUs go on, each having seen the statuses and what was converted.
 *
 *     Then the word is set to IDLE. No handler needs it any more. A handler outside
 *     of NMIs has preemption off, so it has returned before a stop, and an NMI
 *     returns before its CPU goes on. A handler that starts later reads the new
 *     statuses; or, after a failed attempt, the statuses before together with a word
 *     that means "not committed", as it did before. (A CPU that goes offline
 *     executes its last steps outside of RCU and of the stop. There it may call an
 *     old function once more.)
 *
 *  4. kpatch_txn_end(): if nothing was committed, restore the statuses. Functions of
 *     patches that are OFF leave the table.
 *
 * There is nothing to wait for after a commit. kpatch_hook_wait() waits for
 * handlers that still look at functions of patches that are OFF.
 *
 * In the stop nothing may sleep, allocate, take a lock or print. Blockers are
 * recorded there and reported later. This holds for callbacks, too, but that they may
 * take spinlocks: no CPU holds one. They see to it that what they need was allocated
 * before.
 */

/* What the leader tells the other CPUs. */
enum phase {
	PHASE_SCAN,	/* scan tasks */
	PHASE_OPEN,	/* acknowledge the word */
	PHASE_DONE,	/* leave */
};

/**
 * struct attempt - the stop of one attempt
 * @txn: the transaction
 * @asked: when stop_machine() was called, by ktime_get_mono_fast_ns()
 * @since: when the first CPU stood still
 * @work_ns: time from the arrival of the last CPU to the verdict
 * @missed: a task has run without being tracked
 * @arrived: number of CPUs that have arrived; the first one leads
 * @scanned: number of CPUs, without the leader, that have done their share
 * @acked: number of CPUs, without the leader, that have seen %PHASE_OPEN
 * @phase: written by the leader, the others spin on it
 */
struct attempt {
	struct kpatch_txn *txn;
	u64 asked;
	u64 since;
	u64 work_ns;
	bool missed;
	atomic_t arrived;
	atomic_t scanned ____cacheline_aligned_in_smp;
	atomic_t acked;
	enum phase phase ____cacheline_aligned_in_smp;
};

/* When each CPU left the last stop. */
static DEFINE_PER_CPU(u64, left_at);

/*
 * Add text of @func, or leave it unchecked; @mod contains the text. Without @func the text
 * may belong to several functions.
 */
static int add_text(struct kpatch_txn *txn, const struct kpatch_func *func,
		    const struct kpatch_range *range, bool unchecked,
		    const struct module *mod)
{
	if (unchecked && func)
		return kpatch_unchecked_leave(&txn->leaving, func, range, mod);
	return kpatch_ranges_add(&txn->scan.text, range->start, range->end,
				 range->flags, NULL);
}

/*
 * Add the text of the newest replacement of @func, and of its possible parts. Other
 * functions may own these, so they are checked even if the replacement is not.
 */
static int add_replacement(struct kpatch_txn *txn, const struct kpatch_func *func,
			   const struct kpatch_func *top, bool unchecked)
{
	const struct kpatch_ranges *new = &top->object->new_text;
	const struct kpatch_range *range;
	int ret;

	for (range = new->r; range < new->r + new->nr; range++) {
		if (range->func && range->func != top)
			continue;
		ret = add_text(txn, range->func ? func : NULL, range, unchecked,
			       top->mod);
		if (ret)
			return ret;
	}
	return 0;
}

/* Test whether @patch has a function at @ip that may not be left unchecked. */
static bool checks(const struct kpatch_patch *patch, unsigned long ip)
{
	const struct kpatch_object *object;
	struct kpatch_func *func;

	kpatch_for_each_object(object, patch) {
		kpatch_for_each_func(func, object) {
			if (func->ip == ip && !kpatch_is_unchecked(func))
				return true;
		}
	}
	return false;
}

/*
 * Test whether tasks may be left in versions of @func. All patches of the transaction
 * that have the function must allow it: the text that one would leave is checked for
 * another, so its module need not stay.
 */
static bool may_leave(const struct kpatch_txn *txn, const struct kpatch_func *func)
{
	const struct kpatch_change *change;

	if (!kpatch_is_unchecked(func))
		return false;
	for (change = txn->changes; change < txn->changes + txn->nr; change++) {
		if (checks(change->patch, func->ip))
			return false;
	}
	return true;
}

/*
 * Test whether tasks may be left in the versions of @func that are live now. If their
 * modules cannot be pinned, as they are being loaded or unloaded, @func is checked.
 */
static bool leaves_live(struct kpatch_txn *txn, const struct kpatch_func *func)
{
	const struct kpatch_func *top = kpatch_table_top(func->ip);

	if (!may_leave(txn, func))
		return false;
	if (top && !kpatch_unchecked_pin(&txn->leaving, top->mod))
		return false;
	return (top && !top->original) ||
	       kpatch_unchecked_pin(&txn->leaving, func->object->mod);
}

/*
 * Add the text that is live now in the place of the functions of @object. No task can
 * be inside a version that a newer patch covers: that was verified when the newer one
 * was enabled; or it was left unchecked, and is remembered. The original of a function
 * is live if no patch has replaced it, and also if the newest replacement calls it. In
 * the latter case the stack of a task in the original may not show the replacement: the
 * compiler can turn the call into a jump.
 */
static int add_live_text(struct kpatch_txn *txn,
			 const struct kpatch_object *object)
{
	const struct kpatch_ranges *old = &object->old_text;
	const struct kpatch_range *range;
	struct kpatch_func *func, *top;
	int ret;

	for (range = old->r; range < old->r + old->nr; range++) {
		top = kpatch_table_top(range->func->ip);
		if (top && !top->original)
			continue;
		ret = add_text(txn, range->func, range,
			       leaves_live(txn, range->func), object->mod);
		if (ret)
			return ret;
	}
	/* Kept clones, too: an older patch may have replaced one. */
	kpatch_for_each_func(func, object) {
		top = kpatch_table_top(func->ip);
		ret = top ? add_replacement(txn, func, top,
					    leaves_live(txn, func)) : 0;
		if (!ret && !may_leave(txn, func))
			ret = kpatch_unchecked_add_left(&txn->scan.text, func->ip);
		if (ret)
			return ret;
	}
	return 0;
}

/*
 * Test whether tasks may be left in the replacement of @func, and in the original if
 * that is called. The module of the patch cannot be pinned if it is taken down since its
 * init has failed: its text is freed next. Then @func is checked.
 */
static bool leaves_replacement(struct kpatch_txn *txn,
			       const struct kpatch_func *func)
{
	return may_leave(txn, func) &&
	       kpatch_unchecked_pin(&txn->leaving, func->mod) &&
	       (!func->original ||
		kpatch_unchecked_pin(&txn->leaving, func->object->mod));
}

/* Leave the replacements of functions of @object unchecked that may be: add to @cuts. */
static int leave_replacements(struct kpatch_txn *txn,
			      const struct kpatch_object *object,
			      struct kpatch_ranges *cuts)
{
	const struct kpatch_ranges *new = &object->new_text;
	const struct kpatch_range *range;
	int ret;

	for (range = new->r; range < new->r + new->nr; range++) {
		if (!range->func || !leaves_replacement(txn, range->func))
			continue;
		ret = add_text(txn, range->func, range, true, range->func->mod);
		if (!ret)
			ret = kpatch_ranges_add(cuts, range->start, range->end,
						range->flags, range->func);
		if (ret)
			return ret;
	}
	return 0;
}

/*
 * Add the replacements of the other functions of @object. A function that is checked may
 * have the same replacement as one that is not.
 */
static int add_replacements(struct kpatch_txn *txn,
			    const struct kpatch_object *object)
{
	const struct kpatch_ranges *new = &object->new_text;
	const struct kpatch_range *range;
	int ret;

	for (range = new->r; range < new->r + new->nr; range++) {
		if (!range->func || leaves_replacement(txn, range->func))
			continue;
		ret = kpatch_ranges_add(&txn->scan.text, range->start, range->end,
					KPATCH_RANGE_FREED, NULL);
		if (ret)
			return ret;
	}
	return 0;
}

/* A replacement that tasks are left in may use modules that the patch pins. */
static int keep_targets(struct kpatch_txn *txn, const struct kpatch_patch *patch,
			const struct kpatch_func *func)
{
	const struct kpatch_object *object;

	kpatch_for_each_object(object, patch) {
		if (!object->pinned)
			continue;
		if (!kpatch_unchecked_pin(&txn->leaving, object->mod))
			return -ENOMEM;
		kpatch_unchecked_keep(&txn->leaving, func, object->mod);
	}
	return 0;
}

static int cut_replacements(struct kpatch_txn *txn, const struct kpatch_patch *patch,
			    struct kpatch_ranges *cuts)
{
	const struct kpatch_object *object;
	int ret;

	kpatch_for_each_object(object, patch) {
		ret = leave_replacements(txn, object, cuts);
		if (ret)
			return ret;
	}
	if (!cuts->nr)
		return 0;
	kpatch_for_each_object(object, patch) {
		ret = add_replacements(txn, object);
		if (ret)
			return ret;
	}
	ret = keep_targets(txn, patch, cuts->r[0].func);
	return ret ?: kpatch_ranges_flatten(cuts);
}

/*
 * Add all text of a patch module, not only the replacements: once the patch is
 * disabled the module may be unloaded, with all that its functions call. Replacements
 * that are not checked are cut out; then the module stays, but the rest of it is checked
 * all the same.
 */
static int add_module_text(struct kpatch_txn *txn, const struct kpatch_patch *patch)
{
	const struct module_memory *mem = &patch->kpmod->mod->mem[MOD_TEXT];
	unsigned long start = (unsigned long)mem->base, end = start + mem->size;
	struct kpatch_ranges cuts = {};
	const struct kpatch_range *cut;
	int ret;

	ret = cut_replacements(txn, patch, &cuts);
	for (cut = cuts.r; !ret && cut < cuts.r + cuts.nr; cut++) {
		ret = kpatch_ranges_add(&txn->scan.text, start, cut->start,
					KPATCH_RANGE_FREED, NULL);
		start = cut->end;
	}
	if (!ret)
		ret = kpatch_ranges_add(&txn->scan.text, start, end,
					KPATCH_RANGE_FREED, NULL);
	kpatch_ranges_clear(&cuts);
	return ret;
}

/* Test for a function of @object whose original is called and has to be checked. */
static bool checks_any_original(struct kpatch_txn *txn,
				const struct kpatch_object *object)
{
	struct kpatch_func *func;

	kpatch_for_each_func(func, object) {
		if (func->original && !leaves_replacement(txn, func))
			return true;
	}
	return false;
}

/*
 * Add the originals that the replacements of @object call, and the clones that these
 * may continue in. A task that is in one of them may not have the replacement on its
 * stack, as in add_live_text(), so that the text of the module does not suffice. It
 * must not stay: what is live once the patch is disabled may be another version.
 */
static int add_called_originals(struct kpatch_txn *txn,
				const struct kpatch_object *object)
{
	const struct kpatch_ranges *old = &object->old_text;
	bool clones = checks_any_original(txn, object);
	const struct kpatch_range *range;
	const struct kpatch_func *func;
	int ret;

	for (range = old->r; range < old->r + old->nr; range++) {
		func = range->func;
		if (kpatch_is_kept(func) ? !clones : !func->original)
			continue;
		ret = add_text(txn, func, range, leaves_replacement(txn, func),
			       object->mod);
		if (ret)
			return ret;
	}
	return 0;
}

/* Add the addresses that the hooks return to. */
static int add_slots(struct kpatch_ranges *slots,
		     const struct kpatch_object *object)
{
	struct kpatch_func *func;
	int ret;

	kpatch_for_each_replaced(func, object) {
		ret = kpatch_ranges_add(slots, func->ip + 1,
					func->ip + MCOUNT_INSN_SIZE + 1,
					KPATCH_RANGE_OLD, NULL);
		if (ret)
			return ret;
	}
	return 0;
}

static int add_object(struct kpatch_txn *txn, const struct kpatch_object *object,
		      enum kpatch_status to)
{
	int ret;

	/* Else it is a module that is not loaded: no task can be inside. */
	if (!object->bound)
		return 0;
	if (to == KPATCH_ON)
		ret = add_live_text(txn, object);
	else
		ret = add_called_originals(txn, object);
	return ret ?: add_slots(&txn->scan.slots, object);
}

static int add_change(struct kpatch_txn *txn, const struct kpatch_change *change)
{
	const struct kpatch_patch *patch = change->patch;
	const struct kpatch_object *object;
	int ret;

	kpatch_for_each_object(object, patch) {
		ret = add_object(txn, object, change->to);
		if (ret)
			return ret;
	}
	return change->to == KPATCH_ON ? 0 : add_module_text(txn, patch);
}

static int build_scan(struct kpatch_txn *txn)
{
	struct kpatch_scan *scan = &txn->scan;
	struct kpatch_change *change;
	int ret;

	for (change = txn->changes; change < txn->changes + txn->nr; change++) {
		ret = add_change(txn, change);
		if (ret)
			return ret;
	}
	ret = kpatch_ranges_flatten(&scan->text);
	if (ret)
		return ret;
	ret = kpatch_ranges_flatten(&scan->slots);
	if (ret)
		return ret;
	scan->traces = kvcalloc(nr_cpu_ids * KPATCH_MAX_FRAMES,
				sizeof(*scan->traces), GFP_KERNEL);
	if (!scan->traces)
		return -ENOMEM;
	scan->switcher = current;
	scan->report = &txn->report;
	return 0;
}

/**
 * kpatch_txn_prepare() - collect the text that no task may be inside
 * @txn: the transaction, zeroed but for @changes, @nr, @flags, @requester, @budget_ns,
 *	and the requester and @cancel of @scan
 *
 * Must be followed by kpatch_txn_release(), whatever this returns.
 *
 * Context: process context, may sleep, under kpatch_mutex. The current task carries
 * out the switch.
 *
 * Return: %KPATCH_CAUSE_NONE or %KPATCH_CAUSE_NO_MEMORY.
 */
enum kpatch_cause kpatch_txn_prepare(struct kpatch_txn *txn)
{
	kpatch_unchecked_begin(&txn->leaving);
	return build_scan(txn) ? KPATCH_CAUSE_NO_MEMORY : KPATCH_CAUSE_NONE;
}

/* All patches are switched, or none. */
static bool is_committed(const struct kpatch_txn *txn)
{
	return txn->changes->patch->kpmod->status == txn->changes->to;
}

/**
 * kpatch_txn_release() - undo kpatch_txn_prepare()
 * @txn: the transaction; it keeps its tasks, and may be prepared again
 *
 * If it has committed, modules in which tasks may have been left are pinned for good.
 *
 * Context: process context, may sleep, under kpatch_mutex.
 */
void kpatch_txn_release(struct kpatch_txn *txn)
{
	kpatch_unchecked_end(&txn->leaving, is_committed(txn));
	kpatch_ranges_clear(&txn->scan.text);
	kpatch_ranges_clear(&txn->scan.slots);
	kvfree(txn->scan.traces);
	txn->scan.traces = NULL;
}

/* Interrupts are off: keep the lockup detector quiet. */
static void wait_for_others(atomic_t *count)
{
	while (atomic_read_acquire(count) != num_online_cpus() - 1) {
		touch_nmi_watchdog();
		cpu_relax();
	}
}

/* Take tasks and scan them until no task or no time is left. */
static void scan_share(struct kpatch_txn *txn, u64 end)
{
	kpatch_scan_stopper(&txn->scan);
	kpatch_scan_idle_task(&txn->scan);
	while (ktime_get_mono_fast_ns() < end &&
	       kpatch_tasks_scan_some(&txn->tasks, &txn->scan))
		cpu_relax();
}

/**
 * kpatch_txn_is_orphan() - test whether the requester is dying
 * @txn: the transaction
 *
 * Context: any. While the machine is stopped the answer does not change.
 *
 * Return: true if the verdict has no receiver any more.
 */
bool kpatch_txn_is_orphan(const struct kpatch_txn *txn)
{
	struct task_struct *task = txn->requester;

	return task && (fatal_signal_pending(task) ||
			READ_ONCE(task->flags) & PF_EXITING);
}

/* Scan what one CPU scans alone, and return the verdict of the whole scan. */
static enum kpatch_cause finish_scan(struct attempt *attempt, u64 end)
{
	struct kpatch_txn *txn = attempt->txn;
	bool all;

	all = kpatch_tasks_scan_rest(&txn->tasks, &txn->scan, end);
	kpatch_scan_exiting(&txn->scan);
	wait_for_others(&attempt->scanned);
	if (kpatch_report_total(&txn->report))
		return KPATCH_CAUSE_BLOCKED;
	/* A CPU that has run out of time may have left tasks that no CPU took. */
	if (!all || !kpatch_tasks_all_scanned(&txn->tasks) ||
	    ktime_get_mono_fast_ns() > end)
		return KPATCH_CAUSE_BUDGET;
	/* Nothing is switched for a requester that is gone. */
	if (kpatch_txn_is_orphan(txn))
		return KPATCH_CAUSE_KILLED;
	/* A bug, see kpatch_txn_try(). Do not switch, but retry as after an NMI. */
	attempt->missed = kpatch_tasks_missed(&txn->tasks);
	return attempt->missed ? KPATCH_CAUSE_NMI : KPATCH_CAUSE_NONE;
}

static void set_status(struct kpatch_module *kpmod, enum kpatch_status state)
{
	/*
	 * Pairs with READ_ONCE() in func_is_live() and smp_rmb() in
	 * txn_committed(): the word was set to IDLE before.
	 */
	smp_store_release(&kpmod->status, state);
}

/*
 * The context in which a callback of a patch is called in the stop. Sleeping and waiting
 * for other CPUs is reported where it is tried, as interrupts are off; what a callback
 * leaves behind is reported here. What it prints is written to the console later.
 */
struct context {
	int count;
	int locks;
};

static struct context enter_callback(void)
{
	printk_deferred_enter();
	return (struct context) {
		.count = preempt_count(),
		.locks = lockdep_depth(current),
	};
}

static void leave_callback(const struct context *before, void *fn)
{
	if (WARN_ONCE(!irqs_disabled() || preempt_count() != before->count,
		      "kpatch: %ps() has changed the context\n", fn)) {
		local_irq_disable();
		preempt_count_set(before->count);
	}
	WARN_ONCE(lockdep_depth(current) != before->locks,
		  "kpatch: %ps() has kept a lock\n", fn);
	printk_deferred_exit();
}

/* Call the checks of all states. Nothing has changed yet. */
static enum kpatch_cause check_transitions(struct kpatch_txn *txn)
{
	const struct kpatch_transitions *ts = &txn->transitions;
	const struct kpatch_transition *t;
	int (*check)(struct kpatch_state *state);
	struct context before;
	int ret;

	for (t = ts->t; t < ts->t + ts->nr; t++) {
		check = t->enter ? t->state->check_enter : t->state->check_leave;
		if (!check)
			continue;
		before = enter_callback();
		ret = check(t->state);
		leave_callback(&before, check);
		if (!ret)
			continue;
		txn->report.veto = ret;
		txn->report.vetoed = t->state->id;
		txn->report.vetoed_by = t->state->object->patch->kpmod;
		return KPATCH_CAUSE_VETO;
	}
	return KPATCH_CAUSE_NONE;
}

/* Call what converts data. The switch has been committed, and is not undone. */
static void run_transitions(const struct kpatch_transitions *ts)
{
	const struct kpatch_transition *t;
	void (*fn)(struct kpatch_state *state);
	struct context before;

	for (t = ts->t; t < ts->t + ts->nr; t++) {
		fn = t->enter ? t->state->enter : t->state->leave;
		if (!fn)
			continue;
		before = enter_callback();
		fn(t->state);
		leave_callback(&before, fn);
	}
}

/* There is no blocker: switch, unless an NMI aborts the transaction. */
static enum kpatch_cause commit(struct attempt *attempt)
{
	struct kpatch_txn *txn = attempt->txn;
	struct kpatch_change *change;

	kpatch_word_open();
	/* Pairs with follow(): a CPU that sees the phase sees the word OPEN. */
	smp_store_release(&attempt->phase, PHASE_OPEN);
	wait_for_others(&attempt->acked);
	kpatch_debug_commit_delay();
	/* ---- the instant ---- */
	if (!kpatch_word_commit())
		return KPATCH_CAUSE_NMI;
	for (change = txn->changes; change < txn->changes + txn->nr; change++)
		set_status(change->patch->kpmod, change->to);
	run_transitions(&txn->transitions);
	return KPATCH_CAUSE_NONE;
}

static enum kpatch_cause lead(struct attempt *attempt, u64 end)
{
	enum kpatch_cause cause;

	cause = finish_scan(attempt, end);
	if (!cause)
		cause = check_transitions(attempt->txn);
	if (!cause && !(attempt->txn->flags & KPATCH_TXN_DRY_RUN))
		cause = commit(attempt);
	/* Pairs with follow(): a CPU that leaves has seen statuses and data. */
	smp_store_release(&attempt->phase, PHASE_DONE);
	return cause;
}

/* Wait for the end of @phase, and keep the lockup detector quiet here, too. */
static enum phase wait_while(const struct attempt *attempt, enum phase phase)
{
	enum phase now;

	/* Pairs with lead() and commit(). */
	while ((now = smp_load_acquire(&attempt->phase)) == phase) {
		touch_nmi_watchdog();
		cpu_relax();
	}
	return now;
}

static void follow(struct attempt *attempt)
{
	atomic_inc_return_release(&attempt->scanned);
	if (wait_while(attempt, PHASE_SCAN) != PHASE_OPEN)
		return;
	/*
	 * Fully ordered: loads of an NMI that arrives after the leader has seen
	 * this cannot be older than our load of the phase.
	 */
	atomic_inc_return(&attempt->acked);
	wait_while(attempt, PHASE_OPEN);
}

static enum kpatch_cause run(struct attempt *attempt)
{
	bool leader = atomic_inc_return(&attempt->arrived) == 1;
	u64 start = ktime_get_mono_fast_ns();
	u64 end = start + attempt->txn->budget_ns;
	enum kpatch_cause cause;

	scan_share(attempt->txn, end);
	if (!leader) {
		follow(attempt);
		return KPATCH_CAUSE_NONE;
	}
	attempt->since = kpatch_cpus_stood_since(attempt->asked);
	cause = lead(attempt, end);
	attempt->work_ns = ktime_get_mono_fast_ns() - start;
	return cause;
}

/* Runs on each online CPU with interrupts off, while no CPU runs anything else. */
static int txn_stopped(void *data)
{
	enum kpatch_cause cause = run(data);

	__this_cpu_write(left_at, ktime_get_mono_fast_ns());
	return cause;
}

/*
 * Update the statistics. The machine stands still from when the first CPU has
 * switched to its stopper until the last one leaves.
 */
static void account(const struct attempt *attempt)
{
	struct kpatch_stats *stats = &attempt->txn->stats;
	u64 until = 0;
	int cpu;

	for_each_online_cpu(cpu)
		until = max(until, per_cpu(left_at, cpu));
	stats->stops++;
	stats->stop_ns = until - attempt->since;
	stats->max_stop_ns = max(stats->max_stop_ns, stats->stop_ns);
	stats->work_ns = attempt->work_ns;
	stats->max_work_ns = max(stats->max_work_ns, stats->work_ns);
	stats->scanned_stopped = atomic_read(&attempt->txn->tasks.scanned);
}

/* Call @fn for all functions of @patch that are hooked. */
static void on_each_hooked(const struct kpatch_patch *patch,
			   void (*fn)(struct kpatch_func *func))
{
	const struct kpatch_object *object;
	struct kpatch_func *func;

	kpatch_for_each_object(object, patch) {
		if (!object->hooked)
			continue;
		kpatch_for_each_replaced(func, object)
			fn(func);
	}
}

/**
 * kpatch_txn_begin() - make the patches of a transaction ready for its commit
 * @txn: the transaction, prepared
 *
 * Must be followed by kpatch_txn_end().
 *
 * Context: process context, under kpatch_mutex.
 */
void kpatch_txn_begin(struct kpatch_txn *txn)
{
	struct kpatch_change *change;

	lockdep_assert_held(&kpatch_mutex);
	for (change = txn->changes; change < txn->changes + txn->nr; change++) {
		if (change->to == KPATCH_OFF) {
			set_status(change->patch->kpmod, KPATCH_REMOVING);
			continue;
		}
		set_status(change->patch->kpmod, KPATCH_ADDING);
		on_each_hooked(change->patch, kpatch_table_add);
	}
}

/**
 * kpatch_txn_try() - make one attempt to commit a transaction
 * @txn: the transaction, begun; @tasks are prescanned, @report and @stats are updated
 *
 * Context: process context, sleeps, under kpatch_mutex and cpus_read_lock(). Stops
 * the machine.
 *
 * Return: %KPATCH_CAUSE_NONE if it is committed, or could have been if this is a dry
 * run. Else, with nothing changed, %KPATCH_CAUSE_BLOCKED, %KPATCH_CAUSE_NMI,
 * %KPATCH_CAUSE_BUDGET, %KPATCH_CAUSE_VETO, or %KPATCH_CAUSE_KILLED.
 */
enum kpatch_cause kpatch_txn_try(struct kpatch_txn *txn)
{
	struct attempt attempt = { .txn = txn };
	int cause;

	lockdep_assert_held(&kpatch_mutex);
	lockdep_assert_cpus_held();
	kpatch_tasks_rewind(&txn->tasks);
	attempt.asked = ktime_get_mono_fast_ns();
	cause = stop_machine_cpuslocked(txn_stopped, &attempt, cpu_online_mask);
	kpatch_word_reset();
	WARN_ON_ONCE(attempt.missed);
	account(&attempt);
	return cause;
}

/**
 * kpatch_txn_end() - end a transaction, committed or not
 * @txn: the transaction
 *
 * All its patches are ON or OFF when this returns. Handlers may still look at
 * functions of those that are OFF, so these must not change before
 * kpatch_hook_wait() has returned.
 *
 * Context: process context, under kpatch_mutex.
 */
void kpatch_txn_end(struct kpatch_txn *txn)
{
	struct kpatch_change *change;
	struct kpatch_module *kpmod;

	for (change = txn->changes; change < txn->changes + txn->nr; change++) {
		kpmod = change->patch->kpmod;
		if (kpmod->status != change->to)
			set_status(kpmod, change->from);
		if (kpmod->status == KPATCH_OFF)
			on_each_hooked(change->patch, kpatch_table_del);
	}
}
