/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A question to lcm() that nobody else asks: a patched one keeps the thread of
 * test_kpatch_caller for as long as the test likes.
 */
#ifndef _STAY_H
#define _STAY_H

#define STAY_MAGIC 0x53544159UL

#endif /* _STAY_H */
