// SPDX-License-Identifier: GPL-2.0-only
/*
 * Another patch of that kind.
 */
#include "test_kpatch_state.c"
