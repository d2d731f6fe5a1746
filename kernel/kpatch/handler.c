// SPDX-License-Identifier: GPL-2.0-only
/*
 * The ftrace handler of patched functions, its table and the transaction word.
 *
 * The handler runs on each call of a patched function, which may be any
 * traceable function, in any context: NMI, idle, with RCU not watching, nested
 * in another run of the handler. The Makefile keeps tracing and sanitizers out
 * of this file, and the handler calls only notrace functions and raw atomics,
 * so that it cannot enter itself.
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

/* The handler reads only the first cache line of an entry. */
static_assert(offsetofend(struct kpatch_func, node.next) <= L1_CACHE_BYTES);

/* Defined in the lowest file that needs it. See "DOC: Locking" in common.h. */
DEFINE_MUTEX(kpatch_mutex);

/*
 * The table of patched functions: every function of every patch that is enabled
 * or about to be.
 *
 *  - Key: the address in the old function that ftrace calls the handler from.
 *  - Order in a bucket: newest patch first, so that it wins.
 *  - Writers: kpatch_table_add() and kpatch_table_del(), under kpatch_mutex. To
 *    add or delete an entry redirects no call: the status of the patch decides
 *    which version is live.
 *  - Readers: the handler and kpatch_table_live(), with preemption off. A
 *    deleted entry must not change until kpatch_hook_wait() has waited for all
 *    of them.
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
 *  KPATCH_TXN_OPEN      -> KPATCH_TXN_ABORTED    an NMI that called a function
 *                                                of the transaction
 *  KPATCH_TXN_COMMITTED,
 *  KPATCH_TXN_ABORTED   -> KPATCH_TXN_IDLE       kpatch_word_reset(), machine
 *                                                running again
 *
 * The handler reads the word only for a patch in status ADDING or REMOVING.
 * While the word is OPEN, only NMIs run the handler. An NMI that reads it then
 * aborts the transaction for all CPUs: it is about to run old code, so the
 * transaction must not commit.
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
	 * Pairs with smp_store_release() in set_status(): a handler that sees
	 * the patch ADDING or REMOVING does not see the verdict of an earlier
	 * transaction.
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
	enum kpatch_status status = READ_ONCE(func->kpmod->status);

	/* Nearly all calls find the patch ON, so test for that first. */
	if (likely(status == KPATCH_ON))
		return true;
	if (status == KPATCH_ADDING)
		return txn_committed();
	return status == KPATCH_REMOVING && !txn_committed();
}

/*
 * Preemption stays off from the read of the status until @fregs has the new
 * address: a task preempted in between would carry a decision that no scan of
 * its stack can see. No path through here may skip a live function, so there is
 * no recursion guard.
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
 * kpatch_redirect() - redirect a call to the newest live version of a function
 * @ip: address in the function that ftrace was called from
 * @fregs: registers of the call
 *
 * ftrace itself calls this, too, for any function, where it drops a call
 * because tracers have recursed: a tracer may miss a call, a patch may not.
 *
 * Context: any, NMI included.
 */
void notrace kpatch_redirect(unsigned long ip, struct ftrace_regs *fregs)
{
	redirect(ip, fregs);
}

NOKPROBE_SYMBOL(kpatch_redirect);

/**
 * kpatch_ftrace_handler() - redirect a call that ftrace reports
 * @ip: address in the function that ftrace was called from
 * @parent_ip: the caller of the function, unused
 * @ops: the ftrace_ops of the hook, unused
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
 * kpatch_table_add() - add a function to the handler's table
 * @func: the function; its patch is in status OFF or ADDING, so it is not live
 *
 * Publishes with release semantics: the handler sees @func complete.
 */
void kpatch_table_add(struct kpatch_func *func)
{
	lockdep_assert_held(&kpatch_mutex);
	hash_add_rcu(kpatch_table, &func->node, func->ip);
}

/**
 * kpatch_table_del() - delete a function from the handler's table
 * @func: the function; its patch is in status OFF
 *
 * @func must not be changed, freed or added again before kpatch_hook_wait()
 * returns.
 */
void kpatch_table_del(struct kpatch_func *func)
{
	lockdep_assert_held(&kpatch_mutex);
	hash_del_rcu(&func->node);
}

/**
 * kpatch_table_top() - get the newest version of a function, live or not
 * @ip: address in the function that ftrace calls the handler from
 *
 * Return: the entry that was added last, %NULL if there is none.
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
 * kpatch_table_live() - get the version of a function that calls run
 * @ip: address in the function that ftrace calls the handler from
 *
 * Does not take kpatch_mutex: a reader of the status that waited for it could
 * sleep inside a function that is about to be switched.
 *
 * Context: any, with preemption off.
 *
 * Return: the entry that calls are redirected to, %NULL if they are not.
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
 * kpatch_word_open() - open the transaction
 *
 * From here on an NMI that calls a function of the transaction aborts it.
 *
 * Context: machine stopped. Every other CPU has to acknowledge, at task level,
 * that it saw the word OPEN before kpatch_word_commit() is called, see txn.c.
 */
void kpatch_word_open(void)
{
	raw_atomic_set(&kpatch_txn, KPATCH_TXN_OPEN);
}

/**
 * kpatch_word_commit() - commit the transaction, on all CPUs at once
 *
 * Context: machine stopped.
 *
 * Return: true if it committed, false if an NMI has aborted it.
 */
bool kpatch_word_commit(void)
{
	return raw_atomic_cmpxchg(&kpatch_txn, KPATCH_TXN_OPEN,
				  KPATCH_TXN_COMMITTED) == KPATCH_TXN_OPEN;
}

/**
 * kpatch_word_reset() - prepare the transaction word for the next attempt
 *
 * No handler that read the status of the patch before the stop is still running,
 * so none needs the verdict.
 *
 * Context: after the stop, under kpatch_mutex.
 */
void kpatch_word_reset(void)
{
	lockdep_assert_held(&kpatch_mutex);
	raw_atomic_set(&kpatch_txn, KPATCH_TXN_IDLE);
}
