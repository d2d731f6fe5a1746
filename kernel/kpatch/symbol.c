// SPDX-License-Identifier: GPL-2.0-only
/*
 * Names to addresses and back: the only file that talks to kallsyms. Its
 * iterators may sleep, so nothing here is for use with the machine stopped.
 */
#include "common.h"

#include <linux/string.h>

#include "symbol.h"

/**
 * struct match - a search for one of the symbols of a name
 * @addr: address of the one that is wanted, or of the last one
 * @count: how many were met
 * @wanted: which one is wanted, counted from 1; 0 for all
 */
struct match {
	unsigned long addr;
	unsigned long count;
	unsigned long wanted;
};

static int match_symbol(void *data, unsigned long addr)
{
	struct match *match = data;

	match->addr = addr;
	match->count++;
	return match->count == match->wanted;
}

/**
 * kpatch_find_symbol() - look up a symbol of the kernel proper
 * @name: its name
 * @sympos: which one of several, counted from 1; 0 if there must be just one
 * @addr: set to its address on success
 *
 * Return: 0, -ENOENT if there is no such symbol, -ENOTUNIQ if there are several
 * and @sympos is 0, -EINVAL if there are fewer than @sympos.
 */
int kpatch_find_symbol(const char *name, unsigned long sympos,
		       unsigned long *addr)
{
	struct match match = { .wanted = sympos };

	kallsyms_on_each_match_symbol(match_symbol, name, &match);
	if (!match.count)
		return -ENOENT;
	if (!sympos && match.count > 1)
		return -ENOTUNIQ;
	if (match.count < sympos)
		return -EINVAL;
	*addr = match.addr;
	return 0;
}

/**
 * kpatch_symbol_size() - how far it is to the next symbol
 * @addr: start of a symbol of the kernel or of a module
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
	struct match *match = data;

	match->count++;
	return addr == match->addr;
}

/**
 * kpatch_symbol_pos() - which one of the symbols of a name is at an address
 * @name: the name
 * @addr: the address of one of them
 *
 * Return: its position as kpatch_find_symbol() counts.
 */
unsigned long kpatch_symbol_pos(const char *name, unsigned long addr)
{
	struct match match = { .addr = addr };

	kallsyms_on_each_match_symbol(match_address, name, &match);
	return match.count;
}

/**
 * struct cold_walk - a walk over the symbols of the kernel or of a module
 * @fn: to be called for each split-off part
 * @data: its argument
 * @in_module: the walk is over a module
 * @start: of the part that is being looked at
 * @end: of the part that is being looked at
 */
struct cold_walk {
	kpatch_cold_fn fn;
	void *data;
	bool in_module;
	unsigned long start;
	unsigned long end;
};

static int visit_parent(void *data, unsigned long addr)
{
	struct cold_walk *walk = data;

	return walk->fn(walk->data, addr, walk->start, walk->end);
}

/*
 * The part "foo.cold", or "foo.cold.1" from older compilers, holds blocks of
 * "foo". It is named after the function's own name even where foo is known
 * by an alias, so go from the part to the address of its function and not the
 * other way round. Of several static functions foo each one may own it.
 */
static int visit_symbol(void *data, const char *name, unsigned long addr)
{
	struct cold_walk *walk = data;
	char parent[KSYM_NAME_LEN];
	const char *suffix;

	suffix = strstr(name, ".cold");
	if (!suffix || (suffix[5] && suffix[5] != '.'))
		return 0;
	walk->start = addr;
	walk->end = addr + kpatch_symbol_size(addr);
	if (walk->in_module)
		return visit_parent(walk, 0);
	if (suffix - name >= sizeof(parent))
		return -ENAMETOOLONG;
	memcpy(parent, name, suffix - name);
	parent[suffix - name] = '\0';
	return kallsyms_on_each_match_symbol(visit_parent, parent, walk);
}

/**
 * kpatch_on_each_cold() - visit the parts that a compiler split off functions
 * @mod: the module to look at, %NULL for the kernel proper
 * @fn: called for each part and each function that it may belong to; in a
 *	module that may be any function
 * @data: passed to @fn
 *
 * Return: 0, or what @fn returned to stop the walk.
 */
int kpatch_on_each_cold(struct module *mod, kpatch_cold_fn fn, void *data)
{
	struct cold_walk walk = {
		.fn = fn,
		.data = data,
		.in_module = mod,
	};

	if (mod)
		return module_kallsyms_on_each_symbol(mod->name, visit_symbol,
						      &walk);
	return kallsyms_on_each_symbol(visit_symbol, &walk);
}
