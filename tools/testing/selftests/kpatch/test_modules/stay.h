/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Arguments of lcm() that no other caller passes: a patched lcm() keeps the thread
 * of test_kpatch_caller inside for as long as the test wants.
 */
#ifndef _STAY_H
#define _STAY_H

#define STAY_MAGIC 0x53544159UL

#endif /* _STAY_H */
