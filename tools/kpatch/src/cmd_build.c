// SPDX-License-Identifier: GPL-2.0-only
/*
 * kpatch build: make a patch module from source diffs, with scripts/kpatch/kpatch-build of
 * the kernel's source.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd.h"
#include "utils.h"

/* From the directory of this command: in the kernel's source, and where both are installed. */
static const char * const places[] = {
	"../../scripts/kpatch/kpatch-build",
	"../libexec/kpatch/kpatch-build",
};

/* Find the tool, in @path[PATH_MAX]. */
static bool find_tool(char *path)
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
	for (i = 0; i < ARRAY_SIZE(places); i++) {
		if (snprintf(path, PATH_MAX, "%s/%s", self, places[i]) < PATH_MAX &&
		    !access(path, X_OK))
			return true;
	}
	return false;
}

/* All arguments are those of the tool, and so is the exit status. */
int cmd_build(int argc, char **argv)
{
	char path[PATH_MAX];

	(void)argc;
	if (!find_tool(path)) {
		print_err("kpatch-build is not installed; install it from tools/kpatch of the kernel's source, or name it in $KPATCH_BUILD");
		return EXIT_FAILURE;
	}
	argv[0] = path;
	execv(path, argv);
	print_err("cannot run '%s': %s; name kpatch-build in $KPATCH_BUILD", path,
		  strerror(errno));
	return EXIT_FAILURE;
}
