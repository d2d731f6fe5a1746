// SPDX-License-Identifier: GPL-2.0-only
/*
 * Fixes the leak of kpatch-sample-target with a shadow variable: it keeps what the
 * structure has no member for, the address of the memory to free.
 *
 *   $ insmod kpatch-sample-target.ko
 *   $ leak() { for i in {1..1000}; do printf %3000d 1 > /proc/kpatch_sample; done
 *              grep SUnreclaim /proc/meminfo; }
 *   $ leak; leak
 *   SUnreclaim:        21640 kB
 *   SUnreclaim:        25736 kB
 *   $ insmod kpatch-sample-shadow.ko
 *   $ leak; leak
 *   SUnreclaim:        25752 kB
 *   SUnreclaim:        25752 kB
 *   $ echo 0 > /sys/kernel/kpatch/kpatch_sample_shadow/enabled
 *   $ rmmod kpatch-sample-shadow kpatch-sample-target
 */
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/kpatch_state.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/string.h>

#define TARGET "kpatch_sample_target"

/* As the target defines it. */
struct greeting {
	/* For the name. */
	struct mutex mutex;
	char *name;
};

/*
 * There is no shadow_dtor: when the patch is disabled, files that are open go on using
 * the memory. They leak it, as they did before the fix.
 */
static struct kpatch_state states[] = {
	{ .objname = TARGET },
};

static ssize_t new_greeting_write(struct file *file, const char __user *buf, size_t len,
				  loff_t *pos)
{
	struct greeting *greeting = file->private_data;
	char *text, **memory;

	if (len >= PAGE_SIZE)
		return -EINVAL;
	text = memdup_user_nul(buf, len);
	if (IS_ERR(text))
		return PTR_ERR(text);
	mutex_lock(&greeting->mutex);
	memory = kpatch_shadow_get_or_alloc(states, greeting, sizeof(*memory), GFP_KERNEL,
					    NULL, NULL);
	if (memory) {
		greeting->name = strim(text);
		swap(*memory, text);
	}
	mutex_unlock(&greeting->mutex);
	/* The memory of the name before, if there was one. */
	kfree(text);
	return memory ? len : -ENOMEM;
}

static void free_memory(void *greeting, void *memory)
{
	kfree(*(char **)memory);
}

/* A file that was written to only before the patch was enabled has no variable. */
static int new_greeting_release(struct inode *inode, struct file *file)
{
	kpatch_shadow_free(states, file->private_data, free_memory);
	kfree(file->private_data);
	return 0;
}

static struct kpatch_func funcs[] = {
	KPATCH_FUNC_NAMED("greeting_write", new_greeting_write, .objname = TARGET),
	KPATCH_FUNC_NAMED("greeting_release", new_greeting_release, .objname = TARGET),
};
module_kpatch(funcs, KPATCH_STATES(states));

MODULE_DESCRIPTION("kpatch sample: fixes a leak");
MODULE_LICENSE("GPL");
