// SPDX-License-Identifier: GPL-2.0-only
/*
 * Another module with functions of the same names.
 */
#include "target.c"
