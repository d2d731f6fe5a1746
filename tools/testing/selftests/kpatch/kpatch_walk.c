// SPDX-License-Identifier: GPL-2.0-only
/*
 * A random walk over all that can be done with a few patches and modules, beside a model
 * of it. After each step everything that a user sees must be as the model says.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "walk_model.h"

#define KPATCH		"/sys/kernel/kpatch"
#define MODULE		"/sys/module"
#define HOOKS		"/sys/kernel/tracing/enabled_functions"
#define LOG_FILE	MODULE "/test_kpatch_walk_log/parameters/text"
#define TEXT_LEN	4096
#define STEP_LEN	256
/* How many steps are shown when something is wrong. */
#define NR_SHOWN	20
/* A trial that the walk does not wait for, in seconds. */
#define LONG_TRIAL	3600
/* The most steps that the walk makes during a trial before it waits for the end. */
#define MOST_STEPS	6
/* How many patches a write to "switch" names at most. */
#define MOST_WORDS	4
#define NONE		"(none)"

static const char * const patch_name[NR_PATCHES] = {
	"test_kpatch_walk_a", "test_kpatch_walk_b", "test_kpatch_walk_c",
	"test_kpatch_walk_d", "test_kpatch_walk_e",
};

static const char * const target_name[WALK_TARGETS] = { WALK_TARGET_X, WALK_TARGET_Y };
static const char * const object_name[WALK_TARGETS + 1] = {
	"vmlinux", WALK_TARGET_X, WALK_TARGET_Y,
};

static const char * const set_name[] = { "red", "blue" };

static struct model model;
static const char *copies;
static const char *modules;
/* How long a trial takes that the walk waits for, in seconds. */
static unsigned int short_trial;
static uint64_t seed;
static uint64_t random_value;
static unsigned long steps;
static unsigned long step;
static unsigned int last_serial;

/* When such a trial is due, 0 if there is none; and how many steps the walk makes first. */
static double due;
static unsigned int steps_left;

/* The last steps, and how the current one ends. */
static char shown[NR_SHOWN][STEP_LEN];
static int result;
static unsigned long differences;

/* A linear congruential generator, without its low bits, which have short periods. */
static unsigned int draw(void)
{
	random_value = random_value * 6364136223846793005 + 1442695040888963407;
	return random_value >> 33;
}

static unsigned int below(unsigned int n)
{
	return draw() % n;
}

static bool one_in(unsigned int n)
{
	return !below(n);
}

/* Each bit with a probability of one in @n. */
static unsigned int bits(unsigned int nr, unsigned int n)
{
	unsigned int i, mask = 0;

	for (i = 0; i < nr; i++)
		mask |= one_in(n) ? BIT(i) : 0;
	return mask;
}

/* The steps as text */

static char *text_of(unsigned long number)
{
	return shown[number % NR_SHOWN];
}

static void say(const char *format, ...)
{
	size_t len = strlen(text_of(step));
	va_list args;

	va_start(args, format);
	vsnprintf(text_of(step) + len, STEP_LEN - len, format, args);
	va_end(args);
}

static void show_steps(void)
{
	unsigned long i = step < NR_SHOWN ? 1 : step - NR_SHOWN + 1;

	printf("seed %llu, step %lu of %lu; the last steps:\n", (unsigned long long)seed,
	       step, steps);
	for (; i <= step; i++)
		printf("  %lu: %s\n", i, text_of(i));
}

static void differs(const char *what, const char *expected, const char *found)
{
	if (!differences++)
		show_steps();
	printf("%s: expected '%s', found '%s'\n", what, expected, found);
}

static void die(const char *what)
{
	show_steps();
	printf("%s: %s\n", what, strerror(errno));
	exit(1);
}

/* The kernel */

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

/* Return 0 or an errno. */
static int write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC), err = 0;

	if (fd < 0)
		return errno;
	if (write(fd, text, strlen(text)) < 0)
		err = errno;
	close(fd);
	return err;
}

/* The content of a file, without the newline at its end; NONE if there is no file. */
static const char *read_file(const char *path)
{
	static char text[TEXT_LEN];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t len;

	if (fd < 0)
		return NONE;
	len = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (len < 0)
		return strerror(errno);
	if (len && text[len - 1] == '\n')
		len--;
	text[len] = '\0';
	return text;
}

static int insert(const char *directory, const char *name, const char *parameters)
{
	char path[STEP_LEN];
	int fd, err = 0;

	snprintf(path, sizeof(path), "%s/%s.ko", directory, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		die(path);
	if (syscall(SYS_finit_module, fd, parameters, 0))
		err = errno;
	close(fd);
	return err;
}

static int remove_module(const char *name)
{
	return syscall(SYS_delete_module, name, O_NONBLOCK) ? errno : 0;
}

static int write_patch(unsigned int p, const char *file, const char *text)
{
	char path[STEP_LEN];

	snprintf(path, sizeof(path), KPATCH "/%s/%s", patch_name[p], file);
	return write_file(path, text);
}

/* The comparison */

static void expect(const char *path, const char *format, ...)
{
	const char *found = read_file(path);
	char expected[TEXT_LEN];
	va_list args;

	va_start(args, format);
	vsnprintf(expected, sizeof(expected), format, args);
	va_end(args);
	if (strcmp(expected, found))
		differs(path, expected, found);
}

static void format_states(unsigned int p, char *text)
{
	unsigned int s;
	int len = 0;

	text[0] = '\0';
	for (s = 0; s < WALK_NR_STATES; s++) {
		if (model.patch[p].shape.states & BIT(s))
			len += sprintf(text + len, "%s%u %s %d", len ? "\n" : "", s,
				       object_name[s / WALK_STATES],
				       model_entered(&model, p, s));
	}
}

static void compare_live(unsigned int p, unsigned int f)
{
	char path[STEP_LEN];

	snprintf(path, sizeof(path), KPATCH "/%s/%s/" WALK_FUNC_NAME "%u,1/live",
		 patch_name[p], target_name[f / WALK_FUNCS], f % WALK_FUNCS);
	if (model.patch[p].shape.funcs & BIT(f))
		expect(path, "%d", model_is_live(&model, p, f));
	else
		expect(path, NONE);
}

static void compare_patch(unsigned int p)
{
	const struct patch *patch = &model.patch[p];
	char path[STEP_LEN], text[TEXT_LEN];
	unsigned int f;

	snprintf(path, sizeof(path), MODULE "/%s/refcnt", patch_name[p]);
	snprintf(text, sizeof(text), "%u", model_references(&model, p));
	expect(path, "%s", patch->loaded ? text : NONE);
	snprintf(path, sizeof(path), KPATCH "/%s/enabled", patch_name[p]);
	expect(path, "%s", patch->loaded ? patch->on ? "1" : "0" : NONE);
	if (!patch->loaded)
		return;
	snprintf(path, sizeof(path), KPATCH "/%s/set", patch_name[p]);
	expect(path, "%s", set_name[patch->shape.set]);
	snprintf(path, sizeof(path), KPATCH "/%s/states", patch_name[p]);
	format_states(p, text);
	expect(path, "%s", text);
	for (f = 0; f < WALK_NR_FUNCS; f++)
		compare_live(p, f);
}

/* Which versions of the functions run, and which ones init has run. */
static void compare_target(unsigned int target)
{
	unsigned int values[WALK_FUNCS], seen[WALK_FUNCS], i, f;
	bool loaded = model.loaded & BIT(target);
	char path[STEP_LEN], text[TEXT_LEN];

	for (i = 0; i < WALK_FUNCS; i++) {
		f = target * WALK_FUNCS + i;
		values[i] = WALK_VALUE(model_live(&model, f), f);
		seen[i] = WALK_VALUE(model.seen[f], f);
	}
	snprintf(path, sizeof(path), MODULE "/%s/parameters/values", target_name[target]);
	snprintf(text, sizeof(text), "%u %u %u", values[0], values[1], values[2]);
	expect(path, "%s", loaded ? text : NONE);
	snprintf(path, sizeof(path), MODULE "/%s/parameters/seen", target_name[target]);
	snprintf(text, sizeof(text), "%u,%u,%u", seen[0], seen[1], seen[2]);
	expect(path, "%s", loaded ? text : NONE);
	snprintf(path, sizeof(path), MODULE "/%s/refcnt", target_name[target]);
	snprintf(text, sizeof(text), "%u", model_target_references(&model, target));
	expect(path, "%s", loaded ? text : NONE);
}

static void add_words(char *text, const struct list *list, char sign)
{
	unsigned int i;

	for (i = 0; i < list->nr; i++)
		sprintf(text + strlen(text), " %c%s", sign, patch_name[list->patch[i]]);
}

static void compare_trial(void)
{
	const char *found = read_file(KPATCH "/confirm");
	char expected[TEXT_LEN], words[TEXT_LEN] = "";
	unsigned int left;

	if (model.trial) {
		/* Time passes. */
		if (sscanf(found, "trial %u", &left) != 1)
			left = 0;
		add_words(words, &model.on_trial, '+');
		add_words(words, &model.off_trial, '-');
		snprintf(expected, sizeof(expected), "trial %u%s", left, words);
	} else if (model.armed) {
		snprintf(expected, sizeof(expected), "armed %u", model.armed);
	} else {
		snprintf(expected, sizeof(expected), "0");
	}
	if (strcmp(expected, found))
		differs(KPATCH "/confirm", expected, found);
}

static unsigned int count_hooks(void)
{
	FILE *file = fopen(HOOKS, "r");
	unsigned int hooks = 0;
	char line[STEP_LEN];

	if (!file)
		die(HOOKS);
	while (fgets(line, sizeof(line), file))
		hooks += !strncmp(line, WALK_FUNC_NAME, strlen(WALK_FUNC_NAME));
	fclose(file);
	return hooks;
}

/* Hooks are removed after the verdict. */
static void compare_hooks(void)
{
	unsigned int hooks, wanted = model_hooks(&model);
	double end = now() + short_trial;
	char expected[16], found[16];

	do {
		hooks = count_hooks();
	} while (hooks != wanted && now() < end);
	snprintf(expected, sizeof(expected), "%u", wanted);
	snprintf(found, sizeof(found), "%u", hooks);
	if (hooks != wanted)
		differs("hooked functions", expected, found);
}

/* How often a callback was called; for a state, unless that is -1. */
static int count_calls(const char *log, const char *callback, int state)
{
	char wanted[32];
	int calls = 0;

	if (state < 0)
		snprintf(wanted, sizeof(wanted), ".%s ", callback);
	else
		snprintf(wanted, sizeof(wanted), ".%s.%d.", callback, state);
	while ((log = strstr(log, wanted))) {
		log += strlen(wanted);
		calls++;
	}
	return calls;
}

/* Is all that the callbacks of a step that has failed have done undone? */
static bool is_undone(const char *log)
{
	int s;

	for (s = 0; s < WALK_NR_STATES; s++) {
		if (count_calls(log, "setup", s) != count_calls(log, "release", s) ||
		    count_calls(log, "enter", s) != count_calls(log, "leave", s))
			return false;
	}
	return count_calls(log, "stopping", -1) == count_calls(log, "started", -1);
}

static void compare_log(void)
{
	const char *found = read_file(LOG_FILE);

	if (!result && strcmp(model.log, found))
		differs("callbacks", model.log, found);
	if (result && !is_undone(found))
		differs("callbacks", "all undone", found);
	write_file(LOG_FILE, "0");
}

static void compare(void)
{
	unsigned int i;

	for (i = 0; i < NR_PATCHES; i++)
		compare_patch(i);
	for (i = 0; i < WALK_TARGETS; i++)
		compare_target(i);
	compare_trial();
	compare_hooks();
	compare_log();
}

static void format_errnos(errnos_t errnos, char *text)
{
	unsigned int err;

	sprintf(text, "%s", errnos ? "" : "success");
	for (err = 0; err < 64; err++) {
		if (errnos & ERRNO(err))
			sprintf(text + strlen(text), "%s%s", *text ? " or " : "",
				strerror(err));
	}
}

/* A step has ended with @err, and the model allows @errnos. */
static void judge(errnos_t errnos, int err)
{
	char expected[TEXT_LEN];

	result = err;
	say(": %s", err ? strerror(err) : "done");
	if (errnos ? errnos & ERRNO(err) : !err)
		return;
	format_errnos(errnos, expected);
	differs("result", expected, err ? strerror(err) : "success");
}

/* Steps */

static bool is_loaded(unsigned int p) { return model.patch[p].loaded; }
static bool is_unloaded(unsigned int p) { return !model.patch[p].loaded; }
static bool is_on(unsigned int p) { return model.patch[p].on; }
static bool is_off(unsigned int p) { return is_loaded(p) && !is_on(p); }

/* Would a rollback be done, and change anything? */
static bool can_go_back(unsigned int p)
{
	struct model copy = model;

	return !model_roll_back(&copy, p) && copy.log[0];
}

/* Draw a patch, mostly one that fits. */
static unsigned int pick(bool (*fits)(unsigned int p))
{
	unsigned int tries = 8, p;

	do {
		p = below(NR_PATCHES);
	} while (!fits(p) && --tries);
	return p;
}

/* A target that nothing can pin is the way to get rid of a state that cannot be left. */
static struct shape draw_shape(void)
{
	unsigned int funcs_of_x = BIT(WALK_FUNCS) - 1;
	unsigned int states_of_y = (BIT(WALK_STATES) - 1) << WALK_TARGETS * WALK_STATES;
	struct shape shape = {
		.serial = ++last_serial,
		.set = one_in(2),
		.states = bits(WALK_NR_STATES, 3),
		.replace = one_in(2),
		.pin = one_in(6),
	};

	do {
		shape.funcs = bits(WALK_NR_FUNCS, 4);
	} while (!(shape.funcs & funcs_of_x) && (shape.pin || !shape.funcs));
	if (shape.pin) {
		shape.funcs &= funcs_of_x;
		shape.states &= ~states_of_y;
	}
	shape.permanent = bits(WALK_NR_STATES, 3) & shape.states & states_of_y;
	return shape;
}

static void step_load(void)
{
	unsigned int p = pick(is_unloaded);
	struct shape shape = draw_shape();
	bool enable = one_in(3);
	char parameters[STEP_LEN];
	errnos_t errnos;

	snprintf(parameters, sizeof(parameters),
		 "serial=%u set=%s funcs=%u states=%u permanent=%u replace=%d pin=%d enable=%d",
		 shape.serial, set_name[shape.set], shape.funcs, shape.states,
		 shape.permanent, shape.replace, shape.pin, enable);
	say("load %s %s", patch_name[p], parameters);
	errnos = model_load(&model, p, &shape, enable);
	judge(errnos, insert(copies, patch_name[p], parameters));
}

static void step_unload(void)
{
	unsigned int p = pick(one_in(4) ? is_on : is_off);

	say("unload %s", patch_name[p]);
	judge(model_unload(&model, p), remove_module(patch_name[p]));
}

/* Write @text to a file that takes one word; @dry: to the one that changes nothing. */
static void switch_one(unsigned int p, bool on, bool dry)
{
	const struct word word = { .patch = p, .on = on };
	const char *file = dry ? "check" : "enabled";

	say("%s %s %d", file, patch_name[p], on);
	judge(model_switch(&model, &word, 1, dry), write_patch(p, file, on ? "1" : "0"));
}

static void step_enable(void)
{
	switch_one(pick(is_off), true, false);
}

static void step_disable(void)
{
	switch_one(pick(is_on), false, false);
}

static void step_check(void)
{
	switch_one(pick(is_loaded), one_in(2), true);
}

static unsigned int draw_words(struct word *words)
{
	unsigned int nr = 0, wanted = 2 + below(MOST_WORDS - 1), named = 0, p;

	while (nr < wanted) {
		p = pick(is_loaded);
		/* Few requests name a patch twice. */
		if (named & BIT(p) && !one_in(16))
			continue;
		named |= BIT(p);
		words[nr++] = (struct word){
			.patch = p,
			.on = one_in(8) ? one_in(2) : !is_on(p),
		};
	}
	return nr;
}

static bool is_refused(const struct word *words, unsigned int nr)
{
	struct model copy = model;

	return model_switch(&copy, words, nr, false);
}

/* Mostly one that is done: of those that are drawn few are. */
static void step_switch_several(void)
{
	unsigned int tries = one_in(3) ? 1 : 4, nr, i;
	struct word words[MOST_WORDS];
	char text[STEP_LEN] = "";

	do {
		nr = draw_words(words);
	} while (is_refused(words, nr) && --tries);
	for (i = 0; i < nr; i++)
		sprintf(text + strlen(text), "%s%c%s", i ? " " : "",
			words[i].on ? '+' : '-', patch_name[words[i].patch]);
	say("switch %s", text);
	judge(model_switch(&model, words, nr, false), write_file(KPATCH "/switch", text));
}

static void step_roll_back(void)
{
	unsigned int p = pick(one_in(3) ? is_loaded : can_go_back);

	say("rollback %s", patch_name[p]);
	judge(model_roll_back(&model, p), write_patch(p, "rollback", "1"));
}

static void step_arm(void)
{
	unsigned int seconds = one_in(4) ? short_trial : LONG_TRIAL;
	char text[16];

	snprintf(text, sizeof(text), "%u", seconds);
	say("confirm %s", text);
	judge(model_arm(&model, seconds), write_file(KPATCH "/confirm", text));
}

static void step_confirm(void)
{
	say("confirm 0");
	judge(model_confirm(&model), write_file(KPATCH "/confirm", "0"));
}

static int set_refuse(unsigned int p, unsigned int refuse)
{
	char path[STEP_LEN], text[16];

	if (!is_loaded(p))
		return 0;
	snprintf(path, sizeof(path), MODULE "/%s/parameters/refuse", patch_name[p]);
	snprintf(text, sizeof(text), "%u", refuse);
	model.patch[p].refuse = refuse;
	return write_file(path, text);
}

static void step_refuse_some(void)
{
	unsigned int p = pick(is_loaded), refuse = bits(4, 4);

	say("refuse %s %u", patch_name[p], refuse);
	model.log[0] = '\0';
	judge(0, set_refuse(p, refuse));
}

static void step_refuse_nothing(void)
{
	unsigned int p;
	int err = 0;

	say("refuse nothing");
	for (p = 0; p < NR_PATCHES && !err; p++)
		err = set_refuse(p, 0);
	model.log[0] = '\0';
	judge(0, err);
}

/* Draw a target, mostly one that is loaded, or not. */
static unsigned int pick_target(bool loaded)
{
	unsigned int target = below(WALK_TARGETS);
	bool fits = !(model.loaded & BIT(target)) == !loaded;

	return fits || one_in(4) ? target : below(WALK_TARGETS);
}

static void step_load_target(void)
{
	unsigned int target = pick_target(false);

	say("load %s", target_name[target]);
	judge(model_load_target(&model, target), insert(modules, target_name[target], ""));
}

static void step_unload_target(void)
{
	unsigned int target = pick_target(true);

	say("unload %s", target_name[target]);
	judge(model_unload_target(&model, target), remove_module(target_name[target]));
}

/* Wait until the trial is undone. No callback refuses that, so nothing must. */
static void step_expire(void)
{
	double end = due + 5 * short_trial;

	step_refuse_nothing();
	say("; wait for the end of the trial");
	judge(model_expire(&model), 0);
	while (strcmp(read_file(KPATCH "/confirm"), "0") && now() < end)
		usleep(20000);
}

/* What a walk does, how often, and with which results. The last one is not drawn. */
enum choice {
	LOAD, UNLOAD, ENABLE, DISABLE, CHECK, SWITCH, ROLL_BACK, ARM, CONFIRM,
	REFUSE_SOME, REFUSE_NOTHING, LOAD_TARGET, UNLOAD_TARGET, EXPIRE, NR_CHOICES,
};

static struct {
	const char *name;
	void (*make)(void);
	unsigned int weight;
	unsigned int done;
	unsigned int refused;
} choices[NR_CHOICES] = {
	[LOAD] = { "load", step_load, .weight = 8 },
	[UNLOAD] = { "unload", step_unload, .weight = 6 },
	[ENABLE] = { "enable", step_enable, .weight = 18 },
	[DISABLE] = { "disable", step_disable, .weight = 5 },
	[CHECK] = { "check", step_check, .weight = 6 },
	[SWITCH] = { "switch", step_switch_several, .weight = 16 },
	[ROLL_BACK] = { "rollback", step_roll_back, .weight = 12 },
	[ARM] = { "arm", step_arm, .weight = 4 },
	[CONFIRM] = { "confirm", step_confirm, .weight = 4 },
	[REFUSE_SOME] = { "refuse", step_refuse_some, .weight = 2 },
	[REFUSE_NOTHING] = { "refuse nothing", step_refuse_nothing, .weight = 4 },
	[LOAD_TARGET] = { "load target", step_load_target, .weight = 9 },
	[UNLOAD_TARGET] = { "unload target", step_unload_target, .weight = 5 },
	[EXPIRE] = { "expire", step_expire, .weight = 0 },
};

static enum choice draw_choice(void)
{
	unsigned int sum = 0, i;
	int r;

	for (i = 0; i < NR_CHOICES; i++)
		sum += choices[i].weight;
	r = below(sum);
	for (i = 0; r >= (int)choices[i].weight; i++)
		r -= choices[i].weight;
	return i;
}

static void make_choice(enum choice i)
{
	choices[i].make();
	if (result)
		choices[i].refused++;
	else
		choices[i].done++;
}

static void print_summary(void)
{
	unsigned int i;

	printf("done and refused:");
	for (i = 0; i < NR_CHOICES; i++)
		printf("%s %s %u %u", i ? "," : "", choices[i].name, choices[i].done,
		       choices[i].refused);
	printf("\n");
}

/* A trial that the walk waits for may have begun, or ended. */
static void watch_trial(unsigned int armed, double began)
{
	if (!model.trial) {
		due = 0;
	} else if (!due && armed == short_trial) {
		due = began + short_trial;
		steps_left = below(MOST_STEPS + 1);
	}
}

/* A slow machine makes fewer steps, so its walk may not be the one of the seed. */
static bool is_due(void)
{
	return due && (!steps_left-- || now() > due - short_trial / 2.0);
}

static void make_step(void)
{
	unsigned int armed = model.armed;
	double began = now();
	bool ends = is_due();

	text_of(step)[0] = '\0';
	make_choice(ends ? EXPIRE : draw_choice());
	compare();
	if (due && !ends && now() >= due) {
		errno = ETIME;
		die("the machine is too slow; a larger KPATCH_TEST_PATIENCE may help");
	}
	watch_trial(armed, began);
}

int main(int argc, char **argv)
{
	if (argc != 6) {
		fprintf(stderr, "usage: kpatch_walk SEED STEPS SECONDS COPIES MODULES\n");
		return 2;
	}
	seed = strtoull(argv[1], NULL, 0);
	random_value = seed;
	steps = strtoul(argv[2], NULL, 0);
	short_trial = strtoul(argv[3], NULL, 0);
	copies = argv[4];
	modules = argv[5];
	if (!short_trial)
		short_trial = 1;
	for (step = 1; step <= steps && !differences; step++)
		make_step();
	if (differences)
		return 1;
	print_summary();
	return 0;
}
