// SPDX-License-Identifier: GPL-2.0-only
/*
 * d114bfdc9b76 ("vsock: fix buffer size clamping order"): with a minimum above the
 * maximum, the buffer of a socket grew beyond the maximum. Three socket options call
 * the function. A module contains it.
 */
#include <linux/kpatch.h>
#include <net/af_vsock.h>

static void new_vsock_update_buffer_size(struct vsock_sock *vsk,
					 const struct vsock_transport *transport,
					 u64 val)
{
#ifdef WITH_BUG
	if (val > vsk->buffer_max_size)
		val = vsk->buffer_max_size;

	if (val < vsk->buffer_min_size)
		val = vsk->buffer_min_size;
#else
	if (val < vsk->buffer_min_size)
		val = vsk->buffer_min_size;

	if (val > vsk->buffer_max_size)
		val = vsk->buffer_max_size;
#endif

	if (val != vsk->buffer_size &&
	    transport && transport->notify_buffer_size)
		transport->notify_buffer_size(vsk, &val);

	vsk->buffer_size = val;
}

static struct kpatch_func funcs[] = {
	KPATCH_FUNC_NAMED("vsock_update_buffer_size", new_vsock_update_buffer_size,
			  .objname = "vsock"),
};
module_kpatch(funcs);

MODULE_DESCRIPTION("kpatch test: a socket option of a module");
MODULE_LICENSE("GPL");
