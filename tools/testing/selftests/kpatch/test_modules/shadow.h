/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The objects of test_kpatch_objects, and what its functions say of them.
 */
#ifndef _SHADOW_H
#define _SHADOW_H

#include <linux/types.h>

#define OBJECTS		"test_kpatch_objects"
#define NR_OBJECTS	300

/**
 * struct object - an object without room for what a patch wants to know
 * @serial: no two objects have the same, also if they have the same address
 * @alive: it is in use
 */
struct object {
	unsigned long serial;
	bool alive;
};

/* The original says that it knows nothing. */
enum opinion {
	OPINION_NONE,
	OPINION_GOOD,
	OPINION_STALE,
	OPINION_BAD,
	NR_OPINIONS,
};

extern struct object object_slots[NR_OBJECTS];

int object_make(struct object *obj, unsigned long serial);
enum opinion object_use(struct object *obj);
enum opinion object_look(struct object *obj);
void object_drop(struct object *obj);

#endif /* _SHADOW_H */
