/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef OUTSIDE_H
#define OUTSIDE_H

#define OUTSIDE_STEP 1

extern int outside_total;
int outside_add(int step);
int outside_double(int number);

#endif
