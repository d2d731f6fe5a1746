#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Data that is converted in the switch, by the samples kpatch-sample-station and
# kpatch-sample-convert: readers in tasks, softirqs and hardirqs never see a mix.

# shellcheck source=functions.sh
. "$(dirname "$0")/functions.sh"

station=kpatch_sample_station
convert=kpatch_sample_convert
values=/sys/module/$station/parameters
rounds=${KPATCH_TEST_ROUNDS:-5}

# load_sample MODULE [PARAMETER...]: a module of the kernel
load_sample()
{
	# It is set to two words, to find them elsewhere.
	# shellcheck disable=SC2086
	modprobe "$@" 2>/dev/null
}

load_station()
{
	load_sample "$station" "$@" || skip "CONFIG_SAMPLE_KPATCH is not set"
	[ -z "$skipped" ]
}

# have_read COUNT: each kind of reader has read so often since the last time
declare -a seen=(0 0 0)
have_read()
{
	local reads i

	IFS=, read -ra reads < $values/reads
	for i in 0 1 2; do
		[ $((reads[i] - seen[i])) -ge "$1" ] || return
	done
	seen=("${reads[@]}")
}

test_the_mean_is_rounded()
{
	load_station || return
	check_is "before" 19 "$(cat $values/mean)"
	check "insmod" load_sample $convert
	check_is "the table is converted, enabled" 19 "$(cat $values/mean)"
	check "disable" enabled $convert 0
	check_is "and back" 19 "$(cat $values/mean)"
	check "rmmod" unload $convert
	check "rmmod" unload $station
}

test_the_station_stays_while_its_data_is_converted()
{
	load_station || return
	check "insmod" load_sample $convert
	! unload $station || fail "the station was unloaded"
	check "disable" enabled $convert 0
	check "rmmod" unload $station
	mark_log
	! enabled $convert 1 || fail "enabling without the station"
	check_log "'$station' is not loaded"
	check "rmmod" unload $convert
}

test_no_reader_sees_a_mix()
{
	local i

	load_station readers=1 || return
	check "insmod" load_sample $convert
	for ((i = 0; i < 4 * rounds; i++)); do
		check "all have read, $i" wait_for 10 have_read 3
		check "switch, $i" enabled $convert $((i % 2))
	done
	check "all have read" wait_for 10 have_read 3
	check_is "wrong" 0 "$(cat $values/wrong)"
	echo "# reads: $(cat $values/reads)"
	[ "$(is_enabled $convert)" = 0 ] || check "disable" enabled $convert 0
	check "rmmod" unload $convert
	check "rmmod" unload $station
}

run_tests
