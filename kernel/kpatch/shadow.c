// SPDX-License-Identifier: GPL-2.0-only
/*
 * Shadow variables: data that patches attach to existing objects, which have no room for
 * it. A variable is found by the state that it belongs to and the address of the object.
 *
 * All of them are in one hash table of fixed size. To attach, find or detach one neither
 * allocates nor sleeps, so the callbacks that run with the machine stopped can do it: no
 * CPU holds a lock of a bucket then, since these are taken with interrupts off.
 *
 * Variables live as long as the state. Readers are in a read-side section of RCU, or know
 * that no task detaches the variable. The memory is freed after a grace period, by a
 * function of this file: no pointer into a patch module is kept.
 */
#include "common.h"

#include <linux/cache.h>
#include <linux/export.h>
#include <linux/hash.h>
#include <linux/init.h>
#include <linux/rculist.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/spinlock.h>

#include "shadow.h"

#define HASH_BITS	10

/**
 * struct shadow - a shadow variable
 * @node: link in its bucket; unhashed until it is attached
 * @instance: the state that it belongs to, as all patches that declare the state see it
 * @obj: the object that it belongs to
 * @next: the next one of a list of detached variables
 * @rcu: to free it
 * @data: the variable
 */
struct shadow {
	struct hlist_node node;
	const struct kpatch_instance *instance;
	void *obj;
	struct shadow *next;
	struct rcu_head rcu;
	u8 data[] __aligned(__alignof__(unsigned long long));
};

struct bucket {
	raw_spinlock_t lock;
	struct hlist_head head;
};

static struct bucket buckets[1 << HASH_BITS];

static struct shadow *shadow_of(void *data)
{
	return container_of(data, struct shadow, data);
}

static struct bucket *bucket_of(const struct kpatch_instance *instance, const void *obj)
{
	return &buckets[hash_ptr((void *)((unsigned long)obj ^ hash_ptr(instance, 32)),
				 HASH_BITS)];
}

/* The caller holds the lock of the bucket, or is a reader of RCU. */
static struct shadow *find(const struct bucket *bucket,
			   const struct kpatch_instance *instance, const void *obj)
{
	struct shadow *shadow;

	hlist_for_each_entry_rcu(shadow, &bucket->head, node, true) {
		if (shadow->obj == obj && shadow->instance == instance)
			return shadow;
	}
	return NULL;
}

/**
 * kpatch_shadow_new() - allocate a shadow variable that is not attached
 * @size: its size in bytes
 * @gfp: how to allocate
 *
 * For kpatch_shadow_attach(), in a callback that must not allocate.
 *
 * Context: as @gfp allows. Must be followed by kpatch_shadow_attach(), which succeeds, or
 * by kpatch_shadow_discard().
 *
 * Return: the variable, zeroed; %NULL if there is no memory.
 */
void *kpatch_shadow_new(size_t size, gfp_t gfp)
{
	struct shadow *shadow = kzalloc(size_add(sizeof(*shadow), size), gfp);

	return shadow ? shadow->data : NULL;
}
EXPORT_SYMBOL_GPL(kpatch_shadow_new);

/**
 * kpatch_shadow_discard() - free a shadow variable that was never attached
 * @data: the variable; %NULL is allowed
 *
 * Context: any that may call kfree().
 */
void kpatch_shadow_discard(void *data)
{
	if (data && !WARN_ON_ONCE(shadow_of(data)->instance))
		kfree(shadow_of(data));
}
EXPORT_SYMBOL_GPL(kpatch_shadow_discard);

/* Under the lock of the bucket. */
static struct shadow *attach_to(struct bucket *bucket,
				const struct kpatch_instance *instance, void *obj,
				struct shadow *new, kpatch_shadow_ctor ctor, void *arg)
{
	struct shadow *shadow = find(bucket, instance, obj);

	if (shadow)
		return shadow;
	if (ctor && ctor(obj, new->data, arg))
		return NULL;
	new->instance = instance;
	new->obj = obj;
	/* Readers that find it see it initialised. */
	hlist_add_head_rcu(&new->node, &bucket->head);
	return new;
}

/*
 * Attach @new unless @obj has a variable, and return the one that it has now. None is
 * attached to a state that has lost its instance: kpatch_shadow_drop() would miss it.
 */
static struct shadow *attach(const struct kpatch_state *state,
			     const struct kpatch_instance *instance, void *obj,
			     struct shadow *new, kpatch_shadow_ctor ctor, void *arg)
{
	struct bucket *bucket = bucket_of(instance, obj);
	struct shadow *shadow = NULL;
	unsigned long flags;

	/* To attach one twice would corrupt the table. */
	if (WARN_ON_ONCE(new->instance))
		return NULL;
	raw_spin_lock_irqsave(&bucket->lock, flags);
	if (READ_ONCE(state->instance) == instance)
		shadow = attach_to(bucket, instance, obj, new, ctor, arg);
	raw_spin_unlock_irqrestore(&bucket->lock, flags);
	return shadow;
}

/* Patches use a state only while they are enabled, or in its callbacks. */
static const struct kpatch_instance *instance_of(const struct kpatch_state *state)
{
	const struct kpatch_instance *instance = READ_ONCE(state->instance);

	WARN_ONCE(!instance, "kpatch: a shadow variable of a state that does not exist\n");
	return instance;
}

/**
 * kpatch_shadow_attach() - attach a shadow variable to an object
 * @state: the state that it is to belong to
 * @obj: the object
 * @data: the variable, of kpatch_shadow_new()
 *
 * Context: any but NMI, @enter and @leave of a state included. No memory is allocated.
 *
 * Return: the variable of the object: @data; or, if it has one already, that, and the
 * caller keeps @data. %NULL if the state does not exist, or @data is %NULL.
 */
void *kpatch_shadow_attach(const struct kpatch_state *state, void *obj, void *data)
{
	const struct kpatch_instance *instance = instance_of(state);
	struct shadow *shadow;

	if (!instance || !data)
		return NULL;
	shadow = attach(state, instance, obj, shadow_of(data), NULL, NULL);
	return shadow ? shadow->data : NULL;
}
EXPORT_SYMBOL_GPL(kpatch_shadow_attach);

/**
 * kpatch_shadow_get() - find the shadow variable of an object
 * @state: the state that it belongs to
 * @obj: the object
 *
 * Context: any, also in NMIs. The variable stays until the end of a read-side section of
 * RCU that the caller is in, or until a task detaches it.
 *
 * Return: the variable, %NULL if the object has none.
 */
void *kpatch_shadow_get(const struct kpatch_state *state, const void *obj)
{
	const struct kpatch_instance *instance = READ_ONCE(state->instance);
	struct shadow *shadow;

	if (!instance)
		return NULL;
	guard(rcu)();
	shadow = find(bucket_of(instance, obj), instance, obj);
	return shadow ? shadow->data : NULL;
}
EXPORT_SYMBOL_GPL(kpatch_shadow_get);

/**
 * kpatch_shadow_get_or_alloc() - find the shadow variable of an object, or attach one
 * @state: the state that it belongs to
 * @obj: the object
 * @size: size of a new variable in bytes
 * @gfp: how to allocate it
 * @ctor: called for a new variable before others can find it; %NULL leaves it zeroed
 * @arg: passed to @ctor
 *
 * Context: as @gfp allows; not in NMIs, nor in callbacks that must not allocate.
 *
 * Return: the variable; %NULL if there is no memory, or @ctor has refused.
 */
void *kpatch_shadow_get_or_alloc(const struct kpatch_state *state, void *obj,
				 size_t size, gfp_t gfp, kpatch_shadow_ctor ctor,
				 void *arg)
{
	const struct kpatch_instance *instance = instance_of(state);
	void *data = kpatch_shadow_get(state, obj);
	struct shadow *shadow;

	if (data || !instance)
		return data;
	data = kpatch_shadow_new(size, gfp);
	if (!data)
		return NULL;
	shadow = attach(state, instance, obj, shadow_of(data), ctor, arg);
	if (shadow != shadow_of(data))
		kpatch_shadow_discard(data);
	return shadow ? shadow->data : NULL;
}
EXPORT_SYMBOL_GPL(kpatch_shadow_get_or_alloc);

/**
 * kpatch_shadow_alloc() - attach a new shadow variable to an object
 * @state: the state that it is to belong to
 * @obj: the object
 * @size: size of the variable in bytes
 * @gfp: how to allocate it
 * @ctor: called before others can find it; %NULL leaves it zeroed
 * @arg: passed to @ctor
 *
 * Context: as @gfp allows; not in NMIs, nor in callbacks that must not allocate.
 *
 * Return: the variable; %NULL if the object has one already, which means that an older
 * object at that address was freed without it; if there is no memory; or if @ctor has
 * refused.
 */
void *kpatch_shadow_alloc(const struct kpatch_state *state, void *obj, size_t size,
			  gfp_t gfp, kpatch_shadow_ctor ctor, void *arg)
{
	const struct kpatch_instance *instance = instance_of(state);
	struct shadow *shadow;
	void *data;

	data = instance ? kpatch_shadow_new(size, gfp) : NULL;
	if (!data)
		return NULL;
	shadow = attach(state, instance, obj, shadow_of(data), ctor, arg);
	if (shadow == shadow_of(data))
		return data;
	WARN_ONCE(shadow, "kpatch: an object has a shadow variable already\n");
	kpatch_shadow_discard(data);
	return NULL;
}
EXPORT_SYMBOL_GPL(kpatch_shadow_alloc);

/*
 * Not kfree_rcu(), which may allocate. As the function is not in a module, the patch may
 * be unloaded before it is called.
 */
static void free_shadow(struct rcu_head *rcu)
{
	kfree(container_of(rcu, struct shadow, rcu));
}

/**
 * kpatch_shadow_free() - detach and free the shadow variable of an object
 * @state: the state that it belongs to
 * @obj: the object; nothing is done if it has none
 * @dtor: called when it is detached; %NULL is allowed
 *
 * To be called before the object is freed.
 *
 * Context: any but NMI; @dtor is called in the context of the caller. The memory is freed
 * after a grace period of RCU.
 */
void kpatch_shadow_free(const struct kpatch_state *state, void *obj,
			kpatch_shadow_dtor dtor)
{
	const struct kpatch_instance *instance = READ_ONCE(state->instance);
	struct bucket *bucket = bucket_of(instance, obj);
	struct shadow *shadow;

	scoped_guard(raw_spinlock_irqsave, &bucket->lock) {
		shadow = find(bucket, instance, obj);
		if (shadow)
			hlist_del_rcu(&shadow->node);
	}
	if (!shadow)
		return;
	if (dtor)
		dtor(obj, shadow->data);
	call_rcu(&shadow->rcu, free_shadow);
}
EXPORT_SYMBOL_GPL(kpatch_shadow_free);

/* Detach the variables of a state that are in @bucket, and put them before @list. */
static struct shadow *detach_all(struct bucket *bucket,
				 const struct kpatch_instance *instance,
				 struct shadow *list)
{
	struct hlist_node *next;
	struct shadow *shadow;
	unsigned long flags;

	raw_spin_lock_irqsave(&bucket->lock, flags);
	hlist_for_each_entry_safe(shadow, next, &bucket->head, node) {
		if (shadow->instance != instance)
			continue;
		hlist_del_rcu(&shadow->node);
		shadow->next = list;
		list = shadow;
	}
	raw_spin_unlock_irqrestore(&bucket->lock, flags);
	return list;
}

/**
 * kpatch_shadow_free_all() - detach and free all shadow variables of a state
 * @state: the state
 * @dtor: called for each when it is detached; %NULL is allowed
 *
 * Context: any but NMI; @dtor is called in the context of the caller. The memory is freed
 * after a grace period of RCU.
 */
void kpatch_shadow_free_all(const struct kpatch_state *state,
			    kpatch_shadow_dtor dtor)
{
	const struct kpatch_instance *instance = READ_ONCE(state->instance);
	struct shadow *shadow, *list;
	unsigned int i;

	for (i = 0; instance && i < ARRAY_SIZE(buckets); i++) {
		list = detach_all(&buckets[i], instance, NULL);
		while ((shadow = list)) {
			list = shadow->next;
			if (dtor)
				dtor(shadow->obj, shadow->data);
			call_rcu(&shadow->rcu, free_shadow);
		}
	}
}
EXPORT_SYMBOL_GPL(kpatch_shadow_free_all);

/**
 * kpatch_shadow_drop() - free what is left of a state that no patch is in any more
 * @instance: of the state
 * @dtor: called for each, after a grace period; %NULL is allowed
 *
 * A task that has not noticed yet may attach another one. The last call for an instance
 * is made once no state has it: what is attached later is refused.
 *
 * Context: process context, sleeps for a grace period of RCU if there is a variable.
 */
void kpatch_shadow_drop(const struct kpatch_instance *instance, kpatch_shadow_dtor dtor)
{
	struct shadow *shadow, *list = NULL;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(buckets); i++)
		list = detach_all(&buckets[i], instance, list);
	if (!list)
		return;
	synchronize_rcu();
	while ((shadow = list)) {
		list = shadow->next;
		if (dtor)
			dtor(shadow->obj, shadow->data);
		kfree(shadow);
		cond_resched();
	}
}

static int __init shadow_init(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(buckets); i++)
		raw_spin_lock_init(&buckets[i].lock);
	return 0;
}
pure_initcall(shadow_init);
