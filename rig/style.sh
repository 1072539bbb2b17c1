#!/bin/sh
# SPDX-License-Identifier: MIT
# style.sh: the checks of form.  Prints what is wrong; fails if anything is.
set -u

cd "$(dirname "$0")/.." || exit 1
verdict=$(mktemp)
trap 'rm -f "$verdict"' EXIT
# check TITLE: complain about what comes in, if anything does.
check() {
	lines=$(cat)
	[ -n "$lines" ] || return 0
	# In a pipeline this is a subshell: a variable would be lost.
	echo "$1" >>"$verdict"
	echo "$1:"
	echo "$lines" | sed 's/^/  /'
}

sources=$(git ls-files '*.c' '*.h' '*.S' '*.lds' '*.sh' '*.py' '*Makefile' \
	'*Kbuild' 'rig/image/guest-run' '.ci/run')
c=$(git ls-files '*.c' '*.h')
shell=$(git ls-files '*.sh' 'rig/image/guest-run' '.ci/run')

echo "shellcheck"
# shellcheck disable=SC2086
shellcheck -x $shell | check "shellcheck"

echo "sources: licence lines, white space, width, markers"
for file in $sources; do
	head -n 3 "$file" | grep -q 'SPDX-License-Identifier: ' || echo "$file"
done | check "no SPDX line"
# shellcheck disable=SC2086
grep -nE '[[:blank:]]+$' $sources | check "white space at the end"
for file in $c; do
	expand "$file" | awk -v f="$file" \
		'length($0) > 100 && !/"/ { print f ":" NR ": " length($0) " columns" }'
done | check "longer than 100 columns and no message"
# shellcheck disable=SC2086
grep -nwE 'TOD[O]|FIXM[E]|XX[X]' $sources | check "marker"

echo "python"
git ls-files '*.py' | while read -r file; do
	python3 -c 'import ast, sys; ast.parse(open(sys.argv[1]).read())' \
		"$file" 2>&1 | tail -n 1
done | check "python"

checkpatch=$(find /usr/src -path '/usr/src/linux-source-6.*/checkpatch.pl' |
	sort | tail -n 1)
if [ -n "$checkpatch" ]; then
	echo "checkpatch"
	# The modules: the rest is no Linux code.  They build for several kernels,
	# and clang-format aligns a macro's line ends by spaces.
	git ls-files 'dom0/*.[ch]' 'domu/*.[ch]' 'evtchn/*.[ch]' | xargs \
		perl "$checkpatch" --no-tree --no-summary --terse --quiet \
		--max-line-length=100 --ignore FILE_PATH_CHANGES,MINMAX \
		--ignore LINUX_VERSION_CODE,CONSTANT_COMPARISON \
		--ignore CODE_INDENT,LEADING_SPACE -f | check "checkpatch"
else
	echo "checkpatch: skipped, no unpacked linux-source-6.1 in /usr/src"
fi

echo "sparse"
MODULE_FLAGS="C=2 CF=-D__CHECK_ENDIAN__" sh rig/build-modules.sh "$KVER" \
	2>&1 >/dev/null | grep -E '(warning|error):' | check "sparse"

if [ -s "$verdict" ]; then
	echo "style: not clean"
	exit 1
fi
echo "style: clean"
