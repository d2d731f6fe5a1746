// SPDX-License-Identifier: GPL-2.0-only
/*
 * Names to addresses and back: the only file that talks to kallsyms. Its
 * iterators may sleep, so nothing here is for use with the machine stopped.
 */
#include "common.h"

#include <linux/module.h>
#include <linux/string.h>

#include "symbol.h"

#define PART_SUFFIX	".cold"

/**
 * kpatch_is_part() - is this what a compiler calls a part that it split off?
 * @name: name of a symbol, or the end of one
 *
 * Return: true for "foo.cold", and "foo.cold.1" from older compilers.
 */
bool kpatch_is_part(const char *name)
{
	const char *suffix = strstr(name, PART_SUFFIX);

	if (!suffix)
		return false;
	suffix += strlen(PART_SUFFIX);
	return !*suffix || *suffix == '.';
}

/**
 * struct search - a search for functions of a name and what was split off them
 * @len: length of the name
 * @wanted: which one of the functions is wanted, counted from 1; 0 for the last
 * @count: how many were met
 * @addr: address of the one that is wanted
 * @fn: to be called for each part
 * @data: its argument
 */
struct search {
	size_t len;
	unsigned long wanted;
	unsigned long count;
	unsigned long addr;
	kpatch_part_fn fn;
	void *data;
};

static int visit_variant(void *data, const char *name, unsigned long addr)
{
	struct search *search = data;
	const char *suffix = name + search->len;

	if (!*suffix) {
		search->count++;
		if (!search->wanted || search->count == search->wanted)
			search->addr = addr;
		return 0;
	}
	if (!strstarts(suffix, PART_SUFFIX) || !kpatch_is_part(suffix))
		return 0;
	return search->fn(search->data, addr, addr + kpatch_symbol_size(addr));
}

/**
 * kpatch_find_function() - look up a function of the kernel proper
 * @name: its name
 * @sympos: which one of several, counted from 1; 0 if there must be just one
 * @addr: set to its address on success
 * @fn: called for each part that may have been split off it, as by
 *	kpatch_on_each_part(), which comes at no cost
 * @data: passed to @fn
 *
 * Return: 0, -ENOENT if there is no such symbol, -ENOTUNIQ if there are several
 * and @sympos is 0, -EINVAL if there are fewer than @sympos, or what @fn
 * returned to stop.
 */
int kpatch_find_function(const char *name, unsigned long sympos,
			 unsigned long *addr, kpatch_part_fn fn, void *data)
{
	struct search search = {
		.len = strlen(name),
		.wanted = sympos,
		.fn = fn,
		.data = data,
	};
	int ret;

	ret = kallsyms_on_each_variant(visit_variant, name, &search);
	if (ret)
		return ret;
	if (!search.count)
		return -ENOENT;
	if (!sympos && search.count > 1)
		return -ENOTUNIQ;
	if (search.count < sympos)
		return -EINVAL;
	*addr = search.addr;
	return 0;
}

/**
 * kpatch_on_each_part() - visit the parts that a compiler split off a function
 * @name: a name of the function, which is one of the kernel proper
 * @fn: called for each part
 * @data: passed to @fn
 *
 * The part "foo.cold" holds blocks of "foo". It is named after the function's own
 * name even where foo is known by an alias, so all names of a function have to be
 * tried. Of several static functions foo each one may own it.
 *
 * Return: 0, or what @fn returned to stop.
 */
int kpatch_on_each_part(const char *name, kpatch_part_fn fn, void *data)
{
	struct search search = {
		.len = strlen(name),
		.fn = fn,
		.data = data,
	};

	return kallsyms_on_each_variant(visit_variant, name, &search);
}

/**
 * kpatch_on_each_name() - visit all names of a function
 * @addr: start of the function, which is one of the kernel proper
 * @fn: called for each name
 * @data: passed to @fn
 *
 * Return: 0, or what @fn returned to stop.
 */
int kpatch_on_each_name(unsigned long addr, kpatch_name_fn fn, void *data)
{
	return kallsyms_on_each_alias(fn, addr, data);
}

/**
 * kpatch_symbol_size() - how far it is to the next symbol
 * @addr: start of a symbol of the kernel
 *
 * Return: the size in bytes with padding, 0 if no symbol starts at @addr.
 */
unsigned long kpatch_symbol_size(unsigned long addr)
{
	unsigned long size, offset;

	if (!kallsyms_lookup_size_offset(addr, &size, &offset) || offset)
		return 0;
	return size;
}

/**
 * kpatch_symbol_name() - name the symbol that an address lies in
 * @addr: the address
 * @name: filled in; the address in hexadecimal if no symbol is there
 */
void kpatch_symbol_name(unsigned long addr, char name[KSYM_NAME_LEN])
{
	char buf[KSYM_SYMBOL_LEN];

	sprint_symbol_no_offset(buf, addr);
	/* "name" or "name [module]" */
	strscpy(name, buf, KSYM_NAME_LEN);
	name[strcspn(name, " ")] = '\0';
}

static int match_address(void *data, unsigned long addr)
{
	struct search *search = data;

	search->count++;
	return addr == search->addr;
}

/**
 * kpatch_symbol_pos() - which one of the symbols of a name is at an address
 * @name: the name
 * @addr: the address of one of them
 *
 * Return: its position as kpatch_find_function() counts.
 */
unsigned long kpatch_symbol_pos(const char *name, unsigned long addr)
{
	struct search search = { .addr = addr };

	kallsyms_on_each_match_symbol(match_address, name, &search);
	return search.count;
}

/**
 * kpatch_on_each_module_symbol() - visit all symbols of a module
 * @mod: the module
 * @fn: called for each symbol, text or not
 * @data: passed to @fn
 *
 * To look up one address in a module takes as long as this does.
 *
 * Return: 0, or what @fn returned to stop.
 */
int kpatch_on_each_module_symbol(struct module *mod, kpatch_symbol_fn fn,
				 void *data)
{
	return module_kallsyms_on_each_symbol(mod->name, fn, data);
}
