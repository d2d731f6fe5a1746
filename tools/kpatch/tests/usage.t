#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Help, and errors in the command line

. "${0%/*}/tap.sh"

# wrong MESSAGE ARGUMENT...
wrong() {
	wrong_text=$1
	shift
	try "$@"
	exits 2 "kpatch $*"
	out_is "" "kpatch $*"
	err_is "kpatch: $wrong_text" "kpatch $*"
}

try --version
exits 0 "--version"
ok "--version: one line" grep -Eqx 'kpatch [0-9]+(\.[0-9]+)+' "$tmp/out"

try --help
exits 0 "--help"
for cmd in load unload enable disable switch replace rollback confirm check list info status \
	blockers can build install uninstall version help; do
	out_has "^  $cmd " "--help"
done
cp "$tmp/out" "$tmp/help"
try help
exits 0 "help"
ok "help is --help" cmp -s "$tmp/help" "$tmp/out"
try -h
ok "-h is --help" cmp -s "$tmp/help" "$tmp/out"

for cmd in load unload enable disable switch replace rollback confirm check list info status \
	blockers can install uninstall version signal; do
	try help $cmd
	exits 0 "help $cmd"
	out_has "^Usage: kpatch $cmd" "help $cmd"
	cp "$tmp/out" "$tmp/help"
	try $cmd --help
	ok "$cmd --help is the same" cmp -s "$tmp/help" "$tmp/out"
	try $cmd -h
	ok "$cmd -h is the same" cmp -s "$tmp/help" "$tmp/out"
done

try
ok "without a command: exit status 2" [ "$status" -eq 2 ]
out_is "" "without a command"
err_has "^Usage: kpatch COMMAND" "without a command"

wrong "unknown command 'nonsense'; see 'kpatch --help'" nonsense
wrong "unknown command 'nonsense'; see 'kpatch --help'" help nonsense
wrong "unknown command '--nonsense'; see 'kpatch --help'" --nonsense
wrong "unexpected argument 'me'; see 'kpatch --help'" help list me

for cmd in load unload enable disable switch replace rollback check info can install \
	uninstall; do
	wrong "a name is required; see 'kpatch help $cmd'" $cmd
done
wrong "unexpected argument 'me'; see 'kpatch help list'" list me
wrong "--all cannot be combined with a name: 'me'; see 'kpatch help unload'" unload --all me

wrong "invalid option '-x'; see 'kpatch help list'" list -x
wrong "invalid option '-x'; see 'kpatch help list'" list -vxv
wrong "invalid option '-x'; see 'kpatch help unload'" unload --all -xv
wrong "invalid option '-t'; see 'kpatch help list'" list -t 1
wrong "invalid option '-a'; see 'kpatch help unload'" unload -a
wrong "invalid option '--bogus'; see 'kpatch help list'" list --bogus
wrong "invalid option '--all'; see 'kpatch help disable'" disable --all
wrong "invalid option '--verbose=1'; see 'kpatch help list'" list --verbose=1
wrong "invalid option '--help=1'; see 'kpatch help list'" list --help=1

wrong "a value is required after '-t'; see 'kpatch help unload'" unload me -t
wrong "a value is required after '--timeout'; see 'kpatch help unload'" \
	unload me --timeout
for value in "" x 1s -1 " 1" 1,5 1.5.5 .5 1e3 0x1 inf 3601 99999999999999999999; do
	wrong "invalid number of seconds: '$value'; see 'kpatch help disable'" \
		disable me -t "$value"
done
for value in 0 2.5 3600; do
	try disable me -t $value
	exits 3 "-t $value"
done
for value in "" 0 1.5 604801; do
	wrong "invalid number of seconds: '$value'; see 'kpatch help enable'" \
		enable me --trial "$value"
done

# Abbreviations of long options would change their meaning with each new option.
wrong "invalid option '--al'; see 'kpatch help unload'" unload --al
wrong "invalid option '--verbos'; see 'kpatch help unload'" unload --verbos me
wrong "invalid option '--allx'; see 'kpatch help unload'" unload --allx
wrong "invalid option '--jso'; see 'kpatch help list'" list --jso

wrong "no + or - in front of 'me'; see 'kpatch help switch'" switch me
wrong "named twice: 'me'; see 'kpatch help switch'" switch +me -me
wrong "invalid option '--all'; see 'kpatch help switch'" switch --all

# Options may follow names, and after -- there are none.
try disable me -v -- -t
exits 3 "-- ends the options"
err_has "no patch '_t' is loaded" "-- ends the options"

finish
