/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Operations: their requesters, which wait for them, and the thread that carries them
 * out.
 */
#ifndef _KPATCH_REQUEST_H
#define _KPATCH_REQUEST_H

#include <linux/types.h>

#include "choice.h"

/**
 * enum kpatch_request_state - where an operation is, see request.c
 * @KPATCH_REQUEST_NONE: it does not exist, or no task will ask for its verdict
 * @KPATCH_REQUEST_WAITING: it waits for its turn
 * @KPATCH_REQUEST_PAUSED: the requester has left to restart its system call; the
 *	operation does not begin before it is back
 * @KPATCH_REQUEST_RUNNING: it is being carried out
 * @KPATCH_REQUEST_AWAY: it is, and the requester has left to be parked
 * @KPATCH_REQUEST_CANCELLING: it ends after the current attempt
 * @KPATCH_REQUEST_DONE: it has ended, and the requester is about to collect the verdict
 * @KPATCH_REQUEST_KEPT: it has ended, and the requester is away
 * @KPATCH_REQUEST_NR_STATES: number of states
 */
enum kpatch_request_state {
	KPATCH_REQUEST_NONE,
	KPATCH_REQUEST_WAITING,
	KPATCH_REQUEST_PAUSED,
	KPATCH_REQUEST_RUNNING,
	KPATCH_REQUEST_AWAY,
	KPATCH_REQUEST_CANCELLING,
	KPATCH_REQUEST_DONE,
	KPATCH_REQUEST_KEPT,
	KPATCH_REQUEST_NR_STATES,
};

/**
 * enum kpatch_request_event - what changes the state of an operation
 * @KPATCH_REQUEST_TAKE: the thread begins to carry it out
 * @KPATCH_REQUEST_LEAVE: the requester leaves to restart its system call
 * @KPATCH_REQUEST_RETURN: the requester is back
 * @KPATCH_REQUEST_CANCEL: the requester is killed, or its time has run out before the
 *	operation has begun, or it has returned with another request, or not at all
 * @KPATCH_REQUEST_END: the verdict is reached
 * @KPATCH_REQUEST_COLLECT: the requester takes the verdict
 * @KPATCH_REQUEST_NR_EVENTS: number of events
 */
enum kpatch_request_event {
	KPATCH_REQUEST_TAKE,
	KPATCH_REQUEST_LEAVE,
	KPATCH_REQUEST_RETURN,
	KPATCH_REQUEST_CANCEL,
	KPATCH_REQUEST_END,
	KPATCH_REQUEST_COLLECT,
	KPATCH_REQUEST_NR_EVENTS,
};

/**
 * enum kpatch_request_flags - how to wait for an operation
 * @KPATCH_REQUEST_STORE: the request is a write to a file: the system call may be
 *	restarted, and a requester that is killed need not wait for the end
 * @KPATCH_REQUEST_NO_OWNER: the operation is for no task: signals of the current task
 *	do not matter, nor how long other operations take
 * @KPATCH_REQUEST_QUIET: do not log why it fails
 */
enum kpatch_request_flags {
	KPATCH_REQUEST_STORE	= BIT(0),
	KPATCH_REQUEST_NO_OWNER	= BIT(1),
	KPATCH_REQUEST_QUIET	= BIT(2),
};

/**
 * struct kpatch_request - what is requested
 * @run: carries it out, in the kernel thread, under kpatch_mutex; returns 0 or an errno
 * @data: for @run
 * @kpmod: the patch; %NULL for %KPATCH_SWITCH
 * @name: name of its module, or of the first one
 * @action: what is requested of it
 * @choices: the patches, for %KPATCH_SWITCH
 * @nr: number of elements in @choices
 * @flags: &enum kpatch_request_flags
 * @timeout_ms: how long it may take, in milliseconds; 0 for kpatch.deadline_ms
 */
struct kpatch_request {
	int (*run)(const struct kpatch_request *request,
		   struct kpatch_requester *by);
	void *data;
	struct kpatch_module *kpmod;
	const char *name;
	enum kpatch_action action;
	const struct kpatch_choice *choices;
	unsigned int nr;
	unsigned int flags;
	unsigned int timeout_ms;
};

int kpatch_request(const struct kpatch_request *request);
int kpatch_request_switch(struct kpatch_module *kpmod, const char *name,
			  enum kpatch_action action, unsigned int flags,
			  unsigned int timeout_ms);
int kpatch_request_switch_several(const struct kpatch_choice *choices,
				  unsigned int nr, const char *name,
				  unsigned int flags, unsigned int timeout_ms);
bool kpatch_request_in_callback(void);
void kpatch_request_drop(void);
void kpatch_request_gone(struct kpatch_patch *patch);
enum kpatch_request_state
kpatch_request_next(enum kpatch_request_state state,
		    enum kpatch_request_event event);
int kpatch_request_init(void);

#endif /* _KPATCH_REQUEST_H */
