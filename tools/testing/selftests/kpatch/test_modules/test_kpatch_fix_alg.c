// SPDX-License-Identifier: GPL-2.0-only
/*
 * bb30b8848c85 ("crypto: af_alg - whitelist mask and type"): programs could ask for
 * algorithms with flags that are internal to the kernel. The function, in a module,
 * uses two variables of the module.
 */
#include <crypto/if_alg.h>
#include <linux/crypto.h>
#include <linux/err.h>
#include <linux/if_alg.h>
#include <linux/kmod.h>
#include <linux/kpatch.h>
#include <linux/list.h>
#include <linux/net.h>
#include <linux/rwsem.h>
#include <linux/string.h>
#include <net/sock.h>

/* Private to crypto/af_alg.c. */
struct alg_type_list {
	const struct af_alg_type *type;
	struct list_head list;
};

static struct list_head *alg_types;
static struct rw_semaphore *alg_types_sem;

static const struct af_alg_type *alg_get_type(const char *name)
{
	const struct af_alg_type *type = ERR_PTR(-ENOENT);
	struct alg_type_list *node;

	down_read(alg_types_sem);
	list_for_each_entry(node, alg_types, list) {
		if (strcmp(node->type->name, name))
			continue;

		if (try_module_get(node->type->owner))
			type = node->type;
		break;
	}
	up_read(alg_types_sem);

	return type;
}

static void alg_do_release(const struct af_alg_type *type, void *private)
{
	if (!type)
		return;

	type->release(private);
	module_put(type->owner);
}

/* The type of @uaddr is struct sockaddr, and in later kernels sockaddr_unsized. */
static int new_alg_bind(struct socket *sock, void *uaddr, int addr_len)
{
	const u32 __maybe_unused allowed = CRYPTO_ALG_KERN_DRIVER_ONLY;
	/* Later kernels have dropped the last two arguments: ignored there. */
	void *(*bind)(const char *name, u32 type, u32 mask);
	struct sock *sk = sock->sk;
	struct alg_sock *ask = alg_sk(sk);
	struct sockaddr_alg_new *sa = uaddr;
	const struct af_alg_type *type;
	void *private;
	int err;

	if (sock->state == SS_CONNECTED)
		return -EINVAL;

	if (addr_len < sizeof(*sa) + 1)
		return -EINVAL;

#ifdef WITH_BUG
	sa->salg_feat &= ~CRYPTO_ALG_INTERNAL;
	sa->salg_mask &= ~CRYPTO_ALG_INTERNAL;
#else
	if ((sa->salg_feat & ~allowed) || (sa->salg_mask & ~allowed))
		return -EINVAL;
#endif

	sa->salg_type[sizeof(sa->salg_type) - 1] = 0;
	sa->salg_name[addr_len - sizeof(*sa) - 1] = 0;

	type = alg_get_type(sa->salg_type);
	if (PTR_ERR(type) == -ENOENT) {
		request_module("algif-%s", sa->salg_type);
		type = alg_get_type(sa->salg_type);
	}

	if (IS_ERR(type))
		return PTR_ERR(type);

	bind = (void *)type->bind;
	private = bind(sa->salg_name, sa->salg_feat, sa->salg_mask);
	if (IS_ERR(private)) {
		module_put(type->owner);
		return PTR_ERR(private);
	}

	err = -EBUSY;
	lock_sock(sk);
	if (atomic_read(&ask->refcnt))
		goto unlock;

	swap(ask->type, type);
	swap(ask->private, private);

	err = 0;

unlock:
	release_sock(sk);

	alg_do_release(type, private);

	return err;
}

static struct kpatch_func funcs[] = {
	KPATCH_FUNC_NAMED("alg_bind", new_alg_bind, .objname = "af_alg"),
};

static const struct kpatch_symbol symbols[] = {
	KPATCH_SYMBOL_NAMED("alg_types", alg_types, .objname = "af_alg"),
	KPATCH_SYMBOL_NAMED("alg_types_sem", alg_types_sem, .objname = "af_alg"),
};
module_kpatch(funcs, KPATCH_SYMBOLS(symbols));

MODULE_DESCRIPTION("kpatch test: bind() of a socket of a module");
MODULE_LICENSE("GPL");
