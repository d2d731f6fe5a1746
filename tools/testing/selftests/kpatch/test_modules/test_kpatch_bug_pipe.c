// SPDX-License-Identifier: GPL-2.0-only
/*
 * Brings back the bug that test_kpatch_fix_pipe fixes.
 */
#define WITH_BUG
#include "test_kpatch_fix_pipe.c"
