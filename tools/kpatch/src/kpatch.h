/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The kpatch command. One section for each file; a file calls only files whose section
 * comes before its own.
 */
#ifndef _KPATCH_H
#define _KPATCH_H

#include <json-c/json_object.h>
#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ARRAY_SIZE(array)	(sizeof(array) / sizeof((array)[0]))
#define __printf(a, b)		__attribute__( \
					(format(printf, a, b)))

/* Longer than the name of any module, with ".ko.zst" and the final 0. */
#define NAME_LEN		128

/* util.c: sets of strings, names of modules, time, files, notes */

/* A set of strings. */
struct names {
	char **name;
	unsigned int nr;
};

/* One entry of a note section. */
struct note {
	const char *owner;
	const char *text;
	uint32_t owner_len;
	uint32_t text_len;
	uint32_t type;
};

/* For a time such as "2026-11-27T13:05:20Z". */
#define UTC_LEN			32

bool names_has(const struct names *names, const char *name);
void names_add(struct names *names, const char *name);
void names_sort(struct names *names);
void names_free(struct names *names);
bool strip_ko(char *file);
bool is_path(const char *arg);
bool arg_to_name(const char *arg, char *name);
long long now_ms(void);
void boot_to_utc(long long ns, char *utc);
void utc_to_local(const char *utc, char *local, size_t size, char *ago, size_t ago_size);
__printf(2, 3) int make_path(char *path, const char *fmt, ...);
int read_file(const char *path, char *buf, size_t size);
__printf(3, 4) int read_text(char *buf, size_t size, const char *fmt, ...);
int write_text(const char *path, const char *text);
bool note_next(const char **pos, const char *end, struct note *note);
bool note_is_build_id(const struct note *note, char *hex, size_t size);

/* output.c: messages, JSON, exit statuses */

/* The exit statuses, see the manual page. */
enum status {
	OK = 0,
	FAILED = 1,
	USAGE = 2,
	NOT_FOUND = 3,
	REFUSED = 4,
	BUSY = 5,
	WRONG_KERNEL = 6,
	NO_RIGHTS = 7,
};

/* What was requested from the kernel, for out_errno(). */
enum action {
	ACT_LOAD,
	ACT_ENABLE,
	ACT_DISABLE,
	ACT_SWITCH,
	ACT_ROLLBACK,
	ACT_TRIAL,
	ACT_REMOVE,
};

void out_use_json(void);
bool out_is_json(void);
struct json_object *out_root(void);
__printf(2, 3) enum status out_err(enum status status, const char *fmt, ...);
__printf(2, 3) void out_done(bool show, const char *fmt, ...);
void out_blockers(const char *patch, struct json_object *blockers);
enum status out_errno(enum action action, const char *patch, int err,
		      const char *log_line);
enum status out_worse(enum status a, enum status b);
int out_end(const char *command, int status);
const char *str_of(struct json_object *obj, const char *key);
long long num_of(struct json_object *obj, const char *key);
struct json_object *arr_of(struct json_object *obj, const char *key);
void set_str(struct json_object *obj, const char *key, const char *value);

/* sysfs.c: what the kernel shows of its patches */

/* "blockers" has 32 lines of at most 640 characters. */
#define TEXT_LEN		(32 * 640 + 1)

#define SYSFS			"/sys/kernel/kpatch"

enum status sysfs_available(void);
int sysfs_patches(struct names *names);
bool sysfs_has(const char *patch);
enum status sysfs_find(const char *patch);
int sysfs_is_enabled(const char *patch);
long long sysfs_number(const char *patch, const char *file);
int sysfs_functions(const char *patch, struct names *functions);
int sysfs_is_live(const char *patch, const char *function);
struct json_object *sysfs_blockers(const char *patch);
void sysfs_fields(const char *patch, struct names *fields);
bool sysfs_build_id(const char *module, char *hex, size_t size);
bool sysfs_may_enable(void);

/* module.c: module files, insertion and removal */

/* Has a directory for each kernel. */
#define INSTALLED		"/var/lib/kpatch"

/* A module file, or a name that libkmod has found one for. */
struct module {
	char name[NAME_LEN];
	char path[PATH_MAX];
	char build_id[65];
	char kernel[NAME_LEN];
	bool by_name;
	bool is_patch;
	bool has_enable;
	bool has_replace;
	struct names fields;
};

const char *running_kernel(void);
enum status module_name(const char *arg, char *name);
enum status module_names(char **args, int nr, struct names *names);
enum status module_look(const char *arg, struct module *module);
bool module_read(const char *path, struct module *module);
void module_put(struct module *module);
int module_insert(const struct module *module, const char *parameters);
int module_remove(const char *name);
void module_installed_path(char *path, const char *kernel, const char *file);
bool module_find_installed(const char *arg, char *path);

/* lists.c: lists of installed patches */

/* What "load --all" leaves out, see boot.c. */
#define SKIP			"skip"

void list_read(const char *kernel, const char *list, struct names *names);
int list_write(const char *kernel, const char *list, const struct names *names);
int list_edit(const char *kernel, const char *list, const char *drop, const char *add);
int list_forget(const char *kernel, const char *name);
int list_commit(const char *kernel, int fd, const char *from, const char *to);

/* vmlinux.c: source files of functions */

/* All zero: none, of which nothing is known. */
struct vmlinux {
	const char *file;
	size_t size;
	const void *symbols;
	size_t nr_symbols;
	const char *strings;
	size_t strings_size;
};

enum status vmlinux_open(const char *given, struct vmlinux *vmlinux);
const char *vmlinux_source(const struct vmlinux *vmlinux, const char *name, uint64_t offset);
void vmlinux_close(struct vmlinux *vmlinux);

/* wait.c: requests with a deadline, signals, one command at a time */

struct options;

void wait_begin(unsigned int timeout_ms);
enum status wait_begin_alone(const struct options *opts);
int wait_request(const char *file, const char *words, const char *patch);
const char *wait_log_line(const char *name, int err);
const char *wait_log_nth(const char *name, unsigned int n);
void wait_undo(unsigned int ms);
int wait_signal(void);
void wait_end(void);

/* The files of subcommands */

/* What a subcommand takes, besides --help. */
enum option_flags {
	OPT_ALL = 1,
	OPT_TIMEOUT = 2,
	OPT_VERBOSE = 4,
	OPT_JSON = 8,
	OPT_TRIAL = 16,
	OPT_KERNEL = 32,
	/* Words that begin with "-" and are no options are arguments. */
	OPT_SIGNS = 64,
	OPT_BOOT = 128,
	OPT_RETRY = 256,
	OPT_VMLINUX = 512,
};

struct options {
	unsigned int given;
	unsigned int timeout_ms;
	unsigned int trial;
	const char *kernel;
	const char *vmlinux;
	char **args;
	int nr_args;
};

struct command {
	const char *name;
	int (*run)(const struct options *opts);
	const char *summary;
	const char *help;
	unsigned int options;
	int min_args;
	int max_args;		/* -1: any number */
};

enum status usage_error(const char *cmd, const char *what, const char *which);

/* installed.c */
extern const struct command cmd_install;
extern const struct command cmd_uninstall;
struct json_object *installed_model(void);
void installed_print(struct json_object *installed);
void installed_files(const char *kernel, struct names *files);

/* boot.c: which installed patches are loaded */
enum status boot_begin(const struct options *opts, struct names *files);
void boot_end(const struct options *opts, const struct names *files);

/* switch.c */
extern const struct command cmd_enable;
extern const struct command cmd_disable;
extern const struct command cmd_switch;
extern const struct command cmd_rollback;
extern const struct command cmd_confirm;
extern const struct command cmd_check;
enum status switch_patches(const struct names *on, const struct names *off,
			   const struct options *opts);

/* load.c */
extern const struct command cmd_load;
extern const struct command cmd_unload;
extern const struct command cmd_replace;

/* status.c */
extern const struct command cmd_list;
extern const struct command cmd_info;
extern const struct command cmd_status;
extern const struct command cmd_blockers;

/* can.c */
extern const struct command cmd_can;

#endif /* _KPATCH_H */
