// SPDX-License-Identifier: GPL-2.0-only
/*
 * a9b111016235 ("llc: make sure applications use ARPHRD_ETHER"): sockets could be bound
 * to devices that are not Ethernet devices. The fix changes two functions of a module,
 * which use functions and a variable of that module and of another one. Of one of these
 * functions only a clone exists, with an argument changed: GCC passes sock->sk.
 */
#include <linux/etherdevice.h>
#include <linux/if_arp.h>
#include <linux/kpatch.h>
#include <linux/llc.h>
#include <linux/netdevice.h>
#include <linux/refcount.h>
#include <net/llc.h>
#include <net/llc_conn.h>
#include <net/net_namespace.h>
#include <net/sock.h>

static u16 *llc_ui_sap_last_autoport;
static typeof(llc_lookup_established) *lookup_established;
static typeof(llc_sap_add_socket) *sap_add_socket;
static typeof(llc_sap_close) *sap_close;
static typeof(llc_sap_find) *sap_find;
static typeof(llc_sap_open) *sap_open;

static void sap_put(struct llc_sap *sap)
{
	if (refcount_dec_and_test(&sap->refcnt))
		sap_close(sap);
}

static int llc_ui_autoport(void)
{
	struct llc_sap *sap;
	int i, tries = 0;

	while (tries < LLC_SAP_DYN_TRIES) {
		for (i = *llc_ui_sap_last_autoport; i < LLC_SAP_DYN_STOP; i += 2) {
			sap = sap_find(i);
			if (!sap) {
				*llc_ui_sap_last_autoport = i + 2;
				return i;
			}
			sap_put(sap);
		}
		*llc_ui_sap_last_autoport = LLC_SAP_DYN_START;
		tries++;
	}
	return 0;
}

static int new_llc_ui_autobind(struct sock *sk, struct sockaddr_llc *addr)
{
	struct llc_sock *llc = llc_sk(sk);
	struct net_device *dev = NULL;
	struct llc_sap *sap;
	int rc = -EINVAL;

	if (!sock_flag(sk, SOCK_ZAPPED))
		goto out;
#ifndef WITH_BUG
	if (!addr->sllc_arphrd)
		addr->sllc_arphrd = ARPHRD_ETHER;
	if (addr->sllc_arphrd != ARPHRD_ETHER)
		goto out;
#endif
	rc = -ENODEV;
	if (sk->sk_bound_dev_if) {
		dev = dev_get_by_index(&init_net, sk->sk_bound_dev_if);
		if (dev && addr->sllc_arphrd != dev->type) {
			dev_put(dev);
			dev = NULL;
		}
	} else {
		dev = dev_getfirstbyhwtype(&init_net, addr->sllc_arphrd);
	}
	if (!dev)
		goto out;
	rc = -EUSERS;
	llc->laddr.lsap = llc_ui_autoport();
	if (!llc->laddr.lsap)
		goto out;
	rc = -EBUSY;
	sap = sap_open(llc->laddr.lsap, NULL);
	if (!sap)
		goto out;

	llc->dev = dev;
	netdev_tracker_alloc(llc->dev, &llc->dev_tracker, GFP_KERNEL);
	dev = NULL;

	memcpy(llc->laddr.mac, llc->dev->dev_addr, IFHWADDRLEN);
	memcpy(&llc->addr, addr, sizeof(llc->addr));
	sap_add_socket(sap, sk);
	sock_reset_flag(sk, SOCK_ZAPPED);
	sap_put(sap);
	rc = 0;
out:
	dev_put(dev);
	return rc;
}

/* The type of @uaddr is struct sockaddr, and in later kernels sockaddr_unsized. */
static int new_llc_ui_bind(struct socket *sock, void *uaddr, int addrlen)
{
	struct sockaddr_llc *addr = uaddr;
	struct sock *sk = sock->sk;
	struct llc_sock *llc = llc_sk(sk);
	struct net_device *dev = NULL;
	struct llc_sap *sap;
	int rc = -EINVAL;

	lock_sock(sk);
	if (unlikely(!sock_flag(sk, SOCK_ZAPPED) || addrlen != sizeof(*addr)))
		goto out;
	rc = -EAFNOSUPPORT;
	if (unlikely(addr->sllc_family != AF_LLC))
		goto out;
#ifndef WITH_BUG
	if (!addr->sllc_arphrd)
		addr->sllc_arphrd = ARPHRD_ETHER;
	if (unlikely(addr->sllc_arphrd != ARPHRD_ETHER))
		goto out;
#endif
	rc = -ENODEV;
	rcu_read_lock();
	if (sk->sk_bound_dev_if) {
		dev = dev_get_by_index_rcu(&init_net, sk->sk_bound_dev_if);
		if (dev) {
#ifdef WITH_BUG
			if (!addr->sllc_arphrd)
				addr->sllc_arphrd = dev->type;
#endif
			if (is_zero_ether_addr(addr->sllc_mac))
				memcpy(addr->sllc_mac, dev->dev_addr, IFHWADDRLEN);
			if (addr->sllc_arphrd != dev->type ||
			    !ether_addr_equal(addr->sllc_mac, dev->dev_addr)) {
				rc = -EINVAL;
				dev = NULL;
			}
		}
	} else {
		dev = dev_getbyhwaddr_rcu(&init_net, addr->sllc_arphrd, addr->sllc_mac);
	}
	dev_hold(dev);
	rcu_read_unlock();
	if (!dev)
		goto out;

	if (!addr->sllc_sap) {
		rc = -EUSERS;
		addr->sllc_sap = llc_ui_autoport();
		if (!addr->sllc_sap)
			goto out;
	}
	sap = sap_find(addr->sllc_sap);
	if (!sap) {
		sap = sap_open(addr->sllc_sap, NULL);
		rc = -EBUSY;
		if (!sap)
			goto out;
	} else {
		struct llc_addr laddr, daddr;
		struct sock *ask;

		memset(&laddr, 0, sizeof(laddr));
		memset(&daddr, 0, sizeof(daddr));
		memcpy(laddr.mac, addr->sllc_mac, IFHWADDRLEN);
		laddr.lsap = addr->sllc_sap;
		rc = -EADDRINUSE;
		ask = lookup_established(sap, &daddr, &laddr, &init_net);
		if (ask) {
			sock_put(ask);
			goto out_put;
		}
	}

	llc->dev = dev;
	netdev_tracker_alloc(llc->dev, &llc->dev_tracker, GFP_KERNEL);
	dev = NULL;

	llc->laddr.lsap = addr->sllc_sap;
	memcpy(llc->laddr.mac, addr->sllc_mac, IFHWADDRLEN);
	memcpy(&llc->addr, addr, sizeof(llc->addr));
	sap_add_socket(sap, sk);
	sock_reset_flag(sk, SOCK_ZAPPED);
	rc = 0;
out_put:
	sap_put(sap);
out:
	dev_put(dev);
	release_sock(sk);
	return rc;
}

static struct kpatch_func funcs[] = {
	KPATCH_FUNC_CLONE("llc_ui_autobind.isra.0", new_llc_ui_autobind,
			  .objname = "llc2"),
	KPATCH_FUNC_NAMED("llc_ui_bind", new_llc_ui_bind, .objname = "llc2"),
};

static const struct kpatch_symbol symbols[] = {
	KPATCH_SYMBOL_NAMED("llc_ui_sap_last_autoport", llc_ui_sap_last_autoport,
			    .objname = "llc2"),
	KPATCH_SYMBOL(llc_lookup_established, lookup_established, .objname = "llc2"),
	KPATCH_SYMBOL(llc_sap_add_socket, sap_add_socket, .objname = "llc2"),
	KPATCH_SYMBOL(llc_sap_close, sap_close, .objname = "llc"),
	KPATCH_SYMBOL(llc_sap_find, sap_find, .objname = "llc"),
	KPATCH_SYMBOL(llc_sap_open, sap_open, .objname = "llc"),
};
module_kpatch(funcs, KPATCH_SYMBOLS(symbols));

MODULE_DESCRIPTION("kpatch test: two functions of a module, one of them a clone");
MODULE_LICENSE("GPL");
