// SPDX-License-Identifier: GPL-2.0-only
/*
 * Symbol names to addresses and back. This is the only file that uses kallsyms,
 * whose iterators may sleep: call nothing in here with the machine stopped.
 *
 * kallsyms finds a name of vmlinux quickly, but searches all symbols of a module. So
 * for modules a table is made that can be searched in the same way.
 */
#include <linux/errno.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/module_symbol.h>
#include <linux/sort.h>
#include <linux/string.h>

#include <asm/sections.h>

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
 * struct kpatch_symtab_entry - a symbol of a module
 * @addr: its address
 * @pos: its position in kallsyms
 * @name: offset of its name
 */
struct kpatch_symtab_entry {
	unsigned long addr;
	unsigned int pos;
	unsigned int name;
};

/**
 * struct loader - fills a table
 * @tab: the table; @nr is the number of symbols so far
 * @room: number of symbols that there is room for
 * @used: bytes of names so far
 * @size: bytes of names that there is room for
 */
struct loader {
	struct kpatch_symtab *tab;
	unsigned int room;
	unsigned int used;
	unsigned int size;
};

static bool is_listed(const struct module *mod, const char *name,
		      unsigned long addr)
{
	/* Section and mapping symbols lie in the middle of functions. */
	return *name && !is_mapping_symbol(name) &&
	       !within_module_init(addr, mod);
}

static int count_symbol(void *data, const char *name, unsigned long addr)
{
	struct loader *loader = data;

	if (!is_listed(loader->tab->mod, name, addr))
		return 0;
	loader->room++;
	loader->size += strlen(name) + 1;
	return 0;
}

static int load_symbol(void *data, const char *name, unsigned long addr)
{
	struct loader *loader = data;
	struct kpatch_symtab *tab = loader->tab;
	unsigned int len = strlen(name) + 1;

	if (!is_listed(tab->mod, name, addr))
		return 0;
	/* Only init symbols vanish, and these were not counted. */
	if (WARN_ON_ONCE(tab->nr == loader->room ||
			 len > loader->size - loader->used))
		return -EINVAL;
	tab->entries[tab->nr] = (struct kpatch_symtab_entry) {
		.addr = addr,
		.pos = tab->nr,
		.name = loader->used,
	};
	memcpy(tab->names + loader->used, name, len);
	loader->used += len;
	tab->nr++;
	return 0;
}

static int cmp_addr(const void *a, const void *b)
{
	const struct kpatch_symtab_entry *x = a, *y = b;

	if (x->addr != y->addr)
		return x->addr < y->addr ? -1 : 1;
	return x->pos < y->pos ? -1 : x->pos > y->pos;
}

/**
 * kpatch_symtab_load() - make a table of the symbols of a module
 * @tab: the table
 * @mod: the module, which does not go meanwhile
 *
 * The table must be freed with kpatch_symtab_free(), whatever this returns.
 *
 * Context: process context, sleeps, takes module_mutex.
 *
 * Return: 0 or -ENOMEM.
 */
int kpatch_symtab_load(struct kpatch_symtab *tab, struct module *mod)
{
	struct loader loader = { .tab = tab };
	int ret;

	memset(tab, 0, sizeof(*tab));
	tab->mod = mod;
	module_kallsyms_on_each_symbol(mod->name, count_symbol, &loader);
	tab->entries = kvmalloc_array(loader.room, sizeof(*tab->entries),
				      GFP_KERNEL);
	tab->names = kvmalloc(loader.size, GFP_KERNEL);
	if (!tab->entries || !tab->names)
		return -ENOMEM;
	ret = module_kallsyms_on_each_symbol(mod->name, load_symbol, &loader);
	sort(tab->entries, tab->nr, sizeof(*tab->entries), cmp_addr, NULL);
	return ret;
}

static const char *name_of(const struct kpatch_symtab *tab, unsigned int i)
{
	return tab->names + tab->entries[i].name;
}

static int cmp_name(const void *a, const void *b, const void *priv)
{
	const struct kpatch_symtab *tab = priv;
	unsigned int i = *(unsigned int *)a, j = *(unsigned int *)b;
	int ret = strcmp(name_of(tab, i), name_of(tab, j));

	return ret ?: (int)tab->entries[i].pos - (int)tab->entries[j].pos;
}

/**
 * kpatch_symtab_index() - prepare a table for searches by name
 * @tab: the table
 *
 * Context: process context, sleeps.
 *
 * Return: 0 or -ENOMEM.
 */
int kpatch_symtab_index(struct kpatch_symtab *tab)
{
	unsigned int i;

	tab->by_name = kvmalloc_array(tab->nr, sizeof(*tab->by_name), GFP_KERNEL);
	if (!tab->by_name)
		return -ENOMEM;
	for (i = 0; i < tab->nr; i++)
		tab->by_name[i] = i;
	sort_r(tab->by_name, tab->nr, sizeof(*tab->by_name), cmp_name, NULL, tab);
	return 0;
}

/**
 * kpatch_symtab_free() - free the memory of a table
 * @tab: the table; nothing is done if it is zeroed
 */
void kpatch_symtab_free(struct kpatch_symtab *tab)
{
	kvfree(tab->entries);
	kvfree(tab->by_name);
	kvfree(tab->names);
	memset(tab, 0, sizeof(*tab));
}

/* Return the index of the first symbol at @addr or behind it. */
static unsigned int first_at(const struct kpatch_symtab *tab, unsigned long addr)
{
	unsigned int mid, low = 0, high = tab->nr;

	while (low < high) {
		mid = low + (high - low) / 2;
		if (tab->entries[mid].addr < addr)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

/* As kallsyms_on_each_variant(), which see. */
static int on_each_variant_of_module(const struct kpatch_symtab *tab,
				     int (*fn)(void *data, const char *name,
					       unsigned long addr),
				     const char *name, void *data)
{
	unsigned int mid, low = 0, high = tab->nr;
	size_t len = strlen(name);
	const char *found;
	int ret = 0;

	while (low < high) {
		mid = low + (high - low) / 2;
		if (strcmp(name, name_of(tab, tab->by_name[mid])) > 0)
			low = mid + 1;
		else
			high = mid;
	}
	for (; !ret && low < tab->nr; low++) {
		found = name_of(tab, tab->by_name[low]);
		if (strncmp(found, name, len) || (unsigned char)found[len] > '.')
			break;
		ret = fn(data, found, tab->entries[tab->by_name[low]].addr);
	}
	return ret;
}

/**
 * struct search - a walk of the symbols with a name, and of its variants
 * @tab: the symbols of a module, %NULL for those of vmlinux
 * @len: length of the name
 * @wanted: position of the wanted symbol among those with the name, counted
 *	from 1; 0 for the last one
 * @count: number of symbols with the name met so far
 * @addr: address of the wanted symbol: set by visit_symbol(), compared by
 *	match_address()
 * @init_addr: address of one in an init section, which does not count; 0 if
 *	there is none
 * @fn: called for each variant
 * @data: passed to @fn
 */
struct search {
	const struct kpatch_symtab *tab;
	size_t len;
	unsigned long wanted;
	unsigned long count;
	unsigned long addr;
	unsigned long init_addr;
	kpatch_variant_fn fn;
	void *data;
};

/**
 * kpatch_is_init() - test whether an address is in an init section of vmlinux
 * @addr: the address
 *
 * Per-CPU variables may lie there, too. Their addresses remain valid.
 *
 * Return: true if it is.
 */
bool kpatch_is_init(unsigned long addr)
{
	return init_section_contains((void *)addr, 1) &&
	       (addr < (unsigned long)__per_cpu_start ||
		addr >= (unsigned long)__per_cpu_end);
}

static bool is_text(const struct kpatch_symtab *tab, unsigned long addr)
{
	return tab ? within_module_mem_type(addr, tab->mod, MOD_TEXT) :
		     core_kernel_text(addr);
}

static int visit_symbol(void *data, const char *name, unsigned long addr)
{
	struct search *search = data;
	struct kpatch_variant variant;

	if (!name[search->len]) {
		if (!search->tab && kpatch_is_init(addr)) {
			search->init_addr = addr;
			return 0;
		}
		search->count++;
		if (!search->wanted || search->count == search->wanted)
			search->addr = addr;
		return 0;
	}
	/* Skip static variables, whose names may have suffixes, too. */
	if (!search->fn || !is_text(search->tab, addr))
		return 0;
	variant.name = name;
	variant.kind = suffix_kind(name + search->len);
	variant.start = addr;
	variant.end = addr + kpatch_symbol_size(search->tab, addr);
	return search->fn(search->data, &variant);
}

static int walk(struct search *search, const char *name)
{
	search->len = strlen(name);
	return search->tab ?
	       on_each_variant_of_module(search->tab, visit_symbol, name, search) :
	       kallsyms_on_each_variant(visit_symbol, name, search);
}

/**
 * kpatch_find_symbol() - look up a function or a variable
 * @tab: the symbols of a module, indexed; %NULL for those of vmlinux
 * @name: its name
 * @sympos: its position among the symbols with this name, counted from 1; 0 if
 *	there must be only one. Symbols in init sections do not count.
 * @addr: set to its address on success; in an init section of vmlinux if there
 *	is no other
 * @fn: called for each variant, as by kpatch_on_each_variant(); the same walk
 *	finds both, so this comes at no extra cost; may be %NULL
 * @data: passed to @fn
 *
 * Return: 0, -ENOENT if there is no such symbol, -ENOTUNIQ if there are several
 * and @sympos is 0, -EINVAL if there are fewer than @sympos, or the value other
 * than 0 that @fn returned to end the walk.
 */
int kpatch_find_symbol(const struct kpatch_symtab *tab, const char *name,
		       unsigned long sympos, unsigned long *addr,
		       kpatch_variant_fn fn, void *data)
{
	struct search search = {
		.tab = tab,
		.wanted = sympos,
		.fn = fn,
		.data = data,
	};
	int ret;

	ret = walk(&search, name);
	if (ret)
		return ret;
	if (!search.count) {
		*addr = search.init_addr;
		return *addr ? 0 : -ENOENT;
	}
	if (!sympos && search.count > 1)
		return -ENOTUNIQ;
	if (search.count < sympos)
		return -EINVAL;
	*addr = search.addr;
	return 0;
}

/**
 * kpatch_on_each_variant() - visit the variants of a function
 * @tab: the symbols of a module, indexed; %NULL for those of vmlinux
 * @name: a name of the function; there need not be a symbol with this name
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
int kpatch_on_each_variant(const struct kpatch_symtab *tab, const char *name,
			   kpatch_variant_fn fn, void *data)
{
	struct search search = { .tab = tab, .fn = fn, .data = data };

	return walk(&search, name);
}

/**
 * kpatch_symtab_on_each_part() - visit parts and clones of any function
 * @tab: the symbols of a module; no index is necessary
 * @fn: called for each function whose name has the suffix of a part or a clone
 * @data: passed to @fn
 *
 * Return: 0, or the value other than 0 that @fn returned to end the walk.
 */
int kpatch_symtab_on_each_part(const struct kpatch_symtab *tab,
			       kpatch_variant_fn fn, void *data)
{
	struct kpatch_variant variant;
	unsigned int i;
	int ret;

	for (i = 0; i < tab->nr; i++) {
		variant.name = name_of(tab, i);
		variant.kind = kpatch_name_kind(variant.name);
		variant.start = tab->entries[i].addr;
		if (variant.kind == KPATCH_KIND_OWN || !is_text(tab, variant.start))
			continue;
		variant.end = variant.start +
			      kpatch_symbol_size(tab, variant.start);
		ret = fn(data, &variant);
		if (ret)
			return ret;
	}
	return 0;
}

/**
 * kpatch_on_each_name() - visit all names of a function
 * @tab: the symbols of a module; %NULL for those of vmlinux
 * @addr: start of the function
 * @fn: called for each name
 * @data: passed to @fn
 *
 * Return: 0, or the value other than 0 that @fn returned to end the walk.
 */
int kpatch_on_each_name(const struct kpatch_symtab *tab, unsigned long addr,
			kpatch_name_fn fn, void *data)
{
	unsigned int i;
	int ret = 0;

	if (!tab)
		return kallsyms_on_each_alias(fn, addr, data);
	for (i = first_at(tab, addr);
	     !ret && i < tab->nr && tab->entries[i].addr == addr; i++)
		ret = fn(data, name_of(tab, i));
	return ret;
}

/* The distance to the next symbol, or to the end of the text. */
static unsigned long size_in_module(const struct kpatch_symtab *tab,
				    unsigned long addr)
{
	const struct module_memory *text = &tab->mod->mem[MOD_TEXT];
	unsigned long end = (unsigned long)text->base + text->size;
	unsigned int i = first_at(tab, addr);

	if (i == tab->nr || tab->entries[i].addr != addr)
		return 0;
	i = first_at(tab, addr + 1);
	if (i < tab->nr)
		end = min(end, tab->entries[i].addr);
	return end - addr;
}

/**
 * kpatch_symbol_size() - get the size of a function
 * @tab: the symbols of a module; %NULL for those of vmlinux
 * @addr: start of the function
 *
 * Return: the distance to the next symbol in bytes, padding included; 0 if no symbol
 * starts at @addr.
 */
unsigned long kpatch_symbol_size(const struct kpatch_symtab *tab,
				 unsigned long addr)
{
	unsigned long size, offset;

	if (tab)
		return size_in_module(tab, addr);
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

	if (kpatch_is_init(addr))
		return 0;
	search->count++;
	return addr == search->addr;
}

/**
 * kpatch_symbol_pos() - get the position of a symbol of vmlinux among its namesakes
 * @name: the name
 * @addr: address of the symbol
 *
 * Return: the position, counted as in kpatch_find_symbol().
 */
unsigned long kpatch_symbol_pos(const char *name, unsigned long addr)
{
	struct search search = { .addr = addr };

	kallsyms_on_each_match_symbol(match_address, name, &search);
	return search.count;
}
