/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What assembler code calls, and what is assembler code.
 */
#ifndef _DIRECT_H
#define _DIRECT_H

void direct_count(void);
void direct_trampoline(void);

#endif /* _DIRECT_H */
