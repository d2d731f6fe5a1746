/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A question to both gcd() and lcm() that the two answer alike: with itself
 * when they are as they should be, with 1 when they are patched.
 */
#ifndef _PAIR_H
#define _PAIR_H

#define PAIR_MAGIC 0x4b504154UL

#endif /* _PAIR_H */
