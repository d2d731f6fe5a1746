/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Names to addresses and back.
 */
#ifndef _KPATCH_SYMBOL_H
#define _KPATCH_SYMBOL_H

#include <linux/kallsyms.h>
#include <linux/types.h>

struct module;

/**
 * typedef kpatch_name_fn - called for each name of a function
 * @data: as given to kpatch_on_each_name()
 * @name: the name
 *
 * Return: 0 to go on, an errno to stop.
 */
typedef int (*kpatch_name_fn)(void *data, const char *name);

/**
 * typedef kpatch_part_fn - called for each part that was split off a function
 * @data: as given to kpatch_on_each_part()
 * @start: first address of the part
 * @end: first address behind it
 *
 * Return: 0 to go on, an errno to stop.
 */
typedef int (*kpatch_part_fn)(void *data, unsigned long start,
			      unsigned long end);

/**
 * typedef kpatch_symbol_fn - called for each symbol of a module
 * @data: as given to kpatch_on_each_module_symbol()
 * @name: its name
 * @addr: its address
 *
 * Return: 0 to go on, an errno to stop.
 */
typedef int (*kpatch_symbol_fn)(void *data, const char *name,
				unsigned long addr);

int kpatch_find_function(const char *name, unsigned long sympos,
			 unsigned long *addr, kpatch_part_fn fn, void *data);
int kpatch_on_each_part(const char *name, kpatch_part_fn fn, void *data);
int kpatch_on_each_name(unsigned long addr, kpatch_name_fn fn, void *data);
unsigned long kpatch_symbol_size(unsigned long addr);
unsigned long kpatch_symbol_pos(const char *name, unsigned long addr);
void kpatch_symbol_name(unsigned long addr, char name[KSYM_NAME_LEN]);
bool kpatch_is_part(const char *name);
int kpatch_on_each_module_symbol(struct module *mod, kpatch_symbol_fn fn,
				 void *data);

#endif /* _KPATCH_SYMBOL_H */
