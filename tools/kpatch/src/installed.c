// SPDX-License-Identifier: GPL-2.0-only
/*
 * Patches that are installed, to be loaded at boot with "kpatch load --all":
 *
 *   /var/lib/kpatch/<kernel release>/<module file>
 *   /var/lib/kpatch/<kernel release>/order
 *
 * "order" is a list of the files, in the order in which they are loaded. Files that it does
 * not list, which the historical command has installed, come after them.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kpatch.h"

#define ORDER	"order"

static bool is_module_file(const char *file)
{
	char name[NAME_LEN];

	return snprintf(name, sizeof(name), "%s", file) < NAME_LEN && *name != '.' &&
	       strip_ko(name);
}

/* The files in the directory of a kernel, sorted. */
static void list_files(const char *dir, struct names *files)
{
	struct dirent *entry;
	DIR *d = opendir(dir);

	while (d && (entry = readdir(d))) {
		if (is_module_file(entry->d_name))
			names_add(files, entry->d_name);
	}
	if (d)
		closedir(d);
	names_sort(files);
}

/* The files of a kernel, without their directory, in the order in which they are loaded. */
void installed_files(const char *kernel, struct names *files)
{
	struct names present = { 0 }, order = { 0 };
	char dir[PATH_MAX];
	unsigned int i;

	module_installed_path(dir, kernel, "");
	list_files(dir, &present);
	list_read(kernel, ORDER, &order);
	for (i = 0; i < order.nr; i++) {
		if (names_has(&present, order.name[i]))
			names_add(files, order.name[i]);
	}
	for (i = 0; i < present.nr; i++)
		names_add(files, present.name[i]);
	names_free(&present);
	names_free(&order);
}

static void add_kernel(struct json_object *installed, const char *kernel)
{
	struct names files = { 0 }, skip = { 0 };
	struct json_object *entry;
	char name[NAME_LEN];
	unsigned int i;

	installed_files(kernel, &files);
	list_read(kernel, SKIP, &skip);
	for (i = 0; i < files.nr; i++) {
		entry = json_object_new_object();
		set_str(entry, "kernel", kernel);
		set_str(entry, "file", files.name[i]);
		set_str(entry, "name", arg_to_name(files.name[i], name) ? name : files.name[i]);
		json_object_object_add(entry, "skipped",
				       json_object_new_boolean(names_has(&skip, files.name[i])));
		json_object_array_add(installed, entry);
	}
	names_free(&files);
	names_free(&skip);
}

/* All installed patches of all kernels. */
struct json_object *installed_model(void)
{
	struct json_object *installed = json_object_new_array();
	struct names kernels = { 0 };
	struct dirent *entry;
	char dir[PATH_MAX];
	unsigned int i;
	DIR *d;

	module_installed_path(dir, "", "");
	d = opendir(dir);
	while (d && (entry = readdir(d))) {
		if (*entry->d_name != '.')
			names_add(&kernels, entry->d_name);
	}
	if (d)
		closedir(d);
	names_sort(&kernels);
	for (i = 0; i < kernels.nr; i++)
		add_kernel(installed, kernels.name[i]);
	names_free(&kernels);
	return installed;
}

/* One line for each, in a form that scripts know. */
void installed_print(struct json_object *installed)
{
	struct json_object *entry;
	size_t i;

	for (i = 0; i < json_object_array_length(installed); i++) {
		entry = json_object_array_get_idx(installed, i);
		printf("%s (%s)%s\n", str_of(entry, "name"), str_of(entry, "kernel"),
		       json_object_get_boolean(arr_of(entry, "skipped")) ? " skipped" : "");
	}
}

static int copy(const char *from, const char *kernel, const char *to, const char *temporary)
{
	int in, out, ret = 0;
	ssize_t sent;

	in = open(from, O_RDONLY | O_CLOEXEC);
	if (in < 0)
		return -errno;
	out = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (out < 0) {
		ret = -errno;
		close(in);
		return ret;
	}
	do {
		sent = sendfile(out, in, NULL, 1 << 20);
	} while (sent > 0);
	if (sent < 0) {
		ret = -errno;
		close(out);
		unlink(temporary);
	} else {
		ret = list_commit(kernel, out, temporary, to);
	}
	close(in);
	return ret;
}

static int make_dirs(const char *kernel)
{
	char path[PATH_MAX], *slash;

	module_installed_path(path, kernel, "");
	for (slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		if (mkdir(path, 0755) && errno != EEXIST)
			return -errno;
		*slash = '/';
	}
	return mkdir(path, 0755) && errno != EEXIST ? -errno : 0;
}

static enum status failed(const char *what, const char *file, int err)
{
	return out_err(err == -EACCES || err == -EPERM || err == -EROFS ? NO_RIGHTS : FAILED,
		       "cannot %s '%s': %s; see 'ls -ld /var/lib/kpatch'", what, file,
		       strerror(-err));
}

/* Is a release of a kernel one component of a path? */
static const char *kernel_of(const struct options *opts)
{
	const char *kernel = opts->kernel ? opts->kernel : running_kernel();

	return *kernel && *kernel != '.' && !strchr(kernel, '/') ? kernel : NULL;
}

/*
 * Read what is to be installed. @file becomes its name there, which is that of the module,
 * so that uninstall finds it.
 */
static enum status look(const char *arg, const char *kernel, char *file, size_t size)
{
	const char *base = strrchr(arg, '/'), *suffix = strstr(base ? base : arg, ".ko");
	struct module module = { 0 };
	enum status status = OK;

	if (!module_read(arg, &module) || !module.is_patch)
		status = out_err(access(arg, F_OK) ? NOT_FOUND : REFUSED,
				 "'%s' is not the file of a patch module; give one that 'kpatch build' has made",
				 arg);
	else if (*module.kernel && strcmp(module.kernel, kernel))
		status = out_err(WRONG_KERNEL,
				 "'%s' was built for Linux %s, not for %s; build it for that, or name its kernel with -k",
				 arg, module.kernel, kernel);
	snprintf(file, size, "%s%s", module.name, suffix ? suffix : ".ko");
	module_put(&module);
	return status;
}

/* Put a file at the end of the order, behind @files, some of which it may not list. */
static int append(const char *kernel, const char *file, const struct names *files)
{
	struct names order = { 0 };
	unsigned int i;
	int ret = 0;

	list_read(kernel, ORDER, &order);
	for (i = 0; i < files->nr && !ret; i++) {
		if (!names_has(&order, files->name[i]))
			ret = list_edit(kernel, ORDER, NULL, files->name[i]);
	}
	names_free(&order);
	return ret ? ret : list_edit(kernel, ORDER, NULL, file);
}

/* Copy a file, and add it to the order. What lists say of an older file of that name goes. */
static int add(const char *arg, const char *kernel, const char *file,
	       const struct names *files)
{
	char path[PATH_MAX], new[PATH_MAX];
	int ret;

	module_installed_path(path, kernel, file);
	module_installed_path(new, kernel, ".new");
	ret = make_dirs(kernel);
	if (!ret)
		ret = list_forget(kernel, file);
	if (!ret)
		ret = copy(arg, kernel, path, new);
	if (!ret)
		ret = append(kernel, file, files);
	return ret;
}

static enum status install(const char *arg, const char *kernel, const struct options *opts)
{
	struct names files = { 0 };
	char file[NAME_LEN + 8];
	enum status status;
	int ret = 0;

	status = look(arg, kernel, file, sizeof(file));
	if (status)
		return status;
	installed_files(kernel, &files);
	if (names_has(&files, file))
		status = out_err(REFUSED,
				 "'%s' is already installed for Linux %s; uninstall it first",
				 file, kernel);
	else
		ret = add(arg, kernel, file, &files);
	names_free(&files);
	if (ret)
		return failed("install", arg, ret);
	if (!status)
		out_done(opts->given & OPT_VERBOSE, "installed '%s' (%s)", file, kernel);
	return status;
}

static enum status uninstall(const char *arg, const char *kernel, const struct options *opts)
{
	char path[PATH_MAX], name[NAME_LEN], other[NAME_LEN];
	struct names files = { 0 };
	const char *found = NULL;
	unsigned int i;
	int ret = 0;

	if (!arg_to_name(arg, name))
		return out_err(NOT_FOUND,
			       "'%s' is not the name of a module; see 'kpatch list'", arg);
	installed_files(kernel, &files);
	for (i = 0; i < files.nr; i++) {
		if (arg_to_name(files.name[i], other) && !strcmp(name, other))
			found = files.name[i];
	}
	if (found) {
		module_installed_path(path, kernel, found);
		ret = unlink(path) ? -errno : list_forget(kernel, found);
	}
	if (!found)
		out_err(NOT_FOUND, "'%s' is not installed for Linux %s; see 'kpatch list'",
			name, kernel);
	else if (ret)
		failed("uninstall", found, ret);
	else
		out_done(opts->given & OPT_VERBOSE, "uninstalled '%s' (%s)", found, kernel);
	names_free(&files);
	return !found ? NOT_FOUND : ret ? FAILED : OK;
}

static int run_on_args(const struct options *opts, bool remove)
{
	const char *kernel = kernel_of(opts);
	enum status status = OK;
	int i;

	if (!kernel)
		return usage_error("install", "invalid release of a kernel:", opts->kernel);
	status = wait_begin_alone(opts);
	for (i = 0; i < opts->nr_args && !status; i++)
		status = remove ? uninstall(opts->args[i], kernel, opts) :
				  install(opts->args[i], kernel, opts);
	wait_end();
	return status;
}

static int run_install(const struct options *opts)
{
	return run_on_args(opts, false);
}

static int run_uninstall(const struct options *opts)
{
	return run_on_args(opts, true);
}

const struct command cmd_install = {
	.name = "install",
	.run = run_install,
	.summary = "install patches, to be loaded at boot",
	.options = OPT_KERNEL | OPT_VERBOSE | OPT_JSON,
	.min_args = 1,
	.max_args = -1,
	.help =
	"Usage: kpatch install [OPTION...] FILE...\n"
	"\n"
	"Copy patch modules to /var/lib/kpatch, from where 'kpatch load --all' loads\n"
	"them, in the order in which they were installed. Nothing is loaded now.\n",
};

const struct command cmd_uninstall = {
	.name = "uninstall",
	.run = run_uninstall,
	.summary = "undo an install",
	.options = OPT_KERNEL | OPT_VERBOSE | OPT_JSON,
	.min_args = 1,
	.max_args = -1,
	.help =
	"Usage: kpatch uninstall [OPTION...] NAME...\n"
	"\n"
	"Remove patches from /var/lib/kpatch. Those that are loaded stay loaded. NAME\n"
	"is a module or its file.\n",
};
