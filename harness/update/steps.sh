# SPDX-License-Identifier: GPL-2.0-only
# The steps of update.sh. Sourced by it.
# shellcheck shell=bash disable=SC2153,SC2154

# The tarball or directory that VERSION of the package is in, or that a path names.
origin_of() {
	if [ -e "$1" ]; then
		realpath "$1"
	elif [ "$1" = "$(awk -v base="$BASE" '$1 == base { print $3 }' "$top/harness/kernels")" ]; then
		echo ''		# what is built without KSRC
	else
		"$top/harness/tree.sh" release "$1"
	fi
}

# Where the kernel of an origin is: sets KSRC, work, src and obj.
at_release() {
	export KSRC=$1
	. "$top/harness/lib.sh"
}

build_kernels() {
	KSRC=$new "$top/harness/build.sh"
	KSRC=$old "$top/harness/build.sh"
	build_tool
}

# The changelog of a package names fixes.
changelogs() {
	local place

	place=$("$top/harness/tree.sh" release "$1" 2> /dev/null) || return 0
	place=${place%.tar.xz}.changelog.gz
	[ -e "$place" ] || return 0
	zcat "$place" > "$out/changelog"
	printf '%s\n' --changelog "$out/changelog"
}

build_module() {
	local options=() status=0

	if [ ! -e "$1" ]; then
		mapfile -t options < <(changelogs "$1")
	fi
	[ -z "${DECISIONS:-}" ] || options+=(--decisions "$DECISIONS")
	say "making the module, which may take hours; see $out/report.html then"
	local start=$SECONDS
	# The parts of the module are linked once more, for livepatch.
	rm -rf "$out/tmp"
	mkdir "$out/tmp"
	TMPDIR=$out/tmp "$top/scripts/kpatch/kpatch-build" --kernel "$obj" --source "$src" \
		--objtool-source "$OBJTOOL_SOURCE" --name update -o "$out/update.ko" \
		--work "$out/state" --keep --update "$src" "$new_src" "${options[@]}" \
		--report "$out/report.html" --report "$out/report.json" \
		--report "$out/report.txt" > /dev/null || status=$?
	[ "$status" -eq 0 ] || die "no module, exit status $status"
	say "made in $((SECONDS - start)) s"
}

# The same objects, registered with livepatch instead.
build_livepatch() {
	local module=$out/livepatch linked objtools

	linked=$(find "$out/tmp" -maxdepth 3 -path '*/link*/module' -type d | sort -V | tail -n 1)
	objtools=("$XDG_CACHE_HOME"/kpatch/objtool-*/objtool)
	rm -rf "$module"
	mkdir "$module"
	cp "$linked"/*.o_shipped "$linked"/.unit*.cmd "$top/harness/update/livepatch.h" "$module"
	sed 's,<linux/kpatch.h>,"livepatch.h",; /kpatch_state.h/d' "$linked/init.c" > "$module/init.c"
	sed 's/\<update\>/update_livepatch/g' "$linked/Kbuild" > "$module/Kbuild"
	make -s -C "$obj" M="$module" delay-objtool=y CONFIG_OBJTOOL_WERROR= modules \
		> "$module/log" 2>&1 || return
	"${objtools[-1]}" klp post-link "$module/update_livepatch.ko"
}

show_sums() { sed '/^$/q' "$out/report.txt"; }

# Functions that are neither patched nor wait for what only an author can decide, or cannot
# be patched at all.
has_enough() {
	python3 - "$out/report.json" <<-'END'
	import json, sys

	with open(sys.argv[1], encoding="utf-8") as file:
	    report = json.load(file)
	sums = report["sums"]["functions"]
	decided = sums["patched"] + sums["failed"]
	by_unit = {u["unit"]: u for u in report["units"]}
	for part in report["parts"]:
	    if not any(by_unit[o]["category"] in ("author", "impossible") for o in part["units"]):
	        decided += sum(f["category"] == "tied" for o in part["units"]
	                       for f in by_unit[o]["functions"])
	print(f"{sums['patched']} of {decided}")
	sys.exit(sums["patched"] < 0.95 * decided or not decided)
	END
}

# What kbuild makes of the new release, with the sections that the tool has.
has_code_of_new() {
	local reference=$out/reference units

	mapfile -t units < <("$top/harness/update/compare.py" units "$out/report.json")
	mkdir -p "$reference"
	cmp -s "$new_obj/.config" "$reference/.config" || cp "$new_obj/.config" "$reference"
	# Names of files are relative to the source tree, as in the old kernel.
	make -s -C "$new_src" O="$reference" -j"$JOBS" KCFLAGS="-ffunction-sections \
-fdata-sections -fmacro-prefix-map=$(realpath --relative-to="$reference" "$new_src")/=" \
		"${units[@]}" || return
	"$top/harness/update/compare.py" code "$out/report.json" "$out/update.ko" "$reference" \
		"$src" "$new_src"
}

# Selftests that do not build are left out, and the kernel's makefiles say which.
build_suites() {
	local tests=$new_src/tools/testing/selftests targets

	# shellcheck disable=SC2086  # several words
	targets=$(printf '%s\n' $SUITES | cut -d: -f1 | sort -u | paste -sd ' ')
	[ "$(cat "$out/suites/targets" 2> /dev/null)" != "$targets" ] || return 0
	rm -rf "$out/suites"
	make -s -C "$new_src" O="$out/headers" headers
	make -k -s -C "$tests" O="$out/selftests" TARGETS="$targets" FORCE_TARGETS= \
		KHDR_INCLUDES="-isystem $out/headers/usr/include" \
		INSTALL_PATH="$out/suites" install || :
	[ -e "$out/suites/run_kselftest.sh" ] && echo "$targets" > "$out/suites/targets"
}

build_triggers() {
	local source

	mkdir -p "$out/triggers"
	for source in "$top"/harness/update/triggers/*; do
		case $source in
		*.c) cc -Wall -Wextra -O2 -o "$out/triggers/$(basename "$source" .c)" "$source" ;;
		*.sh) install "$source" "$out/triggers/$(basename "$source" .sh)" ;;
		esac || return
	done
}

# install_modules SOURCE OBJECTS ROOT
install_modules() { make -s -C "$1" O="$2" INSTALL_MOD_PATH="$3" modules_install; }

build_programs() {
	local suite

	say "building the programs of the proof"
	{
		build_suites && build_triggers &&
			install_modules "$src" "$obj" "$out/modules.old" &&
			install_modules "$new_src" "$new_obj" "$out/modules.new"
	} > "$out/programs.log" 2>&1 || { tail -n 30 "$out/programs.log"; die "the programs do not build"; }
	for suite in $SUITES; do
		grep -qE "^$suite(:|$)" "$out/suites/kselftest-list.txt" ||
			skipped "selftests of $suite" "none of them builds here"
	done
}

# What a guest does with one state of the kernel. The tests write to where they are.
in_state() {
	local state=$1 trigger

	for trigger in "$out"/triggers/*; do
		printf '%s: %s\n' "$(basename "$trigger")" \
			"$(timeout 60 "$trigger" 2>&1 | tail -n 1)"
	done > "/run/out/triggers.$state"
	cp -r "$out/suites/" /run/suites
	# To a pipe, as in selftests.sh.
	# shellcheck disable=SC2086,SC2046  # several words
	(cd /run/suites && ./run_kselftest.sh -o 60 $(printf ' -t %s' $tests)) 2>&1 |
		cat > "/run/out/tests.$state"
	rm -rf /run/suites
}

# Something to do beside the tests, on all CPUs.
load() {
	while :; do
		find /proc /sys/kernel -maxdepth 3 -type f -readable -size -64k \
			-exec head -c 64 {} + > /dev/null 2>&1
		dd if=/dev/zero bs=64k count=64 2> /dev/null | cat > /run/load
	done
}

# milliseconds WHAT COMMAND...
milliseconds() {
	local what=$1 start
	shift
	start=$(date +%s%N)
	"$@" > /dev/null || exit
	echo "$what $((($(date +%s%N) - start) / 1000000))"
}

with_livepatch() {
	local patch=/sys/kernel/livepatch/update_livepatch

	case $1 in
	load) insmod "$out/livepatch/update_livepatch.ko" || return ;;
	disable) echo 0 > $patch/enabled || return ;;
	unload) rmmod update_livepatch; return ;;
	esac
	# It signals the tasks that have not switched by itself, every 15 s.
	while [ "$(cat $patch/transition 2> /dev/null)" = 1 ]; do
		sleep 0.01
	done
}

with_kpatch() {
	case $1 in
	load) "$kpatch" load -t 600 "$out/update.ko" ;;
	*) "$kpatch" "$1" -t 600 update ;;
	esac
}

# One beside the other, and nothing else runs.
beside_livepatch() {
	local system what

	for _ in 1 2 3; do
		for system in kpatch livepatch; do
			for what in load disable; do
				milliseconds "$system $what" "with_$system" $what
			done
			# The last tasks of livepatch leave a moment later.
			until "with_$system" unload 2> /dev/null; do
				sleep 0.1
			done
		done
	done > /run/out/beside
}

on_old() {
	local functions

	load &
	in_state before
	date +%s%N > /run/out/started
	"$kpatch" load -t 600 "$out/update.ko" || exit
	date +%s%N > /run/out/loaded
	"$kpatch" status --json > /run/out/status.json
	functions=(/sys/kernel/kpatch/update/*/*/live)
	cat "${functions[@]}" | sort | uniq -c > /run/out/live
	in_state patched
	"$kpatch" disable -t 600 update && "$kpatch" unload -t 600 update || exit
	in_state after
	kill %1
	beside_livepatch
}

on_new() { in_state new; }

# run_guest ORIGIN NAME ROOT-OF-MODULES
run_guest() {
	local kpatch=$src/tools/kpatch/kpatch tests

	# shellcheck disable=SC2086  # several words
	tests=$(grep -E "^($(printf '%s\n' $SUITES | paste -sd '|'))(:|$)" \
		"$out/suites/kselftest-list.txt")
	{
		declare -p out kpatch tests
		printf 'export MODULES=%q MODPROBE_OPTIONS=%q\n' "$3" "-d $3"
		declare -f in_state load milliseconds with_livepatch with_kpatch beside_livepatch "$2"
		echo "$2"
	} > "$out/$2.sh"
	KSRC=$1 TIMEOUT=${TIMEOUT:-14400} MEM=${MEM:-2048} "$top/harness/boot.sh" "update-$2" "bash $out/$2.sh" ||
		die "the guest failed"
}

run_guests() {
	say "running the old release, which takes the module, and the new one"
	run_guest "$old" on_old "$out/modules.old"
	run_guest "$new" on_new "$out/modules.new"
	on_old=$work/out/update-on_old
	on_new=$new_work/out/update-on_new
}

fixes_are_right() {
	"$top/harness/update/fixes.py" "$out/report.json" "$top/harness/update/triggers" \
		"$on_old"/triggers.{before,patched,after} "$on_new/triggers.new"
}

same_after() { "$top/harness/update/suites.py" "$on_old/tests.before" "$on_old/tests.after"; }

same_with() {
	"$top/harness/update/suites.py" "$on_old/tests.before" "$on_old/tests.patched" \
		"$on_new/tests.new"
}

show_numbers() {
	jq -r '.patches[0] | "standstill: \(.statistics.stop_ns) ns, for \(.functions | length) functions"' \
		"$on_old/status.json"
	say "loaded and enabled under load in $((($(< "$on_old/loaded") - $(< "$on_old/started")) / 1000000)) ms"
	awk '{
		key = $1 " " $2
		if (!(key in least) || $3 < least[key])
			least[key] = $3
	}
	END {
		n = split("load disable", words)
		for (i = 1; i <= n; i++)
			printf "%s: %d ms, and livepatch %d ms\n", words[i],
				least["kpatch " words[i]], least["livepatch " words[i]]
	}' "$on_old/beside"
	cat "$on_old/live"
}
