// SPDX-License-Identifier: GPL-2.0-only
/*
 * "netfilter: ctnetlink: fix inverted IPv6 address match in dump filter": a dump
 * of the connections from an IPv6 address had all the others.
 *
 * There is one connection, and the dump is filtered by its source address.
 *
 * File: net/netfilter/nf_conntrack_netlink.c
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/netlink.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#ifndef CTA_FILTER
#define CTA_FILTER 25
#endif
#define ORIG_FLAGS 1
#define FILTER_SOURCE 1

static struct {
	struct nlmsghdr nlh;
	struct nfgenmsg nfg;
	char attrs[1024];
} request;

static int nl;

static void begin(int type, int flags)
{
	memset(&request, 0, sizeof(request));
	request.nlh.nlmsg_len = NLMSG_LENGTH(sizeof(request.nfg));
	request.nlh.nlmsg_type = NFNL_SUBSYS_CTNETLINK << 8 | type;
	request.nlh.nlmsg_flags = NLM_F_REQUEST | flags;
	request.nfg.nfgen_family = AF_INET6;
}

static struct nlattr *put(int type, const void *data, size_t len)
{
	struct nlattr *attr = (void *)((char *)&request + request.nlh.nlmsg_len);

	attr->nla_type = type;
	attr->nla_len = NLA_HDRLEN + len;
	if (len)
		memcpy(attr + 1, data, len);
	request.nlh.nlmsg_len += NLA_ALIGN(attr->nla_len);
	return attr;
}

static struct nlattr *nest(int type)
{
	return put(type | NLA_F_NESTED, NULL, 0);
}

static void end(struct nlattr *attr)
{
	attr->nla_len = (char *)&request + request.nlh.nlmsg_len - (char *)attr;
}

static void tuple(int type, const char *from, const char *to, int ports)
{
	struct nlattr *whole = nest(type), *part = nest(CTA_TUPLE_IP);
	unsigned char udp = IPPROTO_UDP;
	unsigned short port = htons(1000);
	struct in6_addr addr;

	inet_pton(AF_INET6, from, &addr);
	put(CTA_IP_V6_SRC, &addr, sizeof(addr));
	inet_pton(AF_INET6, to, &addr);
	put(CTA_IP_V6_DST, &addr, sizeof(addr));
	end(part);
	if (ports) {
		part = nest(CTA_TUPLE_PROTO);
		put(CTA_PROTO_NUM, &udp, 1);
		put(CTA_PROTO_SRC_PORT, &port, 2);
		put(CTA_PROTO_DST_PORT, &port, 2);
		end(part);
	}
	end(whole);
}

/* Send the request. How many connections are in the answer? */
static int answers(void)
{
	char buf[16384] __attribute__((__aligned__(8)));
	struct nlmsghdr *nlh;
	int n = 0, error;
	ssize_t len;

	if (send(nl, &request, request.nlh.nlmsg_len, 0) < 0)
		err(1, "send");
	for (;;) {
		len = recv(nl, buf, sizeof(buf), 0);
		if (len < 0)
			err(1, "recv");
		for (nlh = (void *)buf; NLMSG_OK(nlh, len); nlh = NLMSG_NEXT(nlh, len)) {
			if (nlh->nlmsg_type == NLMSG_DONE)
				return n;
			if (nlh->nlmsg_type != NLMSG_ERROR) {
				n++;
				continue;
			}
			error = ((struct nlmsgerr *)NLMSG_DATA(nlh))->error;
			if (!error)
				return n;
			errx(1, "netlink: %s", strerror(-error));
		}
	}
}

int main(void)
{
	unsigned int timeout = htonl(60), flags = FILTER_SOURCE;
	struct nlattr *filter;
	int n;

	if (unshare(CLONE_NEWNET)) {
		if (errno != EINVAL)
			err(1, "unshare");
		puts("skip: no network namespaces");
		return 0;
	}
	if (system("modprobe -q nf_conntrack_netlink") ||
	    access("/proc/sys/net/netfilter/nf_conntrack_max", F_OK) ||
	    access("/proc/sys/net/ipv6", F_OK)) {
		puts("skip: no conntrack of IPv6");
		return 0;
	}
	nl = socket(AF_NETLINK, SOCK_RAW, NETLINK_NETFILTER);
	if (nl < 0)
		err(1, "socket");

	begin(IPCTNL_MSG_CT_NEW, NLM_F_CREATE | NLM_F_EXCL | NLM_F_ACK);
	tuple(CTA_TUPLE_ORIG, "2001:db8::1", "2001:db8::2", 1);
	tuple(CTA_TUPLE_REPLY, "2001:db8::2", "2001:db8::1", 1);
	put(CTA_TIMEOUT, &timeout, 4);
	answers();

	begin(IPCTNL_MSG_CT_GET, NLM_F_DUMP);
	n = answers();
	if (n != 1)
		errx(1, "%d connections", n);

	begin(IPCTNL_MSG_CT_GET, NLM_F_DUMP);
	tuple(CTA_TUPLE_ORIG, "2001:db8::1", "2001:db8::2", 0);
	filter = nest(CTA_FILTER);
	put(ORIG_FLAGS, &flags, 4);
	end(filter);
	puts(answers() ? "new" : "old");
	return 0;
}
