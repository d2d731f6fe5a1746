// SPDX-License-Identifier: GPL-2.0-only
/*
 * kpatch can: can functions of the running kernel be patched? From what the kernel shows:
 *
 *   /proc/kallsyms: where functions are, and which clones of them
 *   /sys/kernel/tracing/available_filter_functions_addrs: which of them have a hook
 *
 * and from its vmlinux, if that is there: which source files they are in.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kpatch.h"

/* How far behind its start the hook of a function may be. */
#define MAX_HOOK_OFFSET		32

#define MAX_FOUND		64

/* As in the kernel: some task is always in these, see kernel/kpatch/func.c. */
static const char * const always_live[] = {
	"ret_from_fork", "kthread", "kthreadd",
	"worker_thread", "smpboot_thread_fn", "do_idle",
	"schedule", "__cond_resched",
	"stop_machine_cpuslocked", "stop_cpus", "__stop_cpus",
	"wait_for_completion", "__wait_for_common", "schedule_timeout",
	"cpu_stopper_thread", "multi_cpu_stop",
};

/* A function of the name that was asked for. */
struct found {
	char object[NAME_LEN];
	unsigned long long addr;
	unsigned int sympos;
	bool init;
	bool hook;
	const char *source;
};

struct search {
	const char *name;
	struct found found[MAX_FOUND];
	unsigned int nr;
	struct names clones;
	unsigned long long text;
	unsigned long long init_begin;
	unsigned long long init_end;
	bool hooks_known;
};

/* Is @symbol a part or a clone that the compiler has made of the function? */
static bool is_clone(const char *symbol, const char *name)
{
	size_t len = strlen(name);

	return !strncmp(symbol, name, len) && symbol[len] == '.' &&
	       (strstr(symbol + len, ".part.") || strstr(symbol + len, ".isra.") ||
		strstr(symbol + len, ".constprop.") || strstr(symbol + len, ".__part."));
}

/* "[module]", or "vmlinux". */
static void copy_object(char *object, const char *word)
{
	snprintf(object, NAME_LEN, "%s", *word == '[' ? word + 1 : "vmlinux");
	object[strcspn(object, "]")] = '\0';
}

static void add_symbol(struct search *search, const char *symbol, char type,
		       unsigned long long addr, const char *module)
{
	struct found *found;

	if (!strcmp(symbol, "__init_begin"))
		search->init_begin = addr;
	else if (!strcmp(symbol, "__init_end"))
		search->init_end = addr;
	else if (!strcmp(symbol, "_text"))
		search->text = addr;
	if (!strchr("tTwW", type))
		return;
	if (is_clone(symbol, search->name))
		names_add(&search->clones, symbol);
	if (strcmp(symbol, search->name) || search->nr == MAX_FOUND)
		return;
	found = &search->found[search->nr++];
	copy_object(found->object, module);
	found->addr = addr;
}

static int read_symbols(struct search *search)
{
	char path[PATH_MAX], line[1024], symbol[1024], module[NAME_LEN];
	unsigned long long addr;
	FILE *file;
	char type;

	make_path(path, "/proc/kallsyms");
	file = fopen(path, "r");
	if (!file)
		return -errno;
	while (fgets(line, sizeof(line), file)) {
		*module = '\0';
		if (sscanf(line, "%llx %c %1023s %127s", &addr, &type, symbol, module) >= 3)
			add_symbol(search, symbol, type, addr, module);
	}
	fclose(file);
	return 0;
}

/* The kernel counts the functions of an object, without those in init code. */
static void number(struct search *search)
{
	struct found *found, *other;

	for (found = search->found; found < search->found + search->nr; found++) {
		found->init = found->addr && found->addr >= search->init_begin &&
			      found->addr < search->init_end;
		if (found->init)
			continue;
		found->sympos = 1;
		for (other = search->found; other < found; other++)
			found->sympos += !other->init && !strcmp(other->object, found->object);
	}
}

/* Where the kernel is loaded may have been chosen at random; all of it is moved alike. */
static void find_sources(struct search *search, const struct vmlinux *vmlinux)
{
	struct found *found;

	for (found = search->found; found < search->found + search->nr; found++) {
		if (search->text && found->addr && !strcmp(found->object, "vmlinux"))
			found->source = vmlinux_source(vmlinux, search->name,
						       found->addr - search->text);
	}
}

static void add_hook(struct search *search, unsigned long long ip)
{
	struct found *found;

	for (found = search->found; found < search->found + search->nr; found++)
		found->hook |= found->addr && ip >= found->addr &&
			       ip < found->addr + MAX_HOOK_OFFSET;
}

static void read_hooks(struct search *search)
{
	char path[PATH_MAX], line[1024], symbol[1024];
	unsigned long long ip;
	FILE *file;

	make_path(path, "/sys/kernel/tracing/available_filter_functions_addrs");
	file = fopen(path, "r");
	if (!file)
		return;
	/* Without root the addresses in kallsyms are 0. */
	search->hooks_known = search->nr && search->found[0].addr;
	while (fgets(line, sizeof(line), file)) {
		if (sscanf(line, "%llx %1023s", &ip, symbol) == 2 &&
		    !strcmp(symbol, search->name))
			add_hook(search, ip);
	}
	fclose(file);
}

static bool is_always_live(const char *name)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(always_live); i++) {
		if (!strcmp(name, always_live[i]))
			return true;
	}
	return false;
}

static void join(const struct names *names, char *buf, size_t size)
{
	size_t len = 0;
	unsigned int i;

	*buf = '\0';
	for (i = 0; i < names->nr && len < size; i++)
		len += snprintf(buf + len, size - len, "%s%s", i ? ", " : "", names->name[i]);
}

/* Which loaded patches replace it? */
static struct json_object *patches_of(const char *name)
{
	struct json_object *array = json_object_new_array();
	struct names patches = { 0 }, functions = { 0 };
	unsigned int i, k;
	const char *base;
	bool found;

	sysfs_patches(&patches);
	for (i = 0; i < patches.nr; i++) {
		sysfs_functions(patches.name[i], &functions);
		for (found = false, k = 0; k < functions.nr; k++) {
			base = strchr(functions.name[k], '/') + 1;
			found |= !strncmp(base, name, strlen(name)) && base[strlen(name)] == ',';
		}
		if (found)
			json_object_array_add(array, json_object_new_string(patches.name[i]));
		names_free(&functions);
	}
	names_free(&patches);
	return array;
}

static struct json_object *model_of(const struct search *search)
{
	struct json_object *model = json_object_new_object();
	struct json_object *array = json_object_new_array(), *entry;
	const struct found *found;
	unsigned int i;

	set_str(model, "function", search->name);
	for (found = search->found; found < search->found + search->nr; found++) {
		entry = json_object_new_object();
		set_str(entry, "object", found->object);
		set_str(entry, "file", found->source);
		json_object_object_add(entry, "sympos", found->init ? NULL :
				       json_object_new_int(found->sympos));
		json_object_object_add(entry, "init", json_object_new_boolean(found->init));
		json_object_object_add(entry, "hook", search->hooks_known ?
				       json_object_new_boolean(found->hook) : NULL);
		json_object_array_add(array, entry);
	}
	json_object_object_add(model, "found", array);
	array = json_object_new_array();
	for (i = 0; i < search->clones.nr; i++)
		json_object_array_add(array, json_object_new_string(search->clones.name[i]));
	json_object_object_add(model, "clones", array);
	json_object_object_add(model, "patches", patches_of(search->name));
	return model;
}

/* Why not? Sets @reason, which names what to do instead. */
static enum status judge(const struct search *search, char *reason, size_t size)
{
	unsigned int i, usable = 0, hooked = 0;
	char clones[512];

	join(&search->clones, clones, sizeof(clones));
	for (i = 0; i < search->nr; i++) {
		usable += !search->found[i].init;
		hooked += !search->found[i].init && search->found[i].hook;
	}
	*reason = '\0';
	if (!search->nr && *clones) {
		snprintf(reason, size,
			 "it was inlined, or renamed to %s; patch that as a clone, or its callers",
			 clones);
		return NOT_FOUND;
	}
	if (!search->nr) {
		snprintf(reason, size,
			 "there is no such function: inlined everywhere, not built, or in a module that is not loaded; patch its callers");
		return NOT_FOUND;
	}
	if (is_always_live(search->name))
		snprintf(reason, size, "some task is always in it; patch what it calls instead");
	else if (!usable)
		snprintf(reason, size,
			 "it is init code, freed at boot; patch what it has set up instead");
	else if (search->hooks_known && !hooked)
		snprintf(reason, size,
			 "it has no hook, as it is notrace or in code that is built so, such as lib/; patch its callers instead");
	return *reason ? REFUSED : OK;
}

static void print_found(const struct search *search)
{
	const struct found *found;

	for (found = search->found; found < search->found + search->nr; found++) {
		printf("  %s: ", found->object);
		if (found->init)
			printf("init code");
		else
			printf("sympos %u", found->sympos);
		printf("%s%s%s\n", found->source ? ", in " : "",
		       found->source ? found->source : "",
		       !found->init && search->hooks_known && !found->hook ? ", no hook" : "");
	}
}

static void print_possible(const struct search *search)
{
	char clones[512];

	printf("'%s' can be patched%s\n", search->name, search->nr > 1 ?
	       ", with the sympos of one of these:" : "");
	if (search->nr > 1)
		print_found(search);
	join(&search->clones, clones, sizeof(clones));
	if (*clones)
		printf("  it has clones, which the patch has to list: %s\n", clones);
}

static enum status ask(const char *name, const struct vmlinux *vmlinux,
		       struct json_object *functions)
{
	struct search *search = calloc(1, sizeof(*search));
	struct json_object *model;
	enum status status;
	char reason[1024];
	int ret;

	if (!search)
		return out_err(FAILED, "out of memory; free some, then try again");
	search->name = name;
	ret = read_symbols(search);
	number(search);
	find_sources(search, vmlinux);
	read_hooks(search);
	status = judge(search, reason, sizeof(reason));
	model = model_of(search);
	json_object_object_add(model, "possible", !status && !search->hooks_known ? NULL :
			       json_object_new_boolean(!status));
	set_str(model, "reason", status ? reason : NULL);
	json_object_array_add(functions, model);
	if (ret)
		status = out_err(FAILED,
				 "cannot read /proc/kallsyms: %s; mount /proc", strerror(-ret));
	else if (status)
		out_err(status, "'%s' cannot be patched: %s", name, reason);
	else if (!search->hooks_known)
		status = out_err(NO_RIGHTS,
				 "whether '%s' has a hook is not known; become root, and mount tracefs at /sys/kernel/tracing",
				 name);
	else if (!out_is_json())
		print_possible(search);
	names_free(&search->clones);
	free(search);
	return status;
}

static int run_can(const struct options *opts)
{
	struct json_object *functions = json_object_new_array();
	struct vmlinux vmlinux = { 0 };
	enum status status;
	int i;

	json_object_object_add(out_root(), "functions", functions);
	status = vmlinux_open(opts->vmlinux, &vmlinux);
	if (!status) {
		for (i = 0; i < opts->nr_args; i++)
			status = out_worse(status, ask(opts->args[i], &vmlinux, functions));
	}
	vmlinux_close(&vmlinux);
	return status;
}

const struct command cmd_can = {
	.name = "can",
	.run = run_can,
	.summary = "report whether functions can be patched",
	.options = OPT_JSON | OPT_VMLINUX,
	.min_args = 1,
	.max_args = -1,
	.help =
	"Usage: kpatch can [OPTION...] FUNCTION...\n"
	"\n"
	"Report whether functions of the running kernel can be patched, and if not,\n"
	"why: not there, inlined, init code, no hook, some task always in it. If\n"
	"several functions have that name, they are listed, each with its source file\n"
	"if there is a vmlinux of the running kernel; and so are clones. Needs root.\n",
};
