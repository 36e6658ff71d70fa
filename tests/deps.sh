#!/bin/sh
# Installs what building (build), measuring (bench), testing (test) or the whole of CI (ci) needs and is missing.
# All need what building needs, and CI what testing does. Says nothing, and asks no package manager, when all is there.
#
#     tests/deps.sh build|bench|test|ci
set -u

group=${1:-build}
missing=

usage() {
    echo "usage: $0 build|bench|test|ci" >&2
    exit 2
}

# need PACKAGE PROBE...: PACKAGE (its Debian name) is missing unless the command PROBE succeeds.
need() {
    package=$1
    shift
    "$@" >/dev/null 2>&1 || missing="$missing $package"
}

library() { command -v pkg-config && pkg-config --exists "$1"; }

compiler() { command -v cc || command -v gcc || command -v clang; }

python_module() { /usr/bin/python3 -c "import importlib.util as u, sys; sys.exit(not u.find_spec('$1'))"; }

# The sanitizer and fuzzer runtimes of whatever clang this is. True if they are there, or if the clang package
# brings them along.
clang_runtime() {
    resources=$(clang -print-resource-dir) && ls "$resources"/lib/linux/libclang_rt.fuzzer-*.a
}

needs_of_build() {
    need gcc compiler
    need libc6-dev test -e /usr/include/stdio.h
    need pkg-config command -v pkg-config
    need libuv1-dev library libuv
    need libjansson-dev library jansson
    need libyaml-dev library yaml-0.1
    need libjemalloc-dev library jemalloc
    need libedit-dev library libedit
}

needs_of_bench() {
    need gnuplot-nox command -v gnuplot
    need python3 test -x /usr/bin/python3
}

needs_of_test() {
    need libcmocka-dev library cmocka
    need python3 test -x /usr/bin/python3
    need python3-pytest python_module pytest
    need python3-hypothesis python_module hypothesis
    need netcat-openbsd command -v nc
}

needs_of_ci() {
    need clang command -v clang
    need clang-format command -v clang-format
    need libclang-rt-dev clang_runtime
    need spin command -v spin
}

case $group in
build) needs_of_build ;;
bench) needs_of_build && needs_of_bench ;;
test) needs_of_build && needs_of_test ;;
ci) needs_of_build && needs_of_test && needs_of_ci ;;
*) usage ;;
esac
[ -z "$missing" ] && exit 0

if ! command -v apt-get >/dev/null 2>&1; then
    echo "Missing:$missing (these are the Debian names). Please install them and run make again." >&2
    exit 1
fi
as_root=
if [ "$(id -u)" -ne 0 ]; then
    if ! command -v sudo >/dev/null 2>&1; then
        echo "Missing:$missing. As root: apt-get install$missing" >&2
        exit 1
    fi
    as_root=sudo
fi

install_missing() {
    # shellcheck disable=SC2086 # a list of words
    $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends $missing
}

echo "Installing:$missing"
# The package lists may be absent or out of date: fetch them only if the first try fails.
install_missing >/dev/null 2>&1 && exit 0
$as_root apt-get update -q || exit 1
install_missing || {
    echo "Could not install:$missing" >&2
    exit 1
}
