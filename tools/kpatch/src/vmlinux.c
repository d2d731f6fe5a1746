// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which source files the functions of the running kernel are from. kallsyms does not tell;
 * the symbol table of its vmlinux does: local symbols come behind the symbol of their file.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/elf.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kpatch.h"

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define OWN_ORDER	ELFDATA2LSB
#else
#define OWN_ORDER	ELFDATA2MSB
#endif

/* Where packages of debug symbols, and builds, leave it. */
static const char * const places[] = {
	"/usr/lib/debug/boot/vmlinux-%s",
	"/usr/lib/debug/lib/modules/%s/vmlinux",
	"/lib/modules/%s/build/vmlinux",
};

/* NULL if it is not all in the file. */
static const char *part(const struct vmlinux *vmlinux, uint64_t offset, uint64_t size)
{
	if (offset > vmlinux->size || size > vmlinux->size - offset)
		return NULL;
	return vmlinux->file + offset;
}

/* NULL also if it is not aligned. */
static const void *table(const struct vmlinux *vmlinux, uint64_t offset, uint64_t size)
{
	return offset % sizeof(uint64_t) ? NULL : part(vmlinux, offset, size);
}

static const struct elf64_hdr *header(const struct vmlinux *vmlinux)
{
	const struct elf64_hdr *head = table(vmlinux, 0, sizeof(*head));

	if (!head || memcmp(head->e_ident, ELFMAG, SELFMAG) ||
	    head->e_ident[EI_CLASS] != ELFCLASS64 || head->e_ident[EI_DATA] != OWN_ORDER ||
	    head->e_shentsize != sizeof(struct elf64_shdr))
		return NULL;
	return head;
}

static const struct elf64_shdr *section(const struct vmlinux *vmlinux, unsigned int nr)
{
	const struct elf64_hdr *head = header(vmlinux);

	if (!head || nr >= head->e_shnum)
		return NULL;
	return table(vmlinux, head->e_shoff + nr * sizeof(struct elf64_shdr),
		     sizeof(struct elf64_shdr));
}

/* The strings end with a 0. */
static bool find_symbols(struct vmlinux *vmlinux)
{
	const struct elf64_shdr *symbols, *strings;
	unsigned int i;

	for (i = 0; (symbols = section(vmlinux, i)); i++) {
		if (symbols->sh_type == SHT_SYMTAB)
			break;
	}
	strings = symbols ? section(vmlinux, symbols->sh_link) : NULL;
	if (!strings || !strings->sh_size || symbols->sh_entsize != sizeof(struct elf64_sym))
		return false;
	vmlinux->symbols = table(vmlinux, symbols->sh_offset, symbols->sh_size);
	vmlinux->nr_symbols = symbols->sh_size / sizeof(struct elf64_sym);
	vmlinux->strings = part(vmlinux, strings->sh_offset, strings->sh_size);
	vmlinux->strings_size = strings->sh_size;
	return vmlinux->symbols && vmlinux->strings && !vmlinux->strings[strings->sh_size - 1];
}

static const char *name_of(const struct vmlinux *vmlinux, const struct elf64_sym *symbol)
{
	return symbol->st_name < vmlinux->strings_size ? vmlinux->strings + symbol->st_name : "";
}

static bool find_build_id(const char *pos, const char *end, char *hex, size_t size)
{
	struct note note;

	while (pos && note_next(&pos, end, &note)) {
		if (note_is_build_id(&note, hex, size))
			return true;
	}
	return false;
}

static bool has_build_id(const struct vmlinux *vmlinux, const char *wanted)
{
	const struct elf64_shdr *notes;
	const char *begin;
	unsigned int i;
	char hex[65];

	for (i = 0; (notes = section(vmlinux, i)); i++) {
		if (notes->sh_type != SHT_NOTE)
			continue;
		begin = part(vmlinux, notes->sh_offset, notes->sh_size);
		if (begin && find_build_id(begin, begin + notes->sh_size, hex, sizeof(hex)))
			return !strcmp(hex, wanted);
	}
	return false;
}

/* The symbols of another build would be those of other functions. */
static bool runs(const struct vmlinux *vmlinux)
{
	char path[PATH_MAX], notes[4096], hex[65];
	int len;

	make_path(path, "/sys/kernel/notes");
	len = read_file(path, notes, sizeof(notes));
	return len > 0 && find_build_id(notes, notes + len, hex, sizeof(hex)) &&
	       has_build_id(vmlinux, hex);
}

static int map(const char *path, struct vmlinux *vmlinux)
{
	struct stat st;
	void *file;
	int fd;

	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	file = fstat(fd, &st) ? MAP_FAILED :
		mmap(NULL, st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	close(fd);
	if (file == MAP_FAILED)
		return -ENOEXEC;
	vmlinux->file = file;
	vmlinux->size = st.st_size;
	return header(vmlinux) && find_symbols(vmlinux) ? 0 : -ENOEXEC;
}

void vmlinux_close(struct vmlinux *vmlinux)
{
	if (vmlinux->file)
		munmap((void *)vmlinux->file, vmlinux->size);
	*vmlinux = (struct vmlinux) { 0 };
}

static enum status open_given(const char *path, struct vmlinux *vmlinux)
{
	int ret = map(path, vmlinux);

	if (ret == -ENOEXEC)
		return out_err(WRONG_KERNEL,
			       "'%s' is no vmlinux with symbols; name the file that the build has left",
			       path);
	if (ret)
		return out_err(ret == -ENOENT ? NOT_FOUND : FAILED,
			       "cannot read '%s': %s; see 'ls -l %s'", path, strerror(-ret), path);
	if (runs(vmlinux))
		return OK;
	return out_err(WRONG_KERNEL,
		       "'%s' is not the kernel that runs, as the build IDs tell; name the file of this build",
		       path);
}

/* The file that is given; else the one that is found, if any. To be closed in any case. */
enum status vmlinux_open(const char *given, struct vmlinux *vmlinux)
{
	char path[PATH_MAX];
	size_t i;

	if (given)
		return open_given(given, vmlinux);
	for (i = 0; i < ARRAY_SIZE(places); i++) {
		if (!make_path(path, places[i], running_kernel()) && !map(path, vmlinux) &&
		    runs(vmlinux))
			return OK;
		vmlinux_close(vmlinux);
	}
	return OK;
}

static bool find_text(const struct vmlinux *vmlinux, uint64_t *text)
{
	const struct elf64_sym *symbol = vmlinux->symbols, *end = symbol + vmlinux->nr_symbols;

	for (; symbol < end; symbol++) {
		*text = symbol->st_value;
		if (!strcmp(name_of(vmlinux, symbol), "_text"))
			return true;
	}
	return false;
}

/* Of the function so far behind _text; NULL if it is not known, as for one that is not static. */
const char *vmlinux_source(const struct vmlinux *vmlinux, const char *name, uint64_t offset)
{
	const struct elf64_sym *symbol = vmlinux->symbols, *end = symbol + vmlinux->nr_symbols;
	const char *file = "";
	uint64_t text;

	if (!vmlinux->file || !find_text(vmlinux, &text))
		return NULL;
	for (; symbol < end && ELF_ST_BIND(symbol->st_info) == STB_LOCAL; symbol++) {
		if (ELF_ST_TYPE(symbol->st_info) == STT_FILE)
			file = name_of(vmlinux, symbol);
		else if (symbol->st_value == text + offset &&
			 !strcmp(name_of(vmlinux, symbol), name))
			return *file ? file : NULL;
	}
	return NULL;
}
