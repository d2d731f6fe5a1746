// SPDX-License-Identifier: GPL-2.0-only
/*
 * Debugging knobs for the tests, in /sys/kernel/debug/kpatch:
 *
 *   prescan		with N, tasks are not prescanned before the machine is stopped
 *   commit_delay_us	delay before the commit, in microseconds
 *   handler_delay_us	delay in the handler after it has set the new address
 */
#include <linux/debugfs.h>
#include <linux/init.h>
#include <linux/processor.h>
#include <linux/timekeeping.h>

#include "debug.h"

bool kpatch_debug_prescan_on = true;
u32 kpatch_debug_commit_delay_us;
u32 kpatch_debug_handler_delay_us;

/**
 * kpatch_debug_spin() - busy-wait
 * @us: for how long, in microseconds
 *
 * Context: any, the handler included.
 */
void notrace kpatch_debug_spin(u32 us)
{
	u64 end = ktime_get_mono_fast_ns() + us * (u64)NSEC_PER_USEC;

	while (ktime_get_mono_fast_ns() < end)
		cpu_relax();
}

static int __init kpatch_debug_init(void)
{
	struct dentry *dir = debugfs_create_dir("kpatch", NULL);

	debugfs_create_bool("prescan", 0600, dir, &kpatch_debug_prescan_on);
	debugfs_create_u32("commit_delay_us", 0600, dir,
			   &kpatch_debug_commit_delay_us);
	debugfs_create_u32("handler_delay_us", 0600, dir,
			   &kpatch_debug_handler_delay_us);
	return 0;
}
late_initcall(kpatch_debug_init);
