// SPDX-License-Identifier: GPL-2.0-only
/*
 * Find and check functions: the old one by its name or address, its clones, and the
 * replacement in the patch module. Each function is checked on its own first, then
 * all functions of the object together. What can be checked without the object is
 * checked even if the object is a module that is not loaded.
 */
#include "common.h"

#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/rcupdate.h>
#include <linux/sched/signal.h>
#include <linux/seq_buf.h>
#include <linux/string.h>

#include <asm/sections.h>

#include "func.h"
#include "hook.h"
#include "original.h"
#include "symbol.h"

/* How many bytes of a line in the log a list of names may take. */
#define MAX_NAMES	256
/* How many functions of an object are named if they are refused. */
#define MAX_REFUSED	20

/**
 * struct resolver - state while the functions of an object are looked up
 * @object: the object
 * @tab: symbols of the module that it is, %NULL for vmlinux
 * @funcs: the old functions, each from its first address
 * @clones: their clones, whether the patch lists them or not
 * @func: the function that is being looked up
 * @names: the number of its names so far
 * @is_clone: one of its names is that of a clone
 */
struct resolver {
	struct kpatch_object *object;
	const struct kpatch_symtab *tab;
	struct kpatch_ranges funcs;
	struct kpatch_ranges clones;
	struct kpatch_func *func;
	unsigned int names;
	bool is_clone;
};

/**
 * struct verdict - whether functions of an object are refused
 * @err: the errno of the first one, 0 if none is
 * @nr: how many are
 *
 * Each one is named in the log, since the author of the patch has to mend all of them.
 */
struct verdict {
	int err;
	unsigned int nr;
};

/* Return false if the functions that are left need not be checked. */
static bool go_on(struct verdict *verdict, int err)
{
	if (!err)
		return true;
	verdict->err = verdict->err ?: err;
	/* Memory would not suffice for the others either. */
	return err != -ENOMEM && ++verdict->nr < MAX_REFUSED;
}

/* Add text of the old function that has a name of its own. */
static int add_variant(void *data, const struct kpatch_variant *variant)
{
	struct resolver *res = data;
	struct kpatch_ranges *set = &res->clones;

	if (variant->kind == KPATCH_KIND_OWN)
		return 0;
	if (variant->kind == KPATCH_KIND_PART)
		set = &res->object->old_text;
	return kpatch_ranges_add(set, variant->start, variant->end,
				 KPATCH_RANGE_OLD, res->func);
}

static void list_name(struct seq_buf *names, const char *name)
{
	seq_buf_printf(names, "%s'%s'", names->len ? ", " : "", name);
}

static int list_variant(void *data, const struct kpatch_variant *variant)
{
	struct seq_buf *names = data;

	if (variant->kind != KPATCH_KIND_PART)
		list_name(names, variant->name);
	return 0;
}

/* Return as many of the names as fit. */
static const char *list_str(struct seq_buf *names)
{
	if (seq_buf_has_overflowed(names))
		strscpy(names->buffer + names->size - 4, "...", 4);
	return seq_buf_str(names);
}

static int refuse_missing(const struct resolver *res)
{
	const struct kpatch_func *func = res->func;
	DECLARE_SEQ_BUF(names, MAX_NAMES);

	kpatch_on_each_variant(res->tab, func->old_name, list_variant, &names);
	if (names.len)
		return kpatch_refuse(KPATCH_CAUSE_RENAMED, .func = func,
				     .names = list_str(&names));
	return kpatch_refuse(KPATCH_CAUSE_NO_SYMBOL, .func = func);
}

static int find_by_name(struct resolver *res)
{
	struct kpatch_func *func = res->func;
	int ret;

	ret = kpatch_find_symbol(res->tab, func->old_name, func->sympos,
				 &func->addr, add_variant, res);
	switch (ret) {
	case -ENOENT:
		return refuse_missing(res);
	case -ENOTUNIQ:
		return kpatch_refuse(KPATCH_CAUSE_NOT_UNIQUE, .func = func);
	case -EINVAL:
		return kpatch_refuse(KPATCH_CAUSE_NO_SYMPOS, .func = func);
	default:
		return ret;
	}
}

static int find_old(struct resolver *res)
{
	struct kpatch_func *func = res->func;

	if (func->old_name)
		return find_by_name(res);
	func->addr = func->old_addr;
	return 0;
}

/*
 * Some task is in each of these functions whenever the machine is stopped. Functions
 * of kernel threads that are not listed are found by check_threads().
 */
static const char * const always_live[] = {
	/* below every kernel thread */
	"ret_from_fork", "kthread", "kthreadd",
	/* kernel threads, idle tasks */
	"worker_thread", "smpboot_thread_fn", "do_idle",
	/* each task that sleeps, or is preempted in might_sleep() */
	"schedule", "__cond_resched",
	/* the task that stops the machine */
	"stop_machine_cpuslocked", "stop_cpus", "__stop_cpus",
	"wait_for_completion", "__wait_for_common", "schedule_timeout",
	/* the stopper tasks */
	"cpu_stopper_thread", "multi_cpu_stop",
};

/* Clones of these functions count, too. */
static bool is_always_live(const char *name)
{
	size_t len = kpatch_base_len(name);
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(always_live); i++) {
		if (!strncmp(always_live[i], name, len) && !always_live[i][len])
			return true;
	}
	return false;
}

/* All that has the name of a body is a part of the entry. */
static int add_body_variant(void *data, const struct kpatch_variant *variant)
{
	struct resolver *res = data;

	return kpatch_ranges_add(&res->object->old_text, variant->start, variant->end,
				 KPATCH_RANGE_OLD, res->func);
}

static int add_body(struct resolver *res, const char *prefix, const char *call)
{
	char name[KSYM_NAME_LEN];
	unsigned long addr;
	int ret;

	scnprintf(name, sizeof(name), "%s%s", prefix, call);
	ret = kpatch_find_symbol(res->tab, name, 0, &addr, add_body_variant, res);
	if (ret == -ENOENT || ret == -ENOTUNIQ)
		return 0;
	/* It may also be another name of the entry. */
	if (ret || addr == res->func->addr)
		return ret;
	return kpatch_ranges_add(&res->object->old_text, addr,
				 addr + kpatch_symbol_size(res->tab, addr),
				 KPATCH_RANGE_OLD, res->func);
}

/*
 * The entries of a system call, such as __x64_sys_foo and __ia32_compat_sys_foo, may jump
 * to a body that has no hook and leave no frame: a task asleep there would not be seen.
 */
static int add_bodies(struct resolver *res, const char *name)
{
	const char *call = strstr(name, "_sys_");
	int ret;

	if (res->tab || strncmp(name, "__", 2) || !call)
		return 0;
	if (call - name > 7 && !strncmp(call - 7, "_compat", 7))
		call -= 7;
	/* There is one word, the ABI, between the underscores. */
	if (memchr(name + 2, '_', call - name - 2))
		return 0;
	ret = add_body(res, "__do", call);
	return ret ?: add_body(res, "__se", call);
}

static int check_name(void *data, const char *name)
{
	struct resolver *res = data;
	struct kpatch_func *func = res->func;
	int ret;

	if (!res->tab && is_always_live(name))
		return kpatch_refuse(KPATCH_CAUSE_ALWAYS_LIVE, .func = func);
	ret = add_bodies(res, name);
	if (ret)
		return ret;
	if (res->names++)
		res->object->has_aliases = true;
	if (kpatch_name_kind(name) == KPATCH_KIND_CLONE)
		res->is_clone = true;
	/* find_by_name() has visited the variants of this name. */
	if (func->old_name && !strcmp(func->old_name, name))
		return 0;
	return kpatch_on_each_variant(res->tab, name, add_variant, res);
}

static bool is_listed_clone(const struct kpatch_func *func)
{
	return func->flags & (KPATCH_CLONE | KPATCH_CLONE_KEEP);
}

static int check_names(struct resolver *res)
{
	struct kpatch_func *func = res->func;
	int ret;

	res->names = 0;
	res->is_clone = false;
	ret = kpatch_on_each_name(res->tab, func->addr, check_name, res);
	if (ret)
		return ret;
	if (res->is_clone && !is_listed_clone(func))
		return kpatch_refuse(KPATCH_CAUSE_CLONE_UNASKED, .func = func);
	if (!res->is_clone && is_listed_clone(func))
		return kpatch_refuse(KPATCH_CAUSE_NO_CLONE, .func = func);
	return 0;
}

static bool is_code(const struct kpatch_object *object, unsigned long addr)
{
	return object->mod ? within_module_mem_type(addr, object->mod, MOD_TEXT) :
			     core_kernel_text(addr);
}

static int check_old(struct resolver *res)
{
	struct kpatch_func *func = res->func;
	unsigned long addr = func->addr;

	/* Symbols of a module are listed without those of its init sections. */
	if (!res->tab && init_section_contains((void *)addr, 1))
		return kpatch_refuse(KPATCH_CAUSE_INIT_CODE, .func = func);
	if (!is_code(res->object, addr))
		return kpatch_refuse(KPATCH_CAUSE_NOT_CODE, .func = func,
				     .addr = addr);
	func->old_size = kpatch_symbol_size(res->tab, addr);
	if (!func->old_size)
		return kpatch_refuse(KPATCH_CAUSE_NOT_START, .func = func,
				     .addr = addr);
	/* Also of a kept clone: another patch may have replaced it. */
	WRITE_ONCE(func->ip, kpatch_hook_ip(addr));
	if (!func->ip && !kpatch_is_kept(func))
		return kpatch_refuse(KPATCH_CAUSE_NOT_TRACEABLE, .func = func);
	return check_names(res);
}

static int check_new(struct kpatch_func *func, const struct kpatch_symtab *own)
{
	unsigned long addr = (unsigned long)func->new_addr;

	if (!within_module_mem_type(addr, func->mod, MOD_TEXT))
		return kpatch_refuse(KPATCH_CAUSE_NEW_NOT_IN_MODULE,
				     .func = func);
	func->new_size = kpatch_symbol_size(own, addr);
	if (!func->new_size)
		return kpatch_refuse(KPATCH_CAUSE_NEW_NOT_START, .func = func);
	return 0;
}

static int check_flags(const struct kpatch_func *func)
{
	if (kpatch_is_kept(func) && kpatch_is_unchecked(func))
		return kpatch_refuse(KPATCH_CAUSE_KEPT_UNCHECKED, .func = func);
	switch (func->flags & ~KPATCH_UNCHECKED) {
	case 0:
	case KPATCH_KEEP_ALL_CLONES:
	case KPATCH_CLONE:
	case KPATCH_CLONE | KPATCH_KEEP_ALL_CLONES:
		return 0;
	case KPATCH_CLONE_KEEP:
		if (func->new_addr)
			return kpatch_refuse(KPATCH_CAUSE_KEPT_REPLACED,
					     .func = func);
		if (func->original)
			return kpatch_refuse(KPATCH_CAUSE_KEPT_ORIGINAL,
					     .func = func);
		return 0;
	default:
		return kpatch_refuse(KPATCH_CAUSE_FUNC_FLAGS, .func = func);
	}
}

/* Reset what the core owns, whatever it held before. No address is kept. */
static void reset_func(struct kpatch_func *func, struct kpatch_module *kpmod)
{
	/* kpatch_patch_live() may be reading this. */
	WRITE_ONCE(func->ip, 0);
	INIT_HLIST_NODE(&func->node);
	func->kpmod = kpmod;
	func->addr = 0;
	func->old_size = 0;
	func->new_size = 0;
	func->mod = kpmod->mod;
	func->site = NULL;
}

static int check_key(const struct kpatch_func *func)
{
	const struct kpatch_module *kpmod = func->kpmod;

	if (!func->old_name == !func->old_addr)
		return kpatch_refuse(func->old_name ?
				     KPATCH_CAUSE_NAME_AND_ADDR :
				     KPATCH_CAUSE_NO_NAME_NOR_ADDR,
				     .kpmod = kpmod,
				     .number = func - kpmod->funcs);
	if (func->old_addr && !kpatch_is_vmlinux(func->object))
		return kpatch_refuse(KPATCH_CAUSE_ADDR_IN_MODULE, .kpmod = kpmod,
				     .number = func - kpmod->funcs,
				     .names = func->object->name);
	return 0;
}

static int check_func(struct kpatch_func *func, const struct kpatch_symtab *own)
{
	int ret;

	ret = check_flags(func);
	if (ret)
		return ret;
	ret = check_key(func);
	if (ret || kpatch_is_kept(func))
		return ret;
	ret = check_new(func, own);
	if (ret)
		return ret;
	return kpatch_original_check(func);
}

/**
 * kpatch_func_check() - check what a patch says about the functions of an object
 * @object: the object, not bound. In its functions this sets all that the core owns,
 *	addresses to 0, and @new_size.
 * @own: symbols of the patch module
 *
 * If it fails, it logs a line for each function that is refused, up to a limit, with the
 * remedy.
 *
 * Context: process context.
 *
 * Return: 0, or an errno as kpatch_register() lists them.
 */
int kpatch_func_check(struct kpatch_object *object,
		      const struct kpatch_symtab *own)
{
	struct verdict verdict = {};
	struct kpatch_func *func;

	kpatch_for_each_func(func, object)
		reset_func(func, object->patch->kpmod);
	kpatch_for_each_func(func, object) {
		if (!go_on(&verdict, check_func(func, own)))
			break;
	}
	return verdict.err;
}

static int resolve_func(struct resolver *res, struct kpatch_func *func)
{
	int ret;

	res->func = func;
	ret = find_old(res);
	if (ret)
		return ret;
	ret = check_old(res);
	if (ret)
		return ret;
	return kpatch_ranges_add(&res->funcs, func->addr,
				 func->addr + func->old_size, 0, func);
}

static int resolve_funcs(struct resolver *res)
{
	struct verdict verdict = {};
	struct kpatch_func *func;

	kpatch_for_each_func(func, res->object) {
		if (!go_on(&verdict, resolve_func(res, func)))
			break;
	}
	kpatch_ranges_sort(&res->funcs);
	kpatch_ranges_sort(&res->clones);
	return verdict.err;
}

static int check_twice(const struct resolver *res)
{
	const struct kpatch_ranges *set = &res->funcs;
	const struct kpatch_range *r;

	for (r = set->r + 1; r < set->r + set->nr; r++) {
		if (r->start == r[-1].start)
			return kpatch_refuse(KPATCH_CAUSE_TWICE,
					     .func = r->func);
	}
	return 0;
}

/* Return the function of a sorted @set that starts at @addr. */
static struct kpatch_func *func_at(const struct kpatch_ranges *set,
				   unsigned long addr)
{
	const struct kpatch_range *r = kpatch_ranges_find(set, addr);

	return r && r->start == addr ? r->func : NULL;
}

/**
 * struct clone_list - names of clones that the patch should list
 * @res: the resolver
 * @names: the names
 */
struct clone_list {
	const struct resolver *res;
	struct seq_buf *names;
};

static int list_clone(void *data, const struct kpatch_variant *variant)
{
	const struct clone_list *list = data;

	if (variant->kind != KPATCH_KIND_CLONE ||
	    func_at(&list->res->funcs, variant->start))
		return 0;
	return list_variant(list->names, variant);
}

static int list_clones_of(void *data, const char *name)
{
	struct clone_list *list = data;

	return kpatch_on_each_variant(list->res->tab, name, list_clone, list);
}

static int refuse_unlisted(const struct resolver *res,
			   const struct kpatch_func *func)
{
	DECLARE_SEQ_BUF(names, MAX_NAMES);
	struct clone_list list = { .res = res, .names = &names };

	kpatch_on_each_name(res->tab, func->addr, list_clones_of, &list);
	return kpatch_refuse(KPATCH_CAUSE_UNLISTED_CLONES, .func = func,
			     .names = list_str(&names));
}

/*
 * List a clone for a patch that keeps all clones. It has a function of its own, made
 * here, since an older patch may have replaced it.
 */
static int keep_clone(const struct resolver *res, const struct kpatch_range *r)
{
	struct kpatch_func *clone = kzalloc_obj(*clone, GFP_KERNEL);

	if (!clone)
		return -ENOMEM;
	clone->flags = KPATCH_CLONE_KEEP;
	clone->kpmod = r->func->kpmod;
	clone->mod = r->func->mod;
	clone->object = res->object;
	clone->addr = r->start;
	clone->old_size = r->end - r->start;
	clone->ip = kpatch_hook_ip(r->start);
	list_add_tail(&clone->in_object, &res->object->funcs);
	return 0;
}

/* Forget the functions that keep_clone() has made. */
static void drop_clones(struct kpatch_object *object)
{
	const struct kpatch_module *kpmod = object->patch->kpmod;
	struct kpatch_func *func, *next;

	list_for_each_entry_safe(func, next, &object->funcs, in_object) {
		if (func >= kpmod->funcs && func < kpmod->funcs + kpmod->num_funcs)
			continue;
		list_del(&func->in_object);
		kfree(func);
	}
}

/*
 * A clone runs old code of its function, so it has to be listed, whether it is
 * replaced or kept. Then its text is in the ranges of the patch like that of any
 * other function.
 */
static int check_clones(const struct resolver *res)
{
	unsigned long kept = 0;
	const struct kpatch_range *r;
	int ret;

	for (r = res->clones.r; r < res->clones.r + res->clones.nr; r++) {
		if (func_at(&res->funcs, r->start))
			continue;
		if (!(r->func->flags & KPATCH_KEEP_ALL_CLONES))
			return refuse_unlisted(res, r->func);
		/* It may be a clone of several functions that have the same name. */
		if (r->start == kept)
			continue;
		kept = r->start;
		ret = keep_clone(res, r);
		if (ret)
			return ret;
	}
	return 0;
}

/* A kept clone must belong to a function of the patch. */
static int check_kept(const struct resolver *res)
{
	const struct kpatch_range *r;

	for (r = res->funcs.r; r < res->funcs.r + res->funcs.nr; r++) {
		if (kpatch_is_kept(r->func) && !func_at(&res->clones, r->start))
			return kpatch_refuse(KPATCH_CAUSE_KEPT_ALONE,
					     .func = r->func);
	}
	return 0;
}

/**
 * struct thread - a kernel thread that never leaves a function of the patch
 * @func: the function, %NULL if there is no such thread
 * @comm: name of the thread
 * @pid: its thread id
 */
struct thread {
	const struct kpatch_func *func;
	char comm[TASK_COMM_LEN];
	pid_t pid;
};

/*
 * kthread_func() reads memory that is freed with the task, which is at least one
 * grace period after the task has left the task list.
 */
static struct thread find_thread(const struct kpatch_ranges *funcs)
{
	const struct kpatch_func *func;
	struct task_struct *task;
	struct thread thread = {};

	guard(rcu)();
	for_each_process(task) {
		if (!(task->flags & PF_KTHREAD) || task->flags & PF_EXITING)
			continue;
		func = func_at(funcs, (unsigned long)kthread_func(task));
		if (!func || kpatch_is_unchecked(func))
			continue;
		thread.func = func;
		strscpy(thread.comm, task->comm, sizeof(thread.comm));
		thread.pid = task_pid_nr(task);
		break;
	}
	return thread;
}

/*
 * A kernel thread is in the function that it was started with until it exits, and
 * cannot be parked. No attempt to switch that function could succeed, unless it is not
 * checked.
 */
static int check_threads(const struct resolver *res)
{
	struct thread found = find_thread(&res->funcs);

	if (!found.func)
		return 0;
	return kpatch_refuse(KPATCH_CAUSE_THREAD_RUNS, .func = found.func,
			     .names = found.comm, .number = found.pid);
}

/* Make the checks that need all functions. */
static int check_set(const struct resolver *res)
{
	int ret;

	ret = check_twice(res);
	if (ret)
		return ret;
	ret = check_clones(res);
	if (ret)
		return ret;
	ret = check_kept(res);
	if (ret)
		return ret;
	return check_threads(res);
}

/**
 * kpatch_func_resolve() - find and check the functions of an object
 * @object: the object, as kpatch_func_check() has left it; vmlinux, or its @mod is set.
 *	In its functions this sets the rest of what the core owns, except @site; parts
 *	that the compiler split off are added to @old_text.
 * @tab: symbols of that module, indexed; %NULL for vmlinux
 *
 * If it fails, it logs a line for each function that is refused, up to a limit, with the
 * remedy.
 *
 * Context: process context, may sleep.
 *
 * Return: 0, or an errno as kpatch_register() lists them, that of the first function;
 * -ENOMEM without a line.
 */
int kpatch_func_resolve(struct kpatch_object *object,
			const struct kpatch_symtab *tab)
{
	struct resolver res = { .object = object, .tab = tab };
	int ret;

	ret = resolve_funcs(&res);
	if (!ret)
		ret = check_set(&res);
	kpatch_ranges_clear(&res.funcs);
	kpatch_ranges_clear(&res.clones);
	return ret;
}

/**
 * kpatch_func_forget() - forget all addresses that kpatch_func_resolve() found
 * @object: the object
 */
void kpatch_func_forget(struct kpatch_object *object)
{
	struct kpatch_func *func;

	drop_clones(object);
	kpatch_for_each_func(func, object)
		reset_func(func, object->patch->kpmod);
}

/**
 * struct alias_list - further names of a function
 * @name: its name in the patch
 * @names: the other names
 */
struct alias_list {
	const char *name;
	struct seq_buf *names;
};

/* __x64_sys_foo, __do_sys_foo and the like are one system call. */
static bool is_same_syscall(const char *a, const char *b)
{
	a = strstr(a, "sys_");
	b = strstr(b, "sys_");
	return a && b && !strcmp(a, b);
}

/* foo and foo.localalias are one function. */
static bool is_same_base(const char *a, const char *b)
{
	size_t len = kpatch_base_len(a);

	return len == kpatch_base_len(b) && !strncmp(a, b, len);
}

static int list_alias(void *data, const char *name)
{
	const struct alias_list *list = data;

	if (!is_same_base(name, list->name) &&
	    !is_same_syscall(name, list->name))
		list_name(list->names, name);
	return 0;
}

static void log_aliases(const struct kpatch_func *func,
			const struct kpatch_symtab *tab)
{
	DECLARE_SEQ_BUF(names, MAX_NAMES);
	struct alias_list list = { .names = &names };
	char name[KSYM_NAME_LEN];

	list.name = func->old_name;
	if (!list.name) {
		kpatch_symbol_name(func->addr, name);
		list.name = name;
	}
	kpatch_on_each_name(tab, func->addr, list_alias, &list);
	if (names.len)
		kpatch_log_aliases(func, list.name, list_str(&names));
}

/**
 * kpatch_func_log_aliases() - log further names of functions
 * @object: the object, resolved
 * @tab: symbols of the module that it is, %NULL for vmlinux
 *
 * A compiler that finds two functions to be identical keeps one of them, under both
 * names, so the patch may change more than its author intended. That is no reason
 * for a refusal: such functions cannot be told from those with several names in the
 * source.
 */
void kpatch_func_log_aliases(const struct kpatch_object *object,
			     const struct kpatch_symtab *tab)
{
	struct kpatch_func *func;

	if (!object->has_aliases)
		return;
	kpatch_for_each_replaced(func, object)
		log_aliases(func, tab);
}
