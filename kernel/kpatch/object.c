// SPDX-License-Identifier: GPL-2.0-only
/*
 * The functions of a patch: what they are, where they are, and which text
 * nobody may be in when they are switched.
 */
#include "common.h"

#include <linux/ftrace.h>
#include <linux/kthread.h>
#include <linux/module_symbol.h>
#include <linux/overflow.h>
#include <linux/preempt.h>
#include <linux/rcupdate.h>
#include <linux/sched/signal.h>
#include <linux/sched/task_stack.h>
#include <linux/seq_buf.h>
#include <linux/slab.h>
#include <linux/string.h>

#include <asm/sections.h>

#include "handler.h"
#include "object.h"
#include "hook.h"
#include "scan.h"
#include "symbol.h"

/* A line in the log: what @fmt says comes right after the function's name. */
static __printf(2, 3)
void func_err(const struct kpatch_func *func, const char *fmt, ...)
{
	struct va_format vaf = { .fmt = fmt };
	va_list args;

	va_start(args, fmt);
	vaf.va = &args;
	pr_err("'%s': function '%s'%pV\n", func->kpmod->mod->name,
	       func->old_name ?: "(by address)", &vaf);
	va_end(args);
}

/**
 * enum memory - what memory of a patch is bad for
 * @MEMORY_FINE: for nothing: the core may write to it, and it stays
 * @MEMORY_STACK: it is on the stack of the task that registers the patch
 * @MEMORY_INIT: it is freed after init
 * @MEMORY_RO_AFTER_INIT: it cannot be written to after init
 * @MEMORY_CONST: it cannot be written to
 * @MEMORY_TEXT: it is code
 */
enum memory {
	MEMORY_FINE,
	MEMORY_STACK,
	MEMORY_INIT,
	MEMORY_RO_AFTER_INIT,
	MEMORY_CONST,
	MEMORY_TEXT,
};

static const char * const memory_problems[] = {
	[MEMORY_STACK] = "on the stack of the task that registers it; make it static",
	[MEMORY_INIT] = "in memory that is freed after init; leave out __initdata",
	[MEMORY_RO_AFTER_INIT] = "in memory that becomes read-only; leave out __ro_after_init",
	[MEMORY_CONST] = "in constant data; leave out const",
	[MEMORY_TEXT] = "in program text; pass the address of the data",
};

static enum memory memory_of_type(enum mod_mem_type type)
{
	switch (type) {
	case MOD_INIT_TEXT:
	case MOD_INIT_DATA:
	case MOD_INIT_RODATA:
		return MEMORY_INIT;
	case MOD_RO_AFTER_INIT:
		return MEMORY_RO_AFTER_INIT;
	case MOD_RODATA:
		return MEMORY_CONST;
	case MOD_TEXT:
		return MEMORY_TEXT;
	default:
		return MEMORY_FINE;
	}
}

static enum memory module_memory_at(unsigned long addr)
{
	struct module *mod;

	/* free_module() waits for who has found the module. */
	guard(preempt)();
	mod = __module_address(addr);
	if (!mod)
		return MEMORY_FINE;
	for_each_mod_mem_type(type) {
		if (within_module_mem_type(addr, mod, type))
			return memory_of_type(type);
	}
	return MEMORY_FINE;
}

static enum memory memory_at(const void *at)
{
	unsigned long addr = (unsigned long)at;

	if (object_is_on_stack(at))
		return MEMORY_STACK;
	/* Later the allocator has that memory, and may have given it to a patch. */
	if (system_state < SYSTEM_FREEING_INITMEM &&
	    init_section_contains((void *)at, 1))
		return MEMORY_INIT;
	if (is_kernel_ro_after_init(addr))
		return MEMORY_RO_AFTER_INIT;
	if (is_kernel_rodata(addr))
		return MEMORY_CONST;
	if (core_kernel_text(addr))
		return MEMORY_TEXT;
	return module_memory_at(addr);
}

/*
 * The core writes to both structures, and the handler reads them whenever a
 * function is called. What is wrong with an object is wrong at one of its ends.
 */
static int check_memory(const struct kpatch_module *kpmod, const char *what,
			const void *start, size_t size)
{
	enum memory memory = memory_at(start);

	if (memory == MEMORY_FINE)
		memory = memory_at(start + size - 1);
	if (memory == MEMORY_FINE)
		return 0;
	pr_err("'%s': %s is %s (%d)\n", kpmod->mod->name, what,
	       memory_problems[memory], -EINVAL);
	return -EINVAL;
}

/* How much of a line may name clones. */
#define MAX_NAMES	256

/**
 * struct resolver - what is known while the functions of a patch are looked up
 * @kpmod: the patch
 * @symbols: all symbols of its module
 * @funcs: the old functions, each one from its very start
 * @clones: clones of them, listed by the patch or not
 * @func: the function that is being looked at
 * @names: how many names it has
 * @is_clone: one of them is that of a clone
 * @aliases: some function of the patch has several names
 */
struct resolver {
	struct kpatch_module *kpmod;
	struct kpatch_ranges symbols;
	struct kpatch_ranges funcs;
	struct kpatch_ranges clones;
	struct kpatch_func *func;
	unsigned int names;
	bool is_clone;
	bool aliases;
};

/* Text of the old function under another name. */
static int add_variant(void *data, const struct kpatch_variant *variant)
{
	struct resolver *res = data;
	struct kpatch_ranges *set = &res->clones;

	if (variant->kind == KPATCH_KIND_OWN)
		return 0;
	if (variant->kind == KPATCH_KIND_PART)
		set = res->kpmod->old_ranges;
	return kpatch_ranges_add(set, variant->start, variant->end, res->func);
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

/* What fits of a list of names. */
static const char *list_str(struct seq_buf *names)
{
	if (seq_buf_has_overflowed(names))
		strscpy(names->buffer + names->size - 4, "...", 4);
	return seq_buf_str(names);
}

static void missing_err(const struct kpatch_func *func)
{
	DECLARE_SEQ_BUF(names, MAX_NAMES);

	kpatch_on_each_variant(func->old_name, list_variant, &names);
	if (names.len)
		func_err(func, ": no such symbol; inlined, or renamed to %s; patch that as a clone, see KPATCH_CLONE, or what calls it (%d)",
			 list_str(&names), -ENOENT);
	else
		func_err(func, " is not in this kernel; build the patch for the kernel that runs (%d)",
			 -ENOENT);
}

static int find_old_by_name(struct resolver *res)
{
	struct kpatch_func *func = res->func;
	int ret;

	ret = kpatch_find_function(func->old_name, func->sympos, &func->addr,
				   add_variant, res);
	switch (ret) {
	case -ENOENT:
		missing_err(func);
		break;
	case -ENOTUNIQ:
		func_err(func, " exists more than once; set sympos to say which one (%d)",
			 ret);
		break;
	case -EINVAL:
		func_err(func, " has no symbol number %lu; set sympos to one that exists (%d)",
			 func->sympos, ret);
		break;
	}
	return ret;
}

static int find_old(struct resolver *res)
{
	struct kpatch_func *func = res->func;

	if (!func->old_name == !func->old_addr) {
		pr_err("'%s': function number %td has %s; set one of old_name and old_addr (%d)\n",
		       func->kpmod->mod->name, func - func->kpmod->funcs,
		       func->old_name ? "a name and an address" :
		       "neither name nor address", -EINVAL);
		return -EINVAL;
	}
	if (func->objname) {
		func_err(func, " is in module '%s'; only functions of the kernel proper can be patched, leave objname unset (%d)",
			 func->objname, -EOPNOTSUPP);
		return -EOPNOTSUPP;
	}
	if (func->old_name)
		return find_old_by_name(res);
	func->addr = func->old_addr;
	return 0;
}

/*
 * Some task is in each of these whenever the machine is stopped: those that do
 * this work themselves, and those that every kernel thread or idle task is in.
 * What else kernel threads never leave check_threads() finds.
 */
static const char * const always_live[] = {
	/* below every kernel thread */
	"ret_from_fork", "kthread", "kthreadd",
	/* kernel threads, idle tasks */
	"worker_thread", "smpboot_thread_fn", "do_idle",
	/* in any task that sleeps, or gives way in might_sleep() */
	"schedule", "__cond_resched",
	/* in the task that stops the machine */
	"stop_machine_cpuslocked", "stop_cpus", "__stop_cpus",
	"wait_for_completion", "__wait_for_common", "schedule_timeout",
	/* in those that stand still for it */
	"cpu_stopper_thread", "multi_cpu_stop",
};

/* A clone of such a function is no better. */
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

static int check_name(void *data, const char *name)
{
	struct resolver *res = data;
	struct kpatch_func *func = res->func;

	if (is_always_live(name)) {
		func_err(func, " always has some task in it, so it can never be switched; patch what it calls instead (%d)",
			 -EDEADLK);
		return -EDEADLK;
	}
	if (res->names++)
		res->aliases = true;
	if (kpatch_name_kind(name) == KPATCH_KIND_CLONE)
		res->is_clone = true;
	/* Then find_old_by_name() has met what is named after it. */
	if (func->old_name && !strcmp(func->old_name, name))
		return 0;
	return kpatch_on_each_variant(name, add_variant, res);
}

static int check_names(struct resolver *res)
{
	struct kpatch_func *func = res->func;
	int ret;

	res->names = 0;
	res->is_clone = false;
	ret = kpatch_on_each_name(func->addr, check_name, res);
	if (ret)
		return ret;
	if (res->is_clone && !func->flags) {
		func_err(func, " is a clone of another function, with arguments of its own; set KPATCH_CLONE if the new function has the same (%d)",
			 -EINVAL);
		return -EINVAL;
	}
	if (!res->is_clone && func->flags) {
		func_err(func, " is no clone of another function; leave flags unset (%d)",
			 -EINVAL);
		return -EINVAL;
	}
	return 0;
}

static int check_old(struct resolver *res)
{
	struct kpatch_func *func = res->func;
	unsigned long addr = func->addr;

	if (init_section_contains((void *)addr, 1)) {
		func_err(func, " is init code, gone since boot; patch what it has set up instead (%d)",
			 -EINVAL);
		return -EINVAL;
	}
	if (!core_kernel_text(addr)) {
		func_err(func, ": %pS is not code of the kernel proper; only its functions can be patched (%d)",
			 (void *)addr, -EINVAL);
		return -EINVAL;
	}
	func->old_size = kpatch_symbol_size(addr);
	if (!func->old_size) {
		func_err(func, ": %pS is not the start of a function; old_addr has to be (%d)",
			 (void *)addr, -EINVAL);
		return -EINVAL;
	}
	func->ip = kpatch_hook_site(addr);
	if (!func->ip && !kpatch_is_kept(func)) {
		func_err(func, " cannot be traced, so it cannot be patched; patch its callers instead (%d)",
			 -EOPNOTSUPP);
		return -EOPNOTSUPP;
	}
	return check_names(res);
}

static int add_symbol(void *data, const char *name, unsigned long addr)
{
	/* Sections and labels are in the middle of a function. */
	if (!*name || is_mapping_symbol(name))
		return 0;
	return kpatch_ranges_add(data, addr, addr, NULL);
}

/* All symbols of @mod, data included, each one as long as it can be. */
static int list_symbols(struct module *mod, struct kpatch_ranges *symbols)
{
	int ret;

	ret = kpatch_on_each_module_symbol(mod, add_symbol, symbols);
	kpatch_ranges_sort(symbols);
	kpatch_ranges_join(symbols, ULONG_MAX);
	return ret;
}

/* How far it is from @addr to the next symbol or the end of the text. */
static unsigned long new_size(const struct module *mod,
			      const struct kpatch_ranges *symbols,
			      unsigned long addr)
{
	const struct module_memory *text = &mod->mem[MOD_TEXT];
	unsigned long end = (unsigned long)text->base + text->size;
	const struct kpatch_range *symbol = kpatch_ranges_find(symbols, addr);

	if (!symbol || symbol->start != addr)
		return 0;
	return min(symbol->end, end) - addr;
}

static int check_new(struct resolver *res)
{
	struct kpatch_func *func = res->func;
	unsigned long addr = (unsigned long)func->new_addr;

	if (!within_module_mem_type(addr, func->mod, MOD_TEXT)) {
		func_err(func, ": the new function %pS is not in the text of the patch module; set new_addr to one that is (%d)",
			 func->new_addr, -EINVAL);
		return -EINVAL;
	}
	func->new_size = new_size(func->mod, &res->symbols, addr);
	if (!func->new_size) {
		func_err(func, ": %pS is not the start of a function; new_addr has to be (%d)",
			 func->new_addr, -EINVAL);
		return -EINVAL;
	}
	return 0;
}

static int check_flags(const struct kpatch_func *func)
{
	switch (func->flags) {
	case 0:
	case KPATCH_CLONE:
		return 0;
	case KPATCH_CLONE_KEEP:
		if (!func->new_addr)
			return 0;
		func_err(func, " is to be kept and has a replacement; set KPATCH_CLONE, or leave new_addr unset (%d)",
			 -EINVAL);
		return -EINVAL;
	default:
		func_err(func, ": flags are %#x; set one of KPATCH_CLONE and KPATCH_CLONE_KEEP, or none (%d)",
			 func->flags, -EINVAL);
		return -EINVAL;
	}
}

static int resolve_func(struct resolver *res, struct kpatch_func *func)
{
	int ret;

	func->ip = 0;
	INIT_HLIST_NODE(&func->node);
	func->kpmod = res->kpmod;
	func->addr = 0;
	func->old_size = 0;
	func->new_size = 0;
	func->mod = res->kpmod->mod;

	res->func = func;
	ret = check_flags(func);
	if (!ret)
		ret = find_old(res);
	if (!ret)
		ret = check_old(res);
	if (!ret && !kpatch_is_kept(func))
		ret = check_new(res);
	if (ret)
		return ret;
	return kpatch_ranges_add(&res->funcs, func->addr,
				 func->addr + func->old_size, func);
}

static int resolve_funcs(struct resolver *res)
{
	struct kpatch_module *kpmod = res->kpmod;
	unsigned int i;
	int ret = 0;

	for (i = 0; !ret && i < kpmod->num_funcs; i++)
		ret = resolve_func(res, &kpmod->funcs[i]);
	kpatch_ranges_sort(&res->funcs);
	kpatch_ranges_sort(&res->clones);
	return ret;
}

static int check_twice(const struct resolver *res)
{
	const struct kpatch_ranges *set = &res->funcs;
	const struct kpatch_range *r;

	for (r = set->r + 1; r < set->r + set->nr; r++) {
		if (r->start != r[-1].start)
			continue;
		func_err(r->func, " is in the patch twice; list it once (%d)",
			 -EINVAL);
		return -EINVAL;
	}
	return 0;
}

/* What @set, of whole functions, has at @addr, if one begins there. */
static struct kpatch_func *func_at(const struct kpatch_ranges *set,
				   unsigned long addr)
{
	const struct kpatch_range *r = kpatch_ranges_find(set, addr);

	return r && r->start == addr ? r->func : NULL;
}

/**
 * struct clone_list - names of clones that a patch ought to list
 * @res: what is known of the patch
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
	return kpatch_on_each_variant(name, list_clone, data);
}

static void unlisted_err(const struct resolver *res,
			 const struct kpatch_func *func)
{
	DECLARE_SEQ_BUF(names, MAX_NAMES);
	struct clone_list list = { .res = res, .names = &names };

	kpatch_on_each_name(func->addr, list_clones_of, &list);
	func_err(func, " has clones that others may call, or tasks may be in: %s; list each one with KPATCH_CLONE, or with KPATCH_CLONE_KEEP if callers may go on to use it (%d)",
		 list_str(&names), -EINVAL);
}

/*
 * A clone of a function runs old code of it. It has to be listed, whether it is
 * replaced or not; then its text is in the ranges of the patch like that of any
 * other function.
 */
static int check_clones(const struct resolver *res)
{
	const struct kpatch_ranges *set = &res->clones;
	const struct kpatch_range *r;

	for (r = set->r; r < set->r + set->nr; r++) {
		if (func_at(&res->funcs, r->start))
			continue;
		unlisted_err(res, r->func);
		return -EINVAL;
	}
	return 0;
}

/* To keep a clone makes sense only if something is replaced that it belongs to. */
static int check_kept(const struct resolver *res)
{
	const struct kpatch_ranges *set = &res->funcs;
	const struct kpatch_range *r;

	for (r = set->r; r < set->r + set->nr; r++) {
		if (!kpatch_is_kept(r->func) ||
		    func_at(&res->clones, r->start))
			continue;
		func_err(r->func, " is to be kept, but is a clone of no function of the patch; leave it out (%d)",
			 -EINVAL);
		return -EINVAL;
	}
	return 0;
}

/**
 * struct thread - a kernel thread that never leaves a function of a patch
 * @func: the function, %NULL if there is no such thread
 * @comm: name of the thread
 * @pid: its number
 */
struct thread {
	const struct kpatch_func *func;
	char comm[TASK_COMM_LEN];
	pid_t pid;
};

/*
 * What kthread_func() looks at goes with the task, and a task that is on the list
 * goes a grace period after it has left the list, or later.
 */
static struct thread find_thread(const struct kpatch_ranges *funcs)
{
	struct task_struct *task;
	struct thread thread = {};

	guard(rcu)();
	for_each_process(task) {
		if (!(task->flags & PF_KTHREAD) || task->flags & PF_EXITING)
			continue;
		thread.func = func_at(funcs, (unsigned long)kthread_func(task));
		if (!thread.func)
			continue;
		strscpy(thread.comm, task->comm, sizeof(thread.comm));
		thread.pid = task_pid_nr(task);
		break;
	}
	return thread;
}

/*
 * A kernel thread is in the function that it was started in until it exits, and
 * cannot be parked. To wait for it would be in vain.
 */
static int check_threads(const struct resolver *res)
{
	struct thread found = find_thread(&res->funcs);

	if (!found.func)
		return 0;
	func_err(found.func, " is what the kernel thread %s (pid %d) runs for as long as it lives, so the function cannot be switched; patch what it calls instead (%d)",
		 found.comm, found.pid, -EDEADLK);
	return -EDEADLK;
}

/* What can only be said of all functions together. */
static int check_set(const struct resolver *res)
{
	int ret;

	ret = check_twice(res);
	if (!ret)
		ret = check_clones(res);
	if (!ret)
		ret = check_kept(res);
	if (!ret)
		ret = check_threads(res);
	return ret;
}

/*
 * Where the text of an old function begins that nobody may be in. A task whose
 * next instruction is the hook, or who holds a pointer to the function, is not
 * inside: it will be redirected. So that is behind the hook's address. A clone
 * that is kept has no hook of ours.
 */
static unsigned long old_start(const struct kpatch_func *func)
{
	return kpatch_is_kept(func) ? func->addr : func->ip + 1;
}

/* Text of the old functions; resolve_funcs() has added what was split off. */
static int build_old_ranges(struct kpatch_module *kpmod)
{
	struct kpatch_ranges *set = kpmod->old_ranges;
	struct kpatch_func *func;
	unsigned int i;
	int ret;

	for (i = 0; i < kpmod->num_funcs; i++) {
		func = &kpmod->funcs[i];
		ret = kpatch_ranges_add(set, old_start(func),
					func->addr + func->old_size, func);
		if (ret)
			return ret;
	}
	kpatch_ranges_sort(set);
	return 0;
}

/**
 * struct alias_list - further names of a function
 * @name: the one that the patch has for it
 * @names: the others
 */
struct alias_list {
	const char *name;
	struct seq_buf *names;
};

/* __x64_sys_foo, __do_sys_foo and their like are one system call. */
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

static void tell_aliases(const struct kpatch_func *func)
{
	DECLARE_SEQ_BUF(names, MAX_NAMES);
	struct alias_list list = { .names = &names };
	char name[KSYM_NAME_LEN];

	list.name = func->old_name;
	if (!list.name) {
		kpatch_symbol_name(func->addr, name);
		list.name = name;
	}
	kpatch_on_each_name(func->addr, list_alias, &list);
	if (names.len)
		pr_notice("'%s': function '%s' is also %s; calls of that are replaced, too\n",
			  func->kpmod->mod->name, list.name, list_str(&names));
}

/*
 * A compiler that finds two functions to be the same keeps one of them, under both
 * names. So the patch changes more than its author may have meant. That is no reason
 * to refuse it: it cannot be told from what has several names in the source.
 */
static void tell_all_aliases(const struct resolver *res)
{
	unsigned int i;

	for (i = 0; res->aliases && i < res->kpmod->num_funcs; i++) {
		if (!kpatch_is_kept(&res->kpmod->funcs[i]))
			tell_aliases(&res->kpmod->funcs[i]);
	}
}

/**
 * struct module_parts - a search for split-off parts of functions of a module
 * @kpmod: the patch
 * @symbols: all symbols of its module
 */
struct module_parts {
	struct kpatch_module *kpmod;
	const struct kpatch_ranges *symbols;
};

/*
 * A part or a clone, which may belong to any function of the module. Also one that
 * the patch's own helpers have: it is no worse to wait for that in vain.
 */
static int add_module_part(void *data, const char *name, unsigned long addr)
{
	const struct module_parts *parts = data;
	struct kpatch_module *kpmod = parts->kpmod;

	if (kpatch_name_kind(name) == KPATCH_KIND_OWN ||
	    !within_module_mem_type(addr, kpmod->mod, MOD_TEXT))
		return 0;
	return kpatch_ranges_add(kpmod->new_ranges, addr,
				 addr + new_size(kpmod->mod, parts->symbols,
						 addr), NULL);
}

/*
 * Text of the replacements, from their very start: that is the address that a
 * task on its way into one holds.
 */
static int build_new_ranges(struct kpatch_module *kpmod,
			    const struct kpatch_ranges *symbols)
{
	struct module_parts parts = { .kpmod = kpmod, .symbols = symbols };
	struct kpatch_func *func;
	unsigned long start;
	unsigned int i;
	int ret;

	for (i = 0; i < kpmod->num_funcs; i++) {
		func = &kpmod->funcs[i];
		if (kpatch_is_kept(func))
			continue;
		start = (unsigned long)func->new_addr;
		ret = kpatch_ranges_add(kpmod->new_ranges, start,
					start + func->new_size, func);
		if (ret)
			return ret;
	}
	ret = kpatch_on_each_module_symbol(kpmod->mod, add_module_part, &parts);
	kpatch_ranges_sort(kpmod->new_ranges);
	return ret;
}

/**
 * kpatch_release() - free what kpatch_resolve() allocated
 * @kpmod: the patch
 */
void kpatch_release(struct kpatch_module *kpmod)
{
	if (kpmod->old_ranges)
		kpatch_ranges_clear(kpmod->old_ranges);
	if (kpmod->new_ranges)
		kpatch_ranges_clear(kpmod->new_ranges);
	kfree(kpmod->old_ranges);
	kfree(kpmod->new_ranges);
	kfree(kpmod->report);
	kpmod->old_ranges = NULL;
	kpmod->new_ranges = NULL;
	kpmod->report = NULL;
}

static int alloc_owned(struct kpatch_module *kpmod)
{
	kpmod->old_ranges = kzalloc_obj(*kpmod->old_ranges, GFP_KERNEL);
	kpmod->new_ranges = kzalloc_obj(*kpmod->new_ranges, GFP_KERNEL);
	kpmod->report = kzalloc_obj(*kpmod->report, GFP_KERNEL);
	if (kpmod->old_ranges && kpmod->new_ranges && kpmod->report)
		return 0;
	return -ENOMEM;
}

/**
 * kpatch_resolve() - find and check all functions of a patch
 * @kpmod: the patch; every member that the core owns is set here
 *
 * Logs one line that names the function and the remedy if it fails.
 *
 * Context: process context, may sleep.
 *
 * Return: 0, or an errno with nothing left to release: -EINVAL, -ENOENT,
 * -ENOTUNIQ, -EOPNOTSUPP as kpatch_register() lists them, -ENOMEM.
 */
int kpatch_resolve(struct kpatch_module *kpmod)
{
	struct resolver res = { .kpmod = kpmod };
	int ret;

	/* Before anything is written there. */
	ret = check_memory(kpmod, "its struct kpatch_module", kpmod,
			   sizeof(*kpmod));
	if (!ret)
		ret = check_memory(kpmod, "its array of functions",
				   kpmod->funcs,
				   array_size(kpmod->num_funcs,
					      sizeof(*kpmod->funcs)));
	if (ret)
		return ret;

	kpmod->state = KPATCH_OFF;
	INIT_LIST_HEAD(&kpmod->list);
	kpmod->dir = NULL;
	memset(&kpmod->stats, 0, sizeof(kpmod->stats));
	ret = alloc_owned(kpmod);
	if (!ret)
		ret = list_symbols(kpmod->mod, &res.symbols);
	if (!ret)
		ret = resolve_funcs(&res);
	if (!ret)
		ret = check_set(&res);
	if (!ret)
		ret = build_old_ranges(kpmod);
	if (!ret)
		ret = build_new_ranges(kpmod, &res.symbols);
	if (!ret)
		tell_all_aliases(&res);
	kpatch_ranges_clear(&res.symbols);
	kpatch_ranges_clear(&res.funcs);
	kpatch_ranges_clear(&res.clones);
	if (ret)
		kpatch_release(kpmod);
	return ret;
}

/* The part of @from that belongs to @func, or that may. */
static int add_ranges_of(struct kpatch_ranges *set,
			 const struct kpatch_ranges *from,
			 struct kpatch_func *func)
{
	unsigned int i;
	int ret;

	for (i = 0; i < from->nr; i++) {
		if (from->r[i].func && from->r[i].func != func)
			continue;
		ret = kpatch_ranges_add(set, from->r[i].start, from->r[i].end,
					from->r[i].func);
		if (ret)
			return ret;
	}
	return 0;
}

/* The text that runs now in the place of each function of @kpmod. */
static int add_live_ranges(struct kpatch_module *kpmod,
			   struct kpatch_ranges *set)
{
	const struct kpatch_ranges *old = kpmod->old_ranges;
	struct kpatch_func *top;
	unsigned int i;
	int ret = 0;

	for (i = 0; !ret && i < old->nr; i++) {
		if (!kpatch_table_top(old->r[i].func->ip))
			ret = kpatch_ranges_add(set, old->r[i].start,
						old->r[i].end, old->r[i].func);
	}
	for (i = 0; !ret && i < kpmod->num_funcs; i++) {
		top = kpatch_table_top(kpmod->funcs[i].ip);
		if (top)
			ret = add_ranges_of(set, top->kpmod->new_ranges, top);
	}
	return ret;
}

/* Where the hooks of all functions of @kpmod return to. */
static int add_slots(struct kpatch_module *kpmod, struct kpatch_ranges *set)
{
	struct kpatch_func *func;
	unsigned int i;
	int ret = 0;

	for (i = 0; !ret && i < kpmod->num_funcs; i++) {
		func = &kpmod->funcs[i];
		if (kpatch_is_kept(func))
			continue;
		ret = kpatch_ranges_add(set, func->ip + 1,
					func->ip + MCOUNT_INSN_SIZE + 1, func);
	}
	return ret;
}

static int finish_scan(struct kpatch_module *kpmod, struct kpatch_scan *scan)
{
	int ret;

	ret = add_slots(kpmod, &scan->slots);
	if (ret)
		return ret;
	scan->traces = kvcalloc(nr_cpu_ids * KPATCH_MAX_FRAMES,
				sizeof(*scan->traces), GFP_KERNEL);
	if (!scan->traces)
		return -ENOMEM;
	kpatch_ranges_sort(&scan->text);
	kpatch_ranges_sort(&scan->slots);
	scan->writer = current;
	scan->report = kpmod->report;
	return 0;
}

/*
 * All text of the module, not just the replacements: once the patch is disabled
 * the module may be unloaded, with whatever its functions call.
 */
static int add_module_text(struct kpatch_module *kpmod,
			   struct kpatch_scan *scan)
{
	const struct module_memory *text = &kpmod->mod->mem[MOD_TEXT];
	unsigned long start = (unsigned long)text->base;

	scan->removing = true;
	return kpatch_ranges_add(&scan->text, start, start + text->size, NULL);
}

/**
 * kpatch_make_scan() - say which text nobody may be in to switch a patch
 * @kpmod: the patch
 * @enable: to enable it, or to disable it
 * @scan: zeroed, to be filled in; the writer is the current task
 *
 * Return: 0, or -ENOMEM with nothing to free.
 */
int kpatch_make_scan(struct kpatch_module *kpmod, bool enable,
		     struct kpatch_scan *scan)
{
	int ret;

	ret = enable ? add_live_ranges(kpmod, &scan->text) :
		       add_module_text(kpmod, scan);
	if (!ret)
		ret = finish_scan(kpmod, scan);
	if (ret)
		kpatch_free_scan(scan);
	return ret;
}

/**
 * kpatch_free_scan() - free what a scan is made of
 * @scan: as kpatch_make_scan() left it
 */
void kpatch_free_scan(struct kpatch_scan *scan)
{
	kpatch_ranges_clear(&scan->text);
	kpatch_ranges_clear(&scan->slots);
	kvfree(scan->traces);
}
