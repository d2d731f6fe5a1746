// SPDX-License-Identifier: GPL-2.0-only
/*
 * 485d52768685 ("sys_personality: change sys_personality() to accept "unsigned int"
 * instead of u_long"): if the upper half of the register was not empty, personality()
 * changed the personality and then failed. The fix is the type of the argument.
 */
#include <linux/kpatch_syscall.h>
#include <linux/personality.h>
#include <linux/sched.h>

#ifdef WITH_BUG

KPATCH_SYSCALL_DEFINE1(personality, unsigned long, new)
{
	unsigned long old = current->personality;

	if (new != 0xffffffff) {
		set_personality(new);
		if (current->personality != new)
			return -EINVAL;
	}

	return (long)old;
}

#else

KPATCH_SYSCALL_DEFINE1(personality, unsigned int, new)
{
	unsigned int old = current->personality;

	if (new != 0xffffffff) {
		set_personality(new);
		if (current->personality != new)
			return -EINVAL;
	}

	return old;
}

#endif

static struct kpatch_func funcs[] = {
	KPATCH_SYSCALL(personality),
};
module_kpatch(funcs);

MODULE_DESCRIPTION("kpatch test: personality() with a long argument");
MODULE_LICENSE("GPL");
