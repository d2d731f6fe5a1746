// SPDX-License-Identifier: GPL-2.0-only
/*
 * Switch patches. The kernel is told how long it may make attempts on a busy patch. A
 * request is repeated if it was refused for another reason that may pass.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "explain.h"
#include "module.h"
#include "options.h"
#include "switch.h"
#include "sysfs.h"
#include "utils.h"

/* A patch to withdraw. */
struct job {
	const char *name;
	enum action action;	/* the last request ... */
	int err;		/* ... and its result */
	bool covered;		/* a newer patch has to be disabled first */
	bool done;		/* successfully or not */
};

static bool is_transient(int err)
{
	return err == -EBUSY || err == -EAGAIN;
}

static void print_blockers(const char *name)
{
	char text[SYSFS_TEXT_LEN];
	char *line, *rest = text;

	if (sysfs_blockers(name, text) <= 0)
		return;
	print_err("blockers of '%s':", name);
	while ((line = strsep(&rest, "\n")))
		print_err("  %s", line);
}

/* The tasks that the kernel would have to park, if any. */
static void print_parked(const char *name)
{
	char text[SYSFS_TEXT_LEN];
	char *line, *rest = text;

	if (sysfs_blockers(name, text) <= 0)
		return;
	printf("these tasks would have to be parked:\n");
	while ((line = strsep(&rest, "\n")))
		printf("  %s\n", line);
}

/**
 * switch_enable() - enable a loaded patch
 * @name: the patch
 * @timeout: for how many seconds to make attempts while tasks block the patch
 * @verbose: report what has been done
 *
 * Return: 0 if the patch is enabled, now or before; or an errno after an error message
 * has been printed.
 */
int switch_enable(const char *name, unsigned int timeout, bool verbose)
{
	struct patience patience;
	int ret;

	patience_start(&patience, timeout);
	do {
		ret = sysfs_set_enabled(name, true, patience_left(&patience));
	} while (is_transient(ret) && patience_wait(&patience));

	if (!ret && verbose)
		printf("enabled '%s'\n", name);
	if (ret)
		explain_error(ACTION_ENABLE, name, ret);
	if (is_transient(ret))
		print_blockers(name);
	return ret;
}

/**
 * switch_check() - could a patch be switched now?
 * @name: the patch
 *
 * Return: 0 if it could, or an errno; the result has been printed in both cases.
 */
int switch_check(const char *name)
{
	int on = sysfs_is_enabled(name), ret = on;

	if (on >= 0)
		ret = sysfs_check(name, !on);
	if (ret) {
		explain_error(on == 1 ? ACTION_DISABLE : ACTION_ENABLE, name,
			      ret);
	} else {
		printf("'%s' could be %s now\n", name,
		       on ? "disabled" : "enabled");
		print_parked(name);
	}
	if (is_transient(ret))
		print_blockers(name);
	return ret;
}

/* One request, for which the kernel may take @ms milliseconds. */
static int try_job(struct job *job, bool remove, unsigned int ms)
{
	int ret;

	job->action = ACTION_DISABLE;
	/* The kernel would return the same error, but log it as well. */
	job->covered = sysfs_is_covered(job->name);
	if (job->covered)
		return -EBUSY;
	ret = sysfs_set_enabled(job->name, false, ms);
	if (!ret && remove) {
		job->action = ACTION_REMOVE;
		ret = module_remove(job->name);
	}
	/* If the patch is gone, another process has done this job. */
	return sysfs_has(job->name) ? ret : 0;
}

static void report_failure(const struct job *job)
{
	if (job->covered)
		print_err("cannot disable '%s': a newer patch has replaced one of its functions; disable that first (%d)",
			  job->name, job->err);
	else
		explain_error(job->action, job->name, job->err);
	if (job->action == ACTION_REMOVE)
		print_err("'%s' is disabled, but stays loaded", job->name);
	else if (sysfs_is_enabled(job->name) == 1)
		print_err("'%s' stays loaded and enabled", job->name);
	if (job->action == ACTION_DISABLE && !job->covered &&
	    is_transient(job->err))
		print_blockers(job->name);
}

static struct job *make_jobs(const struct names *names)
{
	struct job *jobs;
	unsigned int i;

	jobs = calloc(names->nr, sizeof(*jobs));
	if (!jobs) {
		print_err("out of memory");
		return NULL;
	}
	for (i = 0; i < names->nr; i++) {
		jobs[i].name = names->name[i];
		jobs[i].done = !sysfs_find(jobs[i].name);
		if (jobs[i].done)
			jobs[i].err = -ENOENT;
	}
	return jobs;
}

static void finish(struct job *job, bool remove, bool verbose)
{
	job->done = true;
	if (job->err)
		report_failure(job);
	else if (verbose)
		printf("%s '%s'\n", remove ? "unloaded" : "disabled",
		       job->name);
}

/*
 * Try all remaining jobs, each for @ms milliseconds. Returns the number of those that
 * were finished.
 */
static unsigned int do_round(struct job *jobs, unsigned int nr, bool remove,
			     bool verbose, unsigned int ms)
{
	unsigned int i, done = 0;

	for (i = 0; i < nr; i++) {
		if (jobs[i].done)
			continue;
		jobs[i].err = try_job(&jobs[i], remove, ms);
		if (is_transient(jobs[i].err))
			continue;
		finish(&jobs[i], remove, verbose);
		done++;
	}
	return done;
}

/* Is there a job that waiting may help? */
static bool worth_waiting(const struct job *jobs, unsigned int nr)
{
	unsigned int i;

	for (i = 0; i < nr; i++) {
		if (!jobs[i].done && !jobs[i].covered)
			return true;
	}
	return false;
}

static int give_up(struct job *jobs, unsigned int nr)
{
	int status = EXIT_SUCCESS;
	unsigned int i;

	for (i = 0; i < nr; i++) {
		if (!jobs[i].done)
			finish(&jobs[i], false, false);
		if (jobs[i].err)
			status = EXIT_FAILURE;
	}
	return status;
}

/**
 * switch_withdraw() - disable patches
 * @names: the patches, in any order
 * @opts: for how long to make attempts while tasks block a patch, counted from the last
 *	patch that was withdrawn; and whether to report what has been done
 * @remove: remove their modules as well
 *
 * A patch that is covered by another one has to be withdrawn after it, and sysfs does
 * not show the order. So make rounds until no remaining patch can be withdrawn. As long
 * as there are others, no patch keeps them waiting for the whole time.
 *
 * Return: the exit status. All failures have been reported.
 */
int switch_withdraw(const struct names *names, const struct options *opts,
		    bool remove)
{
	struct patience patience;
	struct job *jobs;
	unsigned int ms;
	int status;

	if (!names->nr)
		return EXIT_SUCCESS;
	jobs = make_jobs(names);
	if (!jobs)
		return EXIT_FAILURE;

	patience_start(&patience, opts->timeout);
	ms = names->nr == 1 ? patience_left(&patience) : 0;
	do {
		while (do_round(jobs, names->nr, remove, opts->verbose, ms)) {
			patience_start(&patience, opts->timeout);
			ms = 0;
		}
		ms = patience_left(&patience);
	} while (worth_waiting(jobs, names->nr) && patience_wait(&patience));
	status = give_up(jobs, names->nr);
	free(jobs);
	return status;
}
