// SPDX-License-Identifier: GPL-2.0-only
/*
 * Messages, the JSON output, and what errors of the kernel mean.
 *
 * With --json each command prints one object, which out_end() completes: what the command
 * has found, "done" for what it has changed, "errors" for what has failed, and "status".
 * Messages go to standard error all the same.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "kpatch.h"

/* Version of the JSON output: a member that goes or changes its meaning is a new one. */
#define FORMAT		1

static struct json_object *root;
static bool use_json;

static const char * const status_name[] = {
	[OK]		= "ok",
	[FAILED]	= "failed",
	[USAGE]		= "usage",
	[NOT_FOUND]	= "not-found",
	[REFUSED]	= "refused",
	[BUSY]		= "busy",
	[WRONG_KERNEL]	= "wrong-kernel",
	[NO_RIGHTS]	= "no-rights",
};

void out_use_json(void)
{
	use_json = true;
}

bool out_is_json(void)
{
	return use_json;
}

/* The object that is printed at the end, if at all. */
struct json_object *out_root(void)
{
	if (!root)
		root = json_object_new_object();
	return root;
}

static void append(const char *key, struct json_object *entry)
{
	struct json_object *array;

	if (!json_object_object_get_ex(out_root(), key, &array)) {
		array = json_object_new_array();
		json_object_object_add(root, key, array);
	}
	json_object_array_add(array, entry);
}

/* One line on standard error. Returns @status. */
enum status out_err(enum status status, const char *fmt, ...)
{
	struct json_object *entry = json_object_new_object();
	char text[4096];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	fprintf(stderr, "kpatch: %s\n", text);
	set_str(entry, "status", status_name[status]);
	set_str(entry, "message", text);
	append("errors", entry);
	return status;
}

/* Something was done; a line says so if @show. */
void out_done(bool show, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	append("done", json_object_new_string(text));
	if (show && !use_json)
		puts(text);
}

/* The blockers of a patch, as sysfs_blockers() has read them; takes the reference. */
void out_blockers(const char *patch, struct json_object *blockers)
{
	size_t i, nr = blockers ? json_object_array_length(blockers) : 0;
	struct json_object *line;

	if (nr)
		fprintf(stderr, "kpatch: blockers of '%s':\n", patch);
	for (i = 0; i < nr; i++) {
		line = json_object_array_get_idx(blockers, i);
		fprintf(stderr, "kpatch:   %s %s %s %s\n", str_of(line, "tid"),
			str_of(line, "name"), str_of(line, "function"),
			str_of(line, "reason"));
	}
	json_object_object_add(out_root(), "blockers", blockers);
}

/* What the kernel means by an errno if its log cannot be read. */
struct meaning {
	int err;
	unsigned int actions;
	enum status status;
	const char *cause;
	const char *remedy;
};

#define ON(action)	(1u << (action))
#define LOADS		ON(ACT_LOAD)
#define REMOVES		ON(ACT_REMOVE)
#define SWITCHES	(ON(ACT_ENABLE) | ON(ACT_DISABLE) | ON(ACT_SWITCH) | ON(ACT_ROLLBACK) | \
			 ON(ACT_TRIAL))
#define ALL		(LOADS | SWITCHES | REMOVES)

static const struct meaning meanings[] = {
	{ EBUSY, LOADS | SWITCHES, BUSY,
	  "a task stays inside one of its functions, or another patch, a live patch or a probe is in the way",
	  "see dmesg, then try again" },
	{ EBUSY, REMOVES, BUSY,
	  "its module cannot be removed yet", "see dmesg, then try again" },
	{ EAGAIN, REMOVES, BUSY,
	  "its module is in use", "see lsmod, then try again" },
	{ EINTR, ALL, BUSY,
	  "it was interrupted", "try again" },
	{ ETIME, LOADS | SWITCHES, BUSY,
	  "to scan the tasks takes longer than the machine may be stopped",
	  "raise kpatch.stop_budget_us" },
	{ EDEADLK, LOADS | SWITCHES, REFUSED,
	  "a task that the switch itself needs is always inside one of its functions",
	  "see dmesg for the function, leave it out of the patch" },
	{ ENOENT, LOADS, WRONG_KERNEL,
	  "a symbol is missing", "see dmesg for the symbol, build the patch for this kernel" },
	{ ENOENT, SWITCHES | REMOVES, NOT_FOUND,
	  "it, or a patch that it has replaced, is not loaded any more", "see 'kpatch list'" },
	{ ENODEV, SWITCHES, NOT_FOUND,
	  "it is being unloaded, or ftrace has failed", "see dmesg" },
	{ ENODEV, LOADS, WRONG_KERNEL,
	  "kpatch or ftrace has failed in this kernel", "see dmesg, reboot" },
	{ EROFS, ALL, NO_RIGHTS,
	  "/sys is mounted read-only", "remount it with 'mount -o remount,rw /sys'" },
	{ ENOEXEC, LOADS, WRONG_KERNEL,
	  "it is no module for this kernel", "see dmesg, build the patch for this kernel" },
	{ EKEYREJECTED, LOADS, NO_RIGHTS,
	  "it is not signed with a key that this kernel trusts", "sign it with a trusted key" },
	{ ENOKEY, LOADS, NO_RIGHTS,
	  "it is signed with a key that this kernel does not know",
	  "sign it with a trusted key" },
	{ EBADMSG, LOADS, NO_RIGHTS,
	  "its signature is damaged", "sign it again" },
	{ ENOTUNIQ, LOADS, REFUSED,
	  "a function that it replaces shares its name with others",
	  "see dmesg for the function, set its sympos" },
	{ EINVAL, LOADS | SWITCHES, REFUSED,
	  "the kernel does not accept the patch or the request", "see dmesg" },
	{ EOPNOTSUPP, LOADS | SWITCHES, REFUSED,
	  "one of its functions cannot be hooked",
	  "see dmesg for the function, patch its callers instead" },
	{ EEXIST, LOADS, REFUSED,
	  "a module of that name is loaded already, and is no patch",
	  "see lsmod, remove it first" },
	{ ETXTBSY, LOADS, BUSY,
	  "the file is still being written", "try again later" },
	{ ENOMEM, ALL, FAILED,
	  "the kernel is out of memory", "free some, then try again" },
};

static const char * const action_text[] = {
	[ACT_LOAD]	= "load",
	[ACT_ENABLE]	= "enable",
	[ACT_DISABLE]	= "disable",
	[ACT_SWITCH]	= "switch",
	[ACT_ROLLBACK]	= "roll back",
	[ACT_TRIAL]	= "change",
	[ACT_REMOVE]	= "remove the module of",
};

static bool is_latched(void)
{
	char buf[8];

	return read_text(buf, sizeof(buf), "/proc/sys/kernel/modules_disabled") > 0 &&
	       *buf == '1';
}

/* Why may the caller not do that? Only one of these is the cause. */
static void explain_rights(enum action action, const char **cause, const char **remedy)
{
	bool module = action == ACT_LOAD || action == ACT_REMOVE;

	if (geteuid()) {
		*cause = "only root may do that";
		*remedy = "become root";
	} else if (module && is_latched()) {
		*cause = "kernel.modules_disabled is set, so no module can be loaded or removed";
		*remedy = "reboot to end that";
	} else if (module) {
		*cause = "root lacks CAP_SYS_MODULE, or a security module or lockdown forbids it";
		*remedy = "see dmesg and the audit log";
	} else {
		*cause = "root lacks CAP_SYS_ADMIN, or a security module forbids it";
		*remedy = "see the audit log";
	}
}

static const struct meaning *find_meaning(enum action action, int err)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(meanings); i++) {
		if (meanings[i].err == err && meanings[i].actions & ON(action))
			return &meanings[i];
	}
	return NULL;
}

/**
 * out_errno() - print why the kernel refused something
 * @action: what was requested
 * @patch: the patch
 * @err: the negative errno that the kernel returned
 * @log_line: what the kernel has logged, without "kpatch: "; %NULL if that is not known
 *
 * Return: the exit status.
 */
enum status out_errno(enum action action, const char *patch, int err,
		      const char *log_line)
{
	const struct meaning *meaning = find_meaning(action, -err);
	const char *cause, *remedy = "see dmesg";
	enum status status = FAILED;

	/* The kernel knows better, and its line names the remedy. */
	if (log_line)
		return out_err(meaning ? meaning->status : REFUSED, "%s", log_line);
	cause = strerror(-err);
	if (err == -EPERM || err == -EACCES) {
		status = NO_RIGHTS;
		explain_rights(action, &cause, &remedy);
	} else if (meaning) {
		status = meaning->status;
		cause = meaning->cause;
		remedy = meaning->remedy;
	}
	return out_err(status, "cannot %s '%s': %s; %s (%d)", action_text[action],
		       patch, cause, remedy, err);
}

/* Of several failures the first one decides. */
enum status out_worse(enum status a, enum status b)
{
	return a ? a : b;
}

/* Print the JSON output, if it is wanted. Returns the exit status. */
int out_end(const char *command, int status)
{
	bool known = status >= 0 && status < (int)ARRAY_SIZE(status_name);

	if (use_json) {
		json_object_object_add(out_root(), "format", json_object_new_int(FORMAT));
		set_str(root, "command", command);
		set_str(root, "status", known ? status_name[status] : "interrupted");
		puts(json_object_to_json_string_ext(root, JSON_C_TO_STRING_PRETTY |
						    JSON_C_TO_STRING_SPACED |
						    JSON_C_TO_STRING_NOSLASHESCAPE));
	}
	json_object_put(root);
	root = NULL;
	return status;
}

/* A member as a string; "" if there is none. */
const char *str_of(struct json_object *obj, const char *key)
{
	struct json_object *value;

	if (!json_object_object_get_ex(obj, key, &value) || !value)
		return "";
	return json_object_get_string(value);
}

/* A member as a number, -1 if there is none. */
long long num_of(struct json_object *obj, const char *key)
{
	struct json_object *value;

	if (!json_object_object_get_ex(obj, key, &value) || !value)
		return -1;
	return json_object_get_int64(value);
}

/* A member that is an array; NULL if it is null. */
struct json_object *arr_of(struct json_object *obj, const char *key)
{
	struct json_object *value = NULL;

	json_object_object_get_ex(obj, key, &value);
	return value;
}

/* The length of the UTF-8 character at @c; 0 if there is none. */
static size_t length_of_char(const unsigned char *c)
{
	size_t i, len = *c < 0x80 ? 1 : *c < 0xc2 ? 0 : *c < 0xe0 ? 2 : *c < 0xf0 ? 3 :
			*c < 0xf5 ? 4 : 0;

	for (i = 1; i < len; i++) {
		if ((c[i] & 0xc0) != 0x80)
			return 0;
	}
	return len;
}

/* NULL becomes null. A module may contain anything; JSON and terminals want text. */
void set_str(struct json_object *obj, const char *key, const char *value)
{
	char text[4096];
	size_t i, len;

	for (i = 0; value && value[i] && i < sizeof(text) - 4; i += len ? len : 1) {
		len = length_of_char((const unsigned char *)value + i);
		memcpy(text + i, value + i, len ? len : 1);
		if (!len || (unsigned char)value[i] < ' ' || value[i] == 127)
			text[i] = '?';
	}
	text[i] = '\0';
	json_object_object_add(obj, key, value ? json_object_new_string(text) : NULL);
}
