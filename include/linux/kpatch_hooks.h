/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Calls into kpatch from other parts of the kernel. Patch modules use
 * <linux/kpatch.h>.
 */
#ifndef _LINUX_KPATCH_HOOKS_H
#define _LINUX_KPATCH_HOOKS_H

#include <linux/types.h>

struct ftrace_regs;
struct module;
struct task_struct;

#ifdef CONFIG_KPATCH

/* kernel/trace/ftrace.c */
void kpatch_redirect(unsigned long ip, struct ftrace_regs *fregs);

/* kernel/exit.c */
void kpatch_exit_start(struct task_struct *task);
void kpatch_exit_finish(struct task_struct *task);
void kpatch_exit_abort(struct task_struct *task);

/* kernel/module/main.c */
bool kpatch_module_is_used(const struct module *mod);
void kpatch_take_down(struct module *mod);
int kpatch_module_coming(struct module *mod);
void kpatch_module_going(struct module *mod);
void kpatch_module_gone(const struct module *mod);

#else /* CONFIG_KPATCH */

static inline void kpatch_redirect(unsigned long ip, struct ftrace_regs *fregs)
{
}

static inline void kpatch_exit_start(struct task_struct *task) { }
static inline void kpatch_exit_finish(struct task_struct *task) { }
static inline void kpatch_exit_abort(struct task_struct *task) { }

static inline bool kpatch_module_is_used(const struct module *mod)
{
	return false;
}

static inline void kpatch_take_down(struct module *mod) { }

static inline int kpatch_module_coming(struct module *mod)
{
	return 0;
}

static inline void kpatch_module_going(struct module *mod) { }
static inline void kpatch_module_gone(const struct module *mod) { }

#endif /* CONFIG_KPATCH */

#endif /* _LINUX_KPATCH_HOOKS_H */
