// SPDX-License-Identifier: GPL-2.0-only
/*
 * 0fa3ecd87848 ("Fix up non-directory creation in SGID directories"), CVE-2018-13405: in
 * a directory that hands its group on, a user could make an executable that runs with
 * the rights of the group, without being in it.
 */
#include <linux/capability.h>
#include <linux/fs.h>
#include <linux/kpatch.h>
#include <linux/stat.h>

static umode_t new_mode_strip_sgid(struct mnt_idmap *idmap, const struct inode *dir,
				   umode_t mode)
{
#ifndef WITH_BUG
	if (!(mode & S_ISGID) || !(mode & 0010))
		return mode;
	if (S_ISDIR(mode) || !dir || !(dir->i_mode & S_ISGID))
		return mode;
	if (!vfsgid_in_group_p(i_gid_into_vfsgid(idmap, dir)) &&
	    !capable_wrt_inode_uidgid(idmap, dir, CAP_FSETID))
		mode &= ~S_ISGID;
#endif
	return mode;
}

static struct kpatch_func funcs[] = {
	KPATCH_FUNC(mode_strip_sgid, new_mode_strip_sgid),
};
module_kpatch(funcs);

MODULE_DESCRIPTION("kpatch test: files in directories with a set group");
MODULE_LICENSE("GPL");
