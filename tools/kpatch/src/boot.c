// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which of the installed patches "load --all" loads. A patch with which the machine dies at
 * boot must not be loaded at every boot. So at boot they are tried under a mark:
 *
 *   trying.<boot ID>   the patches that this boot tries: written before the first is loaded
 *   proven             the same file, renamed by kpatch-guard.service once the machine has
 *                      run with them for some minutes, or when it is shut down in order
 *   skip               the patches on the marks of other boots, with which the machine has
 *                      died; they are skipped until "load --all --retry" has loaded them
 *
 * All of them are lists as in lists.c.
 */
#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "kpatch.h"

#define MARK	"trying."

/* The list that is the mark of this boot; systemd, too, spells the ID without dashes. */
static void name_mark(char *list, size_t size)
{
	char id[64], *from, *to;

	if (read_text(id, sizeof(id), "/proc/sys/kernel/random/boot_id") < 1)
		snprintf(id, sizeof(id), "unknown");
	for (from = to = id; *from; from++) {
		if (*from != '-')
			*to++ = *from;
	}
	*to = '\0';
	snprintf(list, size, MARK "%s", id);
}

/* What cannot be kept for later boots holds for this one all the same. */
static void say_unwritten(const char *list, int err)
{
	char path[PATH_MAX];

	if (!err)
		return;
	module_installed_path(path, running_kernel(), list);
	out_err(OK,
		"cannot write '%s': %s; until that works, a patch with which the machine dies at boot is loaded again",
		path, strerror(-err));
}

/* A mark of another boot that is still there: the machine died with these patches. */
static void end_mark(const char *mark, struct names *skip)
{
	const char *kernel = running_kernel();
	struct names names = { 0 };
	char path[PATH_MAX];
	unsigned int i;
	int ret = 0;

	list_read(kernel, mark, &names);
	for (i = 0; i < names.nr; i++) {
		if (!ret && !names_has(skip, names.name[i]))
			ret = list_edit(kernel, SKIP, NULL, names.name[i]);
		names_add(skip, names.name[i]);
	}
	names_free(&names);
	module_installed_path(path, kernel, mark);
	if (ret)
		say_unwritten(SKIP, ret);
	else
		unlink(path);
}

static void end_old_marks(struct names *skip)
{
	char own[NAME_LEN], dir[PATH_MAX];
	struct dirent *entry;
	DIR *d;

	name_mark(own, sizeof(own));
	module_installed_path(dir, running_kernel(), "");
	d = opendir(dir);
	while (d && (entry = readdir(d))) {
		if (!strncmp(entry->d_name, MARK, strlen(MARK)) && strcmp(entry->d_name, own))
			end_mark(entry->d_name, skip);
	}
	if (d)
		closedir(d);
}

static bool is_live(const char *file)
{
	char name[NAME_LEN];

	return arg_to_name(file, name) && sysfs_is_enabled(name) == 1;
}

static enum status say_skipped(const struct names *skipped)
{
	char text[2048];
	size_t len = 0;
	unsigned int i;

	for (i = 0; i < skipped->nr && len < sizeof(text); i++)
		len += snprintf(text + len, sizeof(text) - len, "%s'%s'", i ? ", " : "",
				skipped->name[i]);
	return !skipped->nr ? OK :
		out_err(REFUSED,
			"skipped, as the machine died when this was tried at boot: %s; 'kpatch load --all --retry' tries it again, 'kpatch uninstall' removes it",
			text);
}

/* Write the mark of this boot. */
static void mark(const struct names *files)
{
	char list[NAME_LEN];

	name_mark(list, sizeof(list));
	say_unwritten(list, list_write(running_kernel(), list, files));
}

/**
 * boot_begin() - choose what to load
 * @opts: options of "load --all"
 * @files: filled in with the names of files
 *
 * Return: %OK, or another status if a line says what is skipped. boot_end() must follow.
 */
enum status boot_begin(const struct options *opts, struct names *files)
{
	struct names installed = { 0 }, skip = { 0 }, skipped = { 0 };
	enum status status;
	unsigned int i;

	list_read(running_kernel(), SKIP, &skip);
	end_old_marks(&skip);
	installed_files(running_kernel(), &installed);
	for (i = 0; i < installed.nr; i++) {
		if (opts->given & OPT_RETRY || !names_has(&skip, installed.name[i]) ||
		    is_live(installed.name[i]))
			names_add(files, installed.name[i]);
		else
			names_add(&skipped, installed.name[i]);
	}
	status = say_skipped(&skipped);
	if (opts->given & OPT_BOOT && files->nr)
		mark(files);
	names_free(&installed);
	names_free(&skip);
	names_free(&skipped);
	return status;
}

/* What has not been loaded is not on trial, and what has been is not skipped any more. */
void boot_end(const struct options *opts, const struct names *files)
{
	struct names live = { 0 };
	unsigned int i;

	for (i = 0; i < files->nr; i++) {
		if (is_live(files->name[i]))
			names_add(&live, files->name[i]);
	}
	for (i = 0; i < live.nr && opts->given & OPT_RETRY; i++)
		say_unwritten(SKIP, list_edit(running_kernel(), SKIP, live.name[i], NULL));
	if (opts->given & OPT_BOOT && files->nr)
		mark(&live);
	names_free(&live);
}
