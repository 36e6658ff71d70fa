# Sluice. `make help` lists the targets.
#
#   make SAN=address test    the tests under AddressSanitizer and UBSan (SAN=thread: ThreadSanitizer)
#   make CC=clang            another compiler
#   make WERROR=1            warnings are errors (CI)
#   make V=1                 show whole commands
.DEFAULT_GOAL := all

VERSION := 0.1.0
PREFIX ?= /usr/local
DESTDIR ?=
CC ?= cc
AR ?= ar
OBJCOPY ?= objcopy
PYTHON ?= $(if $(wildcard /usr/bin/python3),/usr/bin/python3,python3)
CLANG ?= clang

Q := $(if $(V),,@)
say = @$(if $(V),:,echo '  $(1)')

SAN ?=
BUILD ?= build$(if $(SAN),/$(SAN))

OPT ?= $(if $(SAN),-O2,-O3)
CFLAGS ?= -g $(OPT)
WARN := -Wall -Wextra -Wshadow -Wconversion -Wno-sign-conversion -Wstrict-prototypes -Wmissing-prototypes -Wvla
BASE_CFLAGS := -std=gnu11 -D_GNU_SOURCE -DSLUICE_VERSION='"$(VERSION)"' -I. -fno-strict-overflow -pthread $(WARN)
BASE_CFLAGS += $(if $(WERROR),-Werror)
SAN_address := -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
SAN_thread := -fsanitize=thread -fno-omit-frame-pointer
SANFLAGS := $(if $(SAN),$(SAN_$(SAN)) -DSLUICE_SANITIZED)
# The daemon is optimized as a whole when it is linked, where the compiler can put what that needs beside ordinary code
# (gcc): tests and tools are linked from the same objects without it, as that is quicker. LTO= turns it off.
LTO ?= $(if $(SAN),,$(if $(findstring Free Software,$(shell $(CC) --version 2>/dev/null)),-flto=auto -ffat-lto-objects))

NO_LTO := $(if $(LTO),-fno-lto)

# Looked up when a recipe runs, so that `make deps` can come first.
PKG = $(shell pkg-config $(1) 2>/dev/null)
DAEMON_LIBS = $(call PKG,--libs libuv yaml-0.1) $(if $(SAN),,-ljemalloc) -pthread
BENCH_LIBS = $(DAEMON_LIBS) $(call PKG,--libs jansson) -lm
CLI_LIBS = $(call PKG,--libs jansson libedit) -pthread
TEST_LIBS = $(call PKG,--libs cmocka)

src = $(sort $(wildcard $(1)))
obj = $(patsubst %.c,$(BUILD)/%.o,$(1))

PROTO_SRC := $(call src,proto/*.c proto/*/*.c)
CONFIG_SRC := $(call src,config/*.c)
DAEMON_SRC := $(filter-out daemon/main.c,$(call src,daemon/*.c daemon/*/*.c))
CLIENT_SRC := $(call src,clients/c/*.c)
CLI_SRC := $(call src,clients/cli/*.c)
BENCH_SRC := $(call src,bench/*.c bench/*/*.c)
TEST_SRC := $(call src,tests/unit/test_*.c)
TESTS := $(patsubst tests/unit/%.c,$(BUILD)/tests/%,$(TEST_SRC))
TEST_SUPPORT_SRC := $(filter-out $(TEST_SRC),$(call src,tests/unit/*.c))

all: $(BUILD)/sluiced $(BUILD)/sluice $(BUILD)/sluice-bench ## build daemon, command-line client and load tester

$(BUILD)/daemon/%.o $(BUILD)/proto/%.o $(BUILD)/config/%.o: LATER := $(LTO)
$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	$(call say,CC    $<)
	$(Q)$(CC) $(BASE_CFLAGS) $(CFLAGS) $(LATER) $(SANFLAGS) -MMD -MP -c $< -o $@

$(BUILD)/libproto.a: $(call obj,$(PROTO_SRC))
$(BUILD)/libconfig.a: $(call obj,$(CONFIG_SRC))
$(BUILD)/libdaemon.a: $(call obj,$(DAEMON_SRC))
$(BUILD)/libtestsupport.a: $(call obj,$(TEST_SUPPORT_SRC))
$(BUILD)/%.a:
	@mkdir -p $(@D)
	@rm -f $@
	$(call say,AR    $@)
	$(Q)$(AR) rcs $@ $^

# One object that shows the world sluice_* only, so that no name of ours meets one of the program it is linked into.
$(BUILD)/libsluice.a: $(call obj,$(CLIENT_SRC) $(call src,proto/*.c proto/text/*.c))
	@rm -f $@
	$(call say,AR    $@)
	$(Q)$(LD) -r -o $(BUILD)/sluice-client.o $^
	$(Q)$(OBJCOPY) -w --keep-global-symbol='sluice_[a-z]*' --remove-section='.gnu*lto_*' $(BUILD)/sluice-client.o
	$(Q)$(AR) rcs $@ $(BUILD)/sluice-client.o

$(BUILD)/sluiced: $(BUILD)/daemon/main.o $(BUILD)/libdaemon.a $(BUILD)/libconfig.a $(BUILD)/libproto.a
	$(call say,LINK  $@)
	$(Q)$(CC) $(CFLAGS) $(LTO) $(SANFLAGS) $(LDFLAGS) -o $@ $^ $(DAEMON_LIBS)

$(BUILD)/sluice: $(call obj,$(CLI_SRC)) $(BUILD)/libsluice.a $(BUILD)/libproto.a
	$(call say,LINK  $@)
	$(Q)$(CC) $(CFLAGS) $(SANFLAGS) $(LDFLAGS) -o $@ $^ $(CLI_LIBS)

$(BUILD)/libbench.a: $(filter-out $(BUILD)/bench/main.o,$(call obj,$(BENCH_SRC)))

$(BUILD)/sluice-bench: $(BUILD)/bench/main.o $(BUILD)/libbench.a $(BUILD)/libdaemon.a $(BUILD)/libproto.a
	$(call say,LINK  $@)
	$(Q)$(CC) $(CFLAGS) $(NO_LTO) $(SANFLAGS) $(LDFLAGS) -o $@ $^ $(BENCH_LIBS)

$(addprefix $(BUILD)/tests/,test_codec_memory test_stats test_admin test_start_memory): LDFLAGS += -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=aligned_alloc # tests/unit/failing_alloc.h
$(BUILD)/tests/test_server_memory: LDFLAGS += -Wl,--wrap=malloc # this one has its own
$(BUILD)/tests/test_client_retry: $(BUILD)/clients/c/retry.o # which the library does not show
$(BUILD)/tests/%: $(BUILD)/tests/unit/%.o $(BUILD)/libtestsupport.a $(BUILD)/libbench.a $(BUILD)/libdaemon.a $(BUILD)/libconfig.a $(BUILD)/libsluice.a $(BUILD)/libproto.a
	@mkdir -p $(@D)
	$(call say,LINK  $@)
	$(Q)$(CC) $(CFLAGS) $(NO_LTO) $(SANFLAGS) $(LDFLAGS) -o $@ $^ $(BENCH_LIBS) $(TEST_LIBS)

# ---- running and testing ----

run: deps ## build and start the daemon on config/sluice.yaml (installs what is missing first)
	@$(MAKE) --no-print-directory all
	@exec $(BUILD)/sluiced --config config/sluice.yaml $(ARGS)

test: deps-test ## build and run every test (SAN=address, SAN=thread: sanitized)
	@$(MAKE) --no-print-directory all generated-files test-programs
	@BUILD_DIR=$(BUILD) SLUICE_SAN=$(SAN) $(PYTHON) tests/run.py $(TEST_ARGS) $(TESTS)

test-long: deps-test ## attack the daemon for long: random programs, failing calls, floods (TEST_ARGS="-k WORD": some)
	@$(MAKE) --no-print-directory all $(BUILD)/tests/faults.so
	@BUILD_DIR=$(BUILD) SLUICE_SAN=$(SAN) $(PYTHON) tests/run.py --only adversary --long $(TEST_ARGS)

test-clients: deps-clients ## test with other people's clients: redis-cli, Django, PHP, Express and more (installs them)
	@$(MAKE) --no-print-directory all $(BUILD)/node/installed
	@BUILD_DIR=$(BUILD) SLUICE_SAN=$(SAN) $(PYTHON) tests/run.py --only clients $(TEST_ARGS)

# The npm packages, exactly as package-lock.json names them; without them their tests skip.
$(BUILD)/node/installed: tests/clients/node/package.json tests/clients/node/package-lock.json
	@mkdir -p $(@D) && cp $^ $(@D)
	$(call say,NPM   $(@D)/node_modules)
	$(Q)cd $(@D) && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error && touch installed || \
	    echo "Could not install the npm packages: the tests that use them will be skipped."

test-programs: $(TESTS) $(BUILD)/example-session $(BUILD)/tests/faults.so

$(BUILD)/tests/faults.so: tests/adversary/faults.c
	@mkdir -p $(@D)
	$(call say,LINK  $@)
	$(Q)$(CC) $(BASE_CFLAGS) -g -O1 -shared -fPIC -o $@ $<

# The program that docs/client-c.md explains, built as a user would build it.
$(BUILD)/example-session: docs/examples/session.c $(BUILD)/libsluice.a
	$(call say,LINK  $@)
	$(Q)$(CC) $(CFLAGS) $(SANFLAGS) $(WARN) $(if $(WERROR),-Werror) -Iclients/c -o $@ $^ $(LDFLAGS)

tidy: deps-ci ## check the structure: include rules, function length, globals, formatting, generated files
	@$(PYTHON) tests/tidy.py
	@$(MAKE) --no-print-directory check-generated

# The daemon with every function telling that it is entered.
WALK_SRC := $(PROTO_SRC) $(CONFIG_SRC) $(DAEMON_SRC) daemon/main.c
$(BUILD)/walk/%.o: %.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(BASE_CFLAGS) -g -O0 -finstrument-functions -MMD -MP -c $< -o $@

$(BUILD)/walk/sluiced: $(patsubst %.c,$(BUILD)/walk/%.o,$(WALK_SRC) tests/walk/entries.c)
	$(call say,LINK  $@)
	$(Q)$(CC) -g -no-pie -o $@ $^ $(DAEMON_LIBS)

walk: deps-ci ## show through how many calls, functions and files a request walks (ARGS=-v: through which)
	@$(MAKE) --no-print-directory $(BUILD)/walk/sluiced
	@$(PYTHON) tests/walk/walk.py $(BUILD)/walk/sluiced $(ARGS)

model: deps-ci ## check the lock-free queue, the wakeup and the locks of shards as models (spin)
	@tests/model/run.sh $(BUILD)/model

FUZZ_SECONDS ?= 60
FUZZED := text resp memcached
fuzz: deps-ci ## fuzz the codecs with libFuzzer, FUZZ_SECONDS (60) together
	@for codec in $(FUZZED); do \
	    $(MAKE) --no-print-directory fuzz-$$codec FUZZ_SECONDS=$$(($(FUZZ_SECONDS) / $(words $(FUZZED)))) || exit 1; \
	done

# One of them, for FUZZ_SECONDS.
$(addprefix fuzz-,$(FUZZED)): fuzz-%:
	@mkdir -p $(BUILD)/fuzz/corpus-$*
	$(CLANG) $(BASE_CFLAGS) -g -O1 -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all tests/fuzz/fuzz_$*.c \
	    tests/fuzz/fuzz_codec.c tests/unit/codec_drive.c tests/unit/codec_events.c tests/unit/text_events.c $(PROTO_SRC) \
	    -o $(BUILD)/fuzz/fuzz_$*
	cd $(BUILD)/fuzz && ./fuzz_$* -max_total_time=$(FUZZ_SECONDS) -dict=$(CURDIR)/tests/fuzz/$*.dict \
	    -print_final_stats=1 corpus-$*

# ---- measuring ----

BENCH_OUT ?= $(BUILD)/bench-results
bench: deps-bench ## run the short set of experiments (about 13 minutes): JSON and plots into BENCH_OUT
	@$(MAKE) --no-print-directory all
	@BUILD_DIR=$(BUILD) $(PYTHON) bench/run.py short --out $(BENCH_OUT) $(ARGS)

bench-full: deps-bench ## run the long set, whose figures docs/overload.md shows
	@$(MAKE) --no-print-directory all
	@BUILD_DIR=$(BUILD) $(PYTHON) bench/run.py full --out $(BENCH_OUT) $(ARGS)

bench-compare: deps-compare ## Sluice, redis-server and memcached side by side: JSON, plot and table into BENCH_OUT
	@$(MAKE) --no-print-directory all
	@BUILD_DIR=$(BUILD) $(PYTHON) bench/compare.py --out $(BENCH_OUT) $(ARGS)

# ---- files generated from the schema, kept in the tree because people read them ----

$(BUILD)/print: $(BUILD)/config/tools/print.o $(BUILD)/libconfig.a $(BUILD)/libproto.a
	$(call say,LINK  $@)
	$(Q)$(CC) $(CFLAGS) $(SANFLAGS) $(LDFLAGS) -o $@ $^ $(call PKG,--libs yaml-0.1)

generated-files: $(BUILD)/print
	@$(BUILD)/print yaml >$(BUILD)/sluice.yaml && $(BUILD)/print markdown >$(BUILD)/config.md

generate: generated-files ## write config/sluice.yaml and docs/config.md anew
	@cp $(BUILD)/sluice.yaml config/sluice.yaml && cp $(BUILD)/config.md docs/config.md

check-generated: generated-files
	@cmp $(BUILD)/sluice.yaml config/sluice.yaml && cmp $(BUILD)/config.md docs/config.md || \
	    { echo "config/sluice.yaml or docs/config.md is out of date: make generate"; exit 1; }

# ---- installing ----

deps: ## install what building needs (apt; elsewhere: says what is needed)
	@tests/deps.sh build
deps-test:
	@tests/deps.sh test
deps-clients: deps-test
	@tests/deps.sh clients
deps-bench:
	@tests/deps.sh bench
deps-compare:
	@tests/deps.sh compare
deps-ci:
	@tests/deps.sh ci

install: all ## install programs, C library, header and default configuration (PREFIX, DESTDIR)
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/lib/pkgconfig $(DESTDIR)$(PREFIX)/include \
	    $(DESTDIR)$(PREFIX)/share/sluice
	install -m 755 $(BUILD)/sluiced $(BUILD)/sluice $(BUILD)/sluice-bench $(DESTDIR)$(PREFIX)/bin
	install -m 644 $(BUILD)/libsluice.a $(DESTDIR)$(PREFIX)/lib
	install -m 644 clients/c/sluice.h $(DESTDIR)$(PREFIX)/include
	install -m 644 config/sluice.yaml $(DESTDIR)$(PREFIX)/share/sluice
	sed 's|@PREFIX@|$(PREFIX)|; s|@VERSION@|$(VERSION)|' clients/c/sluice.pc.in \
	    >$(DESTDIR)$(PREFIX)/lib/pkgconfig/sluice.pc

clean: ## remove what was built
	rm -rf build

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1|\2/p' $(MAKEFILE_LIST) | sort | \
	    while IFS='|' read -r target text; do printf '  make %-12s %s\n' "$$target" "$$text"; done

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
.PHONY: all run test test-long test-clients test-programs tidy walk model fuzz $(addprefix fuzz-,$(FUZZED)) generated-files generate \
    check-generated deps deps-test deps-clients deps-ci deps-bench deps-compare bench bench-full bench-compare \
    install clean help
.SECONDARY:
