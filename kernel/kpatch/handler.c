// SPDX-License-Identifier: GPL-2.0-only
/*
 * What runs on each call of a patched function, and the table that it reads.
 *
 * This code is entered from any function that can be traced, in any context:
 * NMI, idle, with RCU not watching, nested in itself. The Makefile keeps
 * tracing and sanitizers out of this file, and the handler calls nothing but
 * notrace inlines and raw atomics, so that it cannot enter itself.
 */
#include "common.h"

#include <linux/atomic.h>
#include <linux/hashtable.h>
#include <linux/kpatch_hooks.h>
#include <linux/kprobes.h>
#include <linux/lockdep.h>
#include <linux/preempt.h>
#include <linux/rculist.h>

#include "debug.h"
#include "handler.h"

#define KPATCH_HASH_BITS	10

/* All that a call of a patched function reads of it. */
static_assert(offsetofend(struct kpatch_func, node.next) <= L1_CACHE_BYTES);

/* The lowest file that needs it; see the comment in patch.c. */
DEFINE_MUTEX(kpatch_mutex);

/*
 * The table of patched functions: every function of every patch that is
 * enabled or about to be.
 *
 *  - Key: the address that ftrace calls us from in the old function.
 *  - Order in a bucket: the newest patch first, so that it wins.
 *  - Writers: kpatch_table_add() and _del(), under kpatch_mutex. What is live
 *    does not change with membership but with the state of the patch.
 *  - Readers: the handler, with preemption off. An entry that was deleted must
 *    stay as it is until kpatch_unhook() has waited for all handlers.
 */
static DEFINE_HASHTABLE(kpatch_table, KPATCH_HASH_BITS);

/*
 * The transaction word: the one location that a commit changes, however many
 * functions and patches take part.
 *
 *  KPATCH_TXN_IDLE      -> KPATCH_TXN_OPEN       kpatch_word_open(), machine
 *                                                stopped, scan passed
 *  KPATCH_TXN_OPEN      -> KPATCH_TXN_COMMITTED  kpatch_word_commit(), machine
 *                                                still stopped
 *  KPATCH_TXN_OPEN      -> KPATCH_TXN_ABORTED    an NMI that met a function
 *                                                of the transaction
 *  KPATCH_TXN_COMMITTED,
 *  KPATCH_TXN_ABORTED   -> KPATCH_TXN_IDLE       kpatch_word_reset(), machine
 *                                                running again
 *
 * The handler reads it only for a patch in state ADDING or REMOVING. Outside of
 * NMIs no handler runs while the word is not IDLE. An NMI that arrives while
 * the word is OPEN decides it for everybody: the old code that it is about to
 * run counts, so the transaction must not commit.
 */
enum {
	KPATCH_TXN_IDLE,
	KPATCH_TXN_OPEN,
	KPATCH_TXN_COMMITTED,
	KPATCH_TXN_ABORTED,
};

static atomic_t kpatch_txn = ATOMIC_INIT(KPATCH_TXN_IDLE);

static __always_inline bool txn_committed(void)
{
	int txn;

	/*
	 * Pairs with smp_store_release() in set_state(): who sees the state of
	 * this transaction does not see the verdict of the one before.
	 */
	smp_rmb();
	txn = raw_atomic_read(&kpatch_txn);
	if (txn == KPATCH_TXN_OPEN && in_nmi())
		txn = raw_atomic_cmpxchg(&kpatch_txn, KPATCH_TXN_OPEN,
					 KPATCH_TXN_ABORTED);
	return txn == KPATCH_TXN_COMMITTED;
}

static __always_inline bool func_is_live(const struct kpatch_func *func)
{
	enum kpatch_state state = READ_ONCE(func->kpmod->state);

	/* What nearly all calls meet, so it comes first. */
	if (likely(state == KPATCH_ON))
		return true;
	if (state == KPATCH_ADDING)
		return txn_committed();
	return state == KPATCH_REMOVING && !txn_committed();
}

/*
 * Preemption is off from the look at the state until the new address is in
 * @fregs: a task that is switched out between the two would carry a decision
 * that no scan of its stack can see. There is no way out of here that skips
 * a live function, and so no recursion guard.
 */
static __always_inline void redirect(unsigned long ip,
				     struct ftrace_regs *fregs)
{
	struct kpatch_func *func;

	preempt_disable_notrace();
	hash_for_each_possible_rcu_notrace(kpatch_table, func, node, ip) {
		if (likely(func->ip == ip) && func_is_live(func)) {
			ftrace_regs_set_instruction_pointer(fregs,
							    (unsigned long)func->new_addr);
			kpatch_debug_handler_delay();
			break;
		}
	}
	preempt_enable_notrace();
}

/**
 * kpatch_redirect() - send a call of a patched function to its newest live
 *	version
 * @ip: where in the function ftrace was called
 * @fregs: registers of the call
 *
 * Also called by ftrace itself, for any function, where it drops a call because
 * tracers have recursed too deep: it may drop a trace but not a fix.
 *
 * Context: any, NMI included.
 */
void notrace kpatch_redirect(unsigned long ip, struct ftrace_regs *fregs)
{
	redirect(ip, fregs);
}

NOKPROBE_SYMBOL(kpatch_redirect);

/**
 * kpatch_ftrace_handler() - what the hooks call
 * @ip: where in the function ftrace was called
 * @parent_ip: who called the function, unused
 * @ops: the hook that brought us here, unused
 * @fregs: registers of the call
 *
 * Context: any, NMI included.
 */
void notrace kpatch_ftrace_handler(unsigned long ip, unsigned long parent_ip,
				   struct ftrace_ops *ops,
				   struct ftrace_regs *fregs)
{
	redirect(ip, fregs);
}

NOKPROBE_SYMBOL(kpatch_ftrace_handler);

/**
 * kpatch_table_add() - let the handler find a function
 * @func: the function; its patch is in state OFF or ADDING, so nothing is live
 *
 * Publishes with release semantics: the handler sees @func complete.
 */
void kpatch_table_add(struct kpatch_func *func)
{
	lockdep_assert_held(&kpatch_mutex);
	hash_add_rcu(kpatch_table, &func->node, func->ip);
}

/**
 * kpatch_table_del() - withdraw a function from the handler
 * @func: the function; its patch is in state OFF
 *
 * @func may be changed, freed or added again only after kpatch_unhook().
 */
void kpatch_table_del(struct kpatch_func *func)
{
	lockdep_assert_held(&kpatch_mutex);
	hash_del_rcu(&func->node);
}

/**
 * kpatch_table_top() - the newest version of a function
 * @ip: where in the function ftrace calls us
 *
 * Return: the entry of the patch that was enabled last, %NULL if none is.
 */
struct kpatch_func *kpatch_table_top(unsigned long ip)
{
	struct kpatch_func *func;

	lockdep_assert_held(&kpatch_mutex);
	hash_for_each_possible(kpatch_table, func, node, ip) {
		if (func->ip == ip)
			return func;
	}
	return NULL;
}

/**
 * kpatch_table_live() - which version of a function do calls run?
 * @ip: where in the function ftrace calls us
 *
 * Not under kpatch_mutex, so that nobody who only asks has to wait inside of what
 * may be about to be switched.
 *
 * Context: any, with preemption off.
 *
 * Return: the entry that calls are sent to, %NULL if they are not redirected.
 */
struct kpatch_func *kpatch_table_live(unsigned long ip)
{
	struct kpatch_func *func;

	hash_for_each_possible_rcu(kpatch_table, func, node, ip) {
		if (func->ip == ip && func_is_live(func))
			return func;
	}
	return NULL;
}

/**
 * kpatch_word_open() - from here on an NMI that meets a function of the
 *	transaction aborts it
 *
 * Context: machine stopped. Every other CPU has to acknowledge at task level
 * that it saw the word before kpatch_word_commit(), see txn.c.
 */
void kpatch_word_open(void)
{
	raw_atomic_set(&kpatch_txn, KPATCH_TXN_OPEN);
}

/**
 * kpatch_word_commit() - make the transaction real, everywhere at once
 *
 * Context: machine stopped.
 *
 * Return: true if it committed, false if an NMI had aborted it.
 */
bool kpatch_word_commit(void)
{
	return raw_atomic_cmpxchg(&kpatch_txn, KPATCH_TXN_OPEN,
				  KPATCH_TXN_COMMITTED) == KPATCH_TXN_OPEN;
}

/**
 * kpatch_word_reset() - get ready for the next attempt
 *
 * After the machine was stopped. No handler is left that has read the state of
 * the patch before it, and so would need the verdict.
 */
void kpatch_word_reset(void)
{
	lockdep_assert_held(&kpatch_mutex);
	raw_atomic_set(&kpatch_txn, KPATCH_TXN_IDLE);
}
