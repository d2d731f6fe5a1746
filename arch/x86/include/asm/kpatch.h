/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where a task that is not running keeps its return addresses.
 */
#ifndef _ASM_X86_KPATCH_H
#define _ASM_X86_KPATCH_H

#include <linux/pgtable.h>
#include <linux/processor.h>
#include <linux/sched.h>

#include <asm/page_types.h>

/*
 * All registers that may hold a text address are on the stack by the time a
 * task is switched out: those that a call preserves in the switch frame, the
 * rest, if it was interrupted, in pt_regs.
 */
static inline unsigned long arch_kpatch_saved_sp(struct task_struct *task)
{
	return task->thread.sp;
}

/*
 * Registers of user space lie above this. They are no return addresses of the
 * kernel, and user space can put there what it likes.
 */
static inline unsigned long arch_kpatch_stack_top(struct task_struct *task)
{
	return (unsigned long)task_pt_regs(task);
}

/* No text of the kernel or of modules, generated or not, lies below. */
#define ARCH_KPATCH_LOWEST_TEXT	__START_KERNEL_map

/* May code be here that was generated at run time: probes, BPF? */
static inline bool arch_kpatch_generated(unsigned long addr)
{
	return addr >= MODULES_VADDR && addr < MODULES_END;
}

#endif /* _ASM_X86_KPATCH_H */
