/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A table of temperatures, as kpatch-sample-station keeps it.
 */
#ifndef _KPATCH_SAMPLE_STATION_H
#define _KPATCH_SAMPLE_STATION_H

#define STATION_SENSORS		256
#define STATION_VALID		0x7ab1e

/**
 * struct station_table - what was measured
 * @valid: %STATION_VALID, until the table is freed
 * @value: the temperatures, in degrees
 */
struct station_table {
	unsigned int valid;
	int value[STATION_SENSORS];
};

#endif /* _KPATCH_SAMPLE_STATION_H */
