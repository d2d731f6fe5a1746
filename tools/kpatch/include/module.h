/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Modules: finding, inserting and removing them.
 */
#ifndef _KPATCH_MODULE_H
#define _KPATCH_MODULE_H

#include <stdbool.h>

struct names;

int module_name(const char *arg, char *name);
bool module_names(char **args, int nr, struct names *names);
bool module_fields(const char *path, struct names *fields);
bool module_found(const char *arg);
int module_insert(const char *arg);
int module_remove(const char *name);

#endif /* _KPATCH_MODULE_H */
