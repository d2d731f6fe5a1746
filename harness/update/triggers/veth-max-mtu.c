// SPDX-License-Identifier: GPL-2.0-only
/*
 * "veth: fix stale peer max_mtu on XDP program replacement": an XDP program that
 * takes packets in more than one buffer allows a larger MTU of the other end.
 * When one that does not took its place, the limit did not change, and the MTU
 * could still be set to 9000 bytes. Now that is EINVAL.
 *
 * File: drivers/net/veth.c
 */
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <linux/bpf.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef BPF_F_XDP_HAS_FRAGS
#define BPF_F_XDP_HAS_FRAGS (1U << 5)
#endif

static struct {
	struct nlmsghdr nlh;
	struct ifinfomsg info;
	char attrs[512];
} request;

static int nl;

static void begin(int type, int flags)
{
	memset(&request, 0, sizeof(request));
	request.nlh.nlmsg_len = NLMSG_LENGTH(sizeof(request.info));
	request.nlh.nlmsg_type = type;
	request.nlh.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | flags;
}

static struct rtattr *put(int type, const void *data, size_t len)
{
	struct rtattr *attr = (void *)((char *)&request + request.nlh.nlmsg_len);

	attr->rta_type = type;
	attr->rta_len = RTA_LENGTH(len);
	if (len)
		memcpy(RTA_DATA(attr), data, len);
	request.nlh.nlmsg_len += RTA_ALIGN(attr->rta_len);
	return attr;
}

static void end(struct rtattr *attr)
{
	attr->rta_len = (char *)&request + request.nlh.nlmsg_len - (char *)attr;
}

/* Send the request and return the errno of the answer. */
static int failed(void)
{
	struct {
		struct nlmsghdr nlh;
		struct nlmsgerr error;
		char more[1024];
	} answer;

	if (send(nl, &request, request.nlh.nlmsg_len, 0) < 0 ||
	    recv(nl, &answer, sizeof(answer), 0) < 0)
		err(1, "netlink");
	if (answer.nlh.nlmsg_type != NLMSG_ERROR)
		errx(1, "netlink: message of type %u", answer.nlh.nlmsg_type);
	return -answer.error.error;
}

static int create_pair(void)
{
	struct rtattr *link, *data, *peer;
	struct ifinfomsg info = { 0 };

	begin(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL);
	put(IFLA_IFNAME, "one", 4);
	link = put(IFLA_LINKINFO, NULL, 0);
	put(IFLA_INFO_KIND, "veth", 4);
	data = put(IFLA_INFO_DATA, NULL, 0);
	peer = put(VETH_INFO_PEER, &info, sizeof(info));
	put(IFLA_IFNAME, "other", 6);
	end(peer);
	end(data);
	end(link);
	return failed();
}

static void attach(unsigned int flags)
{
	struct bpf_insn insns[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 0, .imm = XDP_PASS },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	union bpf_attr attr = {
		.prog_type = BPF_PROG_TYPE_XDP,
		.insn_cnt = 2,
		.insns = (unsigned long)insns,
		.license = (unsigned long)"GPL",
		.prog_flags = flags,
	};
	struct rtattr *xdp;
	int fd, error;

	fd = syscall(__NR_bpf, BPF_PROG_LOAD, &attr, sizeof(attr));
	if (fd < 0)
		err(1, "bpf");
	begin(RTM_SETLINK, 0);
	request.info.ifi_index = if_nametoindex("one");
	xdp = put(IFLA_XDP | NLA_F_NESTED, NULL, 0);
	put(IFLA_XDP_FD, &fd, 4);
	end(xdp);
	error = failed();
	if (error)
		errx(1, "IFLA_XDP: %s", strerror(error));
	close(fd);
}

static int set_mtu(int mtu)
{
	struct ifreq ifreq = {
		.ifr_name = "other",
		.ifr_mtu = mtu,
	};
	int fd, error;

	fd = socket(AF_UNIX, SOCK_DGRAM, 0);
	if (fd < 0)
		err(1, "socket");
	error = ioctl(fd, SIOCSIFMTU, &ifreq) ? errno : 0;
	close(fd);
	return error;
}

int main(void)
{
	int error;

	if (unshare(CLONE_NEWNET)) {
		if (errno != EINVAL)
			err(1, "unshare");
		puts("skip: no network namespaces");
		return 0;
	}
	nl = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
	if (nl < 0)
		err(1, "socket");
	if (system("modprobe -q veth"))
		warnx("modprobe veth failed");
	error = create_pair();
	if (error == EOPNOTSUPP) {
		puts("skip: no veth");
		return 0;
	}
	if (error)
		errx(1, "veth: %s", strerror(error));

	attach(BPF_F_XDP_HAS_FRAGS);
	if (set_mtu(9000) || set_mtu(1500))
		errx(1, "the MTU cannot be 9000");
	attach(0);
	error = set_mtu(9000);
	if (error && error != EINVAL)
		errx(1, "SIOCSIFMTU: %s", strerror(error));
	puts(error ? "new" : "old");
	return 0;
}
