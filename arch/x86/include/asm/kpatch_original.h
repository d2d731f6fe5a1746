/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The stub through which a patch calls the original of a function.
 */
#ifndef _ASM_X86_KPATCH_ORIGINAL_H
#define _ASM_X86_KPATCH_ORIGINAL_H

#include <linux/linkage.h>
#include <linux/stringify.h>

#include <asm/ibt.h>

/* Behind the jump, never executed: the displacement of a long NOP marks a stub. */
#define KPATCH_STUB_MARK	0x7461706b
#define KPATCH_STUB_JUMP	ENDBR_INSN_SIZE
#define KPATCH_STUB_SIZE	(KPATCH_STUB_JUMP + 12)

/*
 * A stub is one jump, to the first instruction behind the hook of the function. It has
 * no frame, so arguments on the stack are where the original expects them. Until
 * arch_kpatch_write_stub() has written the jump, ud2 is in its place.
 *
 *  - ASM_FUNC_ALIGN adds the padding in which call thunks count calls.
 *  - ENDBR is for callers that have the address of the stub.
 *  - The symbol is weak: objtool would take a global one for a function that never
 *    returns, since ud2 is all that it sees of the stub.
 *  - A kprobe must not keep a copy of an instruction that changes.
 */
#define arch_kpatch_construct_stub(_name)				\
	asm(".macro kpatch_stub name\n\t"				\
	    ".pushsection .text, \"ax\"\n\t"				\
	    ASM_FUNC_ALIGN "\n\t"					\
	    ".weak \\name\n\t"						\
	    ".type \\name, @function\n"				\
	    "\\name:\n\t"						\
	    ASM_ENDBR							\
	    "ud2\n\t"							\
	    "int3\n\t"							\
	    "int3\n\t"							\
	    "int3\n\t"							\
	    "nopl " __stringify(KPATCH_STUB_MARK) "(%rax)\n\t"		\
	    ".size \\name, . - \\name\n\t"				\
	    ".popsection\n\t"						\
	    ".pushsection _kprobe_blacklist, \"aw\"\n\t"		\
	    ".balign 8\n\t"						\
	    ".quad \\name\n\t"						\
	    ".popsection\n\t"						\
	    ".endm\n\t"							\
	    "kpatch_stub " _name "\n\t"					\
	    ".purgem kpatch_stub")

#endif /* _ASM_X86_KPATCH_ORIGINAL_H */
