// SPDX-License-Identifier: GPL-2.0-only
/*
 * "kobject: fix out-of-bounds access in kobject_action_type()": a write of an
 * action's name to a uevent file has to be that name. After a name with a NUL
 * and more bytes, the byte at that distance behind the constant string was
 * looked at, and the name was accepted if it was 0.
 *
 * The byte that ends the next constant string is 0, so some length succeeds.
 *
 * File: lib/kobject_uevent.c
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define UEVENT "/sys/devices/virtual/mem/null/uevent"

static int accepted(int fd, const char *action, size_t len)
{
	char text[64];

	memset(text, 'x', sizeof(text));
	strcpy(text, action);
	if (pwrite(fd, text, len, 0) == (ssize_t)len)
		return 1;
	if (errno != EINVAL)
		err(1, UEVENT);
	return 0;
}

int main(void)
{
	static const char * const actions[] = { "online", "change", "add" };
	size_t i, more;
	int fd;

	fd = open(UEVENT, O_WRONLY);
	if (fd < 0)
		err(1, UEVENT);
	if (!accepted(fd, "change", strlen("change")))
		errx(1, "\"change\" is refused");
	for (i = 0; i < 3; i++)
		for (more = 2; more < 20; more++)
			if (accepted(fd, actions[i], strlen(actions[i]) + more)) {
				puts("old");
				return 0;
			}
	puts("new");
	return 0;
}
