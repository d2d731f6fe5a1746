// SPDX-License-Identifier: GPL-2.0-only
/*
 * The only file that knows the layout of /sys/kernel/kpatch:
 *
 *   <patch>/enabled, check
 *   <patch>/blockers
 *   <patch>/attempts, stops, stop_ns, max_stop_ns, scanned, scanned_stopped
 *   <patch>/<object>/<function>,<sympos>/live
 *
 * and where beside it the kernel shows the notes of modules:
 *
 *   ../../module/<patch>/notes/.note.kpatch, ../../module/<object>
 *
 * A patch may be unloaded at any time; all calls then return -ENOENT or -ENODEV.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sysfs.h"
#include "utils.h"

static const char *root(void)
{
	const char *dir = getenv("KPATCH_SYSFS");

	return dir && *dir ? dir : "/sys/kernel/kpatch";
}

/* Make the path of @below in the directory of a patch, in @path[PATH_MAX]. */
static int make_path(char *path, const char *patch, const char *below)
{
	int len;

	len = snprintf(path, PATH_MAX, "%s/%s%s%s", root(), patch,
		       *below ? "/" : "", below);
	return len < PATH_MAX ? 0 : -ENAMETOOLONG;
}

/* Read a file. Returns its length, which is less than @size, or an errno. */
static int read_path(const char *path, char *buf, size_t size)
{
	size_t len = 0;
	ssize_t got;
	int fd, ret;

	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	do {
		got = read(fd, buf + len, size - 1 - len);
		if (got > 0)
			len += got;
	} while (got > 0);
	ret = got < 0 ? -errno : 0;
	close(fd);
	return ret ? ret : (int)len;
}

/* Read a file of a patch, without its last newline. Returns its length or an errno. */
static int read_file(const char *patch, const char *file, char *buf,
		     size_t size)
{
	char path[PATH_MAX];
	int len;

	len = make_path(path, patch, file);
	if (!len)
		len = read_path(path, buf, size);
	if (len < 0)
		return len;
	if (len && buf[len - 1] == '\n')
		len--;
	buf[len] = '\0';
	return len;
}

/* Returns 0, 1 or an errno. */
static int read_bool(const char *patch, const char *file)
{
	char buf[8];
	int ret;

	ret = read_file(patch, file, buf, sizeof(buf));
	if (ret < 0)
		return ret;
	if (ret < 1 || (buf[0] != '0' && buf[0] != '1'))
		return -EINVAL;
	return buf[0] == '1';
}

/* Add the directories in @dir to @names, each prefixed with @prefix. */
static int list_dirs(const char *dir, const char *prefix, struct names *names)
{
	char name[PATH_MAX];
	struct dirent *entry;
	struct stat st;
	int ret = 0;
	DIR *d;

	d = opendir(dir);
	if (!d)
		return -errno;
	while (!ret && (entry = readdir(d))) {
		if (entry->d_name[0] == '.' ||
		    fstatat(dirfd(d), entry->d_name, &st, 0) ||
		    !S_ISDIR(st.st_mode))
			continue;
		snprintf(name, sizeof(name), "%s%s", prefix, entry->d_name);
		ret = names_add(names, name);
	}
	closedir(d);
	return ret;
}

/**
 * sysfs_available() - can this kernel be patched, and its patches be listed?
 *
 * Return: true if so; otherwise false, after an error message has been printed.
 */
bool sysfs_available(void)
{
	DIR *d = opendir(root());

	if (d) {
		closedir(d);
		return true;
	}
	if (errno == ENOENT)
		print_err("no %s: this kernel is built without CONFIG_KPATCH, or sysfs is not mounted",
			  root());
	else
		print_err("cannot read %s: %s", root(), strerror(errno));
	return false;
}

/* Names of all patches, sorted. The caller frees them, even after an error. */
int sysfs_patches(struct names *names)
{
	int ret;

	ret = list_dirs(root(), "", names);
	names_sort(names);
	return ret;
}

bool sysfs_has(const char *patch)
{
	char path[PATH_MAX];
	struct stat st;

	return !make_path(path, patch, "") && !stat(path, &st);
}

/* The same for a name given by the user; prints an error if there is no such patch. */
bool sysfs_find(const char *patch)
{
	bool found = sysfs_has(patch);

	if (!found)
		print_err("no patch '%s' is loaded; see 'kpatch list'", patch);
	return found;
}

/* Returns 1 if it is, 0 if it is not, or an errno. */
int sysfs_is_enabled(const char *patch)
{
	return read_bool(patch, "enabled");
}

static int write_request(const char *patch, const char *file,
			 const char *request)
{
	char path[PATH_MAX];
	int fd, ret;

	ret = make_path(path, patch, file);
	if (ret)
		return ret;
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (write(fd, request, strlen(request)) < 0)
		ret = -errno;
	close(fd);
	return ret;
}

/*
 * Returns the verdict of the kernel: 0, or an errno with nothing changed. It may take
 * @ms milliseconds to reach one, or as long as it is set to if that is 0.
 */
int sysfs_set_enabled(const char *patch, bool on, unsigned int ms)
{
	char request[32];

	if (ms)
		snprintf(request, sizeof(request), "%d %u\n", on, ms);
	else
		snprintf(request, sizeof(request), "%d\n", on);
	return write_request(patch, "enabled", request);
}

/* Returns the expected verdict; nothing is changed in any case. */
int sysfs_check(const char *patch, bool on)
{
	return write_request(patch, "check", on ? "1\n" : "0\n");
}

/*
 * All functions of a patch as "<object>/<function>,<sympos>", sorted. The
 * caller frees them, even after an error.
 */
int sysfs_functions(const char *patch, struct names *names)
{
	struct names objects = { 0 };
	char prefix[NAME_MAX + 2];
	char path[PATH_MAX];
	unsigned int i;
	int ret;

	ret = make_path(path, patch, "");
	if (!ret)
		ret = list_dirs(path, "", &objects);
	for (i = 0; !ret && i < objects.nr; i++) {
		snprintf(prefix, sizeof(prefix), "%s/", objects.name[i]);
		ret = make_path(path, patch, objects.name[i]);
		if (!ret)
			ret = list_dirs(path, prefix, names);
	}
	names_free(&objects);
	names_sort(names);
	return ret;
}

/* Returns 1 if calls of the function run the version of this patch, 0 if not, or an errno. */
int sysfs_is_live(const char *patch, const char *function)
{
	char file[PATH_MAX];
	int len;

	len = snprintf(file, sizeof(file), "%s/live", function);
	if (len >= PATH_MAX)
		return -ENAMETOOLONG;
	return read_bool(patch, file);
}

/* No function of a module that is not loaded is live. */
static bool is_loaded(const char *function)
{
	char path[PATH_MAX];
	int len;

	if (!strncmp(function, "vmlinux/", strlen("vmlinux/")))
		return true;
	len = snprintf(path, sizeof(path), "%s/../../module/%.*s", root(),
		       (int)strcspn(function, "/"), function);
	return len < PATH_MAX && !access(path, F_OK);
}

/*
 * Is this patch enabled, and has a newer one replaced one of its functions? Only a
 * hint; the kernel decides.
 */
bool sysfs_is_covered(const char *patch)
{
	struct names functions = { 0 };
	bool covered = false;
	unsigned int i;

	if (sysfs_is_enabled(patch) != 1)
		return false;
	sysfs_functions(patch, &functions);
	for (i = 0; !covered && i < functions.nr; i++)
		covered = is_loaded(functions.name[i]) &&
			  !sysfs_is_live(patch, functions.name[i]);
	names_free(&functions);
	/* The patch may have been disabled in the meantime. */
	return covered && sysfs_is_enabled(patch) == 1;
}

/*
 * Read the blockers of the last attempt, one line each, into @text[SYSFS_TEXT_LEN].
 * Returns the length or an errno.
 */
int sysfs_blockers(const char *patch, char *text)
{
	return read_file(patch, "blockers", text, SYSFS_TEXT_LEN);
}

/* In front of each note. */
struct note {
	uint32_t name_len;
	uint32_t text_len;
	uint32_t type;
};

/* Returns 0 or -ENOMEM. What does not look like a note ends the list. */
static int parse_notes(const char *notes, size_t len, struct names *fields)
{
	static const char owner[] = "kpatch";
	const char *name, *text;
	char field[FIELD_LEN];
	size_t pos = 0;
	struct note note;
	int ret = 0;

	while (!ret && len - pos >= sizeof(note)) {
		memcpy(&note, notes + pos, sizeof(note));
		pos += sizeof(note);
		name = notes + pos;
		if (note.name_len > len - pos)
			break;
		pos += (note.name_len + 3ul) & ~3ul;
		if (pos > len || note.text_len > len - pos)
			break;
		text = notes + pos;
		pos += (note.text_len + 3ul) & ~3ul;
		if (note.name_len == sizeof(owner) &&
		    !memcmp(name, owner, sizeof(owner))) {
			snprintf(field, sizeof(field), "%.*s",
				 (int)note.text_len, text);
			ret = names_add(fields, field);
		}
		if (pos > len)
			break;
	}
	return ret;
}

/*
 * What a patch says of itself, sorted; nothing if it has no notes. The caller frees
 * @fields, even after an error.
 */
int sysfs_fields(const char *patch, struct names *fields)
{
	const size_t size = 1 << 20;
	char path[PATH_MAX], *notes;
	int len;

	len = snprintf(path, PATH_MAX, "%s/../../module/%s/notes/.note.kpatch",
		       root(), patch);
	if (len >= PATH_MAX)
		return -ENAMETOOLONG;
	notes = malloc(size);
	if (!notes)
		return -ENOMEM;
	len = read_path(path, notes, size);
	if (len > 0)
		len = parse_notes(notes, len, fields);
	free(notes);
	names_sort(fields);
	return len < 0 && len != -ENOENT ? len : 0;
}

int sysfs_stats(const char *patch, struct sysfs_stats *stats)
{
	const struct {
		const char *file;
		char *text;
	} all[] = {
		{ "attempts", stats->attempts },
		{ "stops", stats->stops },
		{ "stop_ns", stats->stop_ns },
		{ "max_stop_ns", stats->max_stop_ns },
		{ "scanned", stats->scanned },
		{ "scanned_stopped", stats->scanned_stopped },
	};
	int ret = 0;
	size_t i;

	for (i = 0; ret >= 0 && i < ARRAY_SIZE(all); i++)
		ret = read_file(patch, all[i].file, all[i].text,
				sizeof(stats->attempts));
	return ret < 0 ? ret : 0;
}
