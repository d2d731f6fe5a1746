// SPDX-License-Identifier: GPL-2.0-only
/*
 * Another patch of that kind, which shares the state.
 */
#include "test_kpatch_shadow.c"
