# SPDX-License-Identifier: GPL-2.0-only
#
# The front end of harness/: builds, tests and checks the kernel files of this repository.
#
#   BASE=6.12|7.3   the kernel to use, fetched if necessary
#   FLAVOR=distro   configured near a distribution's kernel; for build, difftest, buildtest
#   KSRC=PATH       use this tree or tarball instead
#   ACCEL=tcg|kvm   the accelerator of QEMU
#   CPUS=N          virtual CPUs of the guest
#   TESTS="..."     for selftests: only these, e.g. test-busy.sh
#   STEPS=N SEED=N  for walk: so many random steps, and those of this seed
#   OLD=... NEW=... for update: versions of the package linux-source-BASE, or trees
#   UNITS=N         for difftree: so many units, spread over the kernel
#   MODE=full       for selftests: under full preemption, with all tasks scanned while
#                   the machine is stopped

export BASE FLAVOR KSRC ACCEL CPUS JOBS MODE UNITS

.PHONY: help setup demo build-demo test build shell selftests kunit torture walk series \
	check-series static recipes mutants difftest difftree buildtest kindtest updatetest \
	boottest update bench bench-check \
	bench-isolated bench-record clean

help:
	@echo 'make demo          set up, build, boot, and demonstrate a patch'
	@echo 'make build-demo    the same with a patch that is built from a real fix'
	@echo 'make test          set up, build, and run all tests'
	@echo 'make build         build the kernel and the modules'
	@echo 'make shell         a shell in the guest, with the sample; "exit" ends it'
	@echo 'make selftests     the kselftests in the guest, or TESTS="..."'
	@echo 'make kunit         the KUnit suites, with kunit.py: some seconds'
	@echo 'make torture       the same tests, for a thousand rounds'
	@echo 'make walk          10000 random steps beside a model, or STEPS=... SEED=...'
	@echo 'make difftest      build patches from the diffs in harness/build, and try them'
	@echo 'make difftree      compare all units of the kernel with themselves, or UNITS=50'
	@echo 'make buildtest     what kpatch build says of patches, and how it signs them'
	@echo 'make updatetest    what kpatch build --update does with a small update'
	@echo 'make update        run the release OLD, live-patched to NEW; takes hours'
	@echo 'make kindtest      what kpatch build does with its cache, and with kinds of kernels'
	@echo 'make boottest      installed patches in guests that boot with systemd'
	@echo 'make static        checkpatch, sparse, kernel-doc, layers, ...'
	@echo 'make recipes       run the commands that README and documentation give'
	@echo 'make mutants       break the core in known ways; the tests have to fail'
	@echo 'make bench         measure kpatch beside livepatch: table, JSON, plots'
	@echo 'make bench-check   count instructions again, compare with the record'
	@echo 'make bench-isolated  count what an isolated CPU notices of each operation'
	@echo 'make bench-record  record the results of make bench'
	@echo 'make series        regenerate series/'
	@echo 'make check-series  verify series/: git am, checkpatch, each prefix builds'
	@echo 'make clean         remove build/'

setup:
	@harness/setup.sh

build: setup
	@harness/build.sh

demo: build
	@harness/demo.sh

build-demo: setup
	@harness/build-demo.sh

shell: build
	@harness/boot.sh shell

difftest: build
	@harness/difftest.sh $(DIFFS)

buildtest: build
	@harness/buildtest.sh

difftree: build
	@harness/difftree.sh

updatetest: build
	@harness/updatetest.sh

# What the selftests of the kernel need.
update:
	@harness/setup.sh clang iproute2 libcap-dev libcap-ng-dev libfuse-dev libmnl-dev \
		libnuma-dev libpopt-dev llvm
	@harness/update.sh "$(OLD)" "$(NEW)"

kindtest: build
	@harness/kindtest.sh

boottest: build
	@harness/boottest.sh

selftests: build
	@harness/selftests.sh $(TESTS)

kunit: build
	@harness/kunit.sh

test: setup
	@harness/test.sh

torture: build
	@KPATCH_TEST_UNLOADS=1000 KPATCH_TEST_NMI_ROUNDS=500 KPATCH_TEST_ROUNDS=50 \
		SCRIPT_TIMEOUT=7200 TIMEOUT=14400 MODE=full harness/selftests.sh $(TESTS)

walk: build
	@KPATCH_TEST_STEPS=$(or $(STEPS),10000) KPATCH_TEST_SEED=$(SEED) \
		SCRIPT_TIMEOUT=14400 TIMEOUT=14400 harness/selftests.sh test-walk.sh

static: build
	@harness/static.sh

recipes: build
	@harness/recipes.sh

mutants: build
	@harness/mutants.sh $(MUTANTS)

bench: setup
	@harness/bench/bench.sh

bench-check: setup
	@harness/bench/bench.sh check

bench-isolated: setup
	@harness/bench/isolated.sh

bench-record:
	@harness/bench/bench.sh record

series: setup
	@harness/series.sh

check-series: setup
	@harness/check-series.sh

clean:
	rm -rf build
