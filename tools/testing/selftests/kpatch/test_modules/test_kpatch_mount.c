// SPDX-License-Identifier: GPL-2.0-only
/*
 * A kernel thread that mounts a file system of this module, which takes as long as
 * the test wants: the thread sleeps below vfs_kern_mount(). Compilers split that
 * function; then only the split-off part is on the stack of the thread.
 */
#include <linux/completion.h>
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/fs_context.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/mount.h>
#include <linux/sched.h>

static DECLARE_COMPLETION(leave);
static struct task_struct *mounter;

static int set_leave(const char *val, const struct kernel_param *kp)
{
	complete_all(&leave);
	return 0;
}

static const struct kernel_param_ops leave_ops = {
	.set = set_leave,
};

module_param_cb(leave, &leave_ops, NULL, 0200);
MODULE_PARM_DESC(leave, "write anything to end the sleep");

static int sleep_and_fail(struct fs_context *fc)
{
	wait_for_completion(&leave);
	return -ENODEV;
}

static struct file_system_type sleepfs = {
	.owner = THIS_MODULE,
	.name = "kpatch_sleepfs",
	.init_fs_context = sleep_and_fail,
};

static int mount_and_wait(void *unused)
{
	struct vfsmount *mnt = vfs_kern_mount(&sleepfs, 0, "none", NULL);

	WARN_ON_ONCE(!IS_ERR(mnt));
	while (!kthread_should_stop())
		schedule_timeout_idle(HZ / 10);
	return 0;
}

static int __init mount_init(void)
{
	mounter = kthread_run(mount_and_wait, NULL, "kpatch_mount");
	return PTR_ERR_OR_ZERO(mounter);
}
module_init(mount_init);

static void __exit mount_exit(void)
{
	complete_all(&leave);
	kthread_stop(mounter);
}
module_exit(mount_exit);

MODULE_DESCRIPTION("kpatch test: a kernel thread that sleeps in a mount");
MODULE_LICENSE("GPL");
