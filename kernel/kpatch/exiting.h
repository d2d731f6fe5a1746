/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Exiting tasks that may have left the task list.
 */
#ifndef _KPATCH_EXITING_H
#define _KPATCH_EXITING_H

struct task_struct;

int kpatch_exiting_visit(int (*fn)(struct task_struct *task, void *data),
			 void *data);
unsigned int kpatch_exiting_unknown(void);

#endif /* _KPATCH_EXITING_H */
