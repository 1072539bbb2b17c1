#!/bin/sh
# SPDX-License-Identifier: MIT
#
# fuzz.sh PROGRAM RUNS: the private state stays sane whatever the page says.
set -u

tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
echo "1..1"
if "$1" -runs="$2" -max_len=600 -seed=1 -artifact_prefix="$tmp/" \
	>"$tmp/log" 2>&1; then
	echo "ok 1 - $2 hostile programs"
else
	grep -v '^\(INFO\|#\)' "$tmp/log" | sed 's/^/# /' | tail -n 30
	echo "not ok 1 - $2 hostile programs"
	exit 1
fi
