// SPDX-License-Identifier: GPL-2.0-only
/*
 * A bounds check in front of a function that stays as it is otherwise: no more than
 * one gigabyte can be allocated at once.
 *
 *   $ insmod kpatch-sample-original.ko
 *   $ fallocate -l 1048576 /tmp/file
 *   $ fallocate -l 2147483648 /tmp/file
 *   fallocate: fallocate '/tmp/file': File too large
 *   $ echo 0 > /sys/kernel/kpatch/kpatch_sample_original/enabled
 *   $ fallocate -l 2147483648 /tmp/file
 *   $ rmmod kpatch-sample-original
 */
#include <linux/fs.h>
#include <linux/kpatch.h>
#include <linux/sizes.h>

KPATCH_ORIGINAL(original_vfs_fallocate, vfs_fallocate);

static int new_vfs_fallocate(struct file *file, int mode, loff_t offset,
			     loff_t len)
{
	if (len > SZ_1G)
		return -EFBIG;
	return kpatch_call_original(original_vfs_fallocate, file, mode,
				    offset, len);
}

static struct kpatch_func funcs[] = {
	KPATCH_FUNC(vfs_fallocate, new_vfs_fallocate,
		    .original = original_vfs_fallocate),
};
module_kpatch(funcs);

MODULE_DESCRIPTION("kpatch sample: a bounds check before the original function");
MODULE_LICENSE("GPL");
