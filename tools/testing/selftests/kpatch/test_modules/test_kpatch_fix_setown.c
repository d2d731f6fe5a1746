// SPDX-License-Identifier: GPL-2.0-only
/*
 * f73127356f34 ("fs/fcntl: return -ESRCH in f_setown when pid/pgid can't be found"):
 * fcntl(F_SETOWN) succeeded for a process that does not exist, and signals went to
 * nobody.
 */
#include <linux/fs.h>
#include <linux/kpatch.h>
#include <linux/limits.h>
#include <linux/pid.h>
#include <linux/rcupdate.h>

static int (*allocate_owner)(struct file *file);

static int new_f_setown(struct file *filp, int who, int force)
{
	enum pid_type type = PIDTYPE_TGID;
	struct pid *pid = NULL;
	int ret;

	if (who < 0) {
		/* It has no counterpart. */
		if (who == INT_MIN)
			return -EINVAL;
		type = PIDTYPE_PGID;
		who = -who;
	}
	ret = allocate_owner(filp);
	if (ret)
		return ret;

	rcu_read_lock();
	if (who)
		pid = find_vpid(who);
#ifndef WITH_BUG
	if (who && !pid)
		ret = -ESRCH;
#endif
	if (!ret)
		__f_setown(filp, pid, type, force);
	rcu_read_unlock();
	return ret;
}

static struct kpatch_func funcs[] = {
	KPATCH_FUNC(f_setown, new_f_setown),
};

static const struct kpatch_symbol symbols[] = {
	KPATCH_SYMBOL(file_f_owner_allocate, allocate_owner),
};
module_kpatch(funcs, KPATCH_SYMBOLS(symbols));

MODULE_DESCRIPTION("kpatch test: the owner of a file");
MODULE_LICENSE("GPL");
