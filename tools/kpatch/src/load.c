// SPDX-License-Identifier: GPL-2.0-only
/*
 * Load and unload patches. The modules are inserted with their patches disabled; then one
 * request enables all of them, for which the kernel may take the whole time, and which
 * leaves the blockers to be read. If it fails, the modules are removed again.
 *
 * Modules are removed only if nothing but their patches uses them. That is looked up before
 * the patches are disabled, so that a module that has to stay keeps its fix.
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kpatch.h"

/* How long to try to take back a switch. */
#define UNDO_MS		5000

/* The patches of one command. */
struct load {
	struct module *modules;
	unsigned int nr;
	struct names inserted;
	struct names enable;
	struct names disable;	/* what is replaced */
	bool partial;		/* load what can be loaded, and leave out the rest */
};

static bool is_loaded(const char *name)
{
	char path[PATH_MAX];

	return !make_path(path, "/sys/module/%s/refcnt", name) && !access(path, F_OK);
}

/* A patch of that name is loaded: is it what was asked for? */
static enum status load_again(struct load *load, const struct module *module)
{
	char running[sizeof(module->build_id)];

	if (*module->build_id && sysfs_build_id(module->name, running, sizeof(running)) &&
	    strcmp(running, module->build_id))
		return out_err(REFUSED,
			       "another build of '%s' is loaded: %s runs, and '%s' is %s; unload it first, or give the new one another name",
			       module->name, running, module->path, module->build_id);
	if (*module->path && !*module->build_id)
		out_err(OK,
			"'%s' is already loaded; whether '%s' is another build is not known: it has no build ID, or is compressed",
			module->name, module->path);
	else if (sysfs_is_enabled(module->name) == 1)
		out_err(OK, "'%s' is already loaded and enabled", module->name);
	if (sysfs_is_enabled(module->name) != 1)
		names_add(&load->enable, module->name);
	return OK;
}

/* The kernel names all functions that it refuses, each in a line with its own errno. */
static enum status refused(const char *name, int err)
{
	enum status status = OK;
	const char *line;
	unsigned int i;

	for (i = 0; (line = wait_log_nth(name, i)); i++)
		status = out_worse(status, out_errno(ACT_LOAD, name, err, line));
	return status ?: out_errno(ACT_LOAD, name, err, NULL);
}

/* A patch whose module has no parameter "enable" is enabled by its init. */
static enum status insert(struct load *load, const struct module *module, bool replace)
{
	char parameters[32];
	int ret;

	if (is_loaded(module->name) && !sysfs_has(module->name))
		return out_err(REFUSED,
			       "a module '%s' is loaded, and is no patch; see lsmod, remove it first, or rename the patch",
			       module->name);
	snprintf(parameters, sizeof(parameters), "%s%s",
		 module->has_enable ? "enable=0" : "",
		 replace && module->has_replace ? " replace=1" : "");
	ret = module_insert(module, parameters);
	if (ret)
		return refused(module->name, ret);
	names_add(&load->inserted, module->name);
	if (!sysfs_has(module->name))
		return out_err(REFUSED,
			       "'%s' says that it is a patch, but registers none; correct it",
			       module->name);
	if (sysfs_is_enabled(module->name) != 1)
		names_add(&load->enable, module->name);
	return OK;
}

/* Disable a patch whose init has enabled it. */
static void disable(const char *name, const struct options *opts)
{
	struct names names = { 0 }, none = { 0 };
	struct options own = *opts;

	own.trial = 0;
	names_add(&names, name);
	wait_undo(UNDO_MS);
	switch_patches(&none, &names, &own);
	names_free(&names);
}

/* What has been inserted goes again. */
static void take_back(struct load *load, const struct options *opts)
{
	const char *name;
	int ret;

	while (load->inserted.nr) {
		name = load->inserted.name[load->inserted.nr - 1];
		if (sysfs_is_enabled(name) == 1)
			disable(name, opts);
		ret = module_remove(name);
		if (ret)
			out_err(FAILED,
				"'%s' stays loaded%s: %s; remove it with 'kpatch unload %s'",
				name, sysfs_is_enabled(name) == 1 ? " and enabled" : ", disabled",
				strerror(-ret), name);
		free(load->inserted.name[--load->inserted.nr]);
	}
}

/* Those that share the set of a patch, and are enabled. */
static void find_replaced(struct load *load, const char *patch)
{
	char own[NAME_LEN], other[NAME_LEN];
	struct names all = { 0 };
	unsigned int i;

	sysfs_patches(&all);
	if (read_text(own, sizeof(own), SYSFS "/%s/set", patch) < 0)
		*own = '\0';
	for (i = 0; i < all.nr; i++) {
		if (strcmp(all.name[i], patch) && sysfs_is_enabled(all.name[i]) == 1 &&
		    read_text(other, sizeof(other), SYSFS "/%s/set", all.name[i]) > 0 &&
		    !strcmp(own, other))
			names_add(&load->disable, all.name[i]);
	}
	names_free(&all);
}

static enum status say_loaded(const struct load *load, const struct options *opts)
{
	bool show = opts->given & OPT_VERBOSE;
	unsigned int i;

	for (i = 0; i < load->inserted.nr; i++)
		out_done(show, "loaded '%s'", load->inserted.name[i]);
	if (load->enable.nr && !sysfs_may_enable())
		return out_err(REFUSED,
			       "'%s' is loaded, but stays disabled, as kpatch.enable=0 has it; see 'kpatch help enable'",
			       load->enable.name[0]);
	for (i = 0; i < load->enable.nr; i++)
		out_done(show && !names_has(&load->inserted, load->enable.name[i]),
			 "enabled '%s'", load->enable.name[i]);
	for (i = 0; i < load->disable.nr; i++)
		out_done(show, "disabled '%s'", load->disable.name[i]);
	return OK;
}

static enum status load_one(struct load *load, const struct module *module, bool replace)
{
	enum status status;

	if (sysfs_has(module->name))
		status = load_again(load, module);
	else
		status = insert(load, module, replace);
	/* The kernel knows what the patch replaces, if its module was told. */
	if (!status && replace &&
	    !(module->has_replace && names_has(&load->inserted, module->name)))
		find_replaced(load, module->name);
	return status;
}

/* Move the patches that are not enabled from @names to @disabled. */
static void split(struct names *names, struct names *disabled)
{
	struct names enabled = { 0 };
	unsigned int i;

	for (i = 0; i < names->nr; i++)
		names_add(sysfs_is_enabled(names->name[i]) == 1 ? &enabled : disabled,
			  names->name[i]);
	names_free(names);
	*names = enabled;
}

static enum status enable_one(const char *name, const struct options *opts)
{
	struct names one = { 0 }, none = { 0 };
	enum status status;

	names_add(&one, name);
	status = switch_patches(&one, &none, opts);
	names_free(&one);
	return status;
}

/*
 * All at one instant, if the kernel can do that. If not, one after the other: at boot some
 * fixes are better than none. Only the first switch of a trial would be undone.
 */
static enum status enable_possible(struct load *load, const struct options *opts)
{
	struct load failed = { 0 };
	struct names none = { 0 };
	enum status status;
	unsigned int i;

	status = switch_patches(&load->enable, &none, opts);
	if (status && load->enable.nr > 1 && !opts->trial && !wait_signal()) {
		for (i = 0, status = OK; i < load->enable.nr; i++)
			status = out_worse(status, enable_one(load->enable.name[i], opts));
	}
	split(&load->inserted, &failed.inserted);
	split(&load->enable, &failed.enable);
	take_back(&failed, opts);
	names_free(&failed.inserted);
	names_free(&failed.enable);
	return status;
}

/* Returns with nothing changed unless it succeeds, or may leave something out. */
static enum status load_all(struct load *load, const struct options *opts, bool replace)
{
	enum status status = OK;
	unsigned int i;

	for (i = 0; i < load->nr && (!status || load->partial); i++)
		status = out_worse(status, load_one(load, &load->modules[i], replace));
	if (load->partial && sysfs_may_enable())
		status = out_worse(status, enable_possible(load, opts));
	else if (!status && sysfs_may_enable())
		status = switch_patches(&load->enable, &load->disable, opts);
	if (status && !load->partial) {
		take_back(load, opts);
		return status;
	}
	return out_worse(status, say_loaded(load, opts));
}

static void leave_out_last(struct load *load)
{
	struct module *module = &load->modules[--load->nr];

	module_put(module);
	memset(module, 0, sizeof(*module));
}

static enum status look(struct load *load, char **args, int nr)
{
	enum status status = OK, one;
	int i;

	load->modules = calloc(nr, sizeof(*load->modules));
	if (!load->modules)
		return out_err(FAILED, "out of memory; free some, then try again");
	for (i = 0; i < nr && (!status || load->partial); i++) {
		one = module_look(args[i], &load->modules[load->nr++]);
		if (one && load->partial)
			leave_out_last(load);
		status = out_worse(status, one);
	}
	return status;
}

static void put_load(struct load *load)
{
	while (load->nr)
		module_put(&load->modules[--load->nr]);
	free(load->modules);
	names_free(&load->inserted);
	names_free(&load->enable);
	names_free(&load->disable);
}

static enum status load_args(char **args, int nr, const struct options *opts, bool replace)
{
	struct load load = { 0 };
	enum status status;

	status = sysfs_available();
	if (!status)
		status = wait_begin_alone(opts);
	if (!status)
		status = look(&load, args, nr);
	if (!status)
		status = load_all(&load, opts, replace);
	wait_end();
	put_load(&load);
	return status;
}

/* The files are in the directory of the running kernel. */
static enum status load_files(const struct names *files, const struct options *opts)
{
	struct load load = { .partial = true };
	struct names paths = { 0 };
	char path[PATH_MAX];
	enum status status;
	unsigned int i;

	for (i = 0; i < files->nr; i++) {
		module_installed_path(path, running_kernel(), files->name[i]);
		names_add(&paths, path);
	}
	status = look(&load, paths.name, paths.nr);
	status = out_worse(status, load_all(&load, opts, false));
	put_load(&load);
	names_free(&paths);
	return status;
}

static enum status load_installed(const struct options *opts)
{
	struct names files = { 0 };
	enum status status;

	status = sysfs_available();
	if (!status)
		status = wait_begin_alone(opts);
	if (!status && opts->given & OPT_BOOT && !sysfs_may_enable()) {
		out_done(true, "nothing is loaded, as kpatch.enable=0 has it");
	} else if (!status) {
		status = boot_begin(opts, &files);
		status = out_worse(status, load_files(&files, opts));
		boot_end(opts, &files);
	}
	wait_end();
	names_free(&files);
	return status;
}

static int run_load(const struct options *opts)
{
	if (opts->given & OPT_ALL)
		return load_installed(opts);
	if (opts->given & (OPT_BOOT | OPT_RETRY))
		return usage_error("load", "--boot and --retry need --all", NULL);
	return load_args(opts->args, opts->nr_args, opts, false);
}

static int run_replace(const struct options *opts)
{
	return load_args(opts->args, opts->nr_args, opts, true);
}

/* The modules that use a module, for a message. */
static void name_holders(const char *name, char *buf, size_t size)
{
	struct dirent *entry;
	char path[PATH_MAX];
	size_t len = 0;
	DIR *d;

	make_path(path, "/sys/module/%s/holders", name);
	d = opendir(path);
	while (d && (entry = readdir(d)) && len < size) {
		if (*entry->d_name != '.')
			len += snprintf(buf + len, size - len, "%s%s", len ? " " : "",
					entry->d_name);
	}
	if (d)
		closedir(d);
	if (!len)
		snprintf(buf, size,
			 "an open file of it, a BPF program on one of its functions, or a trial");
}

static const char *state_of(const char *name)
{
	return sysfs_is_enabled(name) == 1 ? "enabled" : "disabled";
}

/* Could the module go once its patch is disabled? If not, a line says what holds it. */
static enum status look_for_users(const char *name)
{
	char text[1024], users[16];
	long expected;

	if (read_text(text, sizeof(text), "/proc/sys/kernel/modules_disabled") > 0 &&
	    *text == '1')
		return out_err(NO_RIGHTS,
			       "'%s' stays loaded and %s: kernel.modules_disabled is set, so no module can be removed; 'kpatch disable' only disables it",
			       name, state_of(name));
	/* The kernel takes one reference while a patch is enabled. */
	expected = sysfs_is_enabled(name) == 1;
	if (read_text(users, sizeof(users), "/sys/module/%s/refcnt", name) < 1 ||
	    atol(users) <= expected)
		return OK;
	name_holders(name, text, sizeof(text));
	return out_err(BUSY,
		       "'%s' stays loaded and %s: its module is in use by %s; end that first, or only disable it with 'kpatch disable'",
		       name, state_of(name), text);
}

/* The module cannot go after all: its fix comes back. */
static void enable_again(const char *name, bool was_enabled, const struct options *opts)
{
	struct options own = *opts;
	struct names names = { 0 }, none = { 0 };

	own.trial = 0;
	names_add(&names, name);
	wait_undo(UNDO_MS);
	if (was_enabled)
		switch_patches(&names, &none, &own);
	names_free(&names);
	out_err(OK, "'%s' stays loaded and %s", name, state_of(name));
}

static enum status remove_all(const struct names *names, const struct names *enabled,
			      const struct options *opts)
{
	enum status status = OK;
	unsigned int i;
	int ret;

	for (i = 0; i < names->nr; i++) {
		ret = module_remove(names->name[i]);
		/* Another process may have removed it. */
		if (!ret || !sysfs_has(names->name[i])) {
			out_done(opts->given & OPT_VERBOSE, "unloaded '%s'", names->name[i]);
			continue;
		}
		status = out_worse(status, out_errno(ACT_REMOVE, names->name[i], ret, NULL));
		enable_again(names->name[i], names_has(enabled, names->name[i]), opts);
	}
	return status;
}

/* All are disabled at one instant, so their order does not matter. */
static enum status unload(const struct names *names, const struct options *opts)
{
	struct names none = { 0 }, enabled = { 0 };
	enum status status;
	unsigned int i;

	for (i = 0; i < names->nr; i++) {
		if (sysfs_is_enabled(names->name[i]))
			names_add(&enabled, names->name[i]);
	}
	status = switch_patches(&none, &enabled, opts);
	for (i = 0; i < enabled.nr && status; i++)
		out_err(status, "'%s' stays loaded and %s", enabled.name[i],
			state_of(enabled.name[i]));
	if (!status)
		status = remove_all(names, &enabled, opts);
	names_free(&enabled);
	return status;
}

/* With --all, those that cannot go stay, and the others go. */
static enum status choose(const struct names *names, bool all, struct names *chosen)
{
	enum status status = OK, one;
	unsigned int i;

	for (i = 0; i < names->nr; i++) {
		one = all ? OK : sysfs_find(names->name[i]);
		if (!one)
			one = look_for_users(names->name[i]);
		if (!one)
			names_add(chosen, names->name[i]);
		status = out_worse(status, one);
	}
	if (status && !all)
		names_free(chosen);
	return status;
}

static int run_unload(const struct options *opts)
{
	struct names names = { 0 }, chosen = { 0 };
	bool all = opts->given & OPT_ALL;
	enum status status;

	status = sysfs_available();
	if (!status && all)
		sysfs_patches(&names);
	else if (!status)
		status = module_names(opts->args, opts->nr_args, &names);
	if (!status)
		status = wait_begin_alone(opts);
	if (!status) {
		status = choose(&names, all, &chosen);
		status = out_worse(status, unload(&chosen, opts));
	}
	wait_end();
	names_free(&names);
	names_free(&chosen);
	return status;
}

const struct command cmd_load = {
	.name = "load",
	.run = run_load,
	.summary = "load patch modules and enable their patches",
	.options = OPT_ALL | OPT_BOOT | OPT_RETRY | OPT_TIMEOUT | OPT_TRIAL | OPT_VERBOSE |
		   OPT_JSON,
	.min_args = 1,
	.max_args = -1,
	.help =
	"Usage: kpatch load [OPTION...] MODULE...\n"
	"       kpatch load [OPTION...] --all\n"
	"\n"
	"Load patch modules and enable their patches, all at one instant or none.\n"
	"MODULE is a file if it has a '/' or ends in .ko, .ko.gz, .ko.xz or .ko.zst;\n"
	"otherwise it is the name of an installed patch, or of a module in\n"
	"/lib/modules, which is loaded with its dependencies. A patch that is loaded\n"
	"but disabled is enabled. If it is already enabled, a message says so; if\n"
	"what is loaded is another build, that is an error.\n"
	"\n"
	"      --all              load the patches that are installed for this kernel;\n"
	"                         what cannot be loaded is reported and left out\n"
	"      --boot             with --all: remember what is tried, and if the machine\n"
	"                         dies with it, skip that at later boots\n"
	"      --retry            with --all: do not skip what the machine has died with\n",
};

const struct command cmd_replace = {
	.name = "replace",
	.run = run_replace,
	.summary = "load a patch in place of all others of its set",
	.options = OPT_TIMEOUT | OPT_TRIAL | OPT_VERBOSE | OPT_JSON,
	.min_args = 1,
	.max_args = 1,
	.help =
	"Usage: kpatch replace [OPTION...] MODULE\n"
	"\n"
	"Load a patch module, and enable its patch and disable all other patches of\n"
	"its set at one instant. Those stay loaded, see 'kpatch help rollback'.\n"
	"MODULE is as for 'kpatch load'.\n",
};

const struct command cmd_unload = {
	.name = "unload",
	.run = run_unload,
	.summary = "disable patches and remove their modules",
	.options = OPT_ALL | OPT_TIMEOUT | OPT_VERBOSE | OPT_JSON,
	.min_args = 1,
	.max_args = -1,
	.help =
	"Usage: kpatch unload [OPTION...] NAME...\n"
	"       kpatch unload [OPTION...] --all\n"
	"\n"
	"Disable patches, all at one instant or none, and remove their modules. A\n"
	"module that cannot be removed stays loaded, and its patch enabled. NAME is a\n"
	"module or its file.\n"
	"\n"
	"      --all              unload all patches that can be unloaded\n",
};
