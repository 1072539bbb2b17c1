#!/bin/sh
# SPDX-License-Identifier: MIT
#
# mutants.sh LIST SOURCE MAKE-ARGUMENTS
#
# Breaks code on purpose and demands that "make check" of the current directory
# notices.  Each line of LIST is
#
#	tests :: name :: file below SOURCE :: sed -E expression
#
# For each, SOURCE is copied, the expression applied, and "make check TESTS=tests
# MUTANT=-w MAKE-ARGUMENTS" run, in which $SRC is the copy and $OUT a place for the
# results.  Prints TAP; a mutant that lives is a failure.
set -u

list=$1
source=$2
arguments=$3
limit=${MUTANT_LIMIT:-120}

tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
n=0
failed=0

while read -r line; do
	case $line in '#'* | '') continue ;; esac
	tests=${line%% :: *}
	line=${line#* :: }
	name=${line%% :: *}
	line=${line#* :: }
	file=${line%% :: *}
	expression=${line#* :: }
	n=$((n + 1))
	SRC=$tmp/$n/src
	OUT=$tmp/$n/out
	export SRC OUT
	mkdir -p "$SRC" "$OUT"
	cp -r "$source"/. "$SRC"
	sed -i -E "$expression" "$SRC/$file"
	if cmp -s "$source/$file" "$SRC/$file"; then
		echo "not ok $n - $name # the expression changes nothing"
		failed=1
		continue
	fi
	eval "set -- $arguments"
	if timeout "$limit" make -s check "TESTS=$tests" MUTANT=-w "$@" \
		</dev/null >"$tmp/$n/log" 2>&1; then
		echo "not ok $n - $name # lives"
		failed=1
	elif grep -q '[^e] error: ' "$tmp/$n/log"; then
		# That would prove nothing.
		echo "not ok $n - $name # does not compile"
		grep ' error: ' "$tmp/$n/log" | sed 's/^/# /'
		failed=1
	else
		echo "ok $n - $name: $(grep -m 1 '^not ok' "$tmp/$n/log" |
			sed 's/^not ok [0-9]* - //' || true)"
	fi
	rm -rf "${tmp:?}/$n"
done <"$list"
echo "1..$n"
exit $failed
