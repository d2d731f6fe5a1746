// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a call costs, in ticks of the TSC: instructions, if the emulator counts
 * those. Write the name of an action to the parameter "run", read "result".
 */
#include <linux/cpumask.h>
#include <linux/fs.h>
#include <linux/ftrace.h>
#include <linux/irqflags.h>
#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/stop_machine.h>
#include <linux/string.h>

#include <asm/msr.h>
#include <asm/tsc.h>

#define CALLS	1000

static unsigned long result;
module_param(result, ulong, 0444);

/* The old function, which returns 0. On x86 its site for ftrace is its start. */
static unsigned long target = (unsigned long)noop_fsync;

int bench_plain(struct file *file, loff_t start, loff_t end, int datasync);

/* Without a site. */
noinline notrace int bench_plain(struct file *file, loff_t start, loff_t end,
				 int datasync)
{
	barrier();
	return 0;
}

/* As the old function, but in a module. It is like no other function of the module. */
int bench_own(struct file *file, loff_t start, loff_t end, int datasync);

noinline __noclone int bench_own(struct file *file, loff_t start, loff_t end, int datasync)
{
	barrier();
	return 1;
}

/* What would be there if the first instruction of a function could be a jump. */
int bench_jump(struct file *file, loff_t start, loff_t end, int datasync);
/* A direct callee of ftrace that goes on in another function for good. */
void bench_stub(void);

asm("	.text\n"
    "	.globl bench_jump\n"
    "	.type bench_jump, @function\n"
    "bench_jump:\n"
    "	jmp bench_plain\n"
    "	.size bench_jump, .-bench_jump\n"
    "	.globl bench_stub\n"
    "	.type bench_stub, @function\n"
    "bench_stub:\n"
    "	movq $bench_plain, (%rsp)\n"
    "	ret\n"
    "	int3\n"
    "	.size bench_stub, .-bench_stub\n");

/* A loop for each, since a call through a pointer costs more. */
#define COUNT(func)							\
static int count_##func(void)						\
{									\
	unsigned long flags;						\
	u64 start;							\
	int i;								\
									\
	local_irq_save(flags);						\
	start = rdtsc();						\
	for (i = 0; i < CALLS; i++) {					\
		func(NULL, 0, 0, 0);					\
		barrier();						\
	}								\
	result = (rdtsc() - start + CALLS / 2) / CALLS;			\
	local_irq_restore(flags);					\
	return 0;							\
}

COUNT(noop_fsync)
COUNT(bench_plain)
COUNT(bench_jump)
COUNT(bench_own)

static void notrace do_nothing(unsigned long ip, unsigned long parent_ip,
			       struct ftrace_ops *ops, struct ftrace_regs *fregs)
{
}

static struct ftrace_ops empty = { .func = do_nothing };
static struct ftrace_ops empty_regs = {
	.func = do_nothing,
	.flags = FTRACE_OPS_FL_SAVE_REGS,
};
static struct ftrace_ops direct;

static int hook(struct ftrace_ops *ops)
{
	int ret = ftrace_set_filter_ip(ops, target, 0, 1);

	return ret ?: register_ftrace_function(ops);
}

static int hook_empty(void)
{
	return hook(&empty);
}

static int unhook_empty(void)
{
	return unregister_ftrace_function(&empty);
}

static int hook_regs(void)
{
	return hook(&empty_regs);
}

static int unhook_regs(void)
{
	return unregister_ftrace_function(&empty_regs);
}

static int hook_direct(void)
{
	int ret = ftrace_set_filter_ip(&direct, target, 0, 1);

	return ret ?: register_ftrace_direct(&direct, (unsigned long)bench_stub);
}

static int unhook_direct(void)
{
	return unregister_ftrace_direct(&direct, (unsigned long)bench_stub, true);
}

static int nothing(void *unused)
{
	return 0;
}

/* As long as a stop takes at least. */
static int stop(void)
{
	u64 start = rdtsc();

	stop_machine(nothing, NULL, cpu_online_mask);
	result = rdtsc() - start;
	return 0;
}

static const struct {
	const char *name;
	int (*run)(void);
} actions[] = {
	{ "traceable", count_noop_fsync },
	{ "plain", count_bench_plain },
	{ "jump", count_bench_jump },
	{ "own", count_bench_own },
	{ "hook-empty", hook_empty },
	{ "unhook-empty", unhook_empty },
	{ "hook-regs", hook_regs },
	{ "unhook-regs", unhook_regs },
	{ "hook-direct", hook_direct },
	{ "unhook-direct", unhook_direct },
	{ "stop", stop },
};

static int set_run(const char *val, const struct kernel_param *kp)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(actions); i++) {
		if (sysfs_streq(val, actions[i].name))
			return actions[i].run();
	}
	return -EINVAL;
}

static const struct kernel_param_ops run_ops = { .set = set_run };
module_param_cb(run, &run_ops, NULL, 0200);

static int __init bench_calls_init(void)
{
	return 0;
}

static void __exit bench_calls_exit(void)
{
}

module_init(bench_calls_init);
module_exit(bench_calls_exit);
MODULE_DESCRIPTION("kpatch benchmark: what a call costs");
MODULE_LICENSE("GPL");
