// SPDX-License-Identifier: GPL-2.0-only
/*
 * Patches the last function that the idle task of a CPU calls when the CPU goes
 * offline, and from which it never returns.
 */
#include <linux/cpu.h>
#include <linux/kpatch.h>
#include <linux/smp.h>

static void __noreturn new_arch_cpu_idle_dead(void)
{
	for (;;)
		smp_ops.play_dead();
}

static struct kpatch_func funcs[] = {
	KPATCH_FUNC(arch_cpu_idle_dead, new_arch_cpu_idle_dead),
};
module_kpatch(funcs);

MODULE_DESCRIPTION("kpatch test: a function that an offline CPU never returns from");
MODULE_LICENSE("GPL");
