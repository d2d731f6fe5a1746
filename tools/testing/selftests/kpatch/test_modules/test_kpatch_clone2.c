// SPDX-License-Identifier: GPL-2.0-only
/*
 * Another patch like test_kpatch_clone.
 */
#include "test_kpatch_clone.c"
