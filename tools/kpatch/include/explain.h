/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Explanations of the errors that the kernel returns.
 */
#ifndef _KPATCH_EXPLAIN_H
#define _KPATCH_EXPLAIN_H

/* What was requested from the kernel. */
enum action {
	ACTION_LOAD = 1,
	ACTION_ENABLE = 2,
	ACTION_DISABLE = 4,
	ACTION_REMOVE = 8,
};

void explain_error(enum action action, const char *patch, int err);

#endif /* _KPATCH_EXPLAIN_H */
