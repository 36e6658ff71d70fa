#!/bin/sh
# Checks the models here with spin: each must hold over its whole state space, and each NAIVE variant must fail
# (a model that cannot fail shows nothing). One line a model; exit status 1 if any of them disappoints.
#
#     tests/model/run.sh [FOLDER]    FOLDER: where to work; default: a temporary one, removed at the end
#
# CC: the compiler (cc). MODEL_SECONDS: the longest search (60). MODEL_MB: the most memory of one (512).
set -u
here=$(cd "$(dirname "$0")" && pwd)
cc=${CC:-cc}
seconds=${MODEL_SECONDS:-60}
mb=${MODEL_MB:-512}
failed=0

if ! command -v spin >/dev/null; then
    echo "run.sh: spin is not installed" >&2
    exit 1
fi
if [ $# -gt 0 ]; then
    mkdir -p "$1" || exit 1
    work=$(cd "$1" && pwd)
else
    work=$(mktemp -d) || exit 1
    trap 'rm -rf "$work"' EXIT
    trap 'exit 1' INT TERM
fi
cd "$work" || exit 1

# search MODEL FLAGS...: leaves pan's words in ./out and sets `verdict` to holds, fails or a word for trouble.
search() {
    model=$1
    shift
    verdict=broken
    rm -f pan pan.* ./*.trail out
    spin "$@" -a "$here/$model.pml" >out 2>&1 || return
    "$cc" -O1 -w -DSAFETY -DMEMLIM="$mb" -o pan pan.c >>out 2>&1 || return
    timeout "$seconds" ./pan -m50000 >out 2>&1
    status=$?
    # Everything the model describes must have happened, except that processes marked `end` may stay.
    unreached=$(sed -n '/^unreached in/,$p' out | grep 'state [0-9]*, "' | grep -cv '"-end-"')
    if [ "$status" -eq 124 ]; then
        verdict=too-slow
    elif grep -q 'out of memory\|max search depth too small' out; then
        verdict=incomplete
    elif grep -q 'errors: [1-9]' out; then
        verdict=fails
    elif [ "$status" -ne 0 ] || ! grep -q 'errors: 0' out || grep -q 'Search not completed' out; then
        verdict=incomplete
    elif [ "$unreached" -ne 0 ]; then
        verdict=unreached
    else
        verdict=holds
    fi
}

# expect VERDICT MODEL FLAGS...
expect() {
    wanted=$1
    shift
    search "$@"
    states=$(sed -n 's/^ *\([0-9][0-9]*\) states, stored.*/\1/p' out)
    if [ "$verdict" = "$wanted" ]; then
        echo "ok    $* $verdict as it must (${states:-no} states)"
    else
        echo "WRONG $* $verdict, but must be: $wanted"
        sed 's/^/      | /' out
        failed=1
    fi
}

expect holds ring
expect holds ring -DBOUND=1 -DPLACES=1
expect holds ring -DBOUND=3 -DPLACES=4
expect holds ring -DPRODUCERS=3 -DEACH=1
expect holds ring -DPRODUCERS=3 -DEACH=1 -DBOUND=1 -DPLACES=1
expect fails ring -DNAIVE_COPY
expect fails ring -DNAIVE_SIGN
expect fails ring -DNAIVE_FREE
expect fails ring -DNAIVE_SLEEP

expect holds bell
expect holds bell -DFD
expect holds bell -DPRODUCERS=3 -DEACH=2
expect fails bell -DNAIVE
expect fails bell -DNAIVE -DFD
expect fails bell -DNAIVE_ARM
expect fails bell -DNAIVE_LOOK

expect holds mailbox
expect holds mailbox -DCALLS=1 -DEACH=4
expect holds mailbox -DPOSTERS=3 -DCALLS=1 -DEACH=2
expect fails mailbox -DNAIVE
expect fails mailbox -DNAIVE_TAKE

expect holds shards
expect holds shards -DBOUND=2 -DEACH=3
expect holds shards -DLOOPS=3 -DEACH=1
expect fails shards -DNAIVE_WAIT
expect fails shards -DNAIVE_ORDER
expect fails shards -DNAIVE_PARTS

exit $failed
