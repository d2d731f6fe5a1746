/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the scan of kpatch needs to know of an architecture. <asm/kpatch.h> defines
 * arch_kpatch_saved_sp(), which returns the stack pointer that a task was switched
 * out with, then includes this file for defaults of the rest.
 */
#ifndef _ASM_GENERIC_KPATCH_H
#define _ASM_GENERIC_KPATCH_H

#include <linux/sched.h>
#include <linux/sched/task_stack.h>

/*
 * The end of the part of a task's stack that may hold return addresses of the
 * kernel.
 */
#ifndef arch_kpatch_stack_top
static inline unsigned long arch_kpatch_stack_top(struct task_struct *task)
{
	return (unsigned long)task_stack_page(task) + THREAD_SIZE;
}
#endif

/*
 * The text address that a word on a stack stands for, without the bits that the
 * architecture adds to sign a pointer; 0 if the word cannot be a text address.
 */
#ifndef arch_kpatch_text_addr
static inline unsigned long arch_kpatch_text_addr(unsigned long word)
{
	return word;
}
#endif

/* May code that was generated at run time (probes, BPF) be at this address? */
#ifndef arch_kpatch_generated
static inline bool arch_kpatch_generated(unsigned long addr)
{
	return true;
}
#endif

#endif /* _ASM_GENERIC_KPATCH_H */
