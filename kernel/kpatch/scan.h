/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Find out whether a task is inside the text that a transaction changes.
 */
#ifndef _KPATCH_SCAN_H
#define _KPATCH_SCAN_H

#include "ranges.h"
#include "report.h"

struct task_struct;

#define KPATCH_MAX_FRAMES	256

/**
 * struct kpatch_scan - what to look for, and what was found
 * @text: text that no task may be inside, flattened
 * @slots: the addresses behind the hooks of the functions that change: a task that
 *	returns there is in the trampoline of the hook
 * @switcher: the task that carries out the switch
 * @requester: the task that waits for it and cannot be parked, %NULL if there is none
 * @cancel: set when the scan is of no use any more
 * @report: the blockers that were found
 * @traces: memory for a stack trace per CPU, %KPATCH_MAX_FRAMES words each
 */
struct kpatch_scan {
	struct kpatch_ranges text;
	struct kpatch_ranges slots;
	struct task_struct *switcher;
	struct task_struct *requester;
	const bool *cancel;
	struct kpatch_report *report;
	unsigned long *traces;
};

enum kpatch_reason kpatch_scan_reason(const struct task_struct *task);
bool kpatch_scan_task(const struct kpatch_scan *scan, struct task_struct *task,
		      enum kpatch_reason reason, unsigned long *addr);
void kpatch_scan_current(const struct kpatch_scan *scan);
void kpatch_scan_stopper(const struct kpatch_scan *scan);
void kpatch_scan_idle_task(const struct kpatch_scan *scan);
void kpatch_scan_offline_cpus(const struct kpatch_scan *scan);
void kpatch_scan_exiting(const struct kpatch_scan *scan);
void kpatch_scan_running(const struct kpatch_scan *scan,
			 struct task_struct *task, unsigned long addr);
void kpatch_scan_cpu(const struct kpatch_scan *scan, unsigned int cpu);

#endif /* _KPATCH_SCAN_H */
