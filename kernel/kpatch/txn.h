/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The transaction that switches a set of patches, on all CPUs at one instant.
 */
#ifndef _KPATCH_TXN_H
#define _KPATCH_TXN_H

#include "report.h"
#include "scan.h"
#include "tasks.h"
#include "unchecked.h"

/**
 * enum kpatch_txn_flags - how to switch
 * @KPATCH_TXN_DRY_RUN: do all but commit
 */
enum kpatch_txn_flags {
	KPATCH_TXN_DRY_RUN	= BIT(0),
};

/**
 * struct kpatch_txn - a transaction
 * @changes: the patches that it switches, each bound and hooked
 * @nr: number of elements in @changes
 * @flags: &enum kpatch_txn_flags
 * @requester: the task for which it is, %NULL if there is none
 * @budget_ns: how long a stop may take to scan tasks, in nanoseconds
 * @transitions: the states that are entered or left
 * @scan: the text that no task may be inside
 * @leaving: text that tasks may be inside all the same
 * @tasks: all tasks
 * @report: the blockers of the last attempt
 * @stats: attempts and stops of this transaction
 */
struct kpatch_txn {
	struct kpatch_change *changes;
	unsigned int nr;
	unsigned int flags;
	struct task_struct *requester;
	u64 budget_ns;
	struct kpatch_transitions transitions;
	struct kpatch_scan scan;
	struct kpatch_leaving leaving;
	struct kpatch_tasks tasks;
	struct kpatch_report report;
	struct kpatch_stats stats;
};

enum kpatch_cause kpatch_txn_prepare(struct kpatch_txn *txn);
void kpatch_txn_begin(struct kpatch_txn *txn);
enum kpatch_cause kpatch_txn_try(struct kpatch_txn *txn);
void kpatch_txn_end(struct kpatch_txn *txn);
void kpatch_txn_release(struct kpatch_txn *txn);
bool kpatch_txn_is_orphan(const struct kpatch_txn *txn);

#endif /* _KPATCH_TXN_H */
