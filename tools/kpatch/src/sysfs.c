// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the kernel shows of its patches:
 *
 *   /sys/kernel/kpatch/switch, confirm
 *   /sys/kernel/kpatch/<patch>/enabled, check, rollback, set, blockers, ...
 *   /sys/kernel/kpatch/<patch>/<object>/<function>,<sympos>/live
 *   /sys/module/<patch>/notes, refcnt, holders
 *
 * A patch may be unloaded at any time; all calls then return -ENOENT or -ENODEV.
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "kpatch.h"

/* Add the directories in @dir to @names, each prefixed with @prefix. */
static int list_dirs(const char *dir, const char *prefix, struct names *names)
{
	char name[PATH_MAX];
	struct dirent *entry;
	struct stat st;
	DIR *d;

	d = opendir(dir);
	if (!d)
		return -errno;
	while ((entry = readdir(d))) {
		if (entry->d_name[0] == '.' ||
		    fstatat(dirfd(d), entry->d_name, &st, 0) || !S_ISDIR(st.st_mode))
			continue;
		snprintf(name, sizeof(name), "%s%s", prefix, entry->d_name);
		names_add(names, name);
	}
	closedir(d);
	return 0;
}

static bool exists(const char *path)
{
	char full[PATH_MAX];
	struct stat st;

	return !make_path(full, "%s", path) && !stat(full, &st);
}

/* Can this kernel be patched, and its patches be listed? If not, a line says why. */
enum status sysfs_available(void)
{
	char path[PATH_MAX];
	DIR *d;

	make_path(path, SYSFS);
	d = opendir(path);
	if (d) {
		closedir(d);
		return OK;
	}
	if (errno != ENOENT)
		return out_err(errno == EACCES ? NO_RIGHTS : FAILED,
			       "cannot read %s: %s; see 'ls -ld %s'",
			       path, strerror(errno), path);
	if (!exists("/sys/kernel"))
		return out_err(FAILED,
			       "/sys is not mounted; mount it with 'mount -t sysfs none /sys'");
	return out_err(WRONG_KERNEL,
		       "no %s: this kernel has no kpatch; boot one that is built with CONFIG_KPATCH",
		       path);
}

/* Names of all patches, sorted. The caller frees them, even after an error. */
int sysfs_patches(struct names *names)
{
	char path[PATH_MAX];
	int ret;

	make_path(path, SYSFS);
	ret = list_dirs(path, "", names);
	names_sort(names);
	return ret;
}

bool sysfs_has(const char *patch)
{
	char path[PATH_MAX];
	struct stat st;

	return !make_path(path, SYSFS "/%s", patch) && !stat(path, &st) &&
	       S_ISDIR(st.st_mode);
}

/* The same for a name given by the user; a line says if there is no such patch. */
enum status sysfs_find(const char *patch)
{
	if (sysfs_has(patch))
		return OK;
	return out_err(NOT_FOUND, "no patch '%s' is loaded; see 'kpatch list'", patch);
}

/* Returns 0, 1 or an errno. */
static int read_bool(const char *patch, const char *file)
{
	char buf[8];
	int ret;

	ret = read_text(buf, sizeof(buf), SYSFS "/%s/%s", patch, file);
	if (ret < 0)
		return ret;
	if (ret < 1 || (buf[0] != '0' && buf[0] != '1'))
		return -EINVAL;
	return buf[0] == '1';
}

/* Returns 1 if it is, 0 if it is not, or an errno. */
int sysfs_is_enabled(const char *patch)
{
	return read_bool(patch, "enabled");
}

/* A statistic of a patch, or an errno. */
long long sysfs_number(const char *patch, const char *file)
{
	char buf[24];
	int ret;

	ret = read_text(buf, sizeof(buf), SYSFS "/%s/%s", patch, file);
	return ret < 0 ? ret : strtoll(buf, NULL, 10);
}

/*
 * All functions of a patch as "<object>/<function>,<sympos>", sorted. The
 * caller frees them, even after an error.
 */
int sysfs_functions(const char *patch, struct names *functions)
{
	struct names objects = { 0 };
	char prefix[NAME_MAX + 2];
	char path[PATH_MAX];
	unsigned int i;
	int ret;

	ret = make_path(path, SYSFS "/%s", patch);
	if (!ret)
		ret = list_dirs(path, "", &objects);
	for (i = 0; !ret && i < objects.nr; i++) {
		snprintf(prefix, sizeof(prefix), "%s/", objects.name[i]);
		ret = make_path(path, SYSFS "/%s/%s", patch, objects.name[i]);
		if (!ret)
			ret = list_dirs(path, prefix, functions);
	}
	names_free(&objects);
	names_sort(functions);
	return ret;
}

/* Returns 1 if calls of the function run the version of this patch, 0 if not, or an errno. */
int sysfs_is_live(const char *patch, const char *function)
{
	char file[PATH_MAX];

	if (snprintf(file, sizeof(file), "%s/live", function) >= PATH_MAX)
		return -ENAMETOOLONG;
	return read_bool(patch, file);
}

static struct json_object *parse_blocker(char *line)
{
	struct json_object *obj = json_object_new_object();
	const char *tid = strsep(&line, " ");
	const char *name = strsep(&line, " ");
	const char *function = strsep(&line, " ");

	json_object_object_add(obj, "tid", json_object_new_int64(atoll(tid)));
	set_str(obj, "name", name ? name : "-");
	set_str(obj, "function", function ? function : "-");
	set_str(obj, "reason", line ? line : "");
	return obj;
}

/* The blockers of the last attempt, an array; NULL if they cannot be read. */
struct json_object *sysfs_blockers(const char *patch)
{
	struct json_object *blockers;
	char text[TEXT_LEN];
	char *line, *rest = text;

	if (read_text(text, sizeof(text), SYSFS "/%s/blockers", patch) < 0)
		return NULL;
	blockers = json_object_new_array();
	while ((line = strsep(&rest, "\n"))) {
		if (*line)
			json_object_array_add(blockers, parse_blocker(line));
	}
	return blockers;
}

/* Read a file of notes. Returns it, to be freed, and its end; or NULL. */
static char *read_notes(const char *module, const char *section, const char **end)
{
	const size_t size = 1 << 20;
	char path[PATH_MAX], *notes;
	int len;

	len = make_path(path, "/sys/module/%s/notes/%s", module, section);
	notes = len ? NULL : malloc(size);
	len = notes ? read_file(path, notes, size) : -1;
	if (len < 0) {
		free(notes);
		return NULL;
	}
	*end = notes + len;
	return notes;
}

/* What a patch says of itself as "tag=value", sorted; nothing if it has no notes. */
void sysfs_fields(const char *patch, struct names *fields)
{
	static const char owner[] = "kpatch";
	const char *pos, *end;
	char field[1024], *notes;
	struct note note;

	notes = read_notes(patch, ".note.kpatch", &end);
	for (pos = notes; notes && note_next(&pos, end, &note); ) {
		if (note.owner_len != sizeof(owner) ||
		    memcmp(note.owner, owner, sizeof(owner)))
			continue;
		snprintf(field, sizeof(field), "%.*s", (int)note.text_len, note.text);
		names_add(fields, field);
	}
	free(notes);
	names_sort(fields);
}

/* The build ID of a loaded module; returns false if it is not known. */
bool sysfs_build_id(const char *module, char *hex, size_t size)
{
	const char *pos, *end;
	struct note note;
	bool found = false;
	char *notes;

	notes = read_notes(module, ".note.gnu.build-id", &end);
	for (pos = notes; notes && !found && note_next(&pos, end, &note); )
		found = note_is_build_id(&note, hex, size);
	free(notes);
	return found;
}

/* Are patches enabled when they are loaded? Not with kpatch.enable=0. */
bool sysfs_may_enable(void)
{
	char buf[8];

	return read_text(buf, sizeof(buf), "/sys/module/kpatch/parameters/enable") < 1 ||
	       *buf != 'N';
}
