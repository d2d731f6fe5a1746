// SPDX-License-Identifier: GPL-2.0-only
/*
 * What kpatch must do: see walk_model.h.
 *
 * Where a step has several reasons to fail, the documentation does not say which one the
 * errno is of, so the model allows any of them. It knows the order of the callbacks of a
 * step that succeeds.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "walk_model.h"

static bool has(const struct list *list, unsigned int p)
{
	unsigned int i;

	for (i = 0; i < list->nr; i++) {
		if (list->patch[i] == p)
			return true;
	}
	return false;
}

static void append(struct list *list, unsigned int p)
{
	list->patch[list->nr++] = p;
}

static void drop(struct list *list, unsigned int p)
{
	unsigned int i, left = 0;

	for (i = 0; i < list->nr; i++) {
		if (list->patch[i] != p)
			list->patch[left++] = list->patch[i];
	}
	list->nr = left;
}

static const struct shape *shape_of(const struct model *m, unsigned int p)
{
	return &m->patch[p].shape;
}

static bool in_one_set(const struct model *m, unsigned int p, unsigned int q)
{
	return shape_of(m, p)->set == shape_of(m, q)->set;
}

static unsigned int shared_funcs(const struct model *m, unsigned int p, unsigned int q)
{
	return shape_of(m, p)->funcs & shape_of(m, q)->funcs;
}

/* State 0 is private: patches that have it share nothing. */
static bool has_state(const struct model *m, unsigned int p, unsigned int q, unsigned int s)
{
	return shape_of(m, p)->states & BIT(s) && (s || p == q);
}

/* Functions and states of vmlinux, which is always there, and of targets that are loaded. */
static bool is_loaded(const struct model *m, unsigned int object)
{
	return !object || m->loaded & BIT(object - 1);
}

static bool func_exists(const struct model *m, unsigned int f)
{
	return is_loaded(m, 1 + f / WALK_FUNCS);
}

static bool state_exists(const struct model *m, unsigned int s)
{
	return is_loaded(m, s / WALK_STATES);
}

static unsigned int existing_funcs(const struct model *m)
{
	unsigned int f, funcs = 0;

	for (f = 0; f < WALK_NR_FUNCS; f++) {
		if (func_exists(m, f))
			funcs |= BIT(f);
	}
	return funcs;
}

static bool names_target(const struct shape *shape, unsigned int target)
{
	unsigned int funcs = (BIT(WALK_FUNCS) - 1) << target * WALK_FUNCS;
	unsigned int states = (BIT(WALK_STATES) - 1) << (target + 1) * WALK_STATES;

	return shape->funcs & funcs || shape->states & states;
}

static bool pins(const struct model *m, unsigned int p, unsigned int target)
{
	return shape_of(m, p)->pin && names_target(shape_of(m, p), target);
}

/* Log */

static void log_add(struct model *m, const char *format, ...)
{
	size_t len = strlen(m->log);
	va_list args;

	va_start(args, format);
	vsnprintf(m->log + len, sizeof(m->log) - len, format, args);
	va_end(args);
}

/* What setup of state @s has stored; that of a private one was called for the patch itself. */
static unsigned int data_of(const struct model *m, unsigned int p, unsigned int s)
{
	return s ? m->data[s] : shape_of(m, p)->serial;
}

static void log_state(struct model *m, const char *callback, unsigned int p, unsigned int s)
{
	log_add(m, "%u.%s.%u.%u ", shape_of(m, p)->serial, callback, s, data_of(m, p, s));
}

static void log_setup(struct model *m, unsigned int p, unsigned int s)
{
	log_add(m, "%u.setup.%u.0 ", shape_of(m, p)->serial, s);
	m->data[s] = shape_of(m, p)->serial;
}

static void log_enter(struct model *m, unsigned int p, unsigned int s)
{
	log_state(m, "enter", p, s);
}

static void log_patch(struct model *m, const char *callback, unsigned int p)
{
	log_add(m, "%u.%s ", shape_of(m, p)->serial, callback);
}

/* Who is enabled after a change */

static bool goes(const struct change *c, unsigned int p)
{
	return c->off & BIT(p);
}

static bool on_after(const struct model *m, const struct change *c, unsigned int p)
{
	return has(&c->on, p) || (m->patch[p].on && !goes(c, p));
}

static unsigned int users_before(const struct model *m, unsigned int p, unsigned int s)
{
	unsigned int q, users = 0;

	for (q = 0; q < NR_PATCHES; q++)
		users += m->patch[q].on && has_state(m, q, p, s);
	return users;
}

static unsigned int users_after(const struct model *m, const struct change *c,
				unsigned int p, unsigned int s)
{
	unsigned int q, users = 0;

	for (q = 0; q < NR_PATCHES; q++)
		users += on_after(m, c, q) && has_state(m, q, p, s);
	return users;
}

/* The first patch that comes enters a state. */
static bool enters(const struct model *m, const struct change *c, unsigned int p,
		   unsigned int s)
{
	unsigned int i;

	if (!has_state(m, p, p, s) || !state_exists(m, s) || users_before(m, p, s))
		return false;
	for (i = 0; c->on.patch[i] != p; i++) {
		if (has_state(m, c->on.patch[i], p, s))
			return false;
	}
	return true;
}

static bool gives_up(const struct model *m, const struct change *c, unsigned int p,
		     unsigned int s)
{
	return has_state(m, p, p, s) && state_exists(m, s) && !users_after(m, c, p, s);
}

/* The last patch that goes leaves a state: the oldest one. */
static bool leaves(const struct model *m, const struct change *c, unsigned int p,
		   unsigned int s)
{
	unsigned int i;

	if (!gives_up(m, c, p, s))
		return false;
	for (i = 0; m->enabled.patch[i] != p; i++) {
		if (goes(c, m->enabled.patch[i]) && has_state(m, m->enabled.patch[i], p, s))
			return false;
	}
	return true;
}

/* Reasons to refuse a change */

static bool disturbs(const struct model *m, const struct change *c, unsigned int p)
{
	unsigned int q;

	for (q = 0; q < NR_PATCHES; q++) {
		if (!has(&m->on_trial, q) && !has(&m->off_trial, q))
			continue;
		if (in_one_set(m, p, q))
			return true;
		/* The way back would make the function belong to two sets. */
		if (has(&c->on, p) && has(&m->off_trial, q) && shared_funcs(m, p, q))
			return true;
		/* It would leave the patch on trial alone with a state that cannot be left. */
		if (goes(c, p) && has(&m->on_trial, q) &&
		    shape_of(m, q)->permanent & shape_of(m, p)->states)
			return true;
	}
	return false;
}

/* Nothing may change that undoing the trial needs. */
static errnos_t refuse_on_trial(const struct model *m, const struct change *c)
{
	unsigned int p;

	for (p = 0; m->trial && p < NR_PATCHES; p++) {
		if ((goes(c, p) || has(&c->on, p)) && disturbs(m, c, p))
			return ERRNO(EBUSY);
	}
	return 0;
}

/* No trial enters a state that cannot be left. The module may come while it lasts. */
static errnos_t refuse_trial_of_permanent(const struct model *m, const struct change *c)
{
	unsigned int i, s;

	for (i = 0; m->armed && i < c->on.nr; i++) {
		for (s = 0; s < WALK_NR_STATES; s++) {
			if (shape_of(m, c->on.patch[i])->permanent & BIT(s) &&
			    !(state_exists(m, s) && users_before(m, c->on.patch[i], s)))
				return ERRNO(EPERM);
		}
	}
	return 0;
}

/*
 * A patch that goes must not be covered by a newer one that stays. Functions of a module
 * that is not loaded do not count, unless it may come during a trial.
 */
static errnos_t refuse_covered(const struct model *m, const struct change *c)
{
	unsigned int funcs = m->armed ? ~0U : existing_funcs(m);
	unsigned int older, newer, p, q;

	for (older = 0; older < m->enabled.nr; older++) {
		p = m->enabled.patch[older];
		for (newer = older + 1; goes(c, p) && newer < m->enabled.nr; newer++) {
			q = m->enabled.patch[newer];
			if (!goes(c, q) && shared_funcs(m, p, q) & funcs)
				return ERRNO(EBUSY);
		}
	}
	return 0;
}

static errnos_t refuse_permanent(const struct model *m, const struct change *c)
{
	unsigned int p, s;

	for (p = 0; p < NR_PATCHES; p++) {
		for (s = 0; goes(c, p) && s < WALK_NR_STATES; s++) {
			if (shape_of(m, p)->permanent & BIT(s) && gives_up(m, c, p, s))
				return ERRNO(EPERM);
		}
	}
	return 0;
}

/* What a patch pins has to be loaded. */
static errnos_t refuse_pin(const struct model *m, const struct change *c)
{
	unsigned int i, target;

	for (i = 0; i < c->on.nr; i++) {
		for (target = 0; target < WALK_TARGETS; target++) {
			if (pins(m, c->on.patch[i], target) && !(m->loaded & BIT(target)))
				return ERRNO(ENOENT);
		}
	}
	return 0;
}

/*
 * No function belongs to two sets. In a rollback, none that comes back covers one that
 * stays, which is newer.
 */
static errnos_t refuse_owned(const struct model *m, const struct change *c)
{
	unsigned int i, p, q;

	for (i = 0; i < c->on.nr; i++) {
		p = c->on.patch[i];
		for (q = 0; q < NR_PATCHES; q++) {
			if (q == p || !on_after(m, c, q) || !shared_funcs(m, p, q))
				continue;
			if (!in_one_set(m, p, q) || (c->rolls_back && m->patch[q].on))
				return ERRNO(EBUSY);
		}
	}
	return 0;
}

static bool vetoes_state(const struct model *m, const struct change *c, unsigned int p,
			 unsigned int s, bool dry)
{
	unsigned int refuse = m->patch[p].refuse;

	if (goes(c, p))
		return refuse & WALK_REFUSE_LEAVE && leaves(m, c, p, s);
	if (dry)
		refuse &= ~WALK_REFUSE_SETUP;
	return refuse & (WALK_REFUSE_SETUP | WALK_REFUSE_ENTER) && enters(m, c, p, s);
}

/* A dry run calls nothing that changes anything: neither setup nor stopping. */
static errnos_t refuse_by_callback(const struct model *m, const struct change *c, bool dry)
{
	unsigned int p, s;

	for (p = 0; p < NR_PATCHES; p++) {
		if (!goes(c, p) && !has(&c->on, p))
			continue;
		if (goes(c, p) && !dry && m->patch[p].refuse & WALK_REFUSE_STOPPING)
			return ERRNO(ENOSPC);
		for (s = 0; s < WALK_NR_STATES; s++) {
			if (vetoes_state(m, c, p, s, dry))
				return ERRNO(ENOSPC);
		}
	}
	return 0;
}

static errnos_t refuse(const struct model *m, const struct change *c, bool dry)
{
	return refuse_covered(m, c) | refuse_permanent(m, c) | refuse_pin(m, c) |
	       refuse_owned(m, c) | refuse_by_callback(m, c, dry);
}

/* The commit of a change */

static void log_left(struct model *m, const struct change *c, const char *callback)
{
	unsigned int i, p, s;

	for (i = m->enabled.nr; i--;) {
		p = m->enabled.patch[i];
		for (s = WALK_NR_STATES; goes(c, p) && s--;) {
			if (leaves(m, c, p, s))
				log_state(m, callback, p, s);
		}
	}
}

static void log_entered(struct model *m, const struct change *c,
			void (*log)(struct model *m, unsigned int p, unsigned int s))
{
	unsigned int i, s;

	for (i = 0; i < c->on.nr; i++) {
		for (s = 0; s < WALK_NR_STATES; s++) {
			if (enters(m, c, c->on.patch[i], s))
				log(m, c->on.patch[i], s);
		}
	}
}

/* Disabled patches come first, the newest one before older ones. */
static void log_commit(struct model *m, const struct change *c)
{
	unsigned int i;

	for (i = m->enabled.nr; i--;) {
		if (goes(c, m->enabled.patch[i]))
			log_patch(m, "stopping", m->enabled.patch[i]);
	}
	log_entered(m, c, log_setup);
	log_left(m, c, "leave");
	log_entered(m, c, log_enter);
	log_left(m, c, "release");
	for (i = 0; i < c->on.nr; i++)
		log_patch(m, "started", c->on.patch[i]);
}

static void commit(struct model *m, const struct change *c)
{
	unsigned int i, p;

	log_commit(m, c);
	for (p = 0; p < NR_PATCHES; p++) {
		if (!goes(c, p))
			continue;
		m->patch[p].on = false;
		drop(&m->enabled, p);
	}
	for (i = 0; i < c->on.nr; i++) {
		m->patch[c->on.patch[i]].on = true;
		append(&m->enabled, c->on.patch[i]);
	}
}

static struct list those_that_go(const struct model *m, const struct change *c)
{
	struct list list = {};
	unsigned int i;

	for (i = 0; i < m->enabled.nr; i++) {
		if (goes(c, m->enabled.patch[i]))
			append(&list, m->enabled.patch[i]);
	}
	return list;
}

/* What a user asks for: it may be refused because of a trial, or become one. */
static errnos_t request(struct model *m, const struct change *c, bool dry)
{
	struct list off = those_that_go(m, c);
	errnos_t errnos;

	if (!c->off && !c->on.nr)
		return 0;
	errnos = refuse_on_trial(m, c) | refuse_trial_of_permanent(m, c) | refuse(m, c, dry);
	if (errnos || dry)
		return errnos;
	commit(m, c);
	if (m->armed) {
		m->trial = true;
		m->on_trial = c->on;
		m->off_trial = off;
	}
	m->armed = 0;
	return 0;
}

/* Steps: switches */

static bool is_named(const struct word *words, unsigned int nr, unsigned int p)
{
	while (nr--) {
		if (words[nr].patch == p)
			return true;
	}
	return false;
}

/* What is wrong with words that are no request. */
static errnos_t check_words(const struct model *m, const struct word *words, unsigned int nr)
{
	unsigned int i;

	for (i = 0; i < nr; i++) {
		if (!m->patch[words[i].patch].loaded)
			return ERRNO(ENOENT);
		if (is_named(words, i, words[i].patch))
			return ERRNO(EINVAL);
	}
	return 0;
}

static void add_replaced(const struct model *m, const struct word *words, unsigned int nr,
			 unsigned int by, struct change *c)
{
	unsigned int i, p;

	for (i = 0; i < m->enabled.nr; i++) {
		p = m->enabled.patch[i];
		if (in_one_set(m, p, by) && !is_named(words, nr, p))
			c->off |= BIT(p);
	}
}

static struct change change_of(const struct model *m, const struct word *words,
			       unsigned int nr)
{
	struct change c = {};
	unsigned int i, p;

	for (i = 0; i < nr; i++) {
		p = words[i].patch;
		if (words[i].on == m->patch[p].on)
			continue;
		if (!words[i].on) {
			c.off |= BIT(p);
			continue;
		}
		append(&c.on, p);
		if (shape_of(m, p)->replace)
			add_replaced(m, words, nr, p, &c);
	}
	return c;
}

/* A patch that replaces others has a record of them, from when it was enabled last. */
static void record(struct model *m, unsigned int p, const struct list *off)
{
	struct patch *patch = &m->patch[p];
	unsigned int i;

	patch->nr_replaced = 0;
	for (i = 0; i < off->nr; i++) {
		if (patch->shape.replace && in_one_set(m, p, off->patch[i]))
			patch->replaced[patch->nr_replaced++] =
				shape_of(m, off->patch[i])->serial;
	}
}

errnos_t model_switch(struct model *m, const struct word *words, unsigned int nr, bool dry)
{
	errnos_t errnos = check_words(m, words, nr);
	struct change c;
	struct list off;
	unsigned int i;

	m->log[0] = '\0';
	if (errnos)
		return errnos;
	c = change_of(m, words, nr);
	off = those_that_go(m, &c);
	errnos = request(m, &c, dry);
	if (errnos || dry)
		return errnos;
	for (i = 0; i < c.on.nr; i++)
		record(m, c.on.patch[i], &off);
	return 0;
}

static int find_serial(const struct model *m, unsigned int serial)
{
	int p;

	for (p = 0; p < NR_PATCHES; p++) {
		if (m->patch[p].loaded && shape_of(m, p)->serial == serial)
			return p;
	}
	return -1;
}

errnos_t model_roll_back(struct model *m, unsigned int p)
{
	const struct patch *patch = &m->patch[p];
	struct change c = { .rolls_back = true };
	unsigned int i;
	int old;

	m->log[0] = '\0';
	if (!patch->loaded)
		return ERRNO(ENOENT);
	if (!patch->nr_replaced)
		return ERRNO(EINVAL);
	for (i = 0; i < patch->nr_replaced; i++) {
		old = find_serial(m, patch->replaced[i]);
		if (old < 0)
			return ERRNO(ENOENT);
		if (!m->patch[old].on)
			append(&c.on, old);
	}
	/* It is disabled: there is nothing to roll back, and that may be so already. */
	if (!patch->on)
		return c.on.nr ? ERRNO(EINVAL) : 0;
	c.off = BIT(p);
	return request(m, &c, false);
}

/* Steps: patch modules */

errnos_t model_load(struct model *m, unsigned int p, const struct shape *shape, bool enable)
{
	const struct word word = { .patch = p, .on = true };
	struct patch *patch = &m->patch[p];
	errnos_t errnos;

	m->log[0] = '\0';
	if (patch->loaded)
		return ERRNO(EEXIST);
	*patch = (struct patch){ .shape = *shape, .loaded = true };
	if (!enable)
		return 0;
	errnos = model_switch(m, &word, 1, false);
	if (errnos)
		patch->loaded = false;
	return errnos;
}

unsigned int model_references(const struct model *m, unsigned int p)
{
	return m->patch[p].on + has(&m->off_trial, p);
}

errnos_t model_unload(struct model *m, unsigned int p)
{
	m->log[0] = '\0';
	if (!m->patch[p].loaded)
		return ERRNO(ENOENT);
	if (model_references(m, p))
		return ERRNO(EAGAIN);
	m->patch[p].loaded = false;
	return 0;
}

/* Steps: trials */

errnos_t model_arm(struct model *m, unsigned int seconds)
{
	m->log[0] = '\0';
	if (m->trial)
		return ERRNO(EBUSY);
	m->armed = seconds;
	return 0;
}

static void end_trial(struct model *m)
{
	m->trial = false;
	m->on_trial.nr = 0;
	m->off_trial.nr = 0;
}

errnos_t model_confirm(struct model *m)
{
	m->log[0] = '\0';
	if (!m->trial && !m->armed)
		return ERRNO(ENOENT);
	m->armed = 0;
	end_trial(m);
	return 0;
}

/* The trial is not confirmed in time. Only a callback may refuse that it is undone. */
errnos_t model_expire(struct model *m)
{
	struct change c = { .on = m->off_trial };
	errnos_t errnos;
	unsigned int i;

	m->log[0] = '\0';
	for (i = 0; i < m->on_trial.nr; i++)
		c.off |= BIT(m->on_trial.patch[i]);
	errnos = refuse(m, &c, false);
	if (errnos)
		return errnos;
	commit(m, &c);
	end_trial(m);
	return 0;
}

/* Steps: targets */

/* The patches that are enabled enter the states of the target, in their order. */
static errnos_t enter_states(struct model *m, unsigned int target)
{
	unsigned int first = (target + 1) * WALK_STATES, i, p, s;
	unsigned int entered = 0;

	for (i = 0; i < m->enabled.nr; i++) {
		p = m->enabled.patch[i];
		for (s = first; s < first + WALK_STATES; s++) {
			if (!has_state(m, p, p, s) || entered & BIT(s))
				continue;
			if (m->patch[p].refuse & WALK_REFUSE_SETUP)
				return ERRNO(ENOSPC);
			entered |= BIT(s);
			log_setup(m, p, s);
			log_enter(m, p, s);
		}
	}
	return 0;
}

/* Its init sees the functions redirected. */
errnos_t model_load_target(struct model *m, unsigned int target)
{
	unsigned int f;
	errnos_t errnos;

	m->log[0] = '\0';
	if (m->loaded & BIT(target))
		return ERRNO(EEXIST);
	errnos = enter_states(m, target);
	if (errnos)
		return errnos;
	m->loaded |= BIT(target);
	for (f = target * WALK_FUNCS; f < (target + 1) * WALK_FUNCS; f++)
		m->seen[f] = model_live(m, f);
	return 0;
}

/* As if the patches were disabled that have states of the target, one by one. */
static void leave_states(struct model *m, const char *callback, unsigned int target)
{
	unsigned int first = (target + 1) * WALK_STATES, i, older, p, s;
	bool is_last;

	for (i = m->enabled.nr; i--;) {
		p = m->enabled.patch[i];
		for (s = first + WALK_STATES; s-- > first;) {
			is_last = has_state(m, p, p, s);
			for (older = 0; older < i; older++)
				is_last &= !has_state(m, m->enabled.patch[older], p, s);
			if (is_last)
				log_state(m, callback, p, s);
		}
	}
}

unsigned int model_target_references(const struct model *m, unsigned int target)
{
	unsigned int p, references = 0;

	for (p = 0; p < NR_PATCHES; p++) {
		if (pins(m, p, target))
			references += model_references(m, p);
	}
	return references;
}

errnos_t model_unload_target(struct model *m, unsigned int target)
{
	m->log[0] = '\0';
	if (!(m->loaded & BIT(target)))
		return ERRNO(ENOENT);
	if (model_target_references(m, target))
		return ERRNO(EAGAIN);
	leave_states(m, "leave", target);
	leave_states(m, "release", target);
	m->loaded &= ~BIT(target);
	return 0;
}

/* What a user sees */

static bool is_replaced_by(const struct model *m, unsigned int func, unsigned int p)
{
	return func_exists(m, func) && shape_of(m, p)->funcs & BIT(func);
}

/* Return the patch whose version of a function runs; NR_PATCHES if there is none. */
static unsigned int newest(const struct model *m, unsigned int func)
{
	unsigned int i;

	for (i = m->enabled.nr; i--;) {
		if (is_replaced_by(m, func, m->enabled.patch[i]))
			return m->enabled.patch[i];
	}
	return NR_PATCHES;
}

unsigned int model_live(const struct model *m, unsigned int func)
{
	unsigned int p = newest(m, func);

	return p < NR_PATCHES ? shape_of(m, p)->serial : 0;
}

bool model_is_live(const struct model *m, unsigned int p, unsigned int func)
{
	return newest(m, func) == p;
}

bool model_entered(const struct model *m, unsigned int p, unsigned int state)
{
	return state_exists(m, state) && users_before(m, p, state);
}

/* A function is hooked exactly as long as a patch replaces it. */
unsigned int model_hooks(const struct model *m)
{
	unsigned int f, hooks = 0;

	for (f = 0; f < WALK_NR_FUNCS; f++)
		hooks += newest(m, f) < NR_PATCHES;
	return hooks;
}
