#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# --json of each command is as the schema says, and tells what the text tells

. "${0%/*}/tap.sh"

schema=${0%/*}/../kpatch.schema.json

if ! python3 -c 'import jsonschema' 2> "$tmp/python"; then
	skip "--json" "no python3-jsonschema"
	finish
	exit
fi

cat > "$tmp/valid.py" <<'END'
import json, sys
import jsonschema
schema, output = (json.load(open(name)) for name in sys.argv[1:])
jsonschema.Draft7Validator.check_schema(schema)
jsonschema.validate(output, schema)
END

# is EXPRESSION: of Python, about the output, which it knows as j
is() {
	python3 -c "import calendar, json, sys, time; j = json.load(open(sys.argv[1])); sys.exit(not ($1))" \
		"$tmp/out"
}

# json STATUS WORD ARGUMENT...: run a command with --json; WORD is the status in it
json() {
	json_status=$1
	json_word=$2
	shift 2
	try "$@" --json
	exits "$json_status" "$* --json"
	ok "$*: the output is as the schema says" python3 "$tmp/valid.py" "$schema" "$tmp/out"
	ok "$*: command and status" is "(j['command'], j['status']) == ('$1', '$json_word')"
}

fake one 1 vfs_read,1 tty_open,2
fake two 0 tty_open,2
printf '%s\n' '17 a\040shell vfs_read asleep, kernel thread' > "$sysfs/one/blockers"
says one fix=CVE-2026-12345 expires=2020-02-29 'fix=0123456789ab ("proc: "x"")' 'odd=é'
mkdir -p "$tmp/var/lib/kpatch/6.1.0"
: > "$tmp/var/lib/kpatch/6.1.0/my-fix.ko"

json 0 ok version
json 0 ok list
ok "list: patches" is "[(p['name'], p['enabled'], p['expired']) for p in j['patches']] == [('one', True, '2020-02-29'), ('two', False, None)]"
ok "list: installed" is "j['installed'] == [{'kernel': '6.1.0', 'file': 'my-fix.ko', 'name': 'my_fix', 'skipped': False}]"
ok "list: functions" is "j['patches'][0]['functions'][1] == {'object': 'vmlinux', 'name': 'vfs_read', 'sympos': 1, 'live': True}"
echo my-fix.ko > "$tmp/var/lib/kpatch/6.1.0/skip"
json 0 ok list
ok "list: skipped" is "j['installed'][0]['skipped'] is True"
json 0 ok info one
ok "info: fields" is "('fix', 'CVE-2026-12345') in [(f['tag'], f['value']) for f in j['patches'][0]['fields']]"
ok "info: UTF-8" is "('odd', 'é') in [(f['tag'], f['value']) for f in j['patches'][0]['fields']]"
ok "info: numbers are numbers" is "j['patches'][0]['statistics']['max_stop_ns'] == 45000"
ok "info: what this kernel has not" is "(j['patches'][0]['since'], j['patches'][0]['refused']) == (None, None)"
ok "info: what this kernel has not" is "j['patches'][0]['statistics']['unhook_ns'] is None"
ok "info: blockers" is "j['patches'][0]['blockers'] == [{'tid': 17, 'name': 'a' + chr(92) + '040shell', 'function': 'vfs_read', 'reason': 'asleep, kernel thread'}]"
json 3 not-found info none two
ok "info: what is there is shown" is "[p['name'] for p in j['patches']] == ['two']"
ok "info: the error" is "j['errors'] == [{'status': 'not-found', 'message': \"no patch 'none' is loaded; see 'kpatch list'\"}]"
json 0 ok status
ok "status: nothing is on trial" is "j['trial'] == {'state': 'none', 'seconds': None, 'patches': None}"
ok "status: the longest stop" is "j['max_stop_ns'] == 45000"
ok "status: nothing was refused" is "j['last_refusal'] is None"
awk '{ printf "%.0f\n", ($1 + 100) * 1e9 }' /proc/uptime | tee "$sysfs/one/refused_ns" \
	> "$sysfs/two/since_ns"
echo 35 > "$sysfs/one/refused"
echo 0 > "$sysfs/two/refused"
# is_soon MEMBER: of the first or the second patch
is_soon() {
	is "abs(calendar.timegm(time.strptime(j['patches']$1, '%Y-%m-%dT%H:%M:%SZ')) - time.time() - 100) < 30"
}

json 0 ok status
ok "status: since when" is_soon "[1]['since']"
ok "status: refused when" is_soon "[0]['refused']['time']"
ok "status: refused why" is "[j['patches'][0]['refused'][k] for k in ('errno', 'name')] == [35, 'EDEADLK']"
ok "status: what was not refused" is "j['patches'][1]['refused'] is None"
ok "status: the last refusal" is "j['last_refusal'] == dict(j['patches'][0]['refused'], patch='one')"
echo "trial 12 +one -two" > "$sysfs/confirm"
json 0 ok status
ok "status: on trial" is "j['trial'] == {'state': 'trial', 'seconds': 12, 'patches': '+one -two'}"
json 0 ok blockers
ok "blockers: of all patches" is "[len(p['blockers']) for p in j['patches']] == [1, 0]"
json 0 ok confirm
ok "confirm: what was done" is "j['done'] == [\"confirmed '+one -two'\"]"
json 0 ok check one
ok "check: what would be parked" is "(j['possible'][0]['action'], len(j['possible'][0]['parks'])) == ('disable', 1)"
json 0 ok enable two
ok "enable: what was done" is "j['done'] == [\"enabled 'two'\"]"
json 0 ok disable one two
json 0 ok switch +one
json 2 usage enable
json 2 usage enable -x
json 3 not-found load "$tmp/none.ko"
json 3 not-found unload none
json 3 not-found rollback none
json 3 not-found replace none
json 3 not-found install none
json 3 not-found uninstall none
json 0 ok signal

mkdir -p "$tmp/proc" "$tmp/sys/kernel/tracing"
cat > "$tmp/proc/kallsyms" <<'END'
ffffffff81000000 T foo
ffffffff81000100 t foo.part.0
END
echo "ffffffff81000004 foo" > "$tmp/sys/kernel/tracing/available_filter_functions_addrs"
json 0 ok can foo
ok "can: clones" is "j['functions'][0]['clones'] == ['foo.part.0']"
json 3 not-found can bar
ok "can: the reason" is "'there is no such function' in j['functions'][0]['reason']"

mv "$tmp/sys" "$tmp/away"
json 1 failed list

finish
