/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * With this value as both arguments gcd() and lcm() return the same: the value
 * itself when they are unpatched, 1 when they are patched.
 */
#ifndef _PAIR_H
#define _PAIR_H

#define PAIR_MAGIC 0x4b504154UL

#endif /* _PAIR_H */
