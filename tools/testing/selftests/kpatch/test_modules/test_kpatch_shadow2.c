// SPDX-License-Identifier: GPL-2.0-only
/*
 * Another patch that shares the state, and none of the functions: the older one can be
 * disabled first.
 */
#define LOOK_ONLY

#include "test_kpatch_shadow.c"
