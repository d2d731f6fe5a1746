// SPDX-License-Identifier: GPL-2.0-only
/*
 * 759c01142a5d ("pipe: limit the per-user amount of pages allocated in pipes"),
 * CVE-2016-2847: a user could take all memory with pipes. The fix counts the pages of a
 * user. There is no member for the count in the structure of the user, and none in that
 * of a pipe that says whether it was counted: both are shadow variables.
 *
 * The original makes the pipes, since their locks belong to classes of its file, which
 * outlives this module.
 */
#include <linux/capability.h>
#include <linux/kpatch_state.h>
#include <linux/mutex.h>
#include <linux/pipe_fs_i.h>
#include <linux/sched/user.h>
#include <linux/slab.h>

KPATCH_ORIGINAL(original_alloc_pipe_info, alloc_pipe_info);

static typeof(free_pipe_info) *free_pipe;

/* A pipe as the kernel made it when there was no limit. */
static struct pipe_inode_info *alloc_unlimited(void)
{
	struct pipe_inode_info *pipe;
	struct pipe_buffer *bufs;

	pipe = kpatch_call_original(original_alloc_pipe_info);
	if (!pipe || pipe->ring_size >= PIPE_DEF_BUFFERS)
		return pipe;
	bufs = kcalloc(PIPE_DEF_BUFFERS, sizeof(*bufs), GFP_KERNEL_ACCOUNT);
	if (!bufs) {
		free_pipe(pipe);
		return NULL;
	}
	kfree(pipe->bufs);
	pipe->bufs = bufs;
	pipe->ring_size = PIPE_DEF_BUFFERS;
	pipe->max_usage = PIPE_DEF_BUFFERS;
	return pipe;
}

#ifdef WITH_BUG

static struct pipe_inode_info *new_alloc_pipe_info(void)
{
	return alloc_unlimited();
}

static struct kpatch_func funcs[] = {
	KPATCH_FUNC(alloc_pipe_info, new_alloc_pipe_info,
		    .original = original_alloc_pipe_info),
};

static const struct kpatch_symbol symbols[] = {
	KPATCH_SYMBOL(free_pipe_info, free_pipe),
};
module_kpatch(funcs, KPATCH_SYMBOLS(symbols));

#else

KPATCH_ORIGINAL(original_free_pipe_info, free_pipe_info);

static unsigned long *pipe_user_pages_soft;

/* A user has it as long as there is a pipe that was counted, which has a reference. */
struct user_pages {
	unsigned long pipes;
	unsigned long pages;
};

/* For all variables and what is in them. */
static DEFINE_MUTEX(count_mutex);

/* One for each kind of object: users have struct user_pages, pipes their pages. */
enum { OF_USERS, OF_PIPES, NR_STATES };

static struct kpatch_state states[NR_STATES];

static void uncount(struct user_struct *user, unsigned long pages)
{
	struct user_pages *count = kpatch_shadow_get(&states[OF_USERS], user);

	count->pages -= pages;
	if (!--count->pipes)
		kpatch_shadow_free(&states[OF_USERS], user, NULL);
}

/* Above the limit a pipe gets no more than a page. */
static int count_pipe(struct pipe_inode_info *pipe)
{
	unsigned long limit = READ_ONCE(*pipe_user_pages_soft), *pages;
	struct user_pages *count;

	guard(mutex)(&count_mutex);
	count = kpatch_shadow_get_or_alloc(&states[OF_USERS], pipe->user,
					   sizeof(*count), GFP_KERNEL, NULL, NULL);
	if (!count)
		return -ENOMEM;
	if (limit && count->pages + pipe->ring_size > limit &&
	    !capable(CAP_SYS_RESOURCE)) {
		pipe->ring_size = 1;
		pipe->max_usage = 1;
	}
	count->pipes++;
	count->pages += pipe->ring_size;
	pages = kpatch_shadow_alloc(&states[OF_PIPES], pipe, sizeof(*pages),
				    GFP_KERNEL, NULL, NULL);
	if (!pages) {
		uncount(pipe->user, pipe->ring_size);
		return -ENOMEM;
	}
	*pages = pipe->ring_size;
	return 0;
}

static struct pipe_inode_info *new_alloc_pipe_info(void)
{
	struct pipe_inode_info *pipe = alloc_unlimited();

	if (pipe && count_pipe(pipe)) {
		free_pipe(pipe);
		return NULL;
	}
	return pipe;
}

/* A pipe from before the fix was not counted. */
static void new_free_pipe_info(struct pipe_inode_info *pipe)
{
	scoped_guard(mutex, &count_mutex) {
		unsigned long *pages = kpatch_shadow_get(&states[OF_PIPES], pipe);

		if (pages) {
			uncount(pipe->user, *pages);
			kpatch_shadow_free(&states[OF_PIPES], pipe, NULL);
		}
	}
	kpatch_call_original(original_free_pipe_info, pipe);
}

static struct kpatch_func funcs[] = {
	KPATCH_FUNC(alloc_pipe_info, new_alloc_pipe_info,
		    .original = original_alloc_pipe_info),
	KPATCH_FUNC(free_pipe_info, new_free_pipe_info,
		    .original = original_free_pipe_info),
};

static const struct kpatch_symbol symbols[] = {
	KPATCH_SYMBOL(free_pipe_info, free_pipe),
	KPATCH_SYMBOL_NAMED("pipe_user_pages_soft", pipe_user_pages_soft),
};
module_kpatch(funcs, KPATCH_SYMBOLS(symbols), KPATCH_STATES(states));

#endif

MODULE_DESCRIPTION("kpatch test: the pages of the pipes of a user");
MODULE_LICENSE("GPL");
