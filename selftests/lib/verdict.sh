# shellcheck shell=sh
# SPDX-License-Identifier: MIT
# verdict.sh - what Spin's search printed: to be sourced
# shellcheck disable=SC2034 # who sources it reads them

# read_verdict LOG: sets $verdict to right, wrong or unfinished, and $states
read_verdict() {
	if ! grep -q 'State-vector' "$1" || grep -q 'max search depth' "$1"; then
		verdict=unfinished
	elif grep -q 'errors: 0' "$1"; then
		verdict=right
	else
		verdict=wrong
	fi
	states=$(sed -n 's/^ *\([0-9.e+]*\) states, stored.*/\1/p' "$1")
}
