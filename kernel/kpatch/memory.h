/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Check that memory is fit to hold a structure of a patch.
 */
#ifndef _KPATCH_MEMORY_H
#define _KPATCH_MEMORY_H

#include "report.h"

enum kpatch_cause kpatch_memory_check(const void *start, size_t size);
enum kpatch_cause kpatch_memory_check_const(const void *start, size_t size);

#endif /* _KPATCH_MEMORY_H */
