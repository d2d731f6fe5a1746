// SPDX-License-Identifier: GPL-2.0-only
/*
 * "driver core: Limit the messages on a refused uevent": each write to a uevent
 * file that is refused is a message of the driver core. uevent_store() prints
 * at most ten of them in five seconds now.
 *
 * File: drivers/base/core.c
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define UEVENT "/sys/devices/virtual/mem/null/uevent"
#define WRITES 25

int main(void)
{
	int i, uevent, log, messages = 0;
	char line[4096];
	ssize_t n;

	uevent = open(UEVENT, O_WRONLY);
	log = open("/dev/kmsg", O_RDONLY | O_NONBLOCK);
	if (uevent < 0 || log < 0 || lseek(log, 0, SEEK_END))
		err(1, "open");

	for (i = 0; i < WRITES; i++)
		if (write(uevent, "trigger", 7) >= 0 || errno != EINVAL)
			err(1, UEVENT);

	for (;;) {
		n = read(log, line, sizeof(line) - 1);
		if (n < 0 && errno == EPIPE)
			continue;
		if (n < 0)
			break;
		line[n] = 0;
		messages += !!strstr(line, "uevent: failed to send synthetic uevent");
	}
	if (errno != EAGAIN)
		err(1, "/dev/kmsg");
	puts(messages < WRITES ? "new" : "old");
	return 0;
}
