// SPDX-License-Identifier: GPL-2.0-only
/* Included by modules. */
static noinline int print_line(char *buffer, const char *name, int number)
{
	return sysfs_emit(buffer, "%s %d\n", name, number);
}
