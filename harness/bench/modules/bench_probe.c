// SPDX-License-Identifier: GPL-2.0-only
/*
 * How long the calls of some functions take, in ticks of the TSC: which ones says
 * the parameter "funcs". Read "times": name, calls, ticks in all, one function to
 * a line. Write anything to it to begin anew.
 */
#include <linux/atomic.h>
#include <linux/kernel.h>
#include <linux/kprobes.h>
#include <linux/module.h>
#include <linux/sysfs.h>

#include <asm/msr.h>
#include <asm/tsc.h>

#define MAX_PROBES	24

static char *funcs[MAX_PROBES];
static int num_funcs;
module_param_array(funcs, charp, &num_funcs, 0444);
MODULE_PARM_DESC(funcs, "functions to time");

struct probe {
	struct kretprobe rp;
	atomic64_t calls;
	atomic64_t ticks;
};

static struct probe probes[MAX_PROBES];

static int on_entry(struct kretprobe_instance *ri, struct pt_regs *regs)
{
	*(u64 *)ri->data = rdtsc();
	return 0;
}

static int on_return(struct kretprobe_instance *ri, struct pt_regs *regs)
{
	u64 now = rdtsc();
	struct probe *probe = container_of(get_kretprobe(ri), struct probe, rp);

	atomic64_add(now - *(u64 *)ri->data, &probe->ticks);
	atomic64_inc(&probe->calls);
	return 0;
}

static int get_times(char *buf, const struct kernel_param *kp)
{
	int i, len = 0;

	for (i = 0; i < num_funcs; i++)
		len += scnprintf(buf + len, PAGE_SIZE - len, "%s %lld %lld\n",
				 funcs[i], atomic64_read(&probes[i].calls),
				 atomic64_read(&probes[i].ticks));
	return len;
}

static int set_times(const char *val, const struct kernel_param *kp)
{
	int i;

	for (i = 0; i < num_funcs; i++) {
		atomic64_set(&probes[i].calls, 0);
		atomic64_set(&probes[i].ticks, 0);
	}
	return 0;
}

static const struct kernel_param_ops times_ops = {
	.set = set_times,
	.get = get_times,
};
module_param_cb(times, &times_ops, NULL, 0600);

static int __init bench_probe_init(void)
{
	int i, ret;

	for (i = 0; i < num_funcs; i++) {
		struct kretprobe *rp = &probes[i].rp;

		rp->kp.symbol_name = funcs[i];
		rp->entry_handler = on_entry;
		rp->handler = on_return;
		rp->data_size = sizeof(u64);
		ret = register_kretprobe(rp);
		if (ret) {
			pr_err("cannot time %s (%d)\n", funcs[i], ret);
			while (i--)
				unregister_kretprobe(&probes[i].rp);
			return ret;
		}
	}
	return 0;
}

static void __exit bench_probe_exit(void)
{
	int i;

	for (i = 0; i < num_funcs; i++)
		unregister_kretprobe(&probes[i].rp);
}

module_init(bench_probe_init);
module_exit(bench_probe_exit);
MODULE_DESCRIPTION("kpatch benchmark: where time goes");
MODULE_LICENSE("GPL");
