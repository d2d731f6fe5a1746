// SPDX-License-Identifier: GPL-2.0-only
/*
 * The kpatch command: load, unload and show patches of the running kernel. This file has
 * the table of subcommands and parses their options.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kpatch.h"

#define KPATCH_VERSION		"0.2"

#define DEFAULT_TIMEOUT_MS	15000
#define MAX_TIMEOUT_S		3600
#define MAX_TRIAL_S		604800

struct option {
	char letter;		/* 0: none */
	const char *name;
	enum option_flags flag;
	const char *value;	/* NULL: none */
	const char *help;
};

/* Only --all has no short form, so that it is not typed by accident. */
static const struct option all_options[] = {
	{ 't', "timeout", OPT_TIMEOUT, "SECONDS",
	  "  -t, --timeout SECONDS  how long to wait for tasks inside the functions,\n"
	  "                         0 to 3600, as in 2.5 (default: 15)\n" },
	{ 0, "trial", OPT_TRIAL, "SECONDS",
	  "      --trial SECONDS    undo the switch after 1 to 604800 seconds, unless\n"
	  "                         'kpatch confirm' comes first\n" },
	{ 'k', "kernel-version", OPT_KERNEL, "RELEASE",
	  "  -k, --kernel-version RELEASE\n"
	  "                         for which kernel (default: the one that runs)\n" },
	{ 0, "vmlinux", OPT_VMLINUX, "FILE",
	  "      --vmlinux FILE     the running kernel with its symbols (default: where\n"
	  "                         packages of debug symbols put it, if it is there)\n" },
	{ 0, "all", OPT_ALL, NULL, "" },
	{ 0, "boot", OPT_BOOT, NULL, "" },
	{ 0, "retry", OPT_RETRY, NULL, "" },
	{ 'v', "verbose", OPT_VERBOSE, NULL,
	  "  -v, --verbose          report what has been done, or more of what is known\n" },
	{ 0, "json", OPT_JSON, NULL,
	  "      --json             print a JSON object\n" },
};

static int run_build(const struct options *opts);
static int run_version(const struct options *opts);
static int run_signal(const struct options *opts);

static const struct command cmd_build = {
	.name = "build",
	.run = run_build,
	.summary = "make a patch module from source diffs",
};

static const struct command cmd_version = {
	.name = "version",
	.run = run_version,
	.summary = "show the version of the command",
	.options = OPT_JSON,
	.help =
	"Usage: kpatch version [OPTION...]\n"
	"\n"
	"Show the version of the command.\n",
};

/* Scripts for the historical command may call it. */
static const struct command cmd_signal = {
	.name = "signal",
	.run = run_signal,
	.options = OPT_JSON,
	.max_args = -1,
	.help =
	"Usage: kpatch signal [OPTION...]\n"
	"\n"
	"Does nothing. A patch is live, or refused, when the command that switches it\n"
	"is back: no transition is left to be hurried.\n",
};

static const struct command * const commands[] = {
	&cmd_load, &cmd_unload, &cmd_enable, &cmd_disable, &cmd_switch, &cmd_replace,
	&cmd_rollback, &cmd_confirm, &cmd_check, &cmd_list, &cmd_info, &cmd_status,
	&cmd_blockers, &cmd_can, &cmd_build, &cmd_install, &cmd_uninstall, &cmd_version,
	&cmd_signal,
};

/* From the directory of this command: in the kernel's source, and where both are installed. */
static const char * const build_places[] = {
	"../../scripts/kpatch/kpatch-build",
	"../libexec/kpatch/kpatch-build",
};

/* Find the tool that makes patches, in @path[PATH_MAX]. */
static bool find_build(char *path)
{
	const char *given = getenv("KPATCH_BUILD");
	char self[PATH_MAX];
	ssize_t len;
	size_t i;

	if (given && *given)
		return snprintf(path, PATH_MAX, "%s", given) < PATH_MAX;
	len = readlink("/proc/self/exe", self, sizeof(self) - 1);
	if (len < 0)
		return false;
	self[len] = '\0';
	*strrchr(self, '/') = '\0';
	for (i = 0; i < ARRAY_SIZE(build_places); i++) {
		if (snprintf(path, PATH_MAX, "%s/%s", self, build_places[i]) < PATH_MAX &&
		    !access(path, X_OK))
			return true;
	}
	return false;
}

/* All arguments are those of the tool, and so is the exit status. */
static int run_build(const struct options *opts)
{
	char path[PATH_MAX];

	if (!find_build(path))
		return out_err(NOT_FOUND,
			       "kpatch-build is not installed; install it from tools/kpatch of the kernel's source, or name it in $KPATCH_BUILD");
	opts->args[0] = path;
	execv(path, opts->args);
	return out_err(FAILED, "cannot run '%s': %s; name kpatch-build in $KPATCH_BUILD", path,
		       strerror(errno));
}

static int run_version(const struct options *opts)
{
	(void)opts;
	set_str(out_root(), "version", KPATCH_VERSION);
	if (!out_is_json())
		puts(KPATCH_VERSION);
	return OK;
}

static int run_signal(const struct options *opts)
{
	(void)opts;
	out_done(true,
		 "nothing to do: a patch is live, or refused, when the command that switches it is back");
	return OK;
}

static void print_usage(FILE *out)
{
	size_t i;

	fputs("Usage: kpatch COMMAND [ARGUMENT...]\n"
	      "       kpatch --help | --version\n"
	      "\n"
	      "Replace functions of the running kernel with those of patch modules.\n"
	      "\n", out);
	for (i = 0; i < ARRAY_SIZE(commands); i++) {
		if (commands[i]->summary)
			fprintf(out, "  %-9s  %s\n", commands[i]->name, commands[i]->summary);
	}
	fputs("  help       show the help of a command\n", out);
}

/**
 * usage_error() - report an error in the command line
 * @cmd: the subcommand, %NULL for none
 * @what: what is wrong
 * @which: the word that is wrong, %NULL for none
 *
 * Return: the exit status.
 */
enum status usage_error(const char *cmd, const char *what, const char *which)
{
	const char *help = cmd ? "help " : "--help";
	const char *topic = cmd ? cmd : "";

	if (which)
		return out_err(USAGE, "%s '%s'; see 'kpatch %s%s'", what, which, help, topic);
	return out_err(USAGE, "%s; see 'kpatch %s%s'", what, help, topic);
}

static int show_help(const struct command *cmd)
{
	size_t i;

	fputs(cmd->help, stdout);
	if (!(cmd->options & OPT_ALL))
		putchar('\n');
	for (i = 0; i < ARRAY_SIZE(all_options); i++) {
		if (cmd->options & all_options[i].flag)
			fputs(all_options[i].help, stdout);
	}
	puts("  -h, --help             show this help");
	return OK;
}

/* Digits only, maybe with a point; a parser of numbers would also take signs and blanks. */
static bool parse_time(const char *arg, bool whole, double max, double *value)
{
	char *end;

	if (!*arg || arg[strspn(arg, whole ? "0123456789" : "0123456789.")] || *arg == '.')
		return false;
	*value = strtod(arg, &end);
	return !*end && *value <= max;
}

static enum status set_option(const char *cmd, const struct option *option,
			      const char *value, struct options *opts)
{
	double number;

	opts->given |= option->flag;
	switch (option->flag) {
	case OPT_TIMEOUT:
		if (!parse_time(value, false, MAX_TIMEOUT_S, &number))
			return usage_error(cmd, "invalid number of seconds:", value);
		opts->timeout_ms = number * 1000;
		break;
	case OPT_TRIAL:
		if (!parse_time(value, true, MAX_TRIAL_S, &number) || number < 1)
			return usage_error(cmd, "invalid number of seconds:", value);
		opts->trial = number;
		break;
	case OPT_KERNEL:
		opts->kernel = value;
		break;
	case OPT_VMLINUX:
		opts->vmlinux = value;
		break;
	default:
		break;
	}
	return OK;
}

static const struct option *find_option(const struct command *cmd, char letter,
					const char *name, size_t len)
{
	const struct option *option;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(all_options); i++) {
		option = &all_options[i];
		if (!(cmd->options & option->flag))
			continue;
		if (letter ? option->letter == letter :
		    strlen(option->name) == len && !strncmp(option->name, name, len))
			return option;
	}
	return NULL;
}

/* The words of the command line that are left. */
struct words {
	char **word;
	int nr;
};

static enum status take_value(const struct command *cmd, const struct option *option,
			      const char *given, struct words *words, struct options *opts)
{
	const char *word = *words->word;

	if (option->value && !given) {
		if (words->nr < 2)
			return usage_error(cmd->name, "a value is required after", word);
		words->word++;
		words->nr--;
		given = *words->word;
	}
	return set_option(cmd->name, option, given, opts);
}

static enum status parse_long(const struct command *cmd, struct words *words,
			      struct options *opts)
{
	const char *name = *words->word + 2, *value = strchr(name, '=');
	const struct option *option;

	option = find_option(cmd, 0, name, value ? (size_t)(value - name) : strlen(name));
	if (!option || (value && !option->value))
		return usage_error(cmd->name, "invalid option", *words->word);
	return take_value(cmd, option, value ? value + 1 : NULL, words, opts);
}

static enum status parse_letters(const struct command *cmd, struct words *words,
				 struct options *opts)
{
	const char *letter = *words->word + 1;
	const struct option *option;
	enum status status = OK;

	for (; *letter && !status; letter++) {
		option = find_option(cmd, *letter, NULL, 0);
		if (!option)
			return usage_error(cmd->name, "invalid option",
					   (char []){ '-', *letter, '\0' });
		if (option->value)
			return take_value(cmd, option, letter[1] ? letter + 1 : NULL, words,
					  opts);
		status = set_option(cmd->name, option, NULL, opts);
	}
	return status;
}

/* Is a word an argument, although it begins with "-"? */
static bool is_signed(const struct command *cmd, const char *word)
{
	return cmd->options & OPT_SIGNS && word[1] != '-' && strcmp(word, "-h") &&
	       (strlen(word) != 2 || !find_option(cmd, word[1], NULL, 0));
}

static bool is_option(const char *word, const char *letter, const char *name)
{
	return !strcmp(word, letter) || !strcmp(word, name);
}

/* An error in front of --json is to be told as JSON, too. */
static void find_json(const struct command *cmd, const struct words *words)
{
	int i;

	for (i = 0; i < words->nr && strcmp(words->word[i], "--"); i++) {
		if (cmd->options & OPT_JSON && !strcmp(words->word[i], "--json"))
			out_use_json();
	}
}

/* Arguments are moved to the front. Sets @help if only that is wanted. */
static enum status parse(const struct command *cmd, struct words words,
			 struct options *opts, bool *help)
{
	enum status status = OK;
	bool options = true;
	char *word;

	find_json(cmd, &words);
	opts->args = words.word;
	for (; words.nr && !status && !*help; words.word++, words.nr--) {
		word = *words.word;
		if (!options || *word != '-' || !word[1] || is_signed(cmd, word))
			opts->args[opts->nr_args++] = word;
		else if (!strcmp(word, "--"))
			options = false;
		else if (is_option(word, "-h", "--help"))
			*help = true;
		else if (word[1] == '-')
			status = parse_long(cmd, &words, opts);
		else
			status = parse_letters(cmd, &words, opts);
	}
	return status;
}

static enum status check_args(const struct command *cmd, const struct options *opts)
{
	if (opts->given & OPT_ALL)
		return !opts->nr_args ? OK :
			usage_error(cmd->name, "--all cannot be combined with a name:",
				    opts->args[0]);
	if (opts->nr_args < cmd->min_args)
		return usage_error(cmd->name, "a name is required", NULL);
	if (cmd->max_args >= 0 && opts->nr_args > cmd->max_args)
		return usage_error(cmd->name, "unexpected argument",
				   opts->args[cmd->max_args]);
	return OK;
}

static const struct command *find(const char *name)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(commands); i++) {
		if (!strcmp(commands[i]->name, name))
			return commands[i];
	}
	usage_error(NULL, "unknown command", name);
	return NULL;
}

static int run(const struct command *cmd, int argc, char **argv)
{
	struct options opts = { .timeout_ms = DEFAULT_TIMEOUT_MS };
	bool help = false;
	int status;

	if (cmd == &cmd_build) {
		opts.args = argv;
		return cmd->run(&opts);
	}
	status = parse(cmd, (struct words){ argv + 1, argc - 1 }, &opts, &help);
	if (help)
		return show_help(cmd);
	if (!status)
		status = check_args(cmd, &opts);
	if (!status)
		status = cmd->run(&opts);
	if (wait_signal())
		status = 128 + wait_signal();
	return out_end(cmd->name, status);
}

static int run_help(int argc, char **argv)
{
	char option[] = "--help";
	char *words[3] = { NULL, option, NULL };
	const struct command *cmd;

	if (argc > 1)
		return usage_error(NULL, "unexpected argument", argv[1]);
	if (!argc) {
		print_usage(stdout);
		return OK;
	}
	cmd = find(argv[0]);
	words[0] = argv[0];
	return cmd ? run(cmd, 2, words) : USAGE;
}

static int dispatch(int argc, char **argv)
{
	const struct command *cmd;

	if (!argc) {
		print_usage(stderr);
		return USAGE;
	}
	if (is_option(argv[0], "-V", "--version")) {
		puts("kpatch " KPATCH_VERSION);
		return OK;
	}
	if (is_option(argv[0], "-h", "--help"))
		return run_help(0, NULL);
	if (!strcmp(argv[0], "help"))
		return run_help(argc - 1, argv + 1);
	cmd = find(argv[0]);
	return cmd ? run(cmd, argc, argv) : USAGE;
}

int main(int argc, char **argv)
{
	int status = dispatch(argc - 1, argv + 1);

	/* Output may have been lost, for instance on a full disk. */
	if (fflush(stdout) || ferror(stdout)) {
		fputs("kpatch: cannot write the output; free some space\n", stderr);
		return FAILED;
	}
	return status;
}
