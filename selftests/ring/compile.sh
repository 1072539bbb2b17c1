#!/bin/sh
# SPDX-License-Identifier: MIT
#
# compile.sh RING-DIRECTORY: ring.h builds without a warning wherever it should.
set -u

cd "$(dirname "$0")" || exit 1
ring=$1
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
n=0
failed=0
strict='-Wall -Wextra -Werror -Wpedantic -Wshadow -Wcast-qual -Wcast-align
	-Wconversion -Wsign-conversion -Wundef -Wunused-function'

result() {
	n=$((n + 1))
	if [ "$1" = 0 ]; then
		echo "ok $n - $2"
	else
		sed 's/^/# /' "$tmp/log" | head -n 10
		echo "not ok $n - $2"
		failed=1
	fi
}

skip() {
	n=$((n + 1))
	echo "ok $n - $1 # SKIP $2"
}

# builds NAME COMPILER OPTIONS...
builds() {
	name=$1
	shift
	if ! command -v "$1" >/dev/null; then
		skip "$name" "no $1"
		return
	fi
	# shellcheck disable=SC2086 # options, not names of files
	"$@" $strict -I"$ring" -c -o "$tmp/o" >"$tmp/log" 2>&1
	result $? "$name"
}

for cc in gcc clang; do
	builds "$cc, C11" $cc -std=c11 -O2 -Wstrict-prototypes embed.c
	builds "$cc, C17, not optimised" $cc -std=c17 -O0 embed.c
	builds "$cc, gnu23, for size" $cc -std=gnu2x -Os embed.c
	builds "$cc, freestanding, general registers only" $cc -std=c11 -O2 \
		-ffreestanding -mgeneral-regs-only -mno-red-zone embed.c
done
for cxx in g++ clang++; do
	builds "$cxx, C++11" $cxx -x c++ -std=c++11 -O2 embed.c
	builds "$cxx, C++20" $cxx -x c++ -std=c++20 -O2 embed.c
done

if echo 'int x;' | gcc -m32 -x c -c -o "$tmp/o" - 2>/dev/null &&
	echo '#include <stdint.h>' | gcc -m32 -x c -c -o "$tmp/o" - 2>/dev/null
then
	builds "gcc, 32 bits" gcc -m32 -std=c11 -O2 embed.c
else
	skip "gcc, 32 bits" "no 32-bit headers (gcc-multilib)"
fi
builds "clang, 32 bits, freestanding" clang -m32 -std=c11 -O2 -ffreestanding \
	embed.c
# The barriers must be there on machines that reorder more than x86 does.
for target in aarch64-linux-gnu riscv64-linux-gnu; do
	clang --target=$target -std=c11 -O2 -ffreestanding -I"$ring" -S \
		-o "$tmp/s" embed.c >"$tmp/log" 2>&1 &&
		case $target in
		aarch64*) grep -q 'ldar\|ldapr' "$tmp/s" &&
			grep -q 'stlr' "$tmp/s" && grep -q 'dmb.*ish$' "$tmp/s" ;;
		riscv64*) grep -q 'fence.*rw, *w' "$tmp/s" &&
			grep -q 'fence.*r, *rw' "$tmp/s" &&
			grep -q 'fence.*rw, *rw' "$tmp/s" ;;
		esac
	result $? "$target: acquire, release and full barrier in the assembly"
done

# As a kernel module, where there are headers of one.
kernels=0
for build in /usr/src/linux-headers-*-amd64; do
	[ -e "$build/Module.symvers" ] || continue
	kernels=$((kernels + 1))
	mkdir -p "$tmp/module"
	cat >"$tmp/module/ringmod.c" <<-'EOF'
		#include <linux/module.h>
		#include "embed.c"
		MODULE_LICENSE("Dual MIT/GPL");
	EOF
	printf 'obj-m := ringmod.o\nccflags-y := -I%s -I%s -Werror\n' \
		"$(realpath "$ring")" "$PWD" >"$tmp/module/Kbuild"
	make -C "$build" M="$tmp/module" ringmod.o >"$tmp/log" 2>&1
	result $? "kernel object against $(basename "$build")"
	rm -rf "$tmp/module"
done
[ $kernels -gt 0 ] || skip "kernel object" "no linux-headers package"
echo "1..$n"
exit $failed
