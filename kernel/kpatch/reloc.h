/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Relocations of patch modules against symbols of other modules.
 */
#ifndef _KPATCH_RELOC_H
#define _KPATCH_RELOC_H

struct kpatch_object;
struct kpatch_patch;

int kpatch_relocs_check(const struct kpatch_patch *patch);
int kpatch_relocs_apply(struct kpatch_object *object);
void kpatch_relocs_clear(struct kpatch_object *object);

#endif /* _KPATCH_RELOC_H */
