// SPDX-License-Identifier: GPL-2.0-only
/*
 * Check that memory is fit to hold a structure of a patch. The core writes to such a
 * structure, and the ftrace handler reads it on each call of a patched function. So
 * the memory must be writable, and must not be freed before the patch is
 * unregistered.
 */
#include "common.h"

#include <linux/module.h>
#include <linux/preempt.h>
#include <linux/sched/task_stack.h>

#include <asm/sections.h>

#include "memory.h"

static enum kpatch_cause cause_for(enum mod_mem_type type)
{
	switch (type) {
	case MOD_INIT_TEXT:
	case MOD_INIT_DATA:
	case MOD_INIT_RODATA:
		return KPATCH_CAUSE_IN_INIT;
	case MOD_RO_AFTER_INIT:
		return KPATCH_CAUSE_RO_AFTER_INIT;
	case MOD_RODATA:
		return KPATCH_CAUSE_IN_CONST;
	case MOD_TEXT:
		return KPATCH_CAUSE_IN_TEXT;
	default:
		return KPATCH_CAUSE_NONE;
	}
}

static enum kpatch_cause check_module_memory(unsigned long addr)
{
	struct module *mod;

	/* free_module() waits for readers with preemption off. */
	guard(preempt)();
	mod = __module_address(addr);
	if (!mod)
		return KPATCH_CAUSE_NONE;
	for_each_mod_mem_type(type) {
		if (within_module_mem_type(addr, mod, type))
			return cause_for(type);
	}
	return KPATCH_CAUSE_NONE;
}

static enum kpatch_cause check_byte(const void *at)
{
	unsigned long addr = (unsigned long)at;

	if (object_is_on_stack(at))
		return KPATCH_CAUSE_ON_STACK;
	/* After boot the allocator owns this memory, and a patch may be in it. */
	if (system_state < SYSTEM_FREEING_INITMEM &&
	    init_section_contains((void *)at, 1))
		return KPATCH_CAUSE_IN_INIT;
	if (is_kernel_ro_after_init(addr))
		return KPATCH_CAUSE_RO_AFTER_INIT;
	if (is_kernel_rodata(addr))
		return KPATCH_CAUSE_IN_CONST;
	if (core_kernel_text(addr))
		return KPATCH_CAUSE_IN_TEXT;
	return check_module_memory(addr);
}

/**
 * kpatch_memory_check() - check the memory of a structure of a patch
 * @start: its first byte
 * @size: its size in bytes, not 0
 *
 * Checks the first and the last byte: a structure does not span sections.
 *
 * Context: process context.
 *
 * Return: %KPATCH_CAUSE_NONE, or why the memory is not fit.
 */
enum kpatch_cause kpatch_memory_check(const void *start, size_t size)
{
	enum kpatch_cause cause = check_byte(start);

	return cause ?: check_byte(start + size - 1);
}

/**
 * kpatch_memory_check_const() - check the memory of an array that is only read
 * @start: its first byte
 * @size: its size in bytes; if it is 0 there is nothing to check
 *
 * Context: process context.
 *
 * Return: %KPATCH_CAUSE_NONE, or why the memory is not fit.
 */
enum kpatch_cause kpatch_memory_check_const(const void *start, size_t size)
{
	enum kpatch_cause cause;

	if (!size)
		return KPATCH_CAUSE_NONE;
	cause = kpatch_memory_check(start, size);
	if (cause == KPATCH_CAUSE_IN_CONST || cause == KPATCH_CAUSE_RO_AFTER_INIT)
		return KPATCH_CAUSE_NONE;
	return cause;
}
