#!/bin/sh
# SPDX-License-Identifier: MIT
#
# model.sh DIRECTORY [full]: check the two Spin models, and that each mutant of
# them fails; the counterexamples are left in DIRECTORY.
set -u

cd "$(dirname "$0")" || exit 1
# shellcheck source=selftests/lib/verdict.sh
. ../lib/verdict.sh
dir=$1
requests=4
[ -z "${2-}" ] || requests=6
n=0
failed=0

if ! command -v spin >/dev/null; then
	echo "1..1"
	echo "ok 1 - models # SKIP no spin"
	exit 0
fi
mkdir -p "$dir/model"
cp ./*.pml "$dir/model"
cd "$dir/model" || exit 1

# check MODEL right|wrong [MUTANT]
check() {
	n=$((n + 1))
	name=$1${3+, $3}
	rm -f "$1.pml.trail" pan*
	# shellcheck disable=SC2086 # no mutant, no option
	if ! spin -a -DN=$requests ${3+-D$3} "$1.pml" >log 2>&1 ||
		! ${CC:-cc} -O2 -w -DSAFETY -DCOLLAPSE -o pan pan.c >>log 2>&1; then
		sed 's/^/# /' log
		echo "not ok $n - $name: spin"
		failed=1
		return
	fi
	timeout 1800 ./pan -m1000000 >log 2>&1
	read_verdict log
	if [ "$verdict" = "$2" ]; then
		echo "ok $n - $name: $verdict, $states states"
	else
		echo "not ok $n - $name: $verdict, $states states"
		failed=1
	fi
	if [ "$verdict" = wrong ]; then
		mv -f "$1.pml.trail" "$1${3+-$3}.trail"
		spin -DN=$requests ${3+-D$3} -k "$1${3+-$3}.trail" -p -g -l \
			"$1.pml" >"$1${3+-$3}.txt" 2>&1
	fi
}

check sleep right
for mutant in NO_MB_PUBLISH_FRONT NO_MB_PUBLISH_BACK NO_MB_ARM_FRONT \
	NO_MB_ARM_BACK NO_RECHECK_FRONT NO_RECHECK_BACK EVENT_LATE; do
	check sleep wrong $mutant
done
check order right
for mutant in NO_RELEASE_FRONT NO_RELEASE_BACK NO_ACQUIRE_FRONT \
	NO_ACQUIRE_BACK; do
	check order wrong $mutant
done
echo "1..$n"
exit $failed
