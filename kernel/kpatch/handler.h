/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The ftrace handler of patched functions, its table and the transaction word.
 */
#ifndef _KPATCH_HANDLER_H
#define _KPATCH_HANDLER_H

#include <linux/ftrace.h>

struct kpatch_func;

void kpatch_ftrace_handler(unsigned long ip, unsigned long parent_ip,
			   struct ftrace_ops *ops, struct ftrace_regs *fregs);

void kpatch_table_add(struct kpatch_func *func);
void kpatch_table_del(struct kpatch_func *func);
struct kpatch_func *kpatch_table_top(unsigned long ip);
struct kpatch_func *kpatch_table_live(unsigned long ip);

void kpatch_word_open(void);
bool kpatch_word_commit(void);
void kpatch_word_reset(void);

#endif /* _KPATCH_HANDLER_H */
