#!/bin/sh
# SPDX-License-Identifier: MIT
# deps.sh: install the packages of rig/packages.txt that are missing, and have the
# headers of the second kernel that the modules are built for.
set -eu

cd "$(dirname "$0")"
missing=
while read -r package; do
	case $package in '' | '#'*) continue ;; esac
	dpkg-query -W -f '${Status}' "$package" 2>/dev/null |
		grep -q '^install ok installed$' || missing="$missing $package"
done <packages.txt

if [ -n "$missing" ]; then
	sudo=
	[ "$(id -u)" = 0 ] || sudo=sudo
	echo "installing:$missing"
	$sudo apt-get update -qq
	# shellcheck disable=SC2086
	$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq \
		--no-install-recommends $missing >/dev/null
fi
exec python3 headers.py 6.12
