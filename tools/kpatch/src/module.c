// SPDX-License-Identifier: GPL-2.0-only
/*
 * The only file that uses libkmod.
 */
#include <errno.h>
#include <libkmod.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <syslog.h>
#include <unistd.h>

#include "module.h"
#include "utils.h"

/* A module, and what libkmod needs around it. */
struct handle {
	struct kmod_ctx *ctx;
	struct kmod_module *mod;
};

static void put_handle(struct handle *handle)
{
	kmod_module_unref(handle->mod);
	kmod_unref(handle->ctx);
}

/* Returns 0, or an errno with nothing left to release. */
static int get_handle(struct handle *handle, const char *arg)
{
	int ret;

	handle->mod = NULL;
	handle->ctx = kmod_new(NULL, NULL);
	if (!handle->ctx)
		return -ENOMEM;
	/* We print the error ourselves, once. */
	kmod_set_log_priority(handle->ctx, LOG_CRIT);
	if (is_path(arg))
		ret = kmod_module_new_from_path(handle->ctx, arg, &handle->mod);
	else
		ret = kmod_module_new_from_name(handle->ctx, arg, &handle->mod);
	if (ret < 0)
		put_handle(handle);
	return ret < 0 ? ret : 0;
}

static bool copy_name(const struct kmod_list *info, char *name)
{
	const struct kmod_list *entry;
	const char *value;

	kmod_list_foreach(entry, info) {
		value = kmod_module_info_get_value(entry);
		if (!strcmp(kmod_module_info_get_key(entry), "name"))
			return !arg_to_name(value, name);
	}
	return false;
}

/* The name stored in the file, which is valid even if the file was renamed. */
static bool read_name(const char *path, char *name)
{
	struct kmod_list *info = NULL;
	struct handle handle;
	bool found = false;

	if (get_handle(&handle, path))
		return false;
	if (kmod_module_get_info(handle.mod, &info) >= 0)
		found = copy_name(info, name);
	kmod_module_info_free_list(info);
	put_handle(&handle);
	return found;
}

static bool add_field(const struct kmod_list *entry, struct names *fields)
{
	static const char prefix[] = "kpatch_";
	const size_t len = sizeof(prefix) - 1;
	const char *key = kmod_module_info_get_key(entry);
	char field[FIELD_LEN];

	if (strncmp(key, prefix, len))
		return true;
	snprintf(field, sizeof(field), "%s=%s", key + len,
		 kmod_module_info_get_value(entry));
	return !names_add(fields, field);
}

static bool read_fields(const struct kmod_list *info, struct names *fields)
{
	const struct kmod_list *entry;
	bool is_patch = false;

	kmod_list_foreach(entry, info) {
		if (!strcmp(kmod_module_info_get_key(entry), "kpatch"))
			is_patch = true;
		else if (!add_field(entry, fields))
			return false;
	}
	return is_patch;
}

/**
 * module_fields() - what a patch says of itself in its file
 * @path: the file
 * @fields: filled in, sorted, as "tag=value"; the caller frees it in any case
 *
 * Return: true; false if the file cannot be read, or is not that of a patch.
 */
bool module_fields(const char *path, struct names *fields)
{
	struct kmod_list *info = NULL;
	struct handle handle;
	bool is_patch = false;

	if (!is_path(path) || get_handle(&handle, path))
		return false;
	if (kmod_module_get_info(handle.mod, &info) >= 0)
		is_patch = read_fields(info, fields);
	kmod_module_info_free_list(info);
	put_handle(&handle);
	names_sort(fields);
	return is_patch;
}

/**
 * module_name() - the name of a module as the kernel spells it
 * @arg: name or path; the file need not exist
 * @name: filled in, NAME_LEN bytes
 *
 * Return: 0; or -EINVAL after an error message has been printed.
 */
int module_name(const char *arg, char *name)
{
	int ret = 0;

	if (!is_path(arg) || !read_name(arg, name))
		ret = arg_to_name(arg, name);
	if (ret)
		print_err("'%s' is not the name of a module", arg);
	return ret;
}

/**
 * module_names() - the names of several modules
 * @args: names or paths
 * @nr: number of elements in @args
 * @names: filled in, without duplicates
 *
 * Return: true; or false after an error message has been printed.
 */
bool module_names(char **args, int nr, struct names *names)
{
	char name[NAME_LEN];
	int i;

	for (i = 0; i < nr; i++) {
		if (module_name(args[i], name))
			return false;
		if (names_add(names, name)) {
			print_err("out of memory");
			return false;
		}
	}
	return true;
}

/**
 * module_found() - is there a file to insert?
 * @arg: name or path
 *
 * Return: true if there is; otherwise false, after an error message has been printed.
 */
bool module_found(const char *arg)
{
	struct utsname kernel;
	struct handle handle;
	bool found;
	int ret;

	if (is_path(arg)) {
		found = !access(arg, R_OK);
		if (!found)
			print_err("cannot read '%s': %s", arg, strerror(errno));
		return found;
	}
	ret = get_handle(&handle, arg);
	if (ret) {
		print_err("cannot look for '%s': %s", arg, strerror(-ret));
		return false;
	}
	found = kmod_module_get_path(handle.mod);
	put_handle(&handle);
	if (!found && !uname(&kernel))
		print_err("no module '%s' in /lib/modules/%s; run depmod if it is new, or give a path such as ./%s.ko",
			  arg, kernel.release, arg);
	return found;
}

/**
 * module_insert() - insert a module
 * @arg: path; or name, in which case the dependencies are inserted as well
 *
 * Return: 0 or the kernel's errno; -EEXIST if a module of that name is there.
 */
int module_insert(const char *arg)
{
	struct handle handle;
	int ret;

	ret = get_handle(&handle, arg);
	if (ret)
		return ret;
	if (is_path(arg))
		ret = kmod_module_insert_module(handle.mod, 0, NULL);
	else
		ret = kmod_module_probe_insert_module(handle.mod,
						      KMOD_PROBE_FAIL_ON_LOADED,
						      NULL, NULL, NULL, NULL);
	put_handle(&handle);
	return ret;
}

/**
 * module_remove() - remove a module unless it is in use
 * @name: its name
 *
 * Return: 0 or the kernel's errno.
 */
int module_remove(const char *name)
{
	struct handle handle;
	int ret;

	ret = get_handle(&handle, name);
	if (ret)
		return ret;
	/* Never by force, and never waiting until the module is unused. */
	ret = kmod_module_remove_module(handle.mod, KMOD_REMOVE_NOWAIT);
	put_handle(&handle);
	return ret;
}
