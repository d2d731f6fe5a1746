// SPDX-License-Identifier: GPL-2.0-only
/*
 * The kpatch command: load, unload and show patches of the running kernel. This
 * file only dispatches to the subcommands.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd.h"
#include "options.h"
#include "utils.h"

#define KPATCH_VERSION	"0.1"

struct command {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *summary;
};

static const struct command commands[] = {
	{ "load", cmd_load, "load patch modules and enable their patches" },
	{ "unload", cmd_unload, "disable patches and remove their modules" },
	{ "enable", cmd_enable, "enable loaded patches" },
	{ "disable", cmd_disable, "disable patches, leave their modules loaded" },
	{ "check", cmd_check, "report whether patches could be switched now" },
	{ "list", cmd_list, "list the loaded patches" },
	{ "info", cmd_info, "show the details of a patch" },
	{ "build", cmd_build, "make a patch module from source diffs" },
};

static void print_usage(FILE *out)
{
	size_t i;

	fputs("Usage: kpatch COMMAND [ARGUMENT...]\n"
	      "       kpatch --help | --version\n"
	      "\n"
	      "Replace functions of the running kernel with those of patch modules.\n"
	      "\n", out);
	for (i = 0; i < ARRAY_SIZE(commands); i++)
		fprintf(out, "  %-8s %s\n", commands[i].name,
			commands[i].summary);
	fputs("  help     show the help of a command\n", out);
}

static int run(int argc, char **argv)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(commands); i++) {
		if (!strcmp(commands[i].name, argv[0]))
			return commands[i].run(argc, argv);
	}
	return usage_error(NULL, "unknown command", argv[0]);
}

static int show_help(int argc, char **argv)
{
	char option[] = "--help";
	char *words[3] = { NULL, option, NULL };

	if (argc > 1)
		return usage_error(NULL, "unexpected argument", argv[1]);
	if (!argc) {
		print_usage(stdout);
		return EXIT_SUCCESS;
	}
	words[0] = argv[0];
	return run(2, words);
}

static bool is_option(const char *word, const char *letter, const char *name)
{
	return !strcmp(word, letter) || !strcmp(word, name);
}

static int dispatch(int argc, char **argv)
{
	if (!argc) {
		print_usage(stderr);
		return EXIT_USAGE;
	}
	if (is_option(argv[0], "-V", "--version")) {
		puts("kpatch " KPATCH_VERSION);
		return EXIT_SUCCESS;
	}
	if (is_option(argv[0], "-h", "--help"))
		return show_help(0, NULL);
	if (!strcmp(argv[0], "help"))
		return show_help(argc - 1, argv + 1);
	return run(argc, argv);
}

int main(int argc, char **argv)
{
	int status = dispatch(argc - 1, argv + 1);

	/* Output may have been lost, for instance on a full disk. */
	if (fflush(stdout) || ferror(stdout)) {
		print_err("cannot write the output");
		return EXIT_FAILURE;
	}
	return status;
}
