/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * CPU stoppers: make each CPU run its stopper once, and note when it last did.
 */
#ifndef _KPATCH_CPUS_H
#define _KPATCH_CPUS_H

#include <linux/types.h>

struct task_struct;

int kpatch_cpus_visit(unsigned long timeout);
void kpatch_cpus_note_switch(const struct task_struct *next);
u64 kpatch_cpus_stood_since(u64 from);

#endif /* _KPATCH_CPUS_H */
