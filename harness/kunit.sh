#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# kunit.sh [FILTER]: run the KUnit suites of kpatch, or those that the pattern FILTER
# matches, with the kernel's own kunit.py: it boots the kernel that build.sh has made
# once more, and reads what that prints. One line of TAP for each test case.

. "$(dirname "$0")/lib.sh"

filter=${1:-kpatch*}
dir=$work/kunit
log=$dir/log
json=$dir/json
qemu=$(command -v qemu-system-x86_64)
rm -rf "$dir"
mkdir -p "$dir/bin"

# Later versions of kunit.py take KVM wherever there is a /dev/kvm, whether it works
# or not. Here ACCEL decides, and there are two CPUs, as in the other guests, see boot.sh.
accel=${ACCEL:-tcg}
[ "$accel" != tcg ] || accel=tcg,thread=single
cat > "$dir/bin/qemu-system-x86_64" <<END
#!/bin/bash
args=()
while [ \$# -gt 0 ]; do
	if [ "\$1" = -accel ]; then shift; else args+=("\$1"); fi
	shift
done
exec $(printf '%q' "$qemu") "\${args[@]}" -smp 2 -accel $(printf '%q' "$accel")
END
chmod +x "$dir/bin/qemu-system-x86_64"

# The guest has no keyboard controller to ask for a reboot.
ret=0
PATH=$dir/bin:$PATH python3 -B "$src/tools/testing/kunit/kunit.py" exec --arch x86_64 \
	--build_dir "$obj" --kunitconfig "$src/kernel/kpatch" --timeout "${TIMEOUT:-300}" \
	--kernel_args kunit.autorun=1 --kernel_args panic=-1 --kernel_args reboot=t \
	--json="$json" "$filter" > "$log" 2>&1 </dev/null || ret=$?

# The suites that were built, as far as the filter wants them: all have to be there.
suites=()
while read -r suite; do
	# shellcheck disable=SC2053  # it is a pattern
	[[ $suite != $filter ]] || suites+=("$suite")
done < <(sed -nE 's/^\t\.name = "([a-z0-9_]+)",$/\1/p' "$top"/kernel/kpatch/tests/*_kunit.c)

python3 - "$json" "$(basename "$work")" "$ret" "${suites[@]}" > "$dir/tap" <<'END' || ret=1
import json
import os
import sys

path, label, ret = sys.argv[1:4]
expected = set(sys.argv[4:])
count = 0
failed = 0


def result(ok, name, skip=""):
    global count, failed
    count += 1
    failed += not ok
    print(f"{'ok' if ok else 'not ok'} {count} - {label} kunit {name}{skip}")


def walk(group, names):
    for sub in group.get("sub_groups", []):
        walk(sub, names + [sub["name"]])
    for case in group.get("test_cases", []):
        skipped = case["status"] == "SKIP"
        result(case["status"] in ("PASS", "SKIP"), " ".join(names + [case["name"]]),
               " # SKIP" if skipped else "")


groups = []
if os.path.exists(path):
    with open(path) as f:
        groups = json.load(f).get("sub_groups", [])
for group in groups:
    before = count
    walk(group, [group["name"]])
    if count > before:
        expected.discard(group["name"])
for name in sorted(expected):
    result(False, f"{name}: no results")
if ret != "0" and not failed:
    result(False, f"kunit.py: status {ret}")
print(f"1..{count}")
sys.exit(failed > 0)
END
[ "$ret" -eq 0 ] || { sed 's/^/# /' "$log" | tail -n 100; }
cat "$dir/tap"
exit "$ret"
