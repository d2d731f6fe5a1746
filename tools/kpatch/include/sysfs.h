/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * /sys/kernel/kpatch: list patches, read their files, switch them.
 */
#ifndef _KPATCH_SYSFS_H
#define _KPATCH_SYSFS_H

#include <stdbool.h>

struct names;

/* Large enough for each file: "blockers" has 32 lines of at most 640 characters. */
#define SYSFS_TEXT_LEN	(32 * 640 + 1)

/* Statistics of the switches of a patch. */
struct sysfs_stats {
	char attempts[24];
	char stops[24];
	char stop_ns[24];
	char max_stop_ns[24];
	char scanned[24];
	char scanned_stopped[24];
};

bool sysfs_available(void);
int sysfs_patches(struct names *names);
bool sysfs_has(const char *patch);
bool sysfs_find(const char *patch);
int sysfs_is_enabled(const char *patch);
int sysfs_set_enabled(const char *patch, bool on, unsigned int ms);
int sysfs_check(const char *patch, bool on);
int sysfs_functions(const char *patch, struct names *names);
int sysfs_is_live(const char *patch, const char *function);
bool sysfs_is_covered(const char *patch);
int sysfs_blockers(const char *patch, char *text);
int sysfs_fields(const char *patch, struct names *fields);
int sysfs_stats(const char *patch, struct sysfs_stats *stats);

#endif /* _KPATCH_SYSFS_H */
