// SPDX-License-Identifier: GPL-2.0-only
/*
 * A patch that attaches a shadow variable to each object of test_kpatch_objects, and
 * counts how many there are.
 */
#include <linux/atomic.h>
#include <linux/delay.h>
#include <linux/kpatch_state.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "shadow.h"

static char *refuse = "";
module_param(refuse, charp, 0644);
MODULE_PARM_DESC(refuse, "the callback that refuses: setup or check_enter");

static bool adopt;
module_param(adopt, bool, 0644);
MODULE_PARM_DESC(adopt, "attach variables to all objects that there are, in the stop");

static unsigned int pad;
module_param(pad, uint, 0644);
MODULE_PARM_DESC(pad, "bytes to add to the size of a variable");

static atomic_t created, destroyed, wrong;

static int get_counts(char *buf, const struct kernel_param *kp)
{
	return sysfs_emit(buf, "%d %d %d\n", atomic_read(&created),
			  atomic_read(&destroyed), atomic_read(&wrong));
}

static const struct kernel_param_ops counts_ops = { .get = get_counts };
module_param_cb(counts, &counts_ops, NULL, 0444);
MODULE_PARM_DESC(counts, "created, destroyed, and wrongly destroyed variables");

struct variable {
	void *obj;
	unsigned long serial;
	unsigned long sum;
	bool destroyed;
};

static struct object (*slots)[NR_OBJECTS];

static const struct kpatch_symbol symbols[] = {
	KPATCH_SYMBOL(object_slots, slots, .objname = OBJECTS),
};

static struct kpatch_state states[1];

static unsigned long sum_of(void *obj, unsigned long serial)
{
	return ~(unsigned long)obj + 31 * serial;
}

static size_t size(void)
{
	return sizeof(struct variable) + READ_ONCE(pad);
}

static void fill(struct variable *var, void *obj, unsigned long serial)
{
	var->obj = obj;
	var->serial = serial;
	/* Meanwhile another CPU may look. */
	udelay(1);
	var->sum = sum_of(obj, serial);
}

static int ctor(void *obj, void *data, void *serial)
{
	fill(data, obj, *(unsigned long *)serial);
	atomic_inc(&created);
	return 0;
}

static void dtor(void *obj, void *data)
{
	struct variable *var = data;

	if (var->obj != obj || var->destroyed || var->sum != sum_of(obj, var->serial))
		atomic_inc(&wrong);
	var->destroyed = true;
	atomic_inc(&destroyed);
}

static void *new_variable(gfp_t gfp)
{
	void *var = kpatch_shadow_new(size(), gfp);

	if (var)
		atomic_inc(&created);
	return var;
}

static void discard(void *var)
{
	if (var)
		atomic_inc(&destroyed);
	kpatch_shadow_discard(var);
}

/* Attach a variable that has been allocated before. */
static void *attach(struct kpatch_state *state, void *obj, unsigned long serial,
		    void *var)
{
	if (!var)
		return NULL;
	fill(var, obj, serial);
	if (kpatch_shadow_attach(state, obj, var) == var)
		return var;
	atomic_inc(&wrong);
	discard(var);
	return NULL;
}

/* In each of the ways in turn. */
static void *new_for(struct object *obj, unsigned long serial)
{
	if (serial % 3 == 0)
		return kpatch_shadow_alloc(states, obj, size(), GFP_KERNEL, ctor, &serial);
	if (serial % 3 == 1)
		return kpatch_shadow_get_or_alloc(states, obj, size(), GFP_KERNEL, ctor,
						  &serial);
	return attach(states, obj, serial, new_variable(GFP_KERNEL));
}

static __maybe_unused int new_object_make(struct object *obj, unsigned long serial)
{
	/* Those who see it do not find the variable of the object before. */
	smp_store_release(&obj->serial, serial);
	if (!new_for(obj, serial))
		return -ENOMEM;
	WRITE_ONCE(obj->alive, true);
	return 0;
}

static __maybe_unused void new_object_drop(struct object *obj)
{
	kpatch_shadow_free(states, obj, dtor);
	WRITE_ONCE(obj->alive, false);
}

static bool is_good(struct object *obj, const struct variable *var,
		    unsigned long serial)
{
	return READ_ONCE(var->obj) == obj && READ_ONCE(var->serial) == serial &&
	       READ_ONCE(var->sum) == sum_of(obj, serial);
}

static enum opinion new_object_use(struct object *obj)
{
	unsigned long before, serial, after;
	struct variable *var;

	guard(rcu)();
	/* Pairs with the release in new_object_make(). */
	before = smp_load_acquire(&obj->serial);
	var = kpatch_shadow_get(states, obj);
	if (!var)
		return OPINION_NONE;
	serial = READ_ONCE(var->serial);
	/* Who finds a new variable sees the new serial number: pairs with attaching it. */
	smp_rmb();
	after = READ_ONCE(obj->serial);
	if (!is_good(obj, var, serial))
		return OPINION_BAD;
	if (before == after && serial != before)
		return OPINION_STALE;
	/* It stays while we look, also if it is freed. */
	udelay(1);
	return is_good(obj, var, serial) ? OPINION_GOOD : OPINION_BAD;
}

/* Allocated in setup: variables for objects that there may be, and one for itself. */
struct spare {
	void *vars[NR_OBJECTS];
};

static void release(struct kpatch_state *state)
{
	struct spare *spare = kpatch_state_data(state);
	unsigned int i;

	for (i = 0; i < NR_OBJECTS; i++)
		discard(spare->vars[i]);
	kfree(spare);
}

static int setup(struct kpatch_state *state)
{
	struct spare *spare = kzalloc(sizeof(*spare), GFP_KERNEL);
	unsigned int i;

	if (!spare)
		return -ENOMEM;
	kpatch_state_set_data(state, spare);
	for (i = 0; i < NR_OBJECTS; i++)
		spare->vars[i] = new_variable(GFP_KERNEL);
	if (!attach(state, spare, 0, new_variable(GFP_KERNEL)) ||
	    !strncmp(refuse, "setup", 5)) {
		release(state);
		return -EPERM;
	}
	return 0;
}

static int check_enter(struct kpatch_state *state)
{
	return strncmp(refuse, "check_enter", 11) ? 0 : -EPERM;
}

/* No task makes or drops an object now: it would be in a function that is replaced. */
static void enter(struct kpatch_state *state)
{
	struct spare *spare = kpatch_state_data(state);
	struct object *obj;
	unsigned int i;

	for (i = 0; adopt && i < NR_OBJECTS; i++) {
		obj = &(*slots)[i];
		if (!obj->alive)
			continue;
		attach(state, obj, obj->serial, spare->vars[i]);
		spare->vars[i] = NULL;
	}
}

static struct kpatch_state states[1] = {
	{
		.id = 240,
		.objname = OBJECTS,
		.setup = setup,
		.release = release,
		.check_enter = check_enter,
		.enter = enter,
		.shadow_dtor = dtor,
	},
};

static struct kpatch_func funcs[] = {
#ifdef LOOK_ONLY
	KPATCH_FUNC(object_look, new_object_use, .objname = OBJECTS),
#else
	KPATCH_FUNC(object_make, new_object_make, .objname = OBJECTS),
	KPATCH_FUNC(object_use, new_object_use, .objname = OBJECTS),
	KPATCH_FUNC(object_drop, new_object_drop, .objname = OBJECTS),
#endif
};
module_kpatch(funcs, KPATCH_STATES(states), KPATCH_SYMBOLS(symbols));

MODULE_DESCRIPTION("kpatch test: shadow variables");
MODULE_LICENSE("GPL");
