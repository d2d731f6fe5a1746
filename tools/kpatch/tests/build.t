#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# kpatch build: runs the tool that makes patches

. "${0%/*}/tap.sh"

page=${0%/*}/../kpatch-build.8.rst
scripts=${0%/*}/../../../scripts/kpatch

cat > "$tmp/tool" <<'END'
#!/bin/sh
for word; do
	echo "[$word]"
done
exit 6
END
chmod +x "$tmp/tool"

KPATCH_BUILD=$tmp/tool
export KPATCH_BUILD
try build -o "a b.ko" --unknown -- fix.patch ""
exits 6 "all as it is"
out_is "[-o]
[a b.ko]
[--unknown]
[--]
[fix.patch]
[]" "all as it is"
try help build
out_is "[--help]" "help build"

KPATCH_BUILD=$tmp/none
try build
exits 1 "no such tool"
err_is "kpatch: cannot run '$tmp/none': No such file or directory; name kpatch-build in \$KPATCH_BUILD" \
	"no such tool"

# Where it is found beside the command.
unset KPATCH_BUILD
mkdir -p "$tmp/usr/sbin" "$tmp/usr/libexec/kpatch" "$tmp/tree/tools/kpatch" \
	"$tmp/tree/scripts/kpatch"
real=$kpatch
kpatch=$tmp/usr/sbin/kpatch
cp "$real" "$kpatch"
try build x
exits 3 "not installed"
err_has "^kpatch: kpatch-build is not installed; " "not installed"
cp "$tmp/tool" "$tmp/usr/libexec/kpatch/kpatch-build"
try build x
out_is "[x]" "installed"
kpatch=$tmp/tree/tools/kpatch/kpatch
cp "$real" "$kpatch"
cp "$tmp/tool" "$tmp/tree/scripts/kpatch/kpatch-build"
try build x
out_is "[x]" "in a tree"

if [ -x "$scripts/kpatch-build" ] && "$scripts/kpatch-build" --help > "$tmp/help" 2>&1; then
	grep -oE -e '^  -[^ ].*' "$tmp/help" | sed 's/   .*//' |
		grep -oE -e '(^| )--?[a-z-]+' | tr -d ' ' | sort -u > "$tmp/given"
	sed -n '/^OPTIONS/,/^EXIT/p' "$page" | grep -E '^-' |
		grep -oE -e '(^| )--?[a-z][a-z-]*' | tr -d ' ' | sort -u > "$tmp/described"
	ok "options: there are some" [ "$(wc -l < "$tmp/given")" -gt 10 ]
	ok "options: the page has all, and no other" cmp "$tmp/given" "$tmp/described"
	tr '\n' ' ' < "$tmp/help" | sed 's/.*exit status: //' | grep -oE '[0-9]+ ' |
		tr -d ' ' > "$tmp/given"
	sed -n '/^EXIT/,/^JSON/s/^\([0-9][0-9]*\)$/\1/p' "$page" > "$tmp/described"
	ok "exit status: the page has all, and no other" cmp "$tmp/given" "$tmp/described"
	KPATCH_BUILD=$scripts/kpatch-build
	export KPATCH_BUILD
	kpatch=$real
	try build
	ok "kpatch build without a diff: exit status 2" [ "$status" -eq 2 ]
	err_has "^kpatch build: .*; see kpatch build --help" "kpatch build without a diff"
	try build --chec x.patch
	ok "no abbreviations: exit status 2" [ "$status" -eq 2 ]
else
	skip "kpatch-build itself" "it is not in this tree, or there is no Python"
fi

finish
