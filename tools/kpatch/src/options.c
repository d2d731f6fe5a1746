// SPDX-License-Identifier: GPL-2.0-only
/*
 * Options, which are common to all subcommands; each subcommand states which of them
 * it takes.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "options.h"
#include "utils.h"

#define MAX_TIMEOUT	3600

static const struct option all_options[] = {
	{ "all", no_argument, NULL, 'a' },
	{ "timeout", required_argument, NULL, 't' },
	{ "verbose", no_argument, NULL, 'v' },
};

#define NR_OPTIONS	ARRAY_SIZE(all_options)

/**
 * usage_error() - report an error in the command line
 * @cmd: the subcommand, %NULL for none
 * @what: what is wrong
 * @which: the word that is wrong, %NULL for none
 *
 * Return: the exit status.
 */
int usage_error(const char *cmd, const char *what, const char *which)
{
	const char *help = cmd ? "help " : "--help";
	const char *topic = cmd ? cmd : "";

	if (which)
		print_err("%s '%s'; see 'kpatch %s%s'", what, which, help, topic);
	else
		print_err("%s; see 'kpatch %s%s'", what, help, topic);
	return EXIT_USAGE;
}

/* Only --all has no short form, so that it is not typed by accident. */
static void select_options(const char *letters, struct option *longs,
			   char *shorts)
{
	const struct option *option;
	size_t i;

	shorts += sprintf(shorts, ":h");
	*longs++ = (struct option){ "help", no_argument, NULL, 'h' };
	for (i = 0; i < NR_OPTIONS; i++) {
		option = &all_options[i];
		if (!strchr(letters, option->val))
			continue;
		*longs++ = *option;
		if (option->val != 'a')
			shorts += sprintf(shorts, "%c%s", option->val,
					  option->has_arg ? ":" : "");
	}
	memset(longs, 0, sizeof(*longs));
}

static bool parse_timeout(const char *arg, unsigned int *timeout)
{
	unsigned long value;
	char *end;

	errno = 0;
	value = strtoul(arg, &end, 10);
	if (errno || *arg < '0' || *arg > '9' || *end || value > MAX_TIMEOUT)
		return false;
	*timeout = value;
	return true;
}

/*
 * If the wrong option is a letter, it is in optopt, and getopt may still be in the
 * middle of the word. If it is a long option, unknown or with a value that it does not
 * take, it is the word that getopt has just processed.
 */
static int wrong_option(char **argv, const char *letters)
{
	const char letter[] = { '-', optopt, '\0' };
	bool is_word = !optopt || optopt == 'h' || strchr(letters, optopt);

	return usage_error(argv[0], "invalid option",
			   is_word ? argv[optind - 1] : letter);
}

static int handle_option(int c, char **argv, const struct syntax *syntax,
			 struct options *opts)
{
	switch (c) {
	case 'a':
		opts->all = true;
		return -1;
	case 'v':
		opts->verbose = true;
		return -1;
	case 't':
		if (parse_timeout(optarg, &opts->timeout))
			return -1;
		return usage_error(argv[0], "invalid number of seconds:", optarg);
	case 'h':
		fputs(syntax->usage, stdout);
		return EXIT_SUCCESS;
	case ':':
		return usage_error(argv[0], "a value is required after",
				   argv[optind - 1]);
	default:
		return wrong_option(argv, syntax->options);
	}
}

static int check_args(const char *cmd, const struct syntax *syntax,
		      const struct options *opts)
{
	if (opts->nr_args < syntax->min_args)
		return usage_error(cmd, "a name is required", NULL);
	if (syntax->max_args >= 0 && opts->nr_args > syntax->max_args)
		return usage_error(cmd, "unexpected argument",
				   opts->args[syntax->max_args]);
	return -1;
}

/**
 * options_parse() - parse the command line of a subcommand
 * @argc: number of words
 * @argv: the words, of which the first is the name of the subcommand
 * @syntax: what the subcommand takes
 * @opts: filled in
 *
 * Return: true if the subcommand is to continue. False if help was requested or the
 * command line is wrong; the output has been printed then, and @opts->status is the
 * exit status.
 */
bool options_parse(int argc, char **argv, const struct syntax *syntax,
		   struct options *opts)
{
	struct option longs[NR_OPTIONS + 2];
	char shorts[2 * NR_OPTIONS + 3];
	int c;

	memset(opts, 0, sizeof(*opts));
	opts->timeout = DEFAULT_TIMEOUT;
	opts->status = -1;
	select_options(syntax->options, longs, shorts);
	opterr = 0;
	while (opts->status < 0) {
		c = getopt_long(argc, argv, shorts, longs, NULL);
		if (c < 0)
			break;
		opts->status = handle_option(c, argv, syntax, opts);
	}
	opts->args = argv + optind;
	opts->nr_args = argc - optind;
	if (opts->status < 0)
		opts->status = check_args(argv[0], syntax, opts);
	return opts->status < 0;
}
