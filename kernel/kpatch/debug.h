/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Debugging knobs for the tests, in /sys/kernel/debug/kpatch.
 */
#ifndef _KPATCH_DEBUG_H
#define _KPATCH_DEBUG_H

#include <linux/compiler.h>
#include <linux/types.h>

#ifdef CONFIG_KPATCH_DEBUG

extern bool kpatch_debug_prescan_on;
extern u32 kpatch_debug_commit_delay_us;
extern u32 kpatch_debug_handler_delay_us;

void kpatch_debug_spin(u32 us);

/* Test whether tasks are to be prescanned before the machine is stopped. */
static inline bool kpatch_debug_prescan(void)
{
	return READ_ONCE(kpatch_debug_prescan_on);
}

/* Give NMIs time to arrive while the transaction is open. */
static inline void kpatch_debug_commit_delay(void)
{
	kpatch_debug_spin(READ_ONCE(kpatch_debug_commit_delay_us));
}

/* Make preemption likely right after the handler has set the new address. */
static __always_inline void kpatch_debug_handler_delay(void)
{
	if (unlikely(READ_ONCE(kpatch_debug_handler_delay_us)))
		kpatch_debug_spin(READ_ONCE(kpatch_debug_handler_delay_us));
}

#else /* CONFIG_KPATCH_DEBUG */

static inline bool kpatch_debug_prescan(void)
{
	return true;
}

static inline void kpatch_debug_commit_delay(void) { }
static __always_inline void kpatch_debug_handler_delay(void) { }

#endif /* CONFIG_KPATCH_DEBUG */

#endif /* _KPATCH_DEBUG_H */
