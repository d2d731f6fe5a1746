// SPDX-License-Identifier: GPL-2.0-only
/*
 * Patches a function that tasks sleep in. The replacement only calls the original, or
 * jumps to it: then no task that sleeps in the original has an address in this module
 * on its stack.
 */
#include <linux/fs.h>
#include <linux/kpatch.h>
#include <linux/uio.h>

static bool jump;
module_param(jump, bool, 0644);
MODULE_PARM_DESC(jump, "jump to the original");

static ssize_t new_eventfd_read(struct kiocb *iocb, struct iov_iter *to);

KPATCH_ORIGINAL(original_eventfd_read, new_eventfd_read);

static ssize_t new_eventfd_read(struct kiocb *iocb, struct iov_iter *to)
{
	if (jump)
		return original_eventfd_read(iocb, to);
	return kpatch_call_original(original_eventfd_read, iocb, to);
}

static struct kpatch_func funcs[] = {
	KPATCH_FUNC_NAMED("eventfd_read", new_eventfd_read,
			  .original = original_eventfd_read),
};
module_kpatch(funcs);

module_param_named(flags, funcs[0].flags, uint, 0444);
MODULE_PARM_DESC(flags, "flags of the function");

MODULE_DESCRIPTION("kpatch test: tasks sleep in the original");
MODULE_LICENSE("GPL");
