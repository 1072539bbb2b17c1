#!/bin/sh
# SPDX-License-Identifier: MIT
#
# discipline.sh ROOT: the drivers use rings through ring.h alone.  What is printed
# for people (stats.c) may show the shared indexes.
set -u

root=$1
n=0
failed=0

# nothing NAME PATTERN: no line outside comments matches
nothing() {
	n=$((n + 1))
	found=$(grep -rnE "$2" "$root/dom0" "$root/domu" "$root/evtchn" "$root/hv" \
		--include='*.c' --include='*.h' |
		grep -vE '/stats\.c:|:[0-9]+:\s*(/?\*|//)')
	if [ -z "$found" ]; then
		echo "ok $n - $1"
	else
		echo "$found" | sed 's/^/# /'
		echo "not ok $n - $1"
		failed=1
	fi
}

echo "1..5"
nothing "no shared index is touched outside ring.h" \
	'(->|\.)(req|rsp)_(prod|event)\b'
nothing "no private state of a ring is touched outside ring.h" \
	'\.s\.(prod|published|cons|seen|room|broken|nr|mask|slots|in|out)\b'
nothing "none of Xen's ring macros" \
	'\b(RING_(GET|COPY|PUSH|FINAL|HAS|FULL|FREE)|(FRONT|BACK|SHARED)_RING_)'

# The same with coccinelle, which knows types; and it must find what is wrong.
rules=$(dirname "$0")/ring.cocci
if ! command -v spatch >/dev/null; then
	echo "ok 4 - coccinelle finds no misuse # SKIP no coccinelle"
	echo "ok 5 - coccinelle finds what is wrong # SKIP no coccinelle"
	exit $failed
fi
found=$(for dir in dom0 domu evtchn hv; do
	spatch --very-quiet --sp-file "$rules" --dir "$root/$dir" 2>/dev/null
done | grep -v '/stats\.c:')
if [ -z "$found" ]; then
	echo "ok 4 - coccinelle finds no misuse"
else
	echo "$found" | sed 's/^/# /'
	echo "not ok 4 - coccinelle finds no misuse"
	failed=1
fi
bad=$(mktemp --suffix=.c) || exit 1
cat >"$bad" <<-'EOF2'
	void f(struct ring_shared *page, struct driver *d)
	{
		page->req_prod = 1;
		d->ring.s.cons++;
		ring_condemn_(&d->ring.s);
	}
EOF2
found=$(spatch --very-quiet --sp-file "$rules" "$bad" 2>/dev/null | wc -l)
rm -f "$bad"
if [ "$found" = 3 ]; then
	echo "ok 5 - coccinelle finds what is wrong"
else
	echo "not ok 5 - coccinelle finds what is wrong: $found of 3"
	failed=1
fi
exit $failed
