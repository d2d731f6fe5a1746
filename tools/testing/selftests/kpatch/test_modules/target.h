/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Functions of test_kpatch_target and test_kpatch_target2 that patches replace.
 */
#ifndef TARGET_H
#define TARGET_H

#define TARGET	"test_kpatch_target"
#define TARGET2	"test_kpatch_target2"

/* The types of functions that only the targets define. */
int target_value(int arg);
int target_wait(int arg);
int target_hold(int arg);
int target_cold(int arg);
int target_split(int arg);
int target_helper(int arg);
extern int target_limit;

/* In target_twin.c. */
int target_other_twin(int arg);
int target_one_name(int arg);
int target_other_name(int arg);

#endif /* TARGET_H */
