/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A function that assembler code calls, and one written in assembler.
 */
#ifndef _DIRECT_H
#define _DIRECT_H

void direct_count(void);
void direct_trampoline(void);

#endif /* _DIRECT_H */
