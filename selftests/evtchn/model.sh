#!/bin/sh
# SPDX-License-Identifier: MIT
#
# model.sh DIRECTORY [full]: check fifo.pml, and that each mutant of it loses an
# event; how is left in DIRECTORY/model, a trace for each.
set -u

cd "$(dirname "$0")" || exit 1
# shellcheck source=selftests/lib/verdict.sh
. ../lib/verdict.sh
dir=$1
full=${2-}
n=0
failed=0

if ! command -v spin >/dev/null; then
	echo "1..1"
	echo "ok 1 - model of FIFO # SKIP no spin"
	exit 0
fi
mkdir -p "$dir/model"
cp fifo.pml "$dir/model"
cd "$dir/model" || exit 1
# The order of search is random, and the same each time: mutants die early.
if ! spin -a fifo.pml >log 2>&1 ||
	! ${CC:-cc} -O2 -w -DSAFETY -DCOLLAPSE -DP_RAND -DMEMLIM=8000 -o pan pan.c \
		>>log 2>&1; then
	sed 's/^/# /' log
	echo "1..1"
	echo "not ok 1 - model of FIFO: spin"
	exit 1
fi

# check NAME right|wrong PRIORITIES SENDS MASKS [MUTANT]
check() {
	n=$((n + 1))
	rm -f fifo.pml.trail
	export PRIORITIES="$3" SENDS="$4" MASKS="$5" MUTANT="${6-0}"
	timeout 1800 ./pan -m100000 -RS1 >log 2>&1
	read_verdict log
	# Not what the model asserts, but that it cannot go on.
	if [ "$verdict" = wrong ] && ! grep -q 'assertion violated' log; then
		verdict=stuck
	fi
	if [ "$verdict" = "$2" ]; then
		echo "ok $n - fifo.pml, $1: $verdict, $states states"
	else
		echo "not ok $n - fifo.pml, $1: $verdict, $states states"
		failed=1
	fi
	if [ "$verdict" = wrong ] && [ -e fifo.pml.trail ]; then
		./pan -r fifo.pml.trail >"fifo-${6-0}.txt" 2>&1
		mv -f fifo.pml.trail "fifo-${6-0}.trail"
	fi
}

# mutant NAME PRIORITIES SENDS MASKS: what it takes to kill it
mutant() {
	number=$(sed -n "s/^#define $1 \([0-9]*\) .*/\1/p" fifo.pml)
	check "$1" wrong "$2" "$3" "$4" "$number"
	if [ -e "fifo-$number.txt" ]; then
		mv -f "fifo-$number.txt" "fifo-$1.txt"
		mv -f "fifo-$number.trail" "fifo-$1.trail"
	fi
}

check "two vCPUs, 2 sends" right 0 2 0
check "two priorities, 1 send, masked" right 1 1 1
if [ -n "$full" ]; then
	check "two vCPUs, 3 sends" right 0 3 0
	check "two priorities, 3 sends" right 1 3 0
	check "two vCPUs, 1 send, masked" right 0 1 1
fi
mutant NOT_LINKED_DEMANDED 1 2 0
mutant LINKED_LATE 1 2 0
mutant RAISED_EARLY 1 2 0
mutant FLAG_EARLY 1 2 0
mutant MASKED_SEEN_EARLY 1 1 1
mutant LINKED_AGAIN 1 1 1
mutant OLD_TAIL_STAYS 1 2 0
mutant NO_OLD_LOCK 1 3 0
mutant NO_QUEUE_LOCK 1 2 0
mutant NO_LINK_LOCK 1 1 1
mutant VCPU_SEEN_TWICE 0 2 0
mutant PENDING_SEEN_EARLY 0 2 1
mutant FLAG_CLEARED_LATE 1 2 0
mutant NOT_SEEN_UNMASKED 1 1 1
echo "1..$n"
exit $failed
