# make demo    install what is missing, build, run the story on virtual boards
# make check   install what only the tests need, build, run all tests
# make         build only
# make firmware   build the agent for microcontrollers, print and check its size; compile glue
# make screenshot  the picture of README.md; make bench-report: what a page of 10,000 cells costs
# make bench-plot  what runs of up to 100,000 cells cost, into docs/performance.md
# make install     programs, what they read, manuals, service and udev rule, under DESTDIR and PREFIX
# Also: uninstall, certs, bench, accuracy, soak, fuzz (each target 60 s), coverage, check-valgrind,
# golden (rewrites the expected decodes), clean

MAKEFLAGS += --no-builtin-rules

B        ?= build
CC       ?= cc
CFLAGS   ?= -O2 -g
PYTHON   ?= $(or $(SHAKEDOWN_PYTHON),/usr/bin/python3)
WARNINGS := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla -Werror
SANITIZE := -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
CPPFLAGS += -D_GNU_SOURCE -Iharness
LDLIBS   := -Wl,-z,relro,-z,now,--as-needed -lssl -lcrypto -lpcap -lseccomp -luv -ljansson -ljq -lz -lzstd -lbrotlidec
BOARD_LIBS := -lmbedtls -lmbedx509 -lmbedcrypto -pthread

# The layers, and the programs at the root of harness/.
LAYERS   := $(shell cat harness/LAYERS)
LIB_OBJ  := $(patsubst harness/%.c,$(B)/obj/%.o,$(wildcard $(LAYERS:%=harness/%/*.c)))
# The page of the HTML report; its script is of several files.
PAGE_JS  := words state matrix causes times ladder hello cell main
PAGE     := page.html page.css $(PAGE_JS:%=%.js)
PROGRAMS := $(B)/shakedown $(B)/shakedownd $(B)/shakedown-sniffer $(B)/shakedown-server

# Virtual boards: the firmware's agent over one or more TLS stacks. wolfSSL is GPL: a program of its own.
# A stack whose library is missing is left out.
FIRMWARE := agent virtual_board glue/client glue/stack glue/link_sockets
BOARD_OBJ := $(FIRMWARE:%=$(B)/obj/firmware/%.o) $(B)/obj/shakedown-board.o
STACKS   := mbedtls netx openssl
ifneq ($(wildcard /usr/include/gnutls/gnutls.h /usr/local/include/gnutls/gnutls.h),)
STACKS   += gnutls
BOARD_LIBS += -lgnutls
endif
ifneq ($(wildcard /usr/include/bearssl.h /usr/local/include/bearssl.h),)
STACKS   += bearssl
BOARD_LIBS += -lbearssl
endif
BOARDS   := $(B)/shakedown-board
ifneq ($(wildcard /usr/include/wolfssl/ssl.h /usr/local/include/wolfssl/ssl.h),)
BOARDS   += $(B)/shakedown-board-wolfssl
endif

# Fuzz targets are built by clang, into a folder of their own: make fuzz-build.
FUZZ     := B=$(B)-fuzz CC=clang CFLAGS="-O1 -g $(SANITIZE) -fsanitize=fuzzer-no-link"
FUZZERS  := $(patsubst harness/tests/fuzz/%.c,$(B)/fuzz/%,$(wildcard harness/tests/fuzz/fuzz_*.c))
TESTS    := $(patsubst harness/%.c,$(B)/%,$(wildcard harness/tests/*/test_*.c))

all: $(PROGRAMS) $(BOARDS) $(B)/layers.ok $(B)/runner.ok

tests: all $(TESTS)

$(B)/obj/%.o: harness/%.c Makefile
	@mkdir -p $(@D)
	$(CC) -std=c17 $(CPPFLAGS) $(WARNINGS) $(CFLAGS) -MMD -MP -c $< -o $@

# Hexadecimal digits, sixteen bytes at a time.
$(B)/obj/base/buf.o: private CFLAGS += -O3

# A file's bytes as a C array: $(call bytes,NAME,FILES)
bytes = cat $(2) | od -An -v -tu1 | \
	{ echo "static const uint8_t $(1)_bytes[] = {"; sed 's/[0-9][0-9]*/&,/g'; \
	echo "};"; echo "const struct bytes $(1) = {$(1)_bytes, sizeof($(1)_bytes)};"; }

$(B)/obj/view/page.c: $(PAGE:%=harness/view/page/%) Makefile
	@mkdir -p $(@D)
	{ echo '#include "view/page.h"'; $(call bytes,page_html,harness/view/page/page.html); \
	$(call bytes,page_css,harness/view/page/page.css); \
	$(call bytes,page_js,$(PAGE_JS:%=harness/view/page/%.js)); } >$@

$(B)/obj/view/page.o: $(B)/obj/view/page.c
	$(CC) -std=c17 $(CPPFLAGS) $(WARNINGS) $(CFLAGS) -MMD -MP -c $< -o $@

$(B)/libshakedown.a: $(LIB_OBJ) $(B)/obj/view/page.o
	@rm -f $@
	ar rcs $@ $^

$(B)/shakedown: $(patsubst %,$(B)/obj/%.o,ci client lab_socket rehearsal) \
		$(patsubst harness/%.c,$(B)/obj/%.o,$(wildcard harness/command*.c))
$(B)/shakedownd: $(patsubst %,$(B)/obj/%.o,worker keeper visitor lab_socket run agenda station trial control)
# A run starts one interpreter for each board: none of them should have to compile the runner.
$(B)/runner.ok: $(wildcard harness/runner/*.py)
	@mkdir -p $(@D)
	$(PYTHON) -m compileall -q harness/runner
	@touch $@

$(PROGRAMS): $(B)/%: $(B)/obj/%.o $(B)/libshakedown.a
	$(CC) $(CFLAGS) $(filter %.o,$^) $(filter %.a,$^) $(LDLIBS) -o $@

STACK_OBJ := $(patsubst harness/%.c,$(B)/obj/%.o,$(wildcard \
	$(STACKS:%=harness/firmware/stack_%.c) $(STACKS:%=harness/firmware/glue/stack_%.c)))
$(B)/shakedown-board: $(BOARD_OBJ) $(STACK_OBJ) \
		$(B)/obj/firmware/libssl_session.o $(B)/obj/firmware/stacks.o $(B)/libshakedown.a
	$(CC) $(CFLAGS) $^ $(LDLIBS) $(BOARD_LIBS) -o $@

# It holds the list of them, so it is made again when there is one more.
$(B)/obj/firmware/stacks.o: $(STACK_OBJ)
$(B)/obj/firmware/stacks.o: private CPPFLAGS += -D'STACK_LIST=$(foreach stack,$(STACKS),STACK($(stack)))'
$(B)/obj/firmware/stacks-wolfssl.o: private CPPFLAGS += -D'STACK_LIST=STACK(wolfssl)'
$(B)/obj/firmware/stacks-wolfssl.o: harness/firmware/stacks.c Makefile
	@mkdir -p $(@D)
	$(CC) -std=c17 $(CPPFLAGS) $(WARNINGS) $(CFLAGS) -MMD -MP -c $< -o $@

$(B)/shakedown-board-wolfssl: $(BOARD_OBJ) $(B)/obj/firmware/glue/stack_wolfssl.o \
		$(B)/obj/firmware/stacks-wolfssl.o $(B)/libshakedown.a
	$(CC) $(CFLAGS) $^ -Wl,--as-needed -lwolfssl -ljansson -luv -pthread -o $@

$(B)/layers.ok: $(wildcard $(LAYERS:%=harness/%/*.[ch]) $(LAYERS:%=harness/%/*.def)) harness/LAYERS harness/tests/layers.sh
	harness/tests/layers.sh harness
	@touch $@

$(filter $(B)/tests/firmware/%,$(TESTS)): $(B)/tests/%: $(B)/obj/tests/%.o $(B)/obj/firmware/agent.o \
		$(B)/obj/tests/firmware/host.o $(B)/obj/tests/firmware/tls_server.o $(B)/libshakedown.a | $(BOARDS)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $^ $(LDLIBS) -lcmocka -pthread -o $@

$(B)/tests/%: $(B)/obj/tests/%.o $(B)/libshakedown.a
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $^ $(LDLIBS) -lcmocka -o $@

$(FUZZERS): LDFLAGS := -fsanitize=fuzzer
$(B)/fuzz/fuzz_agent: $(B)/obj/firmware/agent.o
$(B)/fuzz/fuzz_request: $(B)/obj/agenda.o
$(B)/fuzz/fuzz_keeper: $(B)/obj/keeper.o $(B)/obj/visitor.o $(B)/obj/lab_socket.o
$(FUZZERS) $(B)/fuzz/seeds: $(B)/fuzz/%: $(B)/obj/tests/fuzz/%.o $(B)/libshakedown.a
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(LDFLAGS) $(filter %.o,$^) $(filter %.a,$^) $(LDLIBS) -o $@

fuzzers: $(FUZZERS) $(B)/fuzz/seeds

fuzz-build:
	@command -v clang >/dev/null || { echo "The fuzz targets need clang with libFuzzer" \
		"(packages clang and libclang-rt-dev): make check installs them." >&2; exit 1; }
	@$(MAKE) --no-print-directory -s -j2 $(FUZZ) fuzzers

fuzz: fuzz-build
	@harness/tests/fuzz/run.sh $(B)-fuzz 60

# The agent as a firmware project builds it: freestanding, for size.
CORES    := cortex-m0 cortex-m33
$(B)/firmware/%.o: harness/firmware/agent.c harness/firmware/agent.h Makefile
	@command -v arm-none-eabi-gcc >/dev/null || { echo "The firmware needs a compiler for Arm" \
		"microcontrollers (package gcc-arm-none-eabi): make check installs it." >&2; exit 1; }
	@mkdir -p $(@D)
	arm-none-eabi-gcc -std=c99 -ffreestanding -Os -mthumb -mcpu=$* $(WARNINGS) -pedantic -c $< -o $@

# The glue for NetX Duo Secure, with declarations of its API in the place of its headers.
NETXDUO  := $(B)/firmware/stack_netxduo.o $(B)/firmware/link_netxduo.o
$(NETXDUO): $(B)/firmware/%.o: harness/firmware/glue/%.c $(wildcard harness/firmware/*.h \
		harness/firmware/glue/*.h harness/tests/firmware/netxduo/*.h) Makefile
	@mkdir -p $(@D)
	$(CC) -std=c17 -Iharness -Iharness/tests/firmware/netxduo $(WARNINGS) $(CFLAGS) -c $< -o $@

firmware: $(CORES:%=$(B)/firmware/%.o) $(NETXDUO)
	@harness/tests/firmware/size.sh $(filter-out $(NETXDUO),$^)

certs: $(B)/shakedown
	$(B)/shakedown certs

demo:
	@./packages.sh build
	@$(MAKE) --no-print-directory -s all
	@$(B)/shakedown run story --board netx-unallocated netx-fixed wolfssl mbedtls || \
		[ $$? -eq 1 ] # the story is one of failures

check:
	@./packages.sh check
	@$(MAKE) --no-print-directory -s firmware
	@harness/tests/view/fetch_axe.sh $(B)/axe
	@$(MAKE) --no-print-directory -s tests certs
	@$(MAKE) --no-print-directory -s B=$(B)-san CFLAGS="-O1 -g $(SANITIZE)" tests
	@$(MAKE) --no-print-directory fuzz-build
	@$(MAKE) --no-print-directory -s analyse
	@harness/tests/run.sh $(B) $(B)-san
	@harness/tests/fuzz/run.sh $(B)-fuzz 10
	@$(MAKE) --no-print-directory -s check-slurm

# Shards as jobs of a small cluster of Slurm on this machine.
check-slurm: all certs
	@SHAKEDOWN_BUILD=$(B) $(PYTHON) -W ignore::ResourceWarning \
		harness/tests/slurm/check_slurm.py

# The C tests once under memcheck: see valgrind.sh. Some minutes; not in CI.
check-valgrind: tests certs
	@nice harness/tests/valgrind.sh $(B)

# How many lines of decode/, flow/ and verdict/ the tests run: gcovr's tables. Some minutes.
COVERED  := B=$(B)-cov CFLAGS="-O0 -g --coverage -fprofile-update=atomic"
coverage:
	@$(MAKE) --no-print-directory -s $(COVERED) tests certs
	@harness/tests/coverage.sh $(B)-cov

# What checkers find without running anything.
analyse:
	@harness/tests/analyse.sh -std=c17 $(CPPFLAGS) $(WARNINGS)

golden: $(B)/tests/flow/test_golden
	$< --write

bench: all certs $(addprefix $(B)/tests/bench/,handshakes answers) bench-decode
	@harness/tests/bench.sh $(B)

# What a run costs as it grows, into docs/performance.md and its plot. Or, shorter: CELLS=10000 make bench-plot
bench-plot: all certs $(B)/tests/bench/handshakes
	@PYTHONDONTWRITEBYTECODE=1 nice $(PYTHON) harness/tests/bench/growth.py $(B) $(CELLS)

bench-decode: all certs $(addprefix $(B)/tests/bench/,make_capture count_packets measure)
	@harness/tests/bench/decode.sh $(B)

.PHONY: bench-report screenshot
bench-report: all certs
	@python3 harness/tests/bench/page.py $(B)

# The picture in README.md.
screenshot: all certs
	@python3 harness/tests/view/screenshot.py $(B) docs/report.png

bench-memory: $(B)/shakedown $(addprefix $(B)/tests/bench/,half_open measure)
	@harness/tests/bench/memory.sh $(B)

# How often the first cause that the rules name is the right one, over labelled cases.
accuracy: all certs
	@python3 harness/tests/accuracy/accuracy.py $(B)

# Programs find their data in share/shakedown beside the folder that they are in.
PREFIX   ?= /usr/local
LIBEXEC  := $(DESTDIR)$(PREFIX)/libexec/shakedown
SHARE    := $(DESTDIR)$(PREFIX)/share/shakedown
INSTALLED_TREES := scenarios/schema scenarios/boards harness/runner harness/verdict/rules docs \
	harness/firmware/glue
READ_ALONE := README.md LICENSE certs/README.md harness/firmware/agent.c harness/firmware/agent.h
MANUALS  := man/shakedown.1 man/shakedownd.8 man/shakedown-suite.5

install: all
	install -d $(LIBEXEC) $(DESTDIR)$(PREFIX)/bin $(SHARE)/certs $(INSTALLED_TREES:%=$(SHARE)/%)
	install -m 755 $(PROGRAMS) $(BOARDS) $(LIBEXEC)
	ln -sf ../libexec/shakedown/shakedown ../libexec/shakedown/shakedownd $(DESTDIR)$(PREFIX)/bin
	install -m 644 certs/recipes.json $(SHARE)/certs
	install -m 644 scenarios/*.json $(SHARE)/scenarios
	find $(INSTALLED_TREES) -type f ! -name '*.pyc' -exec install -m 644 -D {} $(SHARE)/{} \;
	for file in $(READ_ALONE); do install -m 644 -D $$file $(SHARE)/$$file; done
	$(PYTHON) -m compileall -q -s "$(DESTDIR)" $(SHARE)/harness/runner
	for page in $(MANUALS); do \
		install -m 644 -D $$page $(DESTDIR)$(PREFIX)/share/man/man$${page##*.}/$${page#man/}; done
	install -d $(DESTDIR)$(PREFIX)/lib/systemd/system
	sed 's|@PREFIX@|$(PREFIX)|' install/shakedownd.service \
		>$(DESTDIR)$(PREFIX)/lib/systemd/system/shakedownd.service
	install -m 644 -D install/60-shakedown.rules \
		$(DESTDIR)$(PREFIX)/lib/udev/rules.d/60-shakedown.rules
	install -m 644 -D install/shakedown.sysusers $(DESTDIR)$(PREFIX)/lib/sysusers.d/shakedown.conf
	@[ -n "$(DESTDIR)" ] || setcap cap_net_raw+ep $(LIBEXEC)/shakedown-sniffer || \
		echo "Captures of real networks need: setcap cap_net_raw+ep $(LIBEXEC)/shakedown-sniffer"

uninstall:
	rm -rf $(LIBEXEC) $(SHARE)
	rm -f $(DESTDIR)$(PREFIX)/bin/shakedown $(DESTDIR)$(PREFIX)/bin/shakedownd
	for page in $(MANUALS); do \
		rm -f $(DESTDIR)$(PREFIX)/share/man/man$${page##*.}/$${page#man/}; done
	rm -f $(DESTDIR)$(PREFIX)/lib/systemd/system/shakedownd.service
	rm -f $(DESTDIR)$(PREFIX)/lib/udev/rules.d/60-shakedown.rules
	rm -f $(DESTDIR)$(PREFIX)/lib/sysusers.d/shakedown.conf

# 10,000 cells on lines that spoil bytes, with random kills: some minutes. Or: SOAK_CELLS=1000 make soak
soak: all certs
	@for part in deaths soak shared; do PYTHONPATH=harness SHAKEDOWN_BUILD=$(B) nice \
		$(PYTHON) harness/tests/soak/$$part.py || exit 1; done

clean:
	rm -rf $(B) $(B)-san $(B)-fuzz $(B)-cov

.PHONY: bench-plot check-slurm check-valgrind coverage install uninstall all analyse tests firmware certs demo check fuzzers fuzz-build fuzz golden bench bench-decode bench-memory accuracy soak clean
.SECONDARY:
-include $(shell find $(B)/obj -name '*.d' 2>/dev/null)
