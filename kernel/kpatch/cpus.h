/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * CPUs: make each one run its stopper once, note when it last did, and find those that
 * must not be interrupted because they are isolated.
 */
#ifndef _KPATCH_CPUS_H
#define _KPATCH_CPUS_H

#include <linux/types.h>

struct cpumask;
struct task_struct;

int kpatch_cpus_visit(unsigned long timeout);
void kpatch_cpus_note_switch(const struct task_struct *next);
u64 kpatch_cpus_stood_since(u64 from);
const struct cpumask *kpatch_cpus_spared(void);

#endif /* _KPATCH_CPUS_H */
