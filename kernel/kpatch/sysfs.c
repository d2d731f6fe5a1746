// SPDX-License-Identifier: GPL-2.0-only
/*
 * /sys/kernel/kpatch, see Documentation/ABI/testing/sysfs-kernel-kpatch:
 *
 *   confirm
 *   switch
 *   <patch>/enabled
 *   <patch>/since_ns
 *   <patch>/refused
 *   <patch>/refused_ns
 *   <patch>/check
 *   <patch>/blockers
 *   <patch>/rollback
 *   <patch>/states
 *   <patch>/set
 *   <patch>/attempts
 *   <patch>/stops
 *   <patch>/stop_ns
 *   <patch>/max_stop_ns
 *   <patch>/work_ns
 *   <patch>/max_work_ns
 *   <patch>/scanned
 *   <patch>/scanned_stopped
 *   <patch>/parked
 *   <patch>/hold_ns
 *   <patch>/max_hold_ns
 *   <patch>/unhook_ns
 *   <patch>/<object>/<function>,<sympos>/live
 *
 * The kobjects belong to the core, not to the patch module: the last reference to one
 * may be dropped long after the module is gone. Once kpatch_sysfs_forget() has returned
 * no reader or writer is in one of their files, and only these look at the patch.
 *
 * kernfs_notify() wakes tasks that poll() a file for a change. It takes spinlocks,
 * but neither the lock of an open file nor an active reference, which readers hold
 * while they wait for kpatch_mutex, and writers while they wait for an operation: so
 * it may be called under that mutex. It must be called before the mutex is released.
 * The content of a file is compared with its content at the last notification, and
 * another operation in between could restore that, after a reader has seen the
 * change.
 */
#include "common.h"

#include <linux/capability.h>
#include <linux/cred.h>
#include <linux/ctype.h>
#include <linux/kernfs.h>
#include <linux/kobject.h>
#include <linux/lockdep.h>
#include <linux/pid_namespace.h>
#include <linux/ratelimit.h>
#include <linux/sched/signal.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/sysfs.h>

#include "confirm.h"
#include "patch.h"
#include "request.h"
#include "state.h"
#include "symbol.h"
#include "sysfs.h"

/**
 * struct kpatch_dir - the directory of a patch
 * @kobj: the directory
 * @patch: the patch, valid until kpatch_sysfs_forget()
 * @objects: the directories of its objects, struct object_dir
 * @funcs: the directories of its functions, struct func_dir
 * @list: link in the list of all directories
 * @enabled: the file "enabled"
 * @blockers: the file "blockers"
 * @was_enabled: content of @enabled at the last notification
 * @had_blockers: @blockers was not empty then
 */
struct kpatch_dir {
	struct kobject kobj;
	struct kpatch_patch *patch;
	struct list_head objects;
	struct list_head funcs;
	struct list_head list;
	struct kernfs_node *enabled;
	struct kernfs_node *blockers;
	bool was_enabled;
	bool had_blockers;
};

/**
 * struct object_dir - the directory of vmlinux or a module
 * @kobj: the directory
 * @list: link in the objects of struct kpatch_dir
 */
struct object_dir {
	struct kobject *kobj;
	struct list_head list;
};

/**
 * struct func_dir - the directory of a function
 * @kobj: the directory
 * @func: the function, valid until kpatch_sysfs_forget()
 * @list: link in the funcs of struct kpatch_dir
 * @live: the file "live"
 * @was_live: content of @live at the last notification
 */
struct func_dir {
	struct kobject kobj;
	struct kpatch_func *func;
	struct list_head list;
	struct kernfs_node *live;
	bool was_live;
};

static struct kobject *kpatch_root;

/* All directories that are complete. */
static LIST_HEAD(dirs);

/*
 * Protects the list and the contents at the last notification. May be taken under
 * kpatch_mutex; the locks of kernfs_notify() nest inside.
 */
static DEFINE_MUTEX(dirs_lock);

static struct kpatch_patch *to_patch(struct kobject *kobj)
{
	return container_of(kobj, struct kpatch_dir, kobj)->patch;
}

static struct kpatch_func *to_func(struct kobject *kobj)
{
	return container_of(kobj, struct func_dir, kobj)->func;
}

static bool is_enabled(const struct kpatch_patch *patch)
{
	enum kpatch_status status = READ_ONCE(patch->kpmod->status);

	return status == KPATCH_ON || status == KPATCH_REMOVING;
}

static ssize_t enabled_show(struct kobject *kobj, struct kobj_attribute *attr,
			    char *buf)
{
	return sysfs_emit(buf, "%d\n", is_enabled(to_patch(kobj)));
}

/*
 * A parser of numbers would also accept a sign, leading zeros, and anything behind a
 * NUL.
 */
static int parse_number(const char *buf, size_t count, unsigned int max,
			unsigned int *number)
{
	unsigned int n = 0;
	size_t i;

	if (!count || buf[0] == '0')
		return -EINVAL;
	for (i = 0; i < count; i++) {
		if (!isdigit(buf[i]))
			return -EINVAL;
		n = 10 * n + buf[i] - '0';
		if (n > max)
			return -EINVAL;
	}
	*number = n;
	return 0;
}

static int parse_timeout(const char *buf, size_t count, unsigned int *ms)
{
	return parse_number(buf, count, KPATCH_MAX_TIMEOUT_MS, ms);
}

/* Accept one digit, maybe a blank and a timeout, and the newline that echo writes. */
static int parse_switch(const char *buf, size_t count, bool *on,
			unsigned int *timeout_ms)
{
	if (count && buf[count - 1] == '\n')
		count--;
	if (!count || (buf[0] != '0' && buf[0] != '1'))
		return -EINVAL;
	*on = buf[0] == '1';
	*timeout_ms = 0;
	if (count == 1)
		return 0;
	return buf[1] == ' ' ? parse_timeout(buf + 2, count - 2, timeout_ms) :
			       -EINVAL;
}

/*
 * Test whether the current task may switch patches: the task that opened the file may
 * have passed it to this one.
 */
static bool may_switch(void)
{
	if (capable(CAP_SYS_ADMIN))
		return true;
	kpatch_request_drop();
	return false;
}

/* What was written is no request. */
static int refuse_syntax(enum kpatch_cause cause, const struct kpatch_module *kpmod,
			 const char *file)
{
	static DEFINE_RATELIMIT_STATE(limit, DEFAULT_RATELIMIT_INTERVAL,
				      DEFAULT_RATELIMIT_BURST);

	kpatch_request_drop();
	if (!__ratelimit(&limit))
		return -EINVAL;
	return kpatch_refuse(cause, .kpmod = kpmod, .action = file);
}

static ssize_t store_request(struct kobject *kobj, const char *file,
			     const char *buf, size_t count,
			     enum kpatch_action enable,
			     enum kpatch_action disable)
{
	struct kpatch_module *kpmod = to_patch(kobj)->kpmod;
	unsigned int timeout_ms;
	bool on;
	int ret;

	if (!may_switch())
		return -EPERM;
	if (parse_switch(buf, count, &on, &timeout_ms))
		return refuse_syntax(KPATCH_CAUSE_SYNTAX, kpmod, file);
	ret = kpatch_request_switch(kpmod, kobj->name, on ? enable : disable,
				    KPATCH_REQUEST_STORE, timeout_ms);
	return ret ?: count;
}

static ssize_t enabled_store(struct kobject *kobj, struct kobj_attribute *attr,
			     const char *buf, size_t count)
{
	return store_request(kobj, attr->attr.name, buf, count,
			     KPATCH_ENABLE, KPATCH_DISABLE);
}

static ssize_t check_store(struct kobject *kobj, struct kobj_attribute *attr,
			   const char *buf, size_t count)
{
	return store_request(kobj, attr->attr.name, buf, count,
			     KPATCH_CHECK_ENABLE, KPATCH_CHECK_DISABLE);
}

/* Accept a sign and a name. */
static int parse_choice(const char *word, size_t len, struct kpatch_choice *choice)
{
	size_t i;

	if (len < 2 || len > sizeof(choice->name) ||
	    (word[0] != '+' && word[0] != '-'))
		return -EINVAL;
	for (i = 1; i < len; i++) {
		if (!isgraph(word[i]))
			return -EINVAL;
	}
	choice->to = word[0] == '+' ? KPATCH_ON : KPATCH_OFF;
	memcpy(choice->name, word + 1, len - 1);
	return 0;
}

static size_t length_of_word(const char *buf, size_t count)
{
	const char *blank = memchr(buf, ' ', count);

	return blank ? blank - buf : count;
}

/*
 * Accept words such as +a and -b, maybe a timeout behind them, with one blank between
 * two, and the newline that echo writes. @choices has room for one word per two bytes,
 * and is zeroed. Return the number of choices.
 */
static int parse_choices(const char *buf, size_t count, struct kpatch_choice *choices,
			 unsigned int *timeout_ms)
{
	size_t len;
	int nr = 0;

	if (count && buf[count - 1] == '\n')
		count--;
	*timeout_ms = 0;
	for (;;) {
		len = length_of_word(buf, count);
		if (nr && len == count && !parse_timeout(buf, len, timeout_ms))
			return nr;
		if (parse_choice(buf, len, &choices[nr++]))
			return -EINVAL;
		if (len == count)
			return nr;
		buf += len + 1;
		count -= len + 1;
	}
}

static ssize_t switch_store(struct kobject *kobj, struct kobj_attribute *attr,
			    const char *buf, size_t count)
{
	struct kpatch_choice *choices;
	unsigned int timeout_ms;
	int nr, ret;

	if (!may_switch())
		return -EPERM;
	choices = kvcalloc(count / 2 + 1, sizeof(*choices), GFP_KERNEL);
	if (!choices) {
		kpatch_request_drop();
		return kpatch_refuse(KPATCH_CAUSE_NO_MEMORY, .action = "switch");
	}
	nr = parse_choices(buf, count, choices, &timeout_ms);
	if (nr < 0)
		ret = refuse_syntax(KPATCH_CAUSE_SWITCH_SYNTAX, NULL, attr->attr.name);
	else
		ret = kpatch_request_switch_several(choices, nr, choices[0].name,
						    KPATCH_REQUEST_STORE, timeout_ms);
	kvfree(choices);
	return ret ?: count;
}

static struct kobj_attribute switch_attr = __ATTR_WO(switch);

static ssize_t confirm_show(struct kobject *kobj, struct kobj_attribute *attr,
			    char *buf)
{
	return kpatch_confirm_show(buf);
}

/* Not a request: a trial can be confirmed while an operation runs. */
static ssize_t confirm_store(struct kobject *kobj, struct kobj_attribute *attr,
			     const char *buf, size_t count)
{
	size_t len = count && buf[count - 1] == '\n' ? count - 1 : count;
	unsigned int seconds;
	int ret;

	if (!may_switch())
		return -EPERM;
	if (len == 1 && buf[0] == '0')
		seconds = 0;
	else if (parse_number(buf, len, KPATCH_MAX_TRIAL_S, &seconds))
		return refuse_syntax(KPATCH_CAUSE_CONFIRM_SYNTAX, NULL, attr->attr.name);
	kpatch_request_drop();
	ret = seconds ? kpatch_confirm_arm(seconds) : kpatch_confirm_keep();
	return ret ?: count;
}

static struct kobj_attribute confirm_attr = __ATTR_RW(confirm);

/* The file "confirm". */
static struct kernfs_node *confirm_file;

static void confirm_changed(void)
{
	kernfs_notify(confirm_file);
}

static ssize_t rollback_store(struct kobject *kobj, struct kobj_attribute *attr,
			      const char *buf, size_t count)
{
	struct kpatch_module *kpmod = to_patch(kobj)->kpmod;
	unsigned int timeout_ms;
	bool on;
	int ret;

	if (!may_switch())
		return -EPERM;
	if (parse_switch(buf, count, &on, &timeout_ms) || !on)
		return refuse_syntax(KPATCH_CAUSE_ROLLBACK_SYNTAX, kpmod,
				     attr->attr.name);
	ret = kpatch_request_switch(kpmod, kobj->name, KPATCH_ROLLBACK,
				    KPATCH_REQUEST_STORE, timeout_ms);
	return ret ?: count;
}

/*
 * The file shows where tasks sleep, so the opener needs the capability that
 * /proc/PID/stack requires. Root in a container does not have it.
 */
static int blockers_show(struct seq_file *seq, void *unused)
{
	const struct kernfs_open_file *of = seq->private;
	const struct kpatch_dir *dir = of->kn->priv;
	const struct kpatch_report *report = &dir->patch->report;
	struct pid_namespace *ns = task_active_pid_ns(current);
	char line[KPATCH_BLOCKER_LEN];
	unsigned int i;

	if (!file_ns_capable(of->file, &init_user_ns, CAP_SYS_ADMIN))
		return -EACCES;
	/* An attempt may hold this for long, and readers may have to be parked. */
	if (mutex_lock_interruptible(&kpatch_mutex))
		return restart_syscall();
	for (i = 0; i < kpatch_report_nr(report); i++) {
		kpatch_format_blocker(&report->blocker[i], ns, line,
				      sizeof(line));
		seq_printf(seq, "%s\n", line);
	}
	mutex_unlock(&kpatch_mutex);
	return 0;
}

/*
 * Not an attribute: show() of an attribute does not get the opener's credentials, and
 * is limited to one page.
 */
static const struct kernfs_ops blockers_ops = {
	.seq_show = blockers_show,
};

static struct lock_class_key blockers_key;

/* One line for each state: its id, its object, and 1 if an enabled patch is in it. */
static ssize_t states_show(struct kobject *kobj, struct kobj_attribute *attr,
			   char *buf)
{
	const struct kpatch_state *state;
	int len = 0;

	/* As in blockers_show(). */
	if (mutex_lock_interruptible(&kpatch_mutex))
		return restart_syscall();
	kpatch_for_each_state(state, to_patch(kobj))
		len += sysfs_emit_at(buf, len, "%lu %s %d\n", state->id,
				     state->object->name,
				     kpatch_state_is_entered(state));
	mutex_unlock(&kpatch_mutex);
	return len;
}

static ssize_t set_show(struct kobject *kobj, struct kobj_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%s\n", kpatch_set_of(to_patch(kobj)));
}

#define SHOW_STAT(_name, _format)					\
static ssize_t _name##_show(struct kobject *kobj,			\
			    struct kobj_attribute *attr, char *buf)	\
{									\
	return sysfs_emit(buf, _format "\n",				\
			  READ_ONCE(to_patch(kobj)->stats._name));	\
}

SHOW_STAT(since_ns, "%llu")
SHOW_STAT(refused, "%u")
SHOW_STAT(refused_ns, "%llu")
SHOW_STAT(attempts, "%lu")
SHOW_STAT(stops, "%lu")
SHOW_STAT(stop_ns, "%llu")
SHOW_STAT(max_stop_ns, "%llu")
SHOW_STAT(work_ns, "%llu")
SHOW_STAT(max_work_ns, "%llu")
SHOW_STAT(scanned, "%u")
SHOW_STAT(scanned_stopped, "%u")
SHOW_STAT(parked, "%u")
SHOW_STAT(hold_ns, "%llu")
SHOW_STAT(max_hold_ns, "%llu")
SHOW_STAT(unhook_ns, "%llu")

static struct kobj_attribute enabled_attr = __ATTR_RW(enabled);
/* Write only: a program that reads all files in sysfs must not stop the machine. */
static struct kobj_attribute check_attr = __ATTR_WO(check);
static struct kobj_attribute states_attr = __ATTR_RO(states);
static struct kobj_attribute rollback_attr = __ATTR_WO(rollback);
static struct kobj_attribute set_attr = __ATTR_RO(set);
static struct kobj_attribute since_ns_attr = __ATTR_RO(since_ns);
static struct kobj_attribute refused_attr = __ATTR_RO(refused);
static struct kobj_attribute refused_ns_attr = __ATTR_RO(refused_ns);
static struct kobj_attribute attempts_attr = __ATTR_RO(attempts);
static struct kobj_attribute stops_attr = __ATTR_RO(stops);
static struct kobj_attribute stop_ns_attr = __ATTR_RO(stop_ns);
static struct kobj_attribute max_stop_ns_attr = __ATTR_RO(max_stop_ns);
static struct kobj_attribute work_ns_attr = __ATTR_RO(work_ns);
static struct kobj_attribute max_work_ns_attr = __ATTR_RO(max_work_ns);
static struct kobj_attribute scanned_attr = __ATTR_RO(scanned);
static struct kobj_attribute scanned_stopped_attr = __ATTR_RO(scanned_stopped);
static struct kobj_attribute parked_attr = __ATTR_RO(parked);
static struct kobj_attribute hold_ns_attr = __ATTR_RO(hold_ns);
static struct kobj_attribute max_hold_ns_attr = __ATTR_RO(max_hold_ns);
static struct kobj_attribute unhook_ns_attr = __ATTR_RO(unhook_ns);

static struct attribute *patch_attrs[] = {
	&enabled_attr.attr,
	&check_attr.attr,
	&states_attr.attr,
	&rollback_attr.attr,
	&set_attr.attr,
	&since_ns_attr.attr,
	&refused_attr.attr,
	&refused_ns_attr.attr,
	&attempts_attr.attr,
	&stops_attr.attr,
	&stop_ns_attr.attr,
	&max_stop_ns_attr.attr,
	&work_ns_attr.attr,
	&max_work_ns_attr.attr,
	&scanned_attr.attr,
	&scanned_stopped_attr.attr,
	&parked_attr.attr,
	&hold_ns_attr.attr,
	&max_hold_ns_attr.attr,
	&unhook_ns_attr.attr,
	NULL
};

static ssize_t live_show(struct kobject *kobj, struct kobj_attribute *attr,
			 char *buf)
{
	return sysfs_emit(buf, "%d\n", kpatch_patch_live(to_func(kobj)));
}

static struct kobj_attribute live_attr = __ATTR_RO(live);

static struct attribute *func_attrs[] = {
	&live_attr.attr,
	NULL
};
ATTRIBUTE_GROUPS(func);

static void release_patch(struct kobject *kobj)
{
	kfree(container_of(kobj, struct kpatch_dir, kobj));
}

static void release_func(struct kobject *kobj)
{
	kfree(container_of(kobj, struct func_dir, kobj));
}

static const struct kobj_type patch_ktype = {
	.release = release_patch,
	.sysfs_ops = &kobj_sysfs_ops,
};

static const struct kobj_type func_ktype = {
	.release = release_func,
	.sysfs_ops = &kobj_sysfs_ops,
	.default_groups = func_groups,
};

static int add_func(struct kpatch_dir *dir, struct kobject *parent,
		    struct kpatch_func *func)
{
	char name[KSYM_NAME_LEN];
	struct func_dir *entry;
	unsigned long pos;
	int ret;

	if (func->old_name) {
		strscpy(name, func->old_name, sizeof(name));
		/* 0 means that the name is unique: the functions are checked. */
		pos = max(func->sympos, 1UL);
	} else {
		kpatch_symbol_name(func->addr, name);
		pos = kpatch_symbol_pos(name, func->addr);
	}
	entry = kzalloc_obj(*entry, GFP_KERNEL);
	if (!entry)
		return -ENOMEM;
	entry->func = func;
	ret = kobject_init_and_add(&entry->kobj, &func_ktype, parent,
				   "%s,%lu", name, pos);
	if (ret) {
		kobject_put(&entry->kobj);
		return ret;
	}
	entry->live = kernfs_find_and_get(entry->kobj.sd, "live");
	list_add(&entry->list, &dir->funcs);
	return 0;
}

static int add_object(struct kpatch_dir *dir, const struct kpatch_object *object)
{
	struct object_dir *entry;
	struct kpatch_func *func;
	int ret;

	/* One that only has symbols or a build ID. */
	if (list_empty(&object->replaced))
		return 0;
	entry = kzalloc_obj(*entry, GFP_KERNEL);
	if (!entry)
		return -ENOMEM;
	entry->kobj = kobject_create_and_add(object->name, &dir->kobj);
	if (!entry->kobj) {
		kfree(entry);
		return -ENOMEM;
	}
	list_add(&entry->list, &dir->objects);
	kpatch_for_each_replaced(func, object) {
		ret = add_func(dir, entry->kobj, func);
		if (ret)
			return ret;
	}
	return 0;
}

static int add_objects(struct kpatch_dir *dir)
{
	const struct kpatch_object *object;
	int ret;

	kpatch_for_each_object(object, dir->patch) {
		ret = add_object(dir, object);
		if (ret)
			return ret;
	}
	return 0;
}

static int add_blockers(struct kpatch_dir *dir)
{
	struct kernfs_node *kn;

	kn = __kernfs_create_file(dir->kobj.sd, "blockers", 0400,
				  GLOBAL_ROOT_UID, GLOBAL_ROOT_GID, 0,
				  &blockers_ops, dir, NULL, &blockers_key);
	if (IS_ERR(kn))
		return PTR_ERR(kn);
	kernfs_get(kn);
	dir->blockers = kn;
	return 0;
}

/* Called for each patch: switching one may cover or uncover functions of others. */
static void notify_switched(struct kpatch_dir *dir)
{
	bool enabled = is_enabled(dir->patch), live;
	struct func_dir *entry;

	if (dir->was_enabled != enabled)
		kernfs_notify(dir->enabled);
	dir->was_enabled = enabled;
	list_for_each_entry(entry, &dir->funcs, list) {
		live = kpatch_patch_live(entry->func);
		if (entry->was_live != live)
			kernfs_notify(entry->live);
		entry->was_live = live;
	}
}

/* Each operation that ends with blockers has new ones, so notify of that, too. */
static void notify_blockers(struct kpatch_dir *dir)
{
	bool blockers = kpatch_report_total(&dir->patch->report);

	if (blockers || dir->had_blockers)
		kernfs_notify(dir->blockers);
	dir->had_blockers = blockers;
}

/* Notify poll() of all that an operation on @patch may have changed. */
static void patch_changed(struct kpatch_patch *patch)
{
	struct kpatch_dir *dir;

	lockdep_assert_held(&kpatch_mutex);
	guard(mutex)(&dirs_lock);
	list_for_each_entry(dir, &dirs, list) {
		notify_switched(dir);
		if (dir->patch == patch)
			notify_blockers(dir);
	}
}

/* The file is gone: wake tasks that poll() it. */
static void put_file(struct kernfs_node *kn)
{
	if (!kn)
		return;
	kernfs_notify(kn);
	kernfs_put(kn);
}

static void del_func(struct func_dir *entry)
{
	kobject_del(&entry->kobj);
	put_file(entry->live);
	kobject_put(&entry->kobj);
}

/*
 * Remove a directory, maybe incomplete.
 *
 * Waits until no task is in a file of the directory. Not under kpatch_mutex and not in
 * an operation, which such a task may be waiting for.
 */
static void del_dir(struct kpatch_dir *dir)
{
	struct func_dir *entry, *next;
	struct object_dir *object, *other;

	scoped_guard(mutex, &dirs_lock)
		list_del_init(&dir->list);
	list_for_each_entry_safe(entry, next, &dir->funcs, list)
		del_func(entry);
	list_for_each_entry_safe(object, other, &dir->objects, list) {
		kobject_del(object->kobj);
		kobject_put(object->kobj);
		kfree(object);
	}
	kobject_del(&dir->kobj);
	put_file(dir->enabled);
	put_file(dir->blockers);
	kobject_put(&dir->kobj);
}

/**
 * kpatch_sysfs_forget() - remove the directory of a patch, and free the patch
 * @patch: the patch, off the list: only its files still refer to it
 *
 * Waits until no task is in a file of the directory, and makes those return that wait
 * for their turn.
 *
 * Context: process context, sleeps; not under kpatch_mutex and not in an operation,
 * which such a task may be waiting for.
 */
void kpatch_sysfs_forget(struct kpatch_patch *patch)
{
	kpatch_request_gone(patch);
	if (patch->dir)
		del_dir(patch->dir);
	kpatch_patch_free(patch);
}

/*
 * One file at a time. To create them as a group would remove them again on a failure,
 * and wait for tasks that have entered them and wait for the end of this operation.
 */
static int fill_dir(struct kpatch_dir *dir)
{
	struct attribute **attr;
	int ret;

	for (attr = patch_attrs; *attr; attr++) {
		ret = sysfs_create_file(&dir->kobj, *attr);
		if (ret)
			return ret;
	}
	dir->enabled = kernfs_find_and_get(dir->kobj.sd, "enabled");
	ret = add_blockers(dir);
	if (ret)
		return ret;
	return add_objects(dir);
}

static bool is_file(const char *name)
{
	struct attribute **attr;

	for (attr = patch_attrs; *attr; attr++) {
		if (!strcmp((*attr)->name, name))
			return true;
	}
	return !strcmp(name, "blockers");
}

/**
 * kpatch_sysfs_check() - test whether the directory of a patch can be created
 * @patch: the patch
 *
 * Return: 0; -EINVAL with a line logged if it or one in it would have the name of a file.
 */
int kpatch_sysfs_check(const struct kpatch_patch *patch)
{
	const struct kpatch_object *object;

	if (!strcmp(patch->kpmod->mod->name, switch_attr.attr.name) ||
	    !strcmp(patch->kpmod->mod->name, confirm_attr.attr.name))
		return kpatch_refuse(KPATCH_CAUSE_NAME_TAKEN, .kpmod = patch->kpmod);
	kpatch_for_each_object(object, patch) {
		if (!list_empty(&object->replaced) && is_file(object->name))
			return kpatch_refuse(KPATCH_CAUSE_OBJNAME_IS_FILE,
					     .kpmod = patch->kpmod,
					     .names = object->name);
	}
	return 0;
}

/**
 * kpatch_sysfs_add() - create the directory of a patch
 * @patch: the patch, bound, as kpatch_sysfs_check() has found it fit; sets @dir
 *
 * Its files can be used from here on; writers wait for the end of the operation that
 * registers the patch.
 *
 * Context: process context, sleeps, under kpatch_mutex.
 *
 * Return: 0, or an errno; then @dir, if it is set, is incomplete and must be given to
 * kpatch_sysfs_forget() with the patch.
 */
int kpatch_sysfs_add(struct kpatch_patch *patch)
{
	struct kpatch_dir *dir;
	int ret;

	lockdep_assert_held(&kpatch_mutex);
	dir = kzalloc_obj(*dir, GFP_KERNEL);
	if (!dir)
		return -ENOMEM;
	dir->patch = patch;
	INIT_LIST_HEAD(&dir->objects);
	INIT_LIST_HEAD(&dir->funcs);
	INIT_LIST_HEAD(&dir->list);
	ret = kobject_init_and_add(&dir->kobj, &patch_ktype, kpatch_root, "%s",
				   patch->kpmod->mod->name);
	if (ret) {
		kobject_put(&dir->kobj);
		return ret;
	}
	patch->dir = dir;
	ret = fill_dir(dir);
	if (ret)
		return ret;
	guard(mutex)(&dirs_lock);
	list_add(&dir->list, &dirs);
	return 0;
}

/**
 * kpatch_sysfs_init() - create /sys/kernel/kpatch
 *
 * Return: 0 or an errno.
 */
int __init kpatch_sysfs_init(void)
{
	int ret;

	kpatch_root = kobject_create_and_add("kpatch", kernel_kobj);
	kpatch_patch_on_change(patch_changed);
	kpatch_confirm_on_change(confirm_changed);
	if (!kpatch_root)
		return -ENOMEM;
	ret = sysfs_create_file(kpatch_root, &confirm_attr.attr);
	if (ret)
		return ret;
	confirm_file = kernfs_find_and_get(kpatch_root->sd, "confirm");
	return sysfs_create_file(kpatch_root, &switch_attr.attr);
}
