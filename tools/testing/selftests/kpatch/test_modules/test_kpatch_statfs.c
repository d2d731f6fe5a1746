// SPDX-License-Identifier: GPL-2.0-only
/*
 * Patches a VFS function that statfs() calls on many file systems: the new one
 * reports a maximum name length of 77.
 */
#include <linux/fs.h>
#include <linux/kpatch.h>
#include <linux/statfs.h>

static int new_simple_statfs(struct dentry *dentry, struct kstatfs *buf)
{
	buf->f_fsid = u64_to_fsid(huge_encode_dev(dentry->d_sb->s_dev));
	buf->f_type = dentry->d_sb->s_magic;
	buf->f_bsize = PAGE_SIZE;
	buf->f_namelen = 77;
	return 0;
}

static struct kpatch_func funcs[] = {
	KPATCH_FUNC(simple_statfs, new_simple_statfs),
};
module_kpatch(funcs);

MODULE_DESCRIPTION("kpatch test: a function of the VFS");
MODULE_LICENSE("GPL");
