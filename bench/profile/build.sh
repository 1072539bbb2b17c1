#!/bin/sh
# SPDX-License-Identifier: MIT
# build.sh OUT: build the plugin OUT/count.so.  Debian has the header that it needs
# only in QEMU's source package: that is fetched once, and only the header kept.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$1"
cd "$1"
version=$(dpkg-query -W -f '${source:Version}' qemu-system-x86)

fetch() {
	rm -rf source
	mkdir -p source/lists/partial source/archives/partial
	# Debian's sources as this machine is set up to reach them.
	# shellcheck disable=SC2016
	apt-get indextargets --format \
		'$(ORIGIN) deb-src $(REPO_URI) $(RELEASE) $(COMPONENT)' \
		'Created-By: Packages' | sed -n 's/^Debian //p' | sort -u \
		>source/sources.list
	set -- -qq -o APT::Sandbox::User=root \
		-o Dir::Etc::SourceList="$PWD/source/sources.list" \
		-o Dir::Etc::SourceParts=- -o Dir::State::Lists="$PWD/source/lists" \
		-o Dir::Cache="$PWD/source"
	apt-get "$@" update
	(cd source && apt-get "$@" source --download-only "qemu=$version")
	tar -xOf source/qemu_*.orig.tar.* --wildcards \
		'*/include/qemu/qemu-plugin.h' >qemu-plugin.h.new
	[ -s qemu-plugin.h.new ]
	mv qemu-plugin.h.new qemu-plugin.h
	echo "$version" >version
	rm -rf source
}

exec 9>lock
flock 9
[ -e qemu-plugin.h ] && [ "$(cat version)" = "$version" ] || fetch >log 2>&1 || {
	cat log >&2
	exit 1
}
${CC:-gcc} -std=gnu11 -O2 -Wall -Wextra -Werror -fPIC -shared -pthread -I. \
	-o count.so.new "$here/count.c"
mv count.so.new count.so
