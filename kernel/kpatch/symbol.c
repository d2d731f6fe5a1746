// SPDX-License-Identifier: GPL-2.0-only
/*
 * Symbol names to addresses and back. This is the only file that uses kallsyms,
 * whose iterators may sleep: call nothing in here with the machine stopped.
 */
#include <linux/errno.h>
#include <linux/module.h>
#include <linux/string.h>

#include "symbol.h"

/*
 * Suffixes that compilers append to the name of a function, after a dot and
 * often followed by a number. A name may have several: foo.part.0.isra.0, or
 * foo.constprop.0.cold. Any suffix that is not listed below counts as that of a
 * clone, which is the safe assumption. GCC's clones (part, isra, constprop)
 * need no entry for that reason.
 */
static const char * const part_suffixes[] = {
	"cold",		/* unlikely blocks */
	"__part",	/* blocks that clang moved, guided by a profile */
};

/* Static functions that link-time optimisation made global, and aliases. */
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

/* @suffix starts at the first dot or dollar sign; it may be empty. */
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
 * kpatch_base_len() - get the length of a name without its suffixes
 * @name: name of a symbol
 *
 * Return: the length of "foo" for "foo", "foo.part.0" and the like. A dot at
 * the very start, as in the name of a label, begins no suffix.
 */
size_t kpatch_base_len(const char *name)
{
	return *name ? 1 + strcspn(name + 1, ".$") : 0;
}

/**
 * kpatch_name_kind() - tell the kind of a function from its name
 * @name: name of the function
 *
 * Return: the kind that all suffixes together indicate.
 */
enum kpatch_kind kpatch_name_kind(const char *name)
{
	return suffix_kind(name + kpatch_base_len(name));
}

/**
 * struct search - a walk of the symbols with a name, and of its variants
 * @len: length of the name
 * @wanted: position of the wanted symbol among those with the name, counted
 *	from 1; 0 for the last one
 * @count: number of symbols with the name met so far
 * @addr: address of the wanted symbol: set by visit_symbol(), compared by
 *	match_address()
 * @fn: called for each variant
 * @data: passed to @fn
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
	/* Skip static variables, whose names may have suffixes, too. */
	if (!core_kernel_text(addr))
		return 0;
	variant.name = name;
	variant.kind = suffix_kind(name + search->len);
	variant.start = addr;
	variant.end = addr + kpatch_symbol_size(addr);
	return search->fn(search->data, &variant);
}

/**
 * kpatch_find_function() - look up a function of vmlinux
 * @name: its name
 * @sympos: its position among the symbols with this name, counted from 1; 0 if
 *	there must be only one
 * @addr: set to its address on success
 * @fn: called for each variant, as by kpatch_on_each_variant(); the same walk
 *	finds both, so this comes at no extra cost
 * @data: passed to @fn
 *
 * Return: 0, -ENOENT if there is no such symbol, -ENOTUNIQ if there are several
 * and @sympos is 0, -EINVAL if there are fewer than @sympos, or the value other
 * than 0 that @fn returned to end the walk.
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
 * kpatch_on_each_variant() - visit the variants of a function
 * @name: a name of the function, which is one of vmlinux; there need not be a
 *	symbol with this name
 * @fn: called for each function whose name is @name and a suffix
 * @data: passed to @fn
 *
 * Such a variant is "foo.cold", which holds blocks of "foo". It carries the
 * name that the compiler knew the function by, even where the caller knows foo
 * by an alias, so a caller has to try all names of a function. If several
 * static functions are called foo, the variant may belong to any of them. The
 * same holds for clones.
 *
 * Return: 0, or the value other than 0 that @fn returned to end the walk.
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
 * @addr: start of the function, which is one of vmlinux
 * @fn: called for each name
 * @data: passed to @fn
 *
 * Return: 0, or the value other than 0 that @fn returned to end the walk.
 */
int kpatch_on_each_name(unsigned long addr, kpatch_name_fn fn, void *data)
{
	return kallsyms_on_each_alias(fn, addr, data);
}

/**
 * kpatch_symbol_size() - get the distance from a symbol to the next one
 * @addr: start of a symbol of the kernel
 *
 * Return: the size in bytes, padding included; 0 if no symbol starts at @addr.
 */
unsigned long kpatch_symbol_size(unsigned long addr)
{
	unsigned long size, offset;

	if (!kallsyms_lookup_size_offset(addr, &size, &offset) || offset)
		return 0;
	return size;
}

/**
 * kpatch_symbol_name() - get the name of the symbol that contains an address
 * @addr: the address
 * @name: set to the name, or to the address in hexadecimal if no symbol
 *	contains it
 */
void kpatch_symbol_name(unsigned long addr, char name[KSYM_NAME_LEN])
{
	char buf[KSYM_SYMBOL_LEN];

	sprint_symbol_no_offset(buf, addr);
	/* The format is "name" or "name [module]". */
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
 * kpatch_symbol_pos() - get the position of a symbol among those with its name
 * @name: the name
 * @addr: address of the symbol
 *
 * Return: the position, counted as in kpatch_find_function().
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
 * To look up a single address in a module takes as long as this walk.
 *
 * Return: 0, or the value other than 0 that @fn returned to end the walk.
 */
int kpatch_on_each_module_symbol(struct module *mod, kpatch_symbol_fn fn,
				 void *data)
{
	return module_kallsyms_on_each_symbol(mod->name, fn, data);
}
