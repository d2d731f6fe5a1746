// SPDX-License-Identifier: GPL-2.0-only
/*
 * The same with other results.
 */
#define BASE 200

#include "test_kpatch_module.c"
