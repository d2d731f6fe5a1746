// SPDX-License-Identifier: GPL-2.0-only
/*
 * The same with a function of vmlinux.
 */
#define WITH_VMLINUX

#include "test_kpatch_edge.c"
