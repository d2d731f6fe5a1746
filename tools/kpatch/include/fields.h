/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What patches say of themselves.
 */
#ifndef _KPATCH_FIELDS_H
#define _KPATCH_FIELDS_H

struct names;

const char *fields_expired(const struct names *fields);
void fields_print(const struct names *fields);
void fields_print_fixes(const struct names *fields);

#endif /* _KPATCH_FIELDS_H */
