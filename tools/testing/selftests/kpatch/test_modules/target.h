/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Functions of test_kpatch_target that patches replace.
 */
#ifndef TARGET_H
#define TARGET_H

#define TARGET "test_kpatch_target"

/* The types of functions that only the target defines. */
int target_value(int arg);
int target_wait(int arg);
extern int target_limit;

#endif /* TARGET_H */
