// SPDX-License-Identifier: GPL-2.0-only
/*
 * A check in front of a system call that stays as it is otherwise: programs can no longer
 * ask for memory that is executable wherever it is readable.
 *
 *   $ insmod kpatch-sample-syscall.ko
 *   $ setarch --read-implies-exec true
 *   setarch: failed to set personality to linux64: Operation not permitted
 *   $ echo 0 > /sys/kernel/kpatch/kpatch_sample_syscall/enabled
 *   $ setarch --read-implies-exec true
 *   $ rmmod kpatch-sample-syscall
 */
#include <linux/kpatch_syscall.h>
#include <linux/personality.h>

/* Asks for the personality and does not change it. */
#define QUERY	0xffffffff

KPATCH_SYSCALL_ORIGINAL(personality);

KPATCH_SYSCALL_DEFINE1(personality, unsigned int, persona)
{
	if (persona != QUERY && persona & READ_IMPLIES_EXEC)
		return -EPERM;
	return kpatch_call_original_syscall(personality);
}

static struct kpatch_func funcs[] = {
	KPATCH_SYSCALL_WITH_ORIGINAL(personality),
};
module_kpatch(funcs);

MODULE_DESCRIPTION("kpatch sample: a check before a system call");
MODULE_LICENSE("GPL");
