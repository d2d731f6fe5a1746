// SPDX-License-Identifier: GPL-2.0-only
/*
 * Names to addresses and back: the only file that talks to kallsyms. Its
 * iterators may sleep, so nothing here is for use with the machine stopped.
 */
#include "common.h"

#include <linux/module.h>
#include <linux/string.h>

#include "symbol.h"

/*
 * What compilers append to the name of a function, after a dot and often with a
 * number behind it. One function may have several: foo.part.0.isra.0, or
 * foo.constprop.0.cold. Any suffix that is not listed here, as are those of GCC's
 * clones (part, isra, constprop), is taken for that of a clone: the safe side.
 */
static const char * const part_suffixes[] = {
	"cold",		/* unlikely blocks */
	"__part",	/* blocks that clang has moved as a profile says */
};

/* Static functions that link-time optimisation has made global, and aliases. */
static const char * const own_suffixes[] = {
	"llvm", "lto_priv", "localalias", "__uniq",
};

static bool is_one_of(const char *word, size_t len, const char * const *words,
		      unsigned int num)
{
	unsigned int i;

	for (i = 0; i < num; i++) {
		if (!strncmp(words[i], word, len) && !words[i][len])
			return true;
	}
	return false;
}

/* @suffix begins with the dot, and ends with the name. */
static enum kpatch_kind suffix_kind(const char *suffix)
{
	enum kpatch_kind kind = KPATCH_KIND_OWN;
	bool numbered = false;
	size_t len;

	for (; *suffix; suffix += len) {
		len = strcspn(++suffix, ".");
		if (is_one_of(suffix, len, part_suffixes,
			      ARRAY_SIZE(part_suffixes)))
			return KPATCH_KIND_PART;
		if (numbered && len && strspn(suffix, "0123456789") >= len)
			continue;
		numbered = is_one_of(suffix, len, own_suffixes,
				     ARRAY_SIZE(own_suffixes));
		if (!numbered)
			kind = KPATCH_KIND_CLONE;
	}
	return kind;
}

/**
 * kpatch_base_len() - how long a name is without suffixes
 * @name: the name of a symbol
 *
 * Return: the length of "foo" for "foo", "foo.part.0" and the like. A name that
 * begins with a dot is that of a label: it does not begin with a suffix.
 */
size_t kpatch_base_len(const char *name)
{
	return *name ? 1 + strcspn(name + 1, ".$") : 0;
}

/**
 * kpatch_name_kind() - what a function is, as its name says
 * @name: the name of a symbol
 *
 * Return: what all suffixes of the name say together.
 */
enum kpatch_kind kpatch_name_kind(const char *name)
{
	return suffix_kind(name + kpatch_base_len(name));
}

/**
 * struct search - a search for functions of a name and those named after it
 * @len: length of the name
 * @wanted: which one of the functions is wanted, counted from 1; 0 for the last
 * @count: how many were met
 * @addr: address of the one that is wanted
 * @fn: to be called for each one that is named after it
 * @data: its argument
 */
struct search {
	size_t len;
	unsigned long wanted;
	unsigned long count;
	unsigned long addr;
	kpatch_variant_fn fn;
	void *data;
};

static int visit_symbol(void *data, const char *name, unsigned long addr)
{
	struct search *search = data;
	struct kpatch_variant variant;

	if (!name[search->len]) {
		search->count++;
		if (!search->wanted || search->count == search->wanted)
			search->addr = addr;
		return 0;
	}
	/* Static variables of functions have names with suffixes, too. */
	if (!core_kernel_text(addr))
		return 0;
	variant.name = name;
	variant.kind = suffix_kind(name + search->len);
	variant.start = addr;
	variant.end = addr + kpatch_symbol_size(addr);
	return search->fn(search->data, &variant);
}

/**
 * kpatch_find_function() - look up a function of the kernel proper
 * @name: its name
 * @sympos: which one of several, counted from 1; 0 if there must be just one
 * @addr: set to its address on success
 * @fn: called for each function that is named after it, as by
 *	kpatch_on_each_variant(), which comes at no cost
 * @data: passed to @fn
 *
 * Return: 0, -ENOENT if there is no such symbol, -ENOTUNIQ if there are several
 * and @sympos is 0, -EINVAL if there are fewer than @sympos, or what @fn
 * returned to stop.
 */
int kpatch_find_function(const char *name, unsigned long sympos,
			 unsigned long *addr, kpatch_variant_fn fn, void *data)
{
	struct search search = {
		.len = strlen(name),
		.wanted = sympos,
		.fn = fn,
		.data = data,
	};
	int ret;

	ret = kallsyms_on_each_variant(visit_symbol, name, &search);
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
 * kpatch_on_each_variant() - visit the functions that are named after another one
 * @name: a name of that function, which is one of the kernel proper; it need not
 *	exist
 * @fn: called for each function that is named so, with a suffix
 * @data: passed to @fn
 *
 * The part "foo.cold" holds blocks of "foo". It is named after the function's own
 * name even where foo is known by an alias, so all names of a function have to be
 * tried. Of several static functions foo each one may own it. The same holds for
 * clones.
 *
 * Return: 0, or what @fn returned to stop.
 */
int kpatch_on_each_variant(const char *name, kpatch_variant_fn fn, void *data)
{
	struct search search = {
		.len = strlen(name),
		.fn = fn,
		.data = data,
	};

	return kallsyms_on_each_variant(visit_symbol, name, &search);
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
