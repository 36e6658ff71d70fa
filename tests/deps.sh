#!/bin/sh
# Installs what building (build), measuring (bench), measuring beside other servers (compare), testing (test) or the
# whole of CI (ci) needs and is missing. All need what building needs, and CI what testing does. Says nothing, and asks
# no package manager, when all is there.
# What the tests with other people's clients need (clients) comes on top of what testing needs, and one of them that
# cannot be installed is only reported: its tests skip.
#
#     tests/deps.sh build|bench|compare|test|clients|ci
set -u

group=${1:-build}
missing=

usage() {
    echo "usage: $0 build|bench|compare|test|clients|ci" >&2
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

# The peers to compare with.
needs_of_compare() {
    need redis-server command -v redis-server
    need memcached command -v memcached
}

needs_of_test() {
    need libcmocka-dev library cmocka
    need python3 test -x /usr/bin/python3
    need python3-pytest python_module pytest
    need python3-hypothesis python_module hypothesis
    need netcat-openbsd command -v nc
}

php_module() { php -m | grep -qx "$1"; }

ruby_gem() { ruby -e 'gem ARGV[0]' "$1"; }

needs_of_clients() {
    needs_of_compare
    need redis-tools command -v redis-cli
    need libmemcached-tools command -v memccapable
    need nutcracker command -v nutcracker
    need python3-redis python_module redis
    need python3-pymemcache python_module pymemcache
    need python3-django python_module django
    need python3-django-redis python_module django_redis
    need python3-flask-session python_module flask_session
    need php-cli command -v php
    need php-redis php_module redis
    need php-memcached php_module memcached
    need ruby-actionpack ruby_gem actionpack
    need ruby-redis ruby_gem redis
    need nodejs command -v node
    need npm command -v npm
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
compare) needs_of_build && needs_of_bench && needs_of_compare ;;
test) needs_of_build && needs_of_test ;;
clients) needs_of_clients ;;
ci) needs_of_build && needs_of_test && needs_of_ci ;;
*) usage ;;
esac
[ -z "$missing" ] && exit 0

# Says why something will be missing: an error, but not where tests are skipped for it.
give_up() {
    echo "$*" >&2
    [ "$group" = clients ] || exit 1
    echo "The tests that use these will be skipped." >&2
    exit 0
}

command -v apt-get >/dev/null 2>&1 ||
    give_up "Missing:$missing (these are the Debian names). Please install them and run make again."
as_root=
if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null 2>&1 || give_up "Missing:$missing. As root: apt-get install$missing"
    as_root=sudo
fi

install_missing() {
    # shellcheck disable=SC2086 # a list of words
    $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends $missing
}

# Some of the clients' packages bring services, which the tests do not use: without this they would be started.
policy=/usr/sbin/policy-rc.d
dont_start_services() {
    [ -e $policy ] && return
    trap '$as_root rm -f $policy' EXIT
    trap 'exit 1' HUP INT TERM
    printf '#!/bin/sh\nexit 101\n' | $as_root tee $policy >/dev/null && $as_root chmod 755 $policy
}

echo "Installing:$missing"
[ "$group" = clients ] && dont_start_services
# The package lists may be absent or out of date: fetch them only if the first try fails.
install_missing >/dev/null 2>&1 && exit 0
$as_root apt-get update -q || [ "$group" = clients ] || exit 1
install_missing && exit 0
[ "$group" = clients ] || give_up "Could not install:$missing"
without=
for missing in $missing; do
    install_missing >/dev/null 2>&1 || without="$without $missing"
done
[ -z "$without" ] || give_up "Could not install:$without"
