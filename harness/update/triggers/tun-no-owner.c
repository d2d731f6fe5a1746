// SPDX-License-Identifier: GPL-2.0-only
/*
 * "tun: Require CAP_NET_ADMIN to attach to an ownerless device": a persistent
 * device without an owner and without a group could be used by everybody.
 *
 * File: drivers/net/tun.c
 */
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define NOBODY 65534

int main(void)
{
	struct ifreq request = {
		.ifr_name = "trigger",
		.ifr_flags = IFF_TUN | IFF_NO_PI,
	};
	int fd, failed;

	if (unshare(CLONE_NEWNET)) {
		if (errno != EINVAL)
			err(1, "unshare");
		puts("skip: no network namespaces");
		return 0;
	}
	fd = open("/dev/net/tun", O_RDWR);
	if (fd < 0 && !system("modprobe -q tun"))
		fd = open("/dev/net/tun", O_RDWR);
	if (fd < 0) {
		puts("skip: no tun");
		return 0;
	}
	if (ioctl(fd, TUNSETIFF, &request) || ioctl(fd, TUNSETPERSIST, 1))
		err(1, "TUNSETIFF");
	close(fd);

	fd = open("/dev/net/tun", O_RDWR);
	if (fd < 0)
		err(1, "/dev/net/tun");
	/* The device goes with the namespace. */
	if (setresgid(NOBODY, NOBODY, NOBODY) || setresuid(NOBODY, NOBODY, NOBODY))
		err(1, "setresuid");
	failed = ioctl(fd, TUNSETIFF, &request);
	if (failed && errno != EPERM)
		err(1, "TUNSETIFF of nobody");
	puts(failed ? "new" : "old");
	return 0;
}
