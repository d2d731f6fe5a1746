/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the modules of the random walk and the program that walks agree on.
 *
 * Each of the two targets has WALK_FUNCS functions, and vmlinux and the targets have
 * WALK_STATES states each. Both are numbered on from one object to the next one.
 */
#ifndef WALK_H
#define WALK_H

#define WALK_TARGET_X	"test_kpatch_walk_x"
#define WALK_TARGET_Y	"test_kpatch_walk_y"
#define WALK_TARGETS	2
#define WALK_FUNCS	3
#define WALK_STATES	2
#define WALK_NR_FUNCS	(WALK_TARGETS * WALK_FUNCS)
#define WALK_NR_STATES	((WALK_TARGETS + 1) * WALK_STATES)

/* The two functions of one number in both targets have one name. */
#define WALK_FUNC_NAME	"walk_func"

/* What a function returns: which one it is, and the serial number of its patch or 0. */
#define WALK_VALUE(_serial, _func)	((_serial) * 10 + (_func))

/* Callbacks that refuse, see the parameter "refuse" of a patch; with -ENOSPC. */
#define WALK_REFUSE_SETUP	1
#define WALK_REFUSE_ENTER	2
#define WALK_REFUSE_LEAVE	4
#define WALK_REFUSE_STOPPING	8

#ifdef __KERNEL__
__printf(1, 2) void walk_log(const char *format, ...);
#endif

#endif /* WALK_H */
