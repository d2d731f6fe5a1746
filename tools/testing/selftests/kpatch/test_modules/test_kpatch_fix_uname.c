// SPDX-License-Identifier: GPL-2.0-only
/*
 * 39afb5ee4640 ("kernel/sys.c: fix UNAME26 for 4.0"): under personality UNAME26,
 * uname() gave Linux 4.x and later the numbers of Linux 3.x. Three system calls call
 * the function.
 */
#include <linux/ctype.h>
#include <linux/kernel.h>
#include <linux/kpatch.h>
#include <linux/personality.h>
#include <linux/sched.h>
#include <linux/uaccess.h>
#include <linux/version.h>
#include <generated/utsrelease.h>

#ifdef WITH_BUG
#define OFFSET 40
#else
#define OFFSET 60
#endif

static int new_override_release(char __user *release, size_t len)
{
	int ret = 0;

	if (current->personality & UNAME26) {
		const char *rest = UTS_RELEASE;
		char buf[65] = { 0 };
		int ndots = 0;
		unsigned int v;
		size_t copy;

		while (*rest) {
			if (*rest == '.' && ++ndots >= 3)
				break;
			if (!isdigit(*rest) && *rest != '.')
				break;
			rest++;
		}
		v = LINUX_VERSION_PATCHLEVEL + OFFSET;
		copy = clamp_t(size_t, len, 1, sizeof(buf));
		copy = scnprintf(buf, copy, "2.6.%u%s", v, rest);
		ret = copy_to_user(release, buf, copy + 1);
	}
	return ret;
}

static struct kpatch_func funcs[] = {
	KPATCH_FUNC_NAMED("override_release", new_override_release),
};
module_kpatch(funcs);

MODULE_DESCRIPTION("kpatch test: uname() for old programs");
MODULE_LICENSE("GPL");
