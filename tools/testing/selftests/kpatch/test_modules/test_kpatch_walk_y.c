// SPDX-License-Identifier: GPL-2.0-only
/*
 * Another module with functions of the same names.
 */
#include "walk.h"

#define FIRST_FUNC WALK_FUNCS
#include "test_kpatch_walk_x.c"
