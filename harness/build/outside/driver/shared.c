// SPDX-License-Identifier: GPL-2.0-only
#include <outside.h>

int outside_double(int number)
{
	return 2 * number;
}
