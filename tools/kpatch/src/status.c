// SPDX-License-Identifier: GPL-2.0-only
/*
 * What is known of patches: list, info, status, blockers. Each command makes a model, a
 * JSON object, and prints that as it is or as text, so that both tell the same.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "kpatch.h"

/* Fields of a patch that are shown first, in this order, and then all others. */
static const char * const field_order[] = {
	"kernel", "release", "fix", "expires", "build_id", "engine",
};

static const char * const statistics[] = {
	"attempts", "stops", "stop_ns", "max_stop_ns", "work_ns", "max_work_ns", "scanned",
	"scanned_stopped", "parked", "hold_ns", "max_hold_ns", "unhook_ns",
};

static const char *value_of(const char *field, const char *tag)
{
	size_t len = strlen(tag);

	return !strncmp(field, tag, len) && field[len] == '=' ? field + len + 1 : NULL;
}

/* Has the day passed, written as YYYY-MM-DD, everywhere in the same second? */
static bool is_over(const char *day)
{
	time_t now = time(NULL);
	char today[16];
	struct tm tm;

	return gmtime_r(&now, &tm) && strftime(today, sizeof(today), "%Y-%m-%d", &tm) &&
	       strcmp(day, today) < 0;
}

static void add_field(struct json_object *array, const char *tag, const char *value)
{
	struct json_object *field = json_object_new_object();

	set_str(field, "tag", tag);
	set_str(field, "value", value);
	json_object_array_add(array, field);
}

static bool is_ordered(const char *field)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(field_order); i++) {
		if (value_of(field, field_order[i]))
			return true;
	}
	return false;
}

/* What a patch says of itself. */
static void add_fields(struct json_object *model, const struct names *fields)
{
	struct json_object *array = json_object_new_array();
	const char *value, *expired = NULL;
	unsigned int i;
	char tag[64];
	size_t t;

	for (t = 0; t < ARRAY_SIZE(field_order); t++) {
		for (i = 0; i < fields->nr; i++) {
			value = value_of(fields->name[i], field_order[t]);
			if (!value)
				continue;
			add_field(array, field_order[t], value);
			if (!strcmp(field_order[t], "expires") && is_over(value))
				expired = value;
		}
	}
	for (i = 0; i < fields->nr; i++) {
		if (is_ordered(fields->name[i]))
			continue;
		t = strcspn(fields->name[i], "=");
		snprintf(tag, sizeof(tag), "%.*s", (int)t, fields->name[i]);
		add_field(array, tag, fields->name[i] + t + !!fields->name[i][t]);
	}
	json_object_object_add(model, "fields", array);
	set_str(model, "expired", expired);
}

/* @function is "<object>/<function>,<sympos>". */
static struct json_object *function_model(const char *patch, const char *function)
{
	struct json_object *model = json_object_new_object();
	const char *slash = strchr(function, '/'), *comma = strrchr(function, ',');
	int live = sysfs_is_live(patch, function);
	char text[1024];

	snprintf(text, sizeof(text), "%.*s", (int)(slash - function), function);
	set_str(model, "object", text);
	snprintf(text, sizeof(text), "%.*s", (int)((comma ? comma : strchr(slash, 0)) - slash - 1),
		 slash + 1);
	set_str(model, "name", text);
	json_object_object_add(model, "sympos", json_object_new_int(comma ? atoi(comma + 1) : 0));
	json_object_object_add(model, "live", live < 0 ? NULL : json_object_new_boolean(live));
	return model;
}

static int add_functions(struct json_object *model, const char *patch)
{
	struct json_object *array = json_object_new_array();
	struct names functions = { 0 };
	unsigned int i;
	int ret;

	json_object_object_add(model, "functions", array);
	ret = sysfs_functions(patch, &functions);
	for (i = 0; i < functions.nr; i++)
		json_object_array_add(array, function_model(patch, functions.name[i]));
	names_free(&functions);
	return ret;
}

/* All that "list" shows of a patch. Returns 0 or an errno. */
static int add_basics(struct json_object *model, const char *patch)
{
	struct names fields = { 0 };
	char text[128];
	int on = sysfs_is_enabled(patch), ret;

	if (on < 0)
		return on;
	set_str(model, "name", patch);
	json_object_object_add(model, "enabled", json_object_new_boolean(on));
	ret = read_text(text, sizeof(text), SYSFS "/%s/set", patch);
	set_str(model, "set", ret < 0 ? NULL : text);
	set_str(model, "build_id", sysfs_build_id(patch, text, sizeof(text)) ? text : NULL);
	sysfs_fields(patch, &fields);
	add_fields(model, &fields);
	names_free(&fields);
	return add_functions(model, patch);
}

static int add_statistics(struct json_object *model, const char *patch)
{
	struct json_object *object = json_object_new_object();
	long long number;
	size_t i;

	json_object_object_add(model, "statistics", object);
	for (i = 0; i < ARRAY_SIZE(statistics); i++) {
		number = sysfs_number(patch, statistics[i]);
		if (number < 0 && number != -ENOENT)
			return number;
		json_object_object_add(object, statistics[i],
				       number < 0 ? NULL : json_object_new_int64(number));
	}
	return 0;
}

/* Null if the kernel does not have it. */
static void set_time(struct json_object *obj, const char *key, long long boot_ns)
{
	char utc[UTC_LEN];

	boot_to_utc(boot_ns, utc);
	set_str(obj, key, boot_ns < 0 ? NULL : utc);
}

/* Why the last switch that has failed did so, and when. */
static struct json_object *refused_model(const char *patch)
{
	long long err = sysfs_number(patch, "refused");
	struct json_object *model;

	if (err <= 0)
		return NULL;
	model = json_object_new_object();
	json_object_object_add(model, "errno", json_object_new_int64(err));
	set_str(model, "name", strerrorname_np(err));
	set_time(model, "time", sysfs_number(patch, "refused_ns"));
	return model;
}

static void add_times(struct json_object *model, const char *patch)
{
	set_time(model, "since", sysfs_number(patch, "since_ns"));
	json_object_object_add(model, "refused", refused_model(patch));
}

/* The caller puts the model, which is incomplete after an error. */
static int read_patch(const char *patch, bool all, struct json_object **model)
{
	int ret;

	*model = json_object_new_object();
	ret = add_basics(*model, patch);
	if (!ret && all)
		ret = add_statistics(*model, patch);
	if (!ret && all) {
		add_times(*model, patch);
		json_object_object_add(*model, "blockers", sysfs_blockers(patch));
	}
	return ret;
}

static enum status cannot_read(const char *patch, int err)
{
	return out_err(err == -EACCES || err == -EPERM ? NO_RIGHTS : FAILED,
		       "cannot read '%s': %s; see 'ls -l " SYSFS "/%s'", patch, strerror(-err),
		       patch);
}

/* All loaded patches. */
static enum status read_all(bool all, struct json_object *patches)
{
	struct names names = { 0 };
	struct json_object *model;
	enum status status = OK;
	unsigned int i;
	int ret;

	ret = sysfs_patches(&names);
	if (ret)
		status = out_err(FAILED, "cannot list the patches: %s; see 'ls -l " SYSFS "'",
				 strerror(-ret));
	for (i = 0; i < names.nr; i++) {
		ret = read_patch(names.name[i], all, &model);
		if (!ret) {
			json_object_array_add(patches, model);
			continue;
		}
		json_object_put(model);
		/* It may have been unloaded in the meantime. */
		if (sysfs_has(names.name[i]))
			status = out_worse(status, cannot_read(names.name[i], ret));
	}
	names_free(&names);
	return status;
}

static void print_function(struct json_object *function)
{
	struct json_object *live = arr_of(function, "live");

	printf("  %s/%s,%lld  %s\n", str_of(function, "object"), str_of(function, "name"),
	       num_of(function, "sympos"), !live ? "unknown" :
	       json_object_get_boolean(live) ? "live" : "not live");
}

static void print_functions(struct json_object *model)
{
	struct json_object *functions = arr_of(model, "functions");
	size_t i;

	for (i = 0; i < json_object_array_length(functions); i++)
		print_function(json_object_array_get_idx(functions, i));
}

static void print_fixes(struct json_object *model)
{
	struct json_object *fields = arr_of(model, "fields"), *field;
	size_t i;

	for (i = 0; i < json_object_array_length(fields); i++) {
		field = json_object_array_get_idx(fields, i);
		if (!strcmp(str_of(field, "tag"), "fix"))
			printf("  fixes %s\n", str_of(field, "value"));
	}
}

static bool is_enabled(struct json_object *model)
{
	return json_object_get_boolean(arr_of(model, "enabled"));
}

/* "2026-11-27 13:05:20 +0000 (1 min 30 s ago)" */
static void print_time(const char *utc, const char *behind)
{
	char local[64], duration[64];

	utc_to_local(utc, local, sizeof(local), duration, sizeof(duration));
	printf("%s (%s%s)", local, duration, behind);
}

static void print_refused(struct json_object *refused)
{
	const char *name = str_of(refused, "name"), *when = str_of(refused, "time");

	printf("%s, ", *name ? name : str_of(refused, "errno"));
	print_time(when, " ago");
}

static void print_in_list(struct json_object *model, bool verbose)
{
	const char *expired = str_of(model, "expired");

	printf("%s [%s]%s%s\n", str_of(model, "name"),
	       is_enabled(model) ? "enabled" : "disabled", *expired ? " expired " : "",
	       expired);
	if (!verbose)
		return;
	print_fixes(model);
	print_functions(model);
}

static int run_list(const struct options *opts)
{
	struct json_object *patches = json_object_new_array();
	struct json_object *installed = installed_model();
	enum status status = sysfs_available();
	size_t i;

	json_object_object_add(out_root(), "patches", patches);
	json_object_object_add(out_root(), "installed", installed);
	if (status)
		return status;
	status = read_all(false, patches);
	if (out_is_json())
		return status;
	puts("Loaded patch modules:");
	for (i = 0; i < json_object_array_length(patches); i++)
		print_in_list(json_object_array_get_idx(patches, i),
			      opts->given & OPT_VERBOSE);
	puts("\nInstalled patch modules:");
	installed_print(installed);
	return status;
}

static void print_field(struct json_object *field, const char *expired)
{
	const char *tag = str_of(field, "tag"), *value = str_of(field, "value");

	if (!strcmp(tag, "expires") && !strcmp(value, expired))
		tag = "expired";
	printf("%s:%*s%s\n", tag, strlen(tag) < 11 ? 12 - (int)strlen(tag) : 1, "", value);
}

static void print_fields(struct json_object *model)
{
	struct json_object *fields = arr_of(model, "fields");
	size_t i;

	for (i = 0; i < json_object_array_length(fields); i++)
		print_field(json_object_array_get_idx(fields, i), str_of(model, "expired"));
}

static void print_blockers(struct json_object *blockers)
{
	struct json_object *line;
	size_t i;

	if (!blockers)
		puts("blockers:    not shown, needs CAP_SYS_ADMIN");
	else if (!json_object_array_length(blockers))
		puts("blockers:    none");
	else
		puts("blockers:");
	for (i = 0; blockers && i < json_object_array_length(blockers); i++) {
		line = json_object_array_get_idx(blockers, i);
		printf("  %s %s %s %s\n", str_of(line, "tid"), str_of(line, "name"),
		       str_of(line, "function"), str_of(line, "reason"));
	}
}

static void print_loaded(struct json_object *model)
{
	struct json_object *stats = arr_of(model, "statistics");
	struct json_object *refused = arr_of(model, "refused");

	printf("name:        %s\n", str_of(model, "name"));
	print_fields(model);
	printf("enabled:     %s\n", is_enabled(model) ? "yes" : "no");
	if (*str_of(model, "since")) {
		printf("since:       ");
		print_time(str_of(model, "since"), "");
		putchar('\n');
	}
	if (refused) {
		printf("refused:     ");
		print_refused(refused);
		putchar('\n');
	}
	printf("attempts:    %s\n", str_of(stats, "attempts"));
	printf("stops:       %s\n", str_of(stats, "stops"));
	printf("stop_ns:     %s\n", str_of(stats, "stop_ns"));
	printf("max_stop_ns: %s\n", str_of(stats, "max_stop_ns"));
	printf("scanned:     %s, and %s in the last stop\n", str_of(stats, "scanned"),
	       str_of(stats, "scanned_stopped"));
	printf("functions:   %zu\n", json_object_array_length(arr_of(model, "functions")));
	print_functions(model);
	print_blockers(arr_of(model, "blockers"));
}

static void print_file(struct json_object *model)
{
	printf("file:        %s\n", str_of(model, "file"));
	printf("name:        %s\n", str_of(model, "name"));
	print_fields(model);
	printf("loaded:      %s\n",
	       json_object_get_boolean(arr_of(model, "loaded")) ? "yes" : "no");
}

static struct json_object *file_model(const struct module *module)
{
	struct json_object *model = json_object_new_object();

	set_str(model, "file", module->path);
	set_str(model, "name", module->name);
	set_str(model, "kernel", *module->kernel ? module->kernel : NULL);
	set_str(model, "build_id", *module->build_id ? module->build_id : NULL);
	add_fields(model, &module->fields);
	json_object_object_add(model, "loaded",
			       json_object_new_boolean(sysfs_has(module->name)));
	return model;
}

/* One empty line between what is shown. */
static void print_one(struct json_object *model, void (*print)(struct json_object *model))
{
	static bool began;

	if (out_is_json())
		return;
	if (began)
		putchar('\n');
	began = true;
	print(model);
}

static enum status show_loaded(const char *patch, struct json_object *patches)
{
	struct json_object *model;
	enum status status;
	int ret;

	status = sysfs_available();
	if (!status)
		status = sysfs_find(patch);
	if (status)
		return status;
	ret = read_patch(patch, true, &model);
	if (ret) {
		json_object_put(model);
		return cannot_read(patch, ret);
	}
	print_one(model, print_loaded);
	json_object_array_add(patches, model);
	return OK;
}

static enum status show(const char *arg, struct json_object *files,
			struct json_object *patches)
{
	char name[NAME_LEN], path[PATH_MAX];
	struct module module = { 0 };
	struct json_object *model;
	bool is_file, loaded;
	enum status status;

	if (strchr(arg, '/') || !module_find_installed(arg, path))
		snprintf(path, sizeof(path), "%s", arg);
	is_file = is_path(path) && module_read(path, &module) && module.is_patch;
	if (is_file) {
		model = file_model(&module);
		json_object_array_add(files, model);
		print_one(model, print_file);
	}
	loaded = !is_file || sysfs_has(module.name);
	module_put(&module);
	if (!loaded)
		return OK;
	status = module_name(arg, name);
	return status ? status : show_loaded(name, patches);
}

static int run_info(const struct options *opts)
{
	struct json_object *patches = json_object_new_array();
	struct json_object *files = json_object_new_array();
	enum status status = OK;
	int i;

	json_object_object_add(out_root(), "files", files);
	json_object_object_add(out_root(), "patches", patches);
	for (i = 0; i < opts->nr_args; i++)
		status = out_worse(status, show(opts->args[i], files, patches));
	return status;
}

static int run_blockers(const struct options *opts)
{
	struct json_object *patches = json_object_new_array(), *blockers, *model;
	struct names names = { 0 };
	enum status status;
	unsigned int i;

	json_object_object_add(out_root(), "patches", patches);
	status = sysfs_available();
	if (!status && opts->nr_args)
		status = module_names(opts->args, opts->nr_args, &names);
	else if (!status)
		sysfs_patches(&names);
	for (i = 0; i < names.nr; i++) {
		if (sysfs_find(names.name[i])) {
			status = out_worse(status, NOT_FOUND);
			continue;
		}
		blockers = sysfs_blockers(names.name[i]);
		if (!blockers)
			status = out_worse(status, out_err(NO_RIGHTS,
							   "cannot read the blockers of '%s', which needs CAP_SYS_ADMIN; become root",
							   names.name[i]));
		model = json_object_new_object();
		set_str(model, "name", names.name[i]);
		json_object_object_add(model, "blockers", blockers);
		json_object_array_add(patches, model);
		if (out_is_json() || !blockers)
			continue;
		printf("%s:\n", names.name[i]);
		print_blockers(blockers);
	}
	names_free(&names);
	return status;
}

/* "0", "armed <seconds>" or "trial <seconds> <words>". */
static struct json_object *trial_model(void)
{
	struct json_object *model = json_object_new_object();
	char text[TEXT_LEN], *rest = text;
	const char *state, *seconds;

	if (read_text(text, sizeof(text), SYSFS "/confirm") < 1)
		*text = '\0';
	state = strsep(&rest, " ");
	seconds = strsep(&rest, " ");
	set_str(model, "state", strcmp(state, "0") && *state ? state : "none");
	json_object_object_add(model, "seconds",
			       seconds ? json_object_new_int(atoi(seconds)) : NULL);
	set_str(model, "patches", rest);
	return model;
}

/* The largest of a statistic over all patches. */
static long long largest(struct json_object *patches, const char *name)
{
	long long number, max = 0;
	size_t i;

	for (i = 0; i < json_object_array_length(patches); i++) {
		number = num_of(arr_of(json_object_array_get_idx(patches, i), "statistics"), name);
		max = number > max ? number : max;
	}
	return max;
}

/* The last of the refusals that the patches know of; NULL if there is none. */
static struct json_object *last_refusal(struct json_object *patches)
{
	struct json_object *patch, *refused, *last = NULL, *copy = NULL;
	const char *name = NULL;
	size_t i;

	for (i = 0; i < json_object_array_length(patches); i++) {
		patch = json_object_array_get_idx(patches, i);
		refused = arr_of(patch, "refused");
		if (!refused ||
		    (last && strcmp(str_of(refused, "time"), str_of(last, "time")) <= 0))
			continue;
		last = refused;
		name = str_of(patch, "name");
	}
	if (last && !json_object_deep_copy(last, &copy, NULL))
		set_str(copy, "patch", name);
	return copy;
}

static void print_last_refusal(struct json_object *refusal)
{
	printf("last refusal:     ");
	if (refusal) {
		printf("'%s', ", str_of(refusal, "patch"));
		print_refused(refusal);
		putchar('\n');
	} else {
		puts("none");
	}
}

static void print_trial(struct json_object *trial)
{
	if (!strcmp(str_of(trial, "state"), "trial"))
		printf("unconfirmed:      %s, undone in %lld s without 'kpatch confirm'\n",
		       str_of(trial, "patches"), num_of(trial, "seconds"));
	else if (!strcmp(str_of(trial, "state"), "armed"))
		printf("unconfirmed:      none, the next switch is a trial of %lld s\n",
		       num_of(trial, "seconds"));
	else
		puts("unconfirmed:      none");
}

static void print_in_status(struct json_object *model)
{
	const char *expired = str_of(model, "expired");
	struct json_object *blockers = arr_of(model, "blockers");
	size_t nr = blockers ? json_object_array_length(blockers) : 0;

	printf("%s: %s, set %s%s%s\n", str_of(model, "name"),
	       is_enabled(model) ? "enabled" : "disabled", str_of(model, "set"),
	       *expired ? ", expired " : "", expired);
	if (*str_of(model, "since")) {
		printf("  %s since ", is_enabled(model) ? "enabled" : "disabled");
		print_time(str_of(model, "since"), "");
		putchar('\n');
	}
	print_fixes(model);
	print_functions(model);
	if (nr)
		printf("  last attempt blocked by %zu task(s), see 'kpatch blockers %s'\n", nr,
		       str_of(model, "name"));
}

static void print_status(struct json_object *root)
{
	struct json_object *patches = arr_of(root, "patches");
	struct json_object *installed = arr_of(root, "installed");
	size_t i;

	printf("kernel:           %s\n", str_of(root, "kernel"));
	printf("patches:          %zu\n", json_object_array_length(patches));
	printf("longest stop:     %lld ns\n", num_of(root, "max_stop_ns"));
	printf("longest hold:     %lld ns\n", num_of(root, "max_hold_ns"));
	print_last_refusal(arr_of(root, "last_refusal"));
	print_trial(arr_of(root, "trial"));
	printf("loaded at boot:   %s\n",
	       json_object_get_boolean(arr_of(root, "enable")) ? "enabled" :
	       "disabled, as kpatch.enable=0 has it");
	printf("installed:        %zu\n", json_object_array_length(installed));
	for (i = 0; i < json_object_array_length(patches); i++) {
		putchar('\n');
		print_in_status(json_object_array_get_idx(patches, i));
	}
	if (json_object_array_length(installed)) {
		puts("\nInstalled patch modules:");
		installed_print(installed);
	}
}

static int run_status(const struct options *opts)
{
	struct json_object *patches = json_object_new_array(), *root = out_root();
	enum status status = sysfs_available();

	(void)opts;
	json_object_object_add(root, "patches", patches);
	if (status)
		return status;
	status = read_all(true, patches);
	set_str(root, "kernel", running_kernel());
	json_object_object_add(root, "enable", json_object_new_boolean(sysfs_may_enable()));
	json_object_object_add(root, "max_stop_ns",
			       json_object_new_int64(largest(patches, "max_stop_ns")));
	json_object_object_add(root, "max_hold_ns",
			       json_object_new_int64(largest(patches, "max_hold_ns")));
	json_object_object_add(root, "last_refusal", last_refusal(patches));
	json_object_object_add(root, "trial", trial_model());
	json_object_object_add(root, "installed", installed_model());
	if (!out_is_json())
		print_status(root);
	return status;
}

const struct command cmd_list = {
	.name = "list",
	.run = run_list,
	.summary = "list the loaded and the installed patches",
	.options = OPT_VERBOSE | OPT_JSON,
	.help =
	"Usage: kpatch list [OPTION...]\n"
	"\n"
	"List the loaded patches, each with its state and, if it has expired, the day\n"
	"on which it did; then the installed ones, each with its kernel. With -v list\n"
	"the fixes that loaded patches carry, and their functions, each with its\n"
	"object, its position among the functions of that name, and whether it is\n"
	"live, that is, whether calls run it.\n",
};

const struct command cmd_info = {
	.name = "info",
	.run = run_info,
	.summary = "show the details of a patch",
	.options = OPT_JSON,
	.min_args = 1,
	.max_args = -1,
	.help =
	"Usage: kpatch info [OPTION...] NAME...\n"
	"\n"
	"Show what a patch says of itself, such as the fixes that it carries, and, if\n"
	"it is loaded: whether it is enabled, and since when; the last refusal to\n"
	"switch it; the number of attempts to do so and of stops of the machine; the\n"
	"duration of the last and of the longest stop; the number of tasks scanned in\n"
	"the last attempt; its functions, and whether they are live, that is, whether\n"
	"calls run this version; and, if the caller has CAP_SYS_ADMIN, the blockers of\n"
	"the last attempt. NAME is a module or its file; a file is shown first, and\n"
	"then what is loaded.\n",
};

const struct command cmd_status = {
	.name = "status",
	.run = run_status,
	.summary = "show the state of all patches, for people and monitors",
	.options = OPT_JSON,
	.help =
	"Usage: kpatch status [OPTION...]\n"
	"\n"
	"Show all patches, with their sets, fixes and functions, and since when each\n"
	"is enabled or disabled; the longest stop of the machine and the longest hold\n"
	"of a task in nanoseconds; the last refusal to switch a patch; what is on\n"
	"trial and not confirmed; and what is installed, for which kernels.\n",
};

const struct command cmd_blockers = {
	.name = "blockers",
	.run = run_blockers,
	.summary = "list the tasks that blocked the last attempt",
	.options = OPT_JSON,
	.max_args = -1,
	.help =
	"Usage: kpatch blockers [OPTION...] [NAME...]\n"
	"\n"
	"List the tasks that blocked the last attempt to switch a patch: thread id,\n"
	"name, function, reason. Without NAME, do so for all patches. Needs\n"
	"CAP_SYS_ADMIN.\n",
};
