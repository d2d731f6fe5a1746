/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where a task that is not running keeps its return addresses, and how the original of
 * a function is reached.
 */
#ifndef _ASM_X86_KPATCH_H
#define _ASM_X86_KPATCH_H

#include <linux/ftrace.h>
#include <linux/pgtable.h>
#include <linux/processor.h>
#include <linux/sched.h>
#include <linux/sched/task_stack.h>
#include <linux/static_call.h>	/* for text_poke() */
#include <linux/string.h>
#include <linux/sync_core.h>

#include <asm/kpatch_original.h>
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

/*
 * Test whether arch_kpatch_construct_stub() has defined what is at @stub. All KPATCH_STUB_SIZE
 * bytes of it can be read.
 */
static inline bool arch_kpatch_is_stub(const void *stub)
{
	static const u8 unset[] = { 0x0f, 0x0b, 0xcc, 0xcc, 0xcc };
	static const u8 mark[] = { 0x0f, 0x1f, 0x80, 'k', 'p', 'a', 't' };
	const u8 *jump = stub + KPATCH_STUB_JUMP;

	static_assert(sizeof(unset) == JMP32_INSN_SIZE);
	static_assert(KPATCH_STUB_JUMP + sizeof(unset) + sizeof(mark) ==
		      KPATCH_STUB_SIZE);
	if (memcmp(jump + sizeof(unset), mark, sizeof(mark)))
		return false;
	return *jump == JMP32_INSN_OPCODE ||
	       !memcmp(jump, unset, sizeof(unset));
}

/*
 * Let @stub jump to the first instruction behind the hook at @ip. Nobody calls it
 * meanwhile. Needs text_mutex. Return true if that has changed it: then each CPU has to
 * call arch_kpatch_sync() before it calls the stub.
 */
static inline bool arch_kpatch_write_stub(void *stub, unsigned long ip)
{
	void *jump = stub + KPATCH_STUB_JUMP;
	u8 insn[JMP32_INSN_SIZE];

	__text_gen_insn(insn, JMP32_INSN_OPCODE, jump,
			(void *)(ip + MCOUNT_INSN_SIZE), JMP32_INSN_SIZE);
	if (!memcmp(jump, insn, sizeof(insn)))
		return false;
	text_poke(jump, insn, sizeof(insn));
	return true;
}

static inline void arch_kpatch_sync(void)
{
	sync_core();
}

#include <asm-generic/kpatch.h>

#endif /* _ASM_X86_KPATCH_H */
