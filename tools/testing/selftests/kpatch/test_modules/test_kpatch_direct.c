// SPDX-License-Identifier: GPL-2.0-only
/*
 * Makes gcd() call a trampoline directly, not by way of ftrace's handlers, as BPF
 * does. The trampoline counts its calls and returns. Reading the parameter "calls"
 * calls gcd() once and returns the count. With share=1 it shares gcd() with others
 * that redirect it, and shows whether it was told that there is one.
 */
#include <linux/ftrace.h>
#include <linux/gcd.h>
#include <linux/module.h>

#include <asm/asm-offsets.h>
#include <asm/ibt.h>
#include <asm/nospec-branch.h>

#include "direct.h"

static unsigned int calls;

static int call_and_tell(char *buf, const struct kernel_param *kp)
{
	if (gcd(12, 18) != 6)
		return -EIO;
	return param_get_uint(buf, kp);
}

static const struct kernel_param_ops calls_ops = {
	.get = call_and_tell,
};

module_param_cb(calls, &calls_ops, &calls, 0444);
MODULE_PARM_DESC(calls, "number of runs of the trampoline");

static bool share;
module_param(share, bool, 0444);
MODULE_PARM_DESC(share, "share the function with others that redirect it");

static bool shared;
module_param(shared, bool, 0444);
MODULE_PARM_DESC(shared, "the last that it was told is that another one redirects it");

void direct_count(void)
{
	calls++;
}

/* Called instead of ftrace, at the entry of gcd(). */
asm(".pushsection .text, \"ax\", @progbits\n"
	".type direct_trampoline, @function\n"
	".globl direct_trampoline\n"
	"direct_trampoline:\n"
	ASM_ENDBR
	"push %rbp\n"
	"mov %rsp, %rbp\n"
	CALL_DEPTH_ACCOUNT
	"push %rdi\n"
	"push %rsi\n"
	"call direct_count\n"
	"pop %rsi\n"
	"pop %rdi\n"
	"pop %rbp\n"
	ASM_RET
	".size direct_trampoline, .-direct_trampoline\n"
	".popsection\n");

static struct ftrace_ops direct;

/* Linux 7.3 has the address of the function in front of the command. */
static int note_command(struct ftrace_ops *ops, unsigned long first, unsigned long second)
{
	bool is_command = first <= FTRACE_OPS_CMD_DISABLE_SHARE_IPMODIFY_PEER;

	switch ((enum ftrace_ops_cmd)(is_command ? first : second)) {
	case FTRACE_OPS_CMD_ENABLE_SHARE_IPMODIFY_PEER:
		shared = true;
		break;
	case FTRACE_OPS_CMD_DISABLE_SHARE_IPMODIFY_PEER:
		shared = false;
		break;
	default:
		break;
	}
	return 0;
}

static int __init direct_init(void)
{
	int ret;

	if (share)
		direct.ops_func = (void *)note_command;
	ret = ftrace_set_filter_ip(&direct, (unsigned long)gcd, 0, 0);
	if (ret)
		return ret;
	ret = register_ftrace_direct(&direct, (unsigned long)direct_trampoline);
	if (ret)
		ftrace_free_filter(&direct);
	return ret;
}
module_init(direct_init);

static void __exit direct_exit(void)
{
	unregister_ftrace_direct(&direct, (unsigned long)direct_trampoline,
				 true);
}
module_exit(direct_exit);

MODULE_DESCRIPTION("kpatch test: a function with a foreign direct trampoline");
MODULE_LICENSE("GPL");
