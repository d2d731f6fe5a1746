/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A model of what kpatch does with a few patches and modules: as the documentation says,
 * and without looking at the kernel.
 */
#ifndef WALK_MODEL_H
#define WALK_MODEL_H

#include <stdbool.h>
#include <stdint.h>

#include "test_modules/walk.h"

#define NR_PATCHES	5
#define LOG_LEN		2048
#define BIT(_i)		(1U << (_i))

/* A set of errnos: a step must fail with one of them. If it is empty, it must succeed. */
typedef uint64_t errnos_t;

#define ERRNO(_err)	((errnos_t)1 << (_err))

/**
 * struct shape - what is the same as long as a patch is loaded
 * @serial: number of its registration
 * @set: the set that it belongs to
 * @funcs: the functions that it replaces, a bit each
 * @states: the states that it has, a bit each
 * @permanent: those of them that it cannot leave
 * @replace: it replaces the others of its set
 * @pin: it pins the modules that it names
 */
struct shape {
	unsigned int serial;
	unsigned int set;
	unsigned int funcs;
	unsigned int states;
	unsigned int permanent;
	bool replace;
	bool pin;
};

/**
 * struct patch - a patch, loaded or not
 * @shape: what it is
 * @loaded: it is registered
 * @on: it is enabled
 * @refuse: the callbacks of it that refuse
 * @nr_replaced: number of elements in @replaced
 * @replaced: what it has replaced when it was enabled last: serials, the oldest one first
 */
struct patch {
	struct shape shape;
	bool loaded;
	bool on;
	unsigned int refuse;
	unsigned int nr_replaced;
	unsigned int replaced[NR_PATCHES];
};

/**
 * struct list - patches in an order
 * @nr: number of elements in @patch
 * @patch: which ones
 */
struct list {
	unsigned int nr;
	unsigned int patch[NR_PATCHES];
};

/**
 * struct change - what a transaction does
 * @off: patches to be disabled, a bit each
 * @on: patches to be enabled, the later ones become newer
 * @rolls_back: @on were replaced by the patch in @off
 */
struct change {
	unsigned int off;
	struct list on;
	bool rolls_back;
};

/**
 * struct model - all that is known
 * @patch: the patches
 * @enabled: those that are enabled, the oldest one first
 * @loaded: the targets that are loaded, a bit each
 * @seen: which patch the init of a target has seen of each function, a serial or 0
 * @data: the patch that has set up a state that is entered, a serial; but for state 0
 * @armed: how long the next trial takes, 0 if the next switch is none
 * @trial: there is a trial
 * @on_trial: the patches that it has enabled
 * @off_trial: the patches that it has disabled, the oldest one first
 * @log: the callbacks of the last step
 */
struct model {
	struct patch patch[NR_PATCHES];
	struct list enabled;
	unsigned int loaded;
	unsigned int seen[WALK_NR_FUNCS];
	unsigned int data[WALK_NR_STATES];
	unsigned int armed;
	bool trial;
	struct list on_trial;
	struct list off_trial;
	char log[LOG_LEN];
};

/* A word of a write to the file "switch". */
struct word {
	unsigned int patch;
	bool on;
};

/*
 * The steps. Each returns how it may fail. If it has to succeed, the model has made it,
 * unless it is a dry run.
 */
errnos_t model_load(struct model *m, unsigned int p, const struct shape *shape, bool enable);
errnos_t model_unload(struct model *m, unsigned int p);
errnos_t model_switch(struct model *m, const struct word *words, unsigned int nr, bool dry);
errnos_t model_roll_back(struct model *m, unsigned int p);
errnos_t model_arm(struct model *m, unsigned int seconds);
errnos_t model_confirm(struct model *m);
errnos_t model_expire(struct model *m);
errnos_t model_load_target(struct model *m, unsigned int target);
errnos_t model_unload_target(struct model *m, unsigned int target);

/* What a user sees. */
unsigned int model_live(const struct model *m, unsigned int func);
bool model_is_live(const struct model *m, unsigned int p, unsigned int func);
bool model_entered(const struct model *m, unsigned int p, unsigned int state);
unsigned int model_references(const struct model *m, unsigned int p);
unsigned int model_target_references(const struct model *m, unsigned int target);
unsigned int model_hooks(const struct model *m);

#endif /* WALK_MODEL_H */
