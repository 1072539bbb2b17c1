# SPDX-License-Identifier: MIT
# Tenon: build, run, test.  "make help" lists what there is.

HV    ?= tenon
BACK  ?= ours
FRONT ?= ours
NET   ?= bridge
KVER  ?= 6.1
KERNEL = $(shell python3 rig/kver.py $(KVER))
BOOT   = --hv $(HV) --back $(BACK) --front $(FRONT) --net $(NET) --kver $(KERNEL)

.PHONY: help deps modules hv images run shell check soak check-debug style size compare profile \
	install uninstall clean ring-bench ring-proof

help:
	@sed -n 's/^## //p' Makefile

## make run     build, boot, start a guest, measure its disk and network
## make shell   the same machine with dom0's console in your terminal
##                HV=tenon|xen  BACK=ours|stock  FRONT=ours|stock
##                NET=bridge|route|nat  KVER=6.1|6.12|<version>  (BACK and FRONT also
##                take BLOCK,NET such as ours,stock)
## make check   all tests; SUITE=host or SUITE=system for one part, SUITE=ring (any
##                directory of selftests) for less
## make compare the same jobs on Xen, on Tenon and on plain Linux, side by side
##                QUICK=1 the core of it; ENVS="xen-stock tenon-tenon",
##                JOBS="fio.randread.*", ROUNDS=n, SECS=n; RESUME=1 goes on
## make profile instructions per I/O or packet by function, of guest, dom0, hypervisor
##                JOB="fio.randread.4k.qd1.libaio ping.rtt", ENVS=xen-stock, SECS=n
## make deps    install the Debian packages all this needs
deps:
	@sh rig/deps.sh

## make modules the Linux modules for KVER; DIRS="evtchn dom0/blkback" for some
modules:
	@sh rig/build-modules.sh $(KERNEL) $(DIRS)

## make hv      the hypervisor, out/hv/tenon
hv:
	@$(MAKE) --no-print-directory -C hv

## make images  root disk, kernel and initramfs that the rig boots
images:
	@python3 rig/rig.py images --kver $(KERNEL)

BUILD_HV      = $(if $(filter tenon,$(HV)),hv)
BUILD_MODULES = $(if $(findstring ours,$(BACK)$(FRONT)),modules)

run: deps
	@$(MAKE) --no-print-directory $(BUILD_HV) $(BUILD_MODULES)
	@python3 rig/rig.py run $(BOOT)

shell: deps
	@$(MAKE) --no-print-directory $(BUILD_HV) $(BUILD_MODULES)
	@python3 rig/rig.py shell $(BOOT)

COMPARE = $(if $(QUICK),--quick) $(if $(ENVS),--envs "$(ENVS)") \
	  $(if $(JOBS),--jobs "$(JOBS)") $(if $(ROUNDS),--rounds $(ROUNDS)) \
	  $(if $(SECS),--seconds $(SECS)) $(if $(RESUME),--resume)

compare: deps
	@$(MAKE) --no-print-directory hv modules
	@python3 bench/compare.py --kver $(KERNEL) $(COMPARE)

PROFILE = $(if $(JOB),--jobs "$(JOB)") $(if $(ENVS),--env $(ENVS)) \
	  $(if $(SECS),--seconds $(SECS))

profile: deps
	@$(MAKE) --no-print-directory hv modules
	@python3 bench/profile/profile_run.py --kver $(KERNEL) $(PROFILE)

check: deps
	@$(MAKE) --no-print-directory hv modules
	@KVER=$(KERNEL) python3 selftests/run.py $(SUITE)

## make soak    every boot of the system tests, on Tenon and on Xen
soak: deps
	@$(MAKE) --no-print-directory hv modules
	@KVER=$(KERNEL) HV="tenon xen" python3 selftests/system/run.py

## make check-debug  the system tests on a kernel with KASAN, lockdep and kmemleak, which
##                it builds once; BOOTS="block net", TESTS= for some (hours)
check-debug: deps
	@python3 rig/debug_kernel.py
	@$(MAKE) --no-print-directory hv
	@$(MAKE) --no-print-directory modules KVER=debug
	@KVER=debug HV=tenon python3 selftests/system/run.py

## make ring-bench  ring/ring.h beside Xen's macros, virtio's, ck's and DPDK's rings
ring-bench: deps
	@$(MAKE) --no-print-directory -C bench/ring
	@python3 bench/ring/report.py

## make ring-proof  its models, mutants, fuzzer and two-thread tests, in full (hours)
ring-proof: deps
	@$(MAKE) --no-print-directory -C selftests/ring proof

## make style   formatting, sparse, shellcheck
style:
	@KVER=$(KERNEL) sh rig/style.sh

## make size    lines of code of each part, without tests
COUNT = cloc --quiet --csv --exclude-lang=Markdown,make
SUM   = tail -n 1 | cut -d, -f5

size:
	@for part in hv ring evtchn dom0 domu; do \
		printf '%-8s%6d\n' $$part \
			$$($(COUNT) $$part | $(SUM)); \
	done
	@printf 'hypervisor (hv, evtchn/evtchn_*.h): %d, of which %d define the ABI\n' \
		$$($(COUNT) hv evtchn/evtchn_*.h | $(SUM)) \
		$$($(COUNT) hv/abi | $(SUM))

## make install modules for this machine's kernel, and who wins over stock; as
##                root, needs its headers; KVER= for another kernel; DESTDIR=
install uninstall: KERNEL = $(if $(filter file,$(origin KVER)),$(shell \
	uname -r),$(shell python3 rig/kver.py $(KVER)))
install: modules
	@sh rig/install.sh $(KERNEL)

## make uninstall takes them away again
uninstall:
	@sh rig/install.sh --remove $(KERNEL)

## make clean   remove out/
clean:
	rm -rf out
