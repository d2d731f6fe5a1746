/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The transaction that switches a patch on or off, on the whole machine at one
 * instant.
 */
#ifndef _KPATCH_TXN_H
#define _KPATCH_TXN_H

#include <linux/types.h>

struct kpatch_module;
struct kpatch_scan;
struct kpatch_tasks;

/**
 * struct kpatch_attempt - how to try
 * @scan: which text nobody may be in
 * @tasks: all tasks, and what is known of them
 * @budget_ns: how long the machine may be stopped for the scan
 * @dry_run: do all but commit
 */
struct kpatch_attempt {
	const struct kpatch_scan *scan;
	struct kpatch_tasks *tasks;
	u64 budget_ns;
	bool dry_run;
};

void kpatch_txn_begin(struct kpatch_module *kpmod, bool enable);
int kpatch_txn_try(struct kpatch_module *kpmod,
		     const struct kpatch_attempt *attempt);
void kpatch_txn_finish(struct kpatch_module *kpmod);

#endif /* _KPATCH_TXN_H */
