// SPDX-License-Identifier: GPL-2.0-only
/*
 * A module with a bug, for kpatch-sample-shadow to fix. It greets whoever has written a
 * name to its file:
 *
 *   $ insmod kpatch-sample-target.ko
 *   $ exec 3<> /proc/kpatch_sample; echo Ada >&3; cat <&3
 *   Hello Ada!
 *
 * The name begins behind the blanks of what was written, so it may lie in the middle of
 * the memory that was allocated. Nobody knows where that begins, and nobody frees it.
 */
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/proc_fs.h>
#include <linux/slab.h>
#include <linux/string.h>

/* Of an open file. */
struct greeting {
	/* For the name. */
	struct mutex mutex;
	char *name;
};

static int greeting_open(struct inode *inode, struct file *file)
{
	struct greeting *greeting = kzalloc(sizeof(*greeting), GFP_KERNEL);

	if (!greeting)
		return -ENOMEM;
	mutex_init(&greeting->mutex);
	file->private_data = greeting;
	return 0;
}

static ssize_t greeting_write(struct file *file, const char __user *buf, size_t len,
			      loff_t *pos)
{
	struct greeting *greeting = file->private_data;
	char *text;

	if (len >= PAGE_SIZE)
		return -EINVAL;
	text = memdup_user_nul(buf, len);
	if (IS_ERR(text))
		return PTR_ERR(text);
	mutex_lock(&greeting->mutex);
	greeting->name = strim(text);
	mutex_unlock(&greeting->mutex);
	return len;
}

static ssize_t greeting_read(struct file *file, char __user *buf, size_t len,
			     loff_t *pos)
{
	struct greeting *greeting = file->private_data;
	char *text;
	ssize_t ret;

	mutex_lock(&greeting->mutex);
	text = kasprintf(GFP_KERNEL, "Hello %s!\n", greeting->name ?: "world");
	mutex_unlock(&greeting->mutex);
	if (!text)
		return -ENOMEM;
	ret = simple_read_from_buffer(buf, len, pos, text, strlen(text));
	kfree(text);
	return ret;
}

static int greeting_release(struct inode *inode, struct file *file)
{
	kfree(file->private_data);
	return 0;
}

static const struct proc_ops greeting_ops = {
	.proc_open = greeting_open,
	.proc_read = greeting_read,
	.proc_write = greeting_write,
	.proc_release = greeting_release,
};

static int __init greeting_init(void)
{
	return proc_create("kpatch_sample", 0600, NULL, &greeting_ops) ? 0 : -ENOMEM;
}
module_init(greeting_init);

static void __exit greeting_exit(void)
{
	remove_proc_entry("kpatch_sample", NULL);
}
module_exit(greeting_exit);

MODULE_DESCRIPTION("kpatch sample: a module with a leak");
MODULE_LICENSE("GPL");
