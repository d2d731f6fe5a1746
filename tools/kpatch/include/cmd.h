/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The subcommands. Each gets its own name as the first word and returns the exit
 * status.
 */
#ifndef _KPATCH_CMD_H
#define _KPATCH_CMD_H

int cmd_load(int argc, char **argv);
int cmd_unload(int argc, char **argv);
int cmd_enable(int argc, char **argv);
int cmd_disable(int argc, char **argv);
int cmd_check(int argc, char **argv);
int cmd_list(int argc, char **argv);
int cmd_build(int argc, char **argv);
int cmd_info(int argc, char **argv);

#endif /* _KPATCH_CMD_H */
