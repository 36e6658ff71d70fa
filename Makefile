# Sluice. `make help` lists the targets.
#
#   make SAN=address test    the tests under AddressSanitizer and UBSan (SAN=thread: ThreadSanitizer)
#   make CC=clang            another compiler
#   make WERROR=1            warnings are errors (CI)
.DEFAULT_GOAL := all

VERSION := 0.1.0
PREFIX ?= /usr/local
DESTDIR ?=
CC ?= cc
AR ?= ar
PYTHON ?= $(if $(wildcard /usr/bin/python3),/usr/bin/python3,python3)
CLANG ?= clang

SAN ?=
BUILD ?= build$(if $(SAN),/$(SAN))

OPT ?= -O2
CFLAGS ?= -g $(OPT)
WARN := -Wall -Wextra -Wshadow -Wconversion -Wno-sign-conversion -Wstrict-prototypes -Wmissing-prototypes -Wvla
BASE_CFLAGS := -std=gnu11 -D_GNU_SOURCE -DSLUICE_VERSION='"$(VERSION)"' -I. -fno-strict-overflow -pthread $(WARN)
BASE_CFLAGS += $(if $(WERROR),-Werror)
SAN_address := -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
SAN_thread := -fsanitize=thread -fno-omit-frame-pointer
SANFLAGS := $(if $(SAN),$(SAN_$(SAN)))

# Looked up when a recipe runs, so that `make deps` can come first.
PKG = $(shell pkg-config $(1) 2>/dev/null)
DAEMON_LIBS = $(call PKG,--libs libuv jansson yaml-0.1) $(if $(SAN),,-ljemalloc) -pthread
CLI_LIBS = $(call PKG,--libs jansson libedit) -pthread
TEST_LIBS = $(call PKG,--libs cmocka)

src = $(sort $(wildcard $(1)))
obj = $(patsubst %.c,$(BUILD)/%.o,$(1))

PROTO_SRC := $(call src,proto/*.c)
CONFIG_SRC := $(call src,config/*.c)
DAEMON_SRC := $(filter-out daemon/main.c,$(call src,daemon/*.c daemon/*/*.c))
CLIENT_SRC := $(call src,clients/c/*.c)
CLI_SRC := $(call src,clients/cli/*.c)
TEST_SRC := $(call src,tests/unit/test_*.c)
TESTS := $(patsubst tests/unit/%.c,$(BUILD)/tests/%,$(TEST_SRC))
TEST_SUPPORT_SRC := $(filter-out $(TEST_SRC),$(call src,tests/unit/*.c))

all: $(BUILD)/sluiced $(BUILD)/sluice ## build the daemon and the command-line client

$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(BASE_CFLAGS) $(CFLAGS) $(SANFLAGS) -MMD -MP -c $< -o $@

$(BUILD)/libproto.a: $(call obj,$(PROTO_SRC))
$(BUILD)/libconfig.a: $(call obj,$(CONFIG_SRC))
$(BUILD)/libdaemon.a: $(call obj,$(DAEMON_SRC))
$(BUILD)/libsluice.a: $(call obj,$(CLIENT_SRC) $(PROTO_SRC))
$(BUILD)/libtestsupport.a: $(call obj,$(TEST_SUPPORT_SRC))
$(BUILD)/%.a:
	@mkdir -p $(@D)
	@rm -f $@
	$(AR) rcs $@ $^

$(BUILD)/sluiced: $(BUILD)/daemon/main.o $(BUILD)/libdaemon.a $(BUILD)/libconfig.a $(BUILD)/libproto.a
	$(CC) $(CFLAGS) $(SANFLAGS) $(LDFLAGS) -o $@ $^ $(DAEMON_LIBS)

$(BUILD)/sluice: $(call obj,$(CLI_SRC)) $(BUILD)/libsluice.a
	$(CC) $(CFLAGS) $(SANFLAGS) $(LDFLAGS) -o $@ $^ $(CLI_LIBS)

$(BUILD)/tests/%: $(BUILD)/tests/unit/%.o $(BUILD)/libtestsupport.a $(BUILD)/libdaemon.a $(BUILD)/libconfig.a $(BUILD)/libsluice.a
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(SANFLAGS) $(LDFLAGS) -o $@ $^ $(DAEMON_LIBS) $(TEST_LIBS)

clean: ## remove what was built
	rm -rf build

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
.PHONY: all clean
.SECONDARY:
