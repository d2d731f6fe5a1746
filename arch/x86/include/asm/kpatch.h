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
 * Once a task is switched out, all registers that may hold a text address are
 * on its stack: the callee-saved ones in the switch frame, and the others, if
 * the task was interrupted, in pt_regs.
 */
static inline unsigned long arch_kpatch_saved_sp(struct task_struct *task)
{
	return task->thread.sp;
}

/*
 * The registers of user space lie at this address and above. They hold no
 * return addresses of the kernel, and user space controls their contents.
 */
static inline unsigned long arch_kpatch_stack_top(struct task_struct *task)
{
	return (unsigned long)task_pt_regs(task);
}

#define arch_kpatch_stack_top arch_kpatch_stack_top

/* No text of the kernel or of modules, generated or not, lies below. */
static inline unsigned long arch_kpatch_text_addr(unsigned long word)
{
	return word >= __START_KERNEL_map ? word : 0;
}

#define arch_kpatch_text_addr arch_kpatch_text_addr

/* Module space, where probes and BPF allocate code, too. */
static inline bool arch_kpatch_generated(unsigned long addr)
{
	return addr >= MODULES_VADDR && addr < MODULES_END;
}

#define arch_kpatch_generated arch_kpatch_generated

#include <asm-generic/kpatch.h>

#endif /* _ASM_X86_KPATCH_H */
