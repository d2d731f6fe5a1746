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
 * typedef kpatch_cold_fn - called for each part that a compiler split off
 * @data: as given to kpatch_on_each_cold()
 * @addr: start of a function that the part may belong to, 0 if unknown
 * @start: first address of the part
 * @end: first address behind it
 *
 * Return: 0 to go on, an errno to stop.
 */
typedef int (*kpatch_cold_fn)(void *data, unsigned long addr,
			      unsigned long start, unsigned long end);

int kpatch_find_symbol(const char *name, unsigned long sympos,
		       unsigned long *addr);
unsigned long kpatch_symbol_size(unsigned long addr);
unsigned long kpatch_symbol_pos(const char *name, unsigned long addr);
void kpatch_symbol_name(unsigned long addr, char name[KSYM_NAME_LEN]);
int kpatch_on_each_cold(struct module *mod, kpatch_cold_fn fn, void *data);

#endif /* _KPATCH_SYMBOL_H */
