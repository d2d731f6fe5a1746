// SPDX-License-Identifier: GPL-2.0-only
/*
 * 75a2f3152009 ("phonet/pep: refuse to enable an unbound pipe"): an ioctl() of a socket
 * without an address sent a packet without an address. The function is in a module. It
 * calls a function of that module that is not exported, and one of another module.
 */
#include <linux/kpatch.h>
#include <linux/phonet.h>
#include <linux/sockios.h>
#include <linux/skbuff.h>
#include <net/phonet/pep.h>
#include <net/phonet/phonet.h>
#include <net/sock.h>
#include <net/tcp_states.h>
#include <asm/ioctls.h>

#define PAD	0x00

static struct sk_buff *(*pep_alloc_skb)(struct sock *sk, const void *payload, int len,
					gfp_t priority);
static typeof(pn_skb_send) *send_skb;

static unsigned int pep_first_packet_length(struct sock *sk)
{
	struct pep_sock *pn = pep_sk(sk);
	struct sk_buff_head *q;
	struct sk_buff *skb;
	unsigned int len = 0;
	bool found = false;

	if (sock_flag(sk, SOCK_URGINLINE)) {
		q = &pn->ctrlreq_queue;
		spin_lock_bh(&q->lock);
		skb = skb_peek(q);
		if (skb) {
			len = skb->len;
			found = true;
		}
		spin_unlock_bh(&q->lock);
	}

	if (likely(!found)) {
		q = &sk->sk_receive_queue;
		spin_lock_bh(&q->lock);
		skb = skb_peek(q);
		if (skb)
			len = skb->len;
		spin_unlock_bh(&q->lock);
	}

	return len;
}

static int pep_sock_enable(struct sock *sk)
{
	struct pep_sock *pn = pep_sk(sk);
	struct pnpipehdr *ph;
	struct sk_buff *skb;
	int err;

	skb = pep_alloc_skb(sk, NULL, 0, GFP_KERNEL);
	if (!skb)
		return -ENOMEM;

	ph = pnp_hdr(skb);
	ph->utid = PNS_PEP_ENABLE_REQ;
	ph->message_id = PNS_PEP_ENABLE_REQ;
	ph->pipe_handle = pn->pipe_handle;
	ph->error_code = PAD;
	err = send_skb(sk, skb, NULL);
	if (err)
		return err;

	sk->sk_state = TCP_SYN_SENT;
	return 0;
}

static int new_pep_ioctl(struct sock *sk, int cmd, int *karg)
{
	int ret = -ENOIOCTLCMD;

	switch (cmd) {
	case SIOCINQ:
		if (sk->sk_state == TCP_LISTEN) {
			ret = -EINVAL;
			break;
		}

		*karg = pep_first_packet_length(sk);
		ret = 0;
		break;

	case SIOCPNENABLEPIPE:
		lock_sock(sk);
		if (sk->sk_state == TCP_SYN_SENT)
			ret = -EBUSY;
		else if (sk->sk_state == TCP_ESTABLISHED)
			ret = -EISCONN;
#ifndef WITH_BUG
		else if (!pep_sk(sk)->pn_sk.sobject)
			ret = -EADDRNOTAVAIL;
#endif
		else
			ret = pep_sock_enable(sk);
		release_sock(sk);
		break;
	}

	return ret;
}

static struct kpatch_func funcs[] = {
	KPATCH_FUNC_NAMED("pep_ioctl", new_pep_ioctl, .objname = "pn_pep"),
};

static const struct kpatch_symbol symbols[] = {
	KPATCH_SYMBOL_NAMED("pep_alloc_skb", pep_alloc_skb, .objname = "pn_pep"),
	KPATCH_SYMBOL(pn_skb_send, send_skb, .objname = "phonet"),
};
module_kpatch(funcs, KPATCH_SYMBOLS(symbols));

MODULE_DESCRIPTION("kpatch test: ioctl() of a socket of a module");
MODULE_LICENSE("GPL");
