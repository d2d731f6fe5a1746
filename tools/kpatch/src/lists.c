// SPDX-License-Identifier: GPL-2.0-only
/*
 * Lists of installed patches, in the directory of their kernel: text with the name of one
 * module file on each line. Blank lines, and what follows a "#", are for the reader.
 *
 * A file is replaced at once and is on disk when the call returns: a machine that dies boots
 * with the old one or the new one.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kpatch.h"

/* As much as some thousand files of a kernel. */
#define LIST_LEN	65536

/* Find the name on a line. Returns its length, 0 if there is none. */
static size_t find_name(const char **line)
{
	*line += strspn(*line, " \t");
	return strcspn(*line, " \t\r#");
}

/* The names on a list, in order. A list that is not there is empty. */
void list_read(const char *kernel, const char *list, struct names *names)
{
	char text[LIST_LEN], name[NAME_LEN], *rest = text;
	const char *line;
	size_t len;

	if (read_text(text, sizeof(text), INSTALLED "/%s/%s", kernel, list) < 0)
		return;
	while ((line = strsep(&rest, "\n"))) {
		len = find_name(&line);
		if (len && snprintf(name, sizeof(name), "%.*s", (int)len, line) < NAME_LEN)
			names_add(names, name);
	}
}

static int sync_directory(const char *kernel)
{
	char path[PATH_MAX];
	int fd, ret = 0;

	module_installed_path(path, kernel, "");
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (fsync(fd))
		ret = -errno;
	close(fd);
	return ret;
}

/**
 * list_commit() - put a new file in the place of an old one
 * @kernel: its directory
 * @fd: the new file, which is closed
 * @from: its path; removed after a failure
 * @to: the path that it gets
 *
 * Return: 0, or an errno with the old file in place, unless only the directory could not be
 * written.
 */
int list_commit(const char *kernel, int fd, const char *from, const char *to)
{
	int ret = 0;

	if (fsync(fd))
		ret = -errno;
	if (close(fd) && !ret)
		ret = -errno;
	if (!ret && rename(from, to))
		ret = -errno;
	if (!ret)
		return sync_directory(kernel);
	unlink(from);
	return ret;
}

/* Make @text the whole of a list. Returns 0 or an errno. */
static int write_list(const char *kernel, const char *list, const char *text)
{
	char path[PATH_MAX], new[PATH_MAX];
	size_t len = strlen(text);
	int fd, ret;

	module_installed_path(path, kernel, list);
	module_installed_path(new, kernel, ".new");
	fd = open(new, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (fd < 0)
		return -errno;
	/* If only a part fits. */
	errno = ENOSPC;
	if (write(fd, text, len) == (ssize_t)len)
		return list_commit(kernel, fd, new, path);
	ret = -errno;
	close(fd);
	unlink(new);
	return ret;
}

/* Make @names the whole of a list. Returns 0 or an errno. */
int list_write(const char *kernel, const char *list, const struct names *names)
{
	char text[LIST_LEN];
	size_t len = 0;
	unsigned int i;

	*text = '\0';
	for (i = 0; i < names->nr && len < sizeof(text); i++)
		len += snprintf(text + len, sizeof(text) - len, "%s\n", names->name[i]);
	return len < sizeof(text) ? write_list(kernel, list, text) : -EFBIG;
}

/**
 * list_edit() - take a name from a list, and add one
 * @kernel: whose list
 * @list: which one
 * @drop: a name to remove, %NULL for none
 * @add: a name to append, %NULL for none
 *
 * Other lines and their comments stay as they are. A list that does not change is not
 * written.
 *
 * Return: 0 or an errno.
 */
int list_edit(const char *kernel, const char *list, const char *drop, const char *add)
{
	char text[LIST_LEN], new[LIST_LEN + NAME_LEN], *line, *rest = text;
	size_t len = 0, name_len;
	bool changed = add;
	const char *name;
	int ret;

	ret = read_text(text, sizeof(text), INSTALLED "/%s/%s", kernel, list);
	if (ret < 0 && ret != -ENOENT)
		return ret;
	if (ret >= LIST_LEN - 2 || (add && strlen(add) > NAME_LEN - 2))
		return -EFBIG;
	*new = '\0';
	while (ret > 0 && (line = strsep(&rest, "\n"))) {
		name = line;
		name_len = find_name(&name);
		if (drop && name_len == strlen(drop) && !strncmp(name, drop, name_len))
			changed = true;
		else
			len += sprintf(new + len, "%s\n", line);
	}
	if (add)
		sprintf(new + len, "%s\n", add);
	return changed ? write_list(kernel, list, new) : 0;
}

/* Take a name from all lists of a kernel. Returns 0 or an errno. */
int list_forget(const char *kernel, const char *name)
{
	char path[PATH_MAX], file[NAME_LEN];
	struct names lists = { 0 };
	struct dirent *entry;
	unsigned int i;
	int ret = 0;
	DIR *d;

	module_installed_path(path, kernel, "");
	d = opendir(path);
	while (d && (entry = readdir(d))) {
		if (*entry->d_name != '.' && snprintf(file, sizeof(file), "%s", entry->d_name) <
		    (int)sizeof(file) && !strip_ko(file))
			names_add(&lists, file);
	}
	if (d)
		closedir(d);
	for (i = 0; i < lists.nr && !ret; i++)
		ret = list_edit(kernel, lists.name[i], name, NULL);
	names_free(&lists);
	return ret;
}
