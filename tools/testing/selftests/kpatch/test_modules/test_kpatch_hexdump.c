// SPDX-License-Identifier: GPL-2.0-only
/*
 * Patches a function with arguments on the stack by a bounds check that calls the
 * original: what does not fit into one row is left out, and no longer wrapped.
 */
#include <linux/kpatch.h>
#include <linux/seq_file.h>

KPATCH_ORIGINAL(original_hex_dump, seq_hex_dump);

static void new_hex_dump(struct seq_file *m, const char *prefix_str,
			 int prefix_type, int rowsize, int groupsize,
			 const void *buf, size_t len, bool ascii)
{
	if (len <= rowsize)
		kpatch_call_original(original_hex_dump, m, prefix_str,
				     prefix_type, rowsize, groupsize, buf, len,
				     ascii);
}

static struct kpatch_func funcs[] = {
	KPATCH_FUNC(seq_hex_dump, new_hex_dump, .original = original_hex_dump),
};
module_kpatch(funcs);

MODULE_DESCRIPTION("kpatch test: a bounds check before the original");
MODULE_LICENSE("GPL");
