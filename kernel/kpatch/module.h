/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Patch modules that are removed while their patch is registered.
 */
#ifndef _KPATCH_MODULE_H
#define _KPATCH_MODULE_H

int kpatch_module_init(void);

#endif /* _KPATCH_MODULE_H */
