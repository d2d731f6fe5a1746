// SPDX-License-Identifier: GPL-2.0-only
/*
 * Switch patches whose modules are loaded. What one command names is one transaction: the
 * kernel switches all of it at one instant, or nothing.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kpatch.h"

/* How long a dry run may take. */
#define CHECK_MS	2000

/* One request, and what it is about. */
struct request {
	char file[NAME_LEN + 16];
	char words[4000];
	const char *patch;
	enum action action;
};

static bool add_words(struct request *req, const struct names *names, char sign)
{
	size_t len = strlen(req->words);
	unsigned int i;

	for (i = 0; i < names->nr && len < sizeof(req->words); i++)
		len += snprintf(req->words + len, sizeof(req->words) - len, "%s%c%s",
				len ? " " : "", sign, names->name[i]);
	return len < sizeof(req->words);
}

/* A patch alone has a file of its own. The patches of one word are the first. */
static bool make_request(struct request *req, const struct names *on,
			 const struct names *off)
{
	req->patch = on->nr ? on->name[0] : off->name[0];
	*req->words = '\0';
	if (on->nr + off->nr == 1) {
		snprintf(req->file, sizeof(req->file), "%s/enabled", req->patch);
		*req->words = on->nr ? '1' : '0';
		req->words[1] = '\0';
		req->action = on->nr ? ACT_ENABLE : ACT_DISABLE;
		return true;
	}
	snprintf(req->file, sizeof(req->file), "switch");
	req->action = ACT_SWITCH;
	return add_words(req, on, '+') && add_words(req, off, '-');
}

static int write_confirm(unsigned int seconds)
{
	char path[PATH_MAX], text[16];

	make_path(path, SYSFS "/confirm");
	snprintf(text, sizeof(text), "%u\n", seconds);
	return write_text(path, text);
}

static bool confirm_is(const char *state)
{
	char text[TEXT_LEN];

	return read_text(text, sizeof(text), SYSFS "/confirm") > 0 &&
	       !strncmp(text, state, strlen(state));
}

/* Make the next switch a trial, if the user wants that. */
static enum status arm(const struct options *opts)
{
	int ret;

	if (!opts->trial)
		return OK;
	ret = write_confirm(opts->trial);
	if (!ret)
		return OK;
	return out_errno(ACT_TRIAL, SYSFS "/confirm", ret, wait_log_line("confirm", ret));
}

/* A switch that failed, or changed nothing, was no trial, and the next one must not be. */
static void disarm(const struct options *opts)
{
	if (opts->trial && confirm_is("armed"))
		write_confirm(0);
}

static bool all_are(const struct names *names, int enabled)
{
	unsigned int i;

	for (i = 0; i < names->nr; i++) {
		if (sysfs_is_enabled(names->name[i]) != enabled)
			return false;
	}
	return true;
}

/* Only the kernel knows which of the patches was in the way. */
static const char *find_log_line(const struct names *on, const struct names *off,
				 int err)
{
	const char *line = NULL;
	unsigned int i;

	for (i = 0; i < on->nr && !line; i++)
		line = wait_log_line(on->name[i], err);
	for (i = 0; i < off->nr && !line; i++)
		line = wait_log_line(off->name[i], err);
	return line;
}

/* Blockers are shown only if this request has found them, not an earlier one. */
static enum status report(const struct request *req, int err, const char *line,
			  long long attempts)
{
	enum status status;

	if (err == -EINTR && wait_signal())
		return out_err(BUSY, "interrupted; nothing was changed");
	status = out_errno(req->action, req->action == ACT_SWITCH ? req->words : req->patch,
			   err, line);
	if (sysfs_number(req->patch, "attempts") > attempts)
		out_blockers(req->patch, sysfs_blockers(req->patch));
	return status;
}

/**
 * switch_patches() - enable and disable patches at one instant
 * @on: to enable, in this order
 * @off: to disable
 * @opts: options of the command; wait_begin_alone() has been called
 *
 * Return: the exit status. A failure has been reported; then nothing was changed.
 */
enum status switch_patches(const struct names *on, const struct names *off,
			   const struct options *opts)
{
	long long attempts;
	struct request req;
	enum status status;
	int ret;

	if (!on->nr && !off->nr)
		return OK;
	if (!make_request(&req, on, off))
		return out_err(USAGE, "too many patches for one switch; name fewer");
	status = arm(opts);
	if (status)
		return status;
	attempts = sysfs_number(req.patch, "attempts");
	ret = wait_request(req.file, req.words, req.patch);
	if (ret == -EINTR && wait_signal() && all_are(on, 1) && all_are(off, 0))
		ret = 0;
	disarm(opts);
	if (ret)
		return report(&req, ret, find_log_line(on, off, ret), attempts);
	if (wait_signal())
		out_err(OK, "interrupted, but the switch had been made");
	return OK;
}

static void say_done(const struct names *names, const char *what,
		     const struct options *opts)
{
	unsigned int i;

	for (i = 0; i < names->nr; i++)
		out_done(opts->given & OPT_VERBOSE, "%s '%s'", what, names->name[i]);
}

static enum status find_all(const struct names *names)
{
	enum status status = OK;
	unsigned int i;

	for (i = 0; i < names->nr; i++)
		status = out_worse(status, sysfs_find(names->name[i]));
	return status;
}

/* What all of these commands have in common. */
static enum status switch_found(const struct names *on, const struct names *off,
				const struct options *opts)
{
	enum status status = sysfs_available();

	if (!status)
		status = out_worse(find_all(on), find_all(off));
	if (!status)
		status = wait_begin_alone(opts);
	if (!status)
		status = switch_patches(on, off, opts);
	wait_end();
	if (status)
		return status;
	say_done(on, "enabled", opts);
	say_done(off, "disabled", opts);
	return OK;
}

static int enable_or_disable(const struct options *opts, bool enable)
{
	struct names names = { 0 }, none = { 0 };
	enum status status;

	status = module_names(opts->args, opts->nr_args, &names);
	if (!status)
		status = switch_found(enable ? &names : &none, enable ? &none : &names, opts);
	names_free(&names);
	return status;
}

static int run_enable(const struct options *opts)
{
	return enable_or_disable(opts, true);
}

static int run_disable(const struct options *opts)
{
	return enable_or_disable(opts, false);
}

static int run_switch(const struct options *opts)
{
	struct names on = { 0 }, off = { 0 };
	enum status status = OK;
	char name[NAME_LEN];
	int i;

	for (i = 0; i < opts->nr_args && !status; i++) {
		if (*opts->args[i] != '+' && *opts->args[i] != '-') {
			status = usage_error("switch", "no + or - in front of", opts->args[i]);
			break;
		}
		status = module_name(opts->args[i] + 1, name);
		if (!status && (names_has(&on, name) || names_has(&off, name)))
			status = usage_error("switch", "named twice:", name);
		if (!status)
			names_add(*opts->args[i] == '+' ? &on : &off, name);
	}
	if (!status)
		status = switch_found(&on, &off, opts);
	names_free(&on);
	names_free(&off);
	return status;
}

static enum status roll_back(const char *name, const struct options *opts)
{
	long long attempts = sysfs_number(name, "attempts");
	struct request req = {
		.words = "1",
		.patch = name,
		.action = ACT_ROLLBACK,
	};
	enum status status;
	int ret;

	snprintf(req.file, sizeof(req.file), "%s/rollback", name);
	status = arm(opts);
	if (status)
		return status;
	ret = wait_request(req.file, req.words, name);
	if (ret == -EINTR && wait_signal() && !sysfs_is_enabled(name))
		ret = 0;
	disarm(opts);
	if (ret)
		return report(&req, ret, wait_log_line(name, ret), attempts);
	out_done(opts->given & OPT_VERBOSE, "rolled back '%s'", name);
	return OK;
}

static int run_rollback(const struct options *opts)
{
	char name[NAME_LEN];
	enum status status;

	status = module_name(opts->args[0], name);
	if (!status)
		status = sysfs_available();
	if (!status)
		status = sysfs_find(name);
	if (!status)
		status = wait_begin_alone(opts);
	if (!status)
		status = roll_back(name, opts);
	wait_end();
	return status;
}

/* Not behind the lock: a trial can be confirmed while another command waits. */
static int run_confirm(const struct options *opts)
{
	char text[TEXT_LEN];
	enum status status = sysfs_available();
	int ret;

	if (status)
		return status;
	ret = read_text(text, sizeof(text), SYSFS "/confirm");
	if (ret >= 0 && strncmp(text, "trial ", strlen("trial ")))
		return out_err(NOT_FOUND,
			       "there is no trial, or it was undone; begin one with --trial");
	if (ret >= 0)
		ret = write_confirm(0);
	if (ret == -ENOENT)
		return out_err(NOT_FOUND,
			       "the trial was undone in the meantime; see 'kpatch status'");
	if (ret < 0)
		return out_errno(ACT_TRIAL, SYSFS "/confirm", ret, NULL);
	out_done(opts->given & OPT_VERBOSE, "confirmed '%s'",
		 text + strlen("trial ") + strcspn(text + strlen("trial "), " ") + 1);
	return OK;
}

/* The tasks that the kernel would have to park, if any. */
static void print_parked(struct json_object *parked)
{
	size_t i, nr = parked ? json_object_array_length(parked) : 0;
	struct json_object *line;

	if (nr)
		puts("these tasks would have to be parked:");
	for (i = 0; i < nr; i++) {
		line = json_object_array_get_idx(parked, i);
		printf("  %s %s %s %s\n", str_of(line, "tid"), str_of(line, "name"),
		       str_of(line, "function"), str_of(line, "reason"));
	}
}

static void say_possible(const char *name, bool on, struct json_object *results)
{
	struct json_object *result = json_object_new_object();
	struct json_object *parked = sysfs_blockers(name);

	set_str(result, "patch", name);
	set_str(result, "action", on ? "disable" : "enable");
	json_object_object_add(result, "parks", parked);
	json_object_array_add(results, result);
	if (out_is_json())
		return;
	printf("'%s' could be %s now\n", name, on ? "disabled" : "enabled");
	print_parked(parked);
}

static enum status check_patch(const char *name, struct json_object *results)
{
	long long attempts = sysfs_number(name, "attempts");
	struct request req = { .patch = name };
	enum status status = sysfs_find(name);
	int on, ret;

	if (status)
		return status;
	on = sysfs_is_enabled(name);
	snprintf(req.file, sizeof(req.file), "%s/check", name);
	*req.words = on == 1 ? '0' : '1';
	req.action = on == 1 ? ACT_DISABLE : ACT_ENABLE;
	ret = on < 0 ? on : wait_request(req.file, req.words, name);
	if (ret)
		return report(&req, ret, wait_log_line(name, ret), attempts);
	say_possible(name, on, results);
	return OK;
}

static int run_check(const struct options *opts)
{
	struct json_object *results = json_object_new_array();
	struct names names = { 0 };
	enum status status;
	unsigned int i;

	json_object_object_add(out_root(), "possible", results);
	status = sysfs_available();
	if (!status)
		status = module_names(opts->args, opts->nr_args, &names);
	for (i = 0; i < names.nr && !wait_signal(); i++) {
		wait_begin(CHECK_MS);
		status = out_worse(status, check_patch(names.name[i], results));
		wait_end();
	}
	names_free(&names);
	return status;
}

const struct command cmd_enable = {
	.name = "enable",
	.run = run_enable,
	.summary = "enable loaded patches",
	.options = OPT_TIMEOUT | OPT_TRIAL | OPT_VERBOSE | OPT_JSON,
	.min_args = 1,
	.max_args = -1,
	.help =
	"Usage: kpatch enable [OPTION...] NAME...\n"
	"\n"
	"Enable loaded patches, all at one instant or none. The last one is the\n"
	"newest. NAME is a module or its file.\n",
};

const struct command cmd_disable = {
	.name = "disable",
	.run = run_disable,
	.summary = "disable patches, leave their modules loaded",
	.options = OPT_TIMEOUT | OPT_TRIAL | OPT_VERBOSE | OPT_JSON,
	.min_args = 1,
	.max_args = -1,
	.help =
	"Usage: kpatch disable [OPTION...] NAME...\n"
	"\n"
	"Disable patches, all at one instant or none, and leave their modules\n"
	"loaded. NAME is a module or its file.\n",
};

const struct command cmd_switch = {
	.name = "switch",
	.run = run_switch,
	.summary = "enable some patches and disable others at one instant",
	.options = OPT_TIMEOUT | OPT_TRIAL | OPT_VERBOSE | OPT_JSON | OPT_SIGNS,
	.min_args = 1,
	.max_args = -1,
	.help =
	"Usage: kpatch switch [OPTION...] {+|-}NAME...\n"
	"\n"
	"Enable the loaded patches with a +, and disable those with a -, all at one\n"
	"instant or none. Among those that are enabled the last one is the newest.\n",
};

const struct command cmd_rollback = {
	.name = "rollback",
	.run = run_rollback,
	.summary = "disable a patch, enable again what it has replaced",
	.options = OPT_TIMEOUT | OPT_TRIAL | OPT_VERBOSE | OPT_JSON,
	.min_args = 1,
	.max_args = 1,
	.help =
	"Usage: kpatch rollback [OPTION...] NAME\n"
	"\n"
	"Disable a patch that 'kpatch replace' has loaded, and enable the patches\n"
	"that it has replaced, all at one instant.\n",
};

const struct command cmd_confirm = {
	.name = "confirm",
	.run = run_confirm,
	.summary = "keep what a switch with --trial has changed",
	.options = OPT_VERBOSE | OPT_JSON,
	.help =
	"Usage: kpatch confirm [OPTION...]\n"
	"\n"
	"Keep what the last switch with --trial has changed. Without this the kernel\n"
	"undoes it when the time of the trial is over.\n",
};

const struct command cmd_check = {
	.name = "check",
	.run = run_check,
	.summary = "report whether patches could be switched now",
	.options = OPT_JSON,
	.min_args = 1,
	.max_args = -1,
	.help =
	"Usage: kpatch check [OPTION...] NAME...\n"
	"\n"
	"Report whether patches could be switched now: whether enabled patches could\n"
	"be disabled, and disabled patches enabled. Nothing is changed and no task is\n"
	"parked; tasks that would have to be parked are listed. NAME is a module or\n"
	"its file.\n",
};
