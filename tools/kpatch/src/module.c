// SPDX-License-Identifier: GPL-2.0-only
/*
 * Module files: what they say before they are inserted. The only file that uses libkmod.
 *
 * A module is named by its file; or by a name, which is looked for among the installed
 * patches of the running kernel, then in /lib/modules.
 */
#include <errno.h>
#include <fcntl.h>
#include <libkmod.h>
#include <linux/elf.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <syslog.h>
#include <unistd.h>

#include "kpatch.h"

/* A module, and what libkmod needs around it. */
struct handle {
	struct kmod_ctx *ctx;
	struct kmod_module *mod;
};

const char *running_kernel(void)
{
	static struct utsname kernel;

	return uname(&kernel) ? "" : kernel.release;
}

static void put_handle(struct handle *handle)
{
	kmod_module_unref(handle->mod);
	kmod_unref(handle->ctx);
}

/* Returns 0, or an errno with nothing left to release. */
static int get_handle(struct handle *handle, const char *arg, bool by_path)
{
	int ret;

	handle->mod = NULL;
	handle->ctx = kmod_new(NULL, NULL);
	if (!handle->ctx)
		return -ENOMEM;
	/* We print the error ourselves, once. */
	kmod_set_log_priority(handle->ctx, LOG_CRIT);
	if (by_path)
		ret = kmod_module_new_from_path(handle->ctx, arg, &handle->mod);
	else
		ret = kmod_module_new_from_name(handle->ctx, arg, &handle->mod);
	if (ret < 0)
		put_handle(handle);
	return ret < 0 ? ret : 0;
}

static void read_field(struct module *module, const char *key, const char *value)
{
	char field[1024];

	if (!strcmp(key, "kpatch")) {
		module->is_patch = true;
	} else if (!strncmp(key, "kpatch_", strlen("kpatch_"))) {
		snprintf(field, sizeof(field), "%s=%s", key + strlen("kpatch_"), value);
		names_add(&module->fields, field);
	} else if (!strcmp(key, "name")) {
		arg_to_name(value, module->name);
	} else if (!strcmp(key, "vermagic")) {
		snprintf(module->kernel, sizeof(module->kernel), "%.*s",
			 (int)strcspn(value, " "), value);
	} else if (!strcmp(key, "parmtype")) {
		module->has_enable |= !strncmp(value, "enable:", strlen("enable:"));
		module->has_replace |= !strncmp(value, "replace:", strlen("replace:"));
	}
}

/* Read the modinfo of a file. The name in it is valid even if the file was renamed. */
static bool read_modinfo(struct module *module)
{
	struct kmod_list *info = NULL;
	const struct kmod_list *entry;
	struct handle handle;
	bool found;

	if (get_handle(&handle, module->path, true))
		return false;
	found = kmod_module_get_info(handle.mod, &info) >= 0;
	kmod_list_foreach(entry, info)
		read_field(module, kmod_module_info_get_key(entry),
			   kmod_module_info_get_value(entry));
	kmod_module_info_free_list(info);
	put_handle(&handle);
	names_sort(&module->fields);
	return found;
}

/* Look for the build ID in the notes of an ELF file of @size bytes. */
static void find_build_id(struct module *module, const char *file, size_t size)
{
	const struct elf64_hdr *head = (const void *)file;
	const struct elf64_shdr *section;
	const char *pos, *end;
	struct note note;
	unsigned int i;

	if (size < sizeof(*head) || memcmp(file, ELFMAG, SELFMAG) ||
	    file[EI_CLASS] != ELFCLASS64 || head->e_shentsize != sizeof(*section) ||
	    head->e_shoff % 8 || head->e_shoff > size ||
	    head->e_shnum > (size - head->e_shoff) / sizeof(*section))
		return;
	section = (const void *)(file + head->e_shoff);
	for (i = 0; i < head->e_shnum; i++, section++) {
		if (section->sh_type != SHT_NOTE || section->sh_offset > size ||
		    section->sh_size > size - section->sh_offset)
			continue;
		pos = file + section->sh_offset;
		end = pos + section->sh_size;
		while (note_next(&pos, end, &note)) {
			if (note_is_build_id(&note, module->build_id,
					     sizeof(module->build_id)))
				return;
		}
	}
}

/* It stays unknown for a compressed file. */
static void read_build_id(struct module *module)
{
	struct stat st;
	void *file;
	int fd;

	fd = open(module->path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	if (!fstat(fd, &st) && st.st_size > 0) {
		file = mmap(NULL, st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
		if (file != MAP_FAILED) {
			find_build_id(module, file, st.st_size);
			munmap(file, st.st_size);
		}
	}
	close(fd);
}

/* The name of a module as the kernel spells it; the file need not exist. */
enum status module_name(const char *arg, char *name)
{
	struct module module = { 0 };
	bool valid;

	valid = is_path(arg) && module_read(arg, &module) && *module.name;
	if (valid)
		arg_to_name(module.name, name);
	else
		valid = arg_to_name(arg, name);
	module_put(&module);
	return valid ? OK : out_err(NOT_FOUND,
				    "'%s' is not the name of a module; see 'kpatch list'",
				    arg);
}

/* The names of several modules, without duplicates. */
enum status module_names(char **args, int nr, struct names *names)
{
	char name[NAME_LEN];
	enum status status;
	int i;

	for (i = 0; i < nr; i++) {
		status = module_name(args[i], name);
		if (status)
			return status;
		names_add(names, name);
	}
	return OK;
}

/* Where a patch is installed; the directory without @file. */
void module_installed_path(char *path, const char *kernel, const char *file)
{
	if (make_path(path, INSTALLED "/%s%s%s", kernel, *file ? "/" : "", file))
		*path = '\0';
}

/* Is there a patch of that name or file name among the installed ones? Sets @path. */
bool module_find_installed(const char *arg, char *path)
{
	static const char * const suffix[] = { "", ".ko", ".ko.gz", ".ko.xz", ".ko.zst" };
	char file[NAME_LEN + 8];
	unsigned int i, dashes;
	char *c;

	for (i = 0; i < 2 * ARRAY_SIZE(suffix); i++) {
		dashes = i % 2;
		if (snprintf(file, NAME_LEN, "%s", arg) >= NAME_LEN)
			break;
		for (c = file; dashes && *c; c++)
			*c = *c == '_' ? '-' : *c;
		strcat(file, suffix[i / 2]);
		module_installed_path(path, running_kernel(), file);
		if (!access(path, F_OK))
			return true;
	}
	*path = '\0';
	return false;
}

/*
 * Find the file of a name in /lib/modules. What modprobe would run in its place is not
 * the patch that the user asks for.
 */
static enum status find_by_name(const char *arg, struct module *module)
{
	const char *path, *instead;
	struct handle handle;
	enum status status = OK;

	if (get_handle(&handle, arg, false))
		return out_err(NOT_FOUND,
			       "'%s' is not the name of a module; give a path such as ./%s.ko",
			       arg, arg);
	module->by_name = true;
	path = kmod_module_get_path(handle.mod);
	instead = kmod_module_get_install_commands(handle.mod);
	if (path)
		snprintf(module->path, sizeof(module->path), "%s", path);
	if (instead && *instead)
		status = out_err(REFUSED,
				 "cannot load '%s': modprobe.d has 'install %s %s', which runs instead; remove that line, or give the module's file",
				 arg, arg, instead);
	else if (!path)
		status = out_err(NOT_FOUND,
				 "no module '%s' in /lib/modules/%s; run depmod if it is new, or give a path such as ./%s.ko",
				 arg, running_kernel(), arg);
	put_handle(&handle);
	return status;
}

static enum status find_file(const char *arg, struct module *module)
{
	struct stat st;

	if (strchr(arg, '/') || (is_path(arg) && !access(arg, F_OK)) ||
	    !module_find_installed(arg, module->path))
		snprintf(module->path, sizeof(module->path), "%s", arg);
	if (!is_path(arg) && !strcmp(module->path, arg))
		return find_by_name(arg, module);
	if (stat(module->path, &st) || access(module->path, R_OK))
		return out_err(errno == EACCES ? NO_RIGHTS : NOT_FOUND,
			       "cannot read '%s': %s; give the file of a patch module",
			       module->path, strerror(errno));
	if (!S_ISREG(st.st_mode) || !st.st_size)
		return out_err(REFUSED,
			       "'%s' is %s, not a module for this kernel; give the file of a patch module",
			       arg, S_ISDIR(st.st_mode) ? "a directory" :
			       S_ISREG(st.st_mode) ? "empty" : "not a regular file");
	return OK;
}

/**
 * module_look() - find a module and read what it says, before anything of it runs
 * @arg: its file or name
 * @module: filled in; the caller calls module_put() in any case
 *
 * Return: %OK if it is a patch for the running kernel; else a line says what it is.
 */
enum status module_look(const char *arg, struct module *module)
{
	enum status status;

	/* What runs under that name is what is asked for, unless there is a file to compare. */
	if (!is_path(arg) && arg_to_name(arg, module->name) && sysfs_has(module->name) &&
	    !module_find_installed(arg, module->path))
		return OK;
	status = find_file(arg, module);
	if (status)
		return status;
	if (!read_modinfo(module))
		return out_err(REFUSED,
			       "'%s' is not a module for this kernel, or compressed in a way that libkmod cannot read; build the patch again, or decompress it",
			       arg);
	if (!*module->name && !arg_to_name(module->path, module->name))
		return out_err(NOT_FOUND, "'%s' is not the name of a module; rename it", arg);
	if (!module->is_patch)
		return out_err(REFUSED,
			       "'%s' is a module, but not a patch, and was not loaded; use modprobe or insmod for it",
			       arg);
	if (*module->kernel && strcmp(module->kernel, running_kernel()))
		return out_err(WRONG_KERNEL,
			       "'%s' was built for Linux %s, and this is %s; build the patch for this kernel",
			       arg, module->kernel, running_kernel());
	read_build_id(module);
	return OK;
}

/* Read a file, whatever it is for. Returns false if it is no module. */
bool module_read(const char *path, struct module *module)
{
	struct stat st;

	/* Of a device libkmod might never see the end. */
	if (stat(path, &st) || !S_ISREG(st.st_mode) || !st.st_size)
		return false;
	snprintf(module->path, sizeof(module->path), "%s", path);
	if (!read_modinfo(module))
		return false;
	if (!*module->name)
		arg_to_name(path, module->name);
	read_build_id(module);
	return true;
}

void module_put(struct module *module)
{
	names_free(&module->fields);
}

/*
 * Insert a module; one that was found by its name with its dependencies. Returns 0 or the
 * kernel's errno; -EEXIST if a module of that name is there.
 */
int module_insert(const struct module *module, const char *parameters)
{
	struct handle handle;
	int ret;

	ret = get_handle(&handle, module->by_name ? module->name : module->path,
			 !module->by_name);
	if (ret)
		return ret;
	if (module->by_name)
		ret = kmod_module_probe_insert_module(handle.mod, KMOD_PROBE_FAIL_ON_LOADED,
						      parameters, NULL, NULL, NULL);
	else
		ret = kmod_module_insert_module(handle.mod, 0, parameters);
	put_handle(&handle);
	return ret;
}

/* Remove a module unless it is in use. Returns 0 or the kernel's errno. */
int module_remove(const char *name)
{
	struct handle handle;
	int ret;

	ret = get_handle(&handle, name, false);
	if (ret)
		return ret;
	/* Never by force, and never waiting until the module is unused. */
	ret = kmod_module_remove_module(handle.mod, KMOD_REMOVE_NOWAIT);
	put_handle(&handle);
	return ret;
}
