// SPDX-License-Identifier: GPL-2.0-only
/*
 * Patches lcm() with a function that spends its time in one instruction, which has
 * an optimized kprobe on it: the CPU executes a copy of the instruction in the slot
 * of the kprobe, and nothing on the stack of the task shows which function the slot
 * jumps back to.
 */
#include <linux/jiffies.h>
#include <linux/kpatch.h>
#include <linux/kprobes.h>
#include <linux/kthread.h>
#include <linux/lcm.h>
#include <linux/string.h>
#include <linux/vmalloc.h>

#include "stay.h"

#define BUFFER_SIZE (16 << 20)

static bool leave;
module_param(leave, bool, 0644);
MODULE_PARM_DESC(leave, "let the thread leave the function");

static bool inside;
module_param(inside, bool, 0444);
MODULE_PARM_DESC(inside, "the thread is inside");

static void *buffer;

/* rep stosb; mov %rdi, %rdi: the jump of the kprobe needs five bytes */
static const u8 insns[] = { 0xf3, 0xaa, 0x48, 0x89, 0xff };

static unsigned long new_lcm(unsigned long a, unsigned long b)
{
	unsigned long end = jiffies + 120 * HZ;
	unsigned long left;
	void *to;

	if (a != STAY_MAGIC || b != STAY_MAGIC)
		return max(a, b);
	while (!READ_ONCE(leave) && !kthread_should_stop() &&
	       time_before(jiffies, end)) {
		left = BUFFER_SIZE;
		to = buffer;
		asm volatile("rep stosb\n\t"
			     "mov %%rdi, %%rdi"
			     : "+D" (to), "+c" (left) : "a" (0) : "memory");
		WRITE_ONCE(inside, true);
	}
	WRITE_ONCE(inside, false);
	return 1;
}

static int before(struct kprobe *p, struct pt_regs *regs)
{
	return 0;
}

static struct kprobe probe = {
	.pre_handler = before,
};

static struct kpatch_func funcs[] = {
	KPATCH_FUNC(lcm, new_lcm),
};

static struct kpatch_module patch = {
	.mod = THIS_MODULE,
	.funcs = funcs,
	.num_funcs = ARRAY_SIZE(funcs),
};

static int probe_insn(void)
{
	u8 *insn = (u8 *)new_lcm;

	while (memcmp(insn, insns, sizeof(insns)))
		insn++;
	probe.addr = (kprobe_opcode_t *)insn;
	return register_kprobe(&probe);
}

static int __init optprobe_init(void)
{
	int ret;

	buffer = vmalloc(BUFFER_SIZE);
	if (!buffer)
		return -ENOMEM;
	ret = probe_insn();
	if (ret)
		goto free;
	ret = kpatch_register(&patch);
	if (ret)
		goto unprobe;
	return 0;

unprobe:
	unregister_kprobe(&probe);
free:
	vfree(buffer);
	return ret;
}
module_init(optprobe_init);

static void __exit optprobe_exit(void)
{
	kpatch_unregister(&patch);
	unregister_kprobe(&probe);
	vfree(buffer);
}
module_exit(optprobe_exit);

MODULE_DESCRIPTION("kpatch test: a function with an optimized kprobe in it");
MODULE_LICENSE("GPL");
