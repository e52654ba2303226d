#!/usr/bin/env bash
# Runs all tests and ends with one line, "N passed, N failed". Installs what is missing (Debian, as
# root or by sudo). scripts/test.sh WORD... runs only the stages named: unit sanitize check e2e
# bench.
set -uo pipefail
cd "$(dirname "$0")/.." || exit

stages=("$@")
[[ ${#stages[@]} -gt 0 ]] || stages=(unit sanitize check e2e bench)
# shellcheck source=scripts/tap.sh
source scripts/tap.sh
tidy_output=$(mktemp)
tidy="" # its process group, while it runs
trap '[[ -z $tidy ]] || kill -- "-$tidy" 2>/dev/null; rm -f "$output" "$tidy_output"' EXIT

# The longest check goes on while the end-to-end tests wait for their conditions.
start_tidy() {
    setsid nice -n 19 scripts/check.sh tidy build >"$tidy_output" 2>&1 &
    tidy=$!
}

await_tidy() {
    if [[ -n $tidy ]]; then
        wait "$tidy"
        report_step "check tidy" $? "$tidy_output"
        tidy=""
    fi
}

build() {
    local directory=$1
    shift
    run_step "configure $directory" cmake -S . -B "$directory" -DWARNINGS_AS_ERRORS=ON "$@" &&
        run_step "build $directory" cmake --build "$directory" -j "$(nproc)"
}

run_unit_tests() {
    local directory=$1 test
    for test in "$directory"/tests/test_*; do
        [[ -x $test && ! -d $test ]] &&
            CMOCKA_MESSAGE_OUTPUT=TAP run_tap "$directory ${test##*/}" "$test"
    done
}

run_stage() {
    case "$1" in
    unit) build build && run_unit_tests build ;;
    sanitize)
        build build-sanitize -DCMAKE_C_COMPILER=clang -DCMAKE_BUILD_TYPE=Debug \
            -DSANITIZE=address,undefined && run_unit_tests build-sanitize ;;
    check)
        for check in format headers shell docs; do
            run_step "check $check" scripts/check.sh "$check" build
        done
        start_tidy ;;
    e2e) run_tap e2e tests/e2e/run.py --exporter build/redis_cluster_exporter ;;
    bench) await_tidy; run_tap bench scripts/bench.sh --quick --build build ;;
    *) echo "scripts/test.sh: unknown stage: $1 (unit sanitize check e2e bench)" >&2 && exit 2 ;;
    esac
}

scripts/install-deps.sh test || exit 1
for stage in "${stages[@]}"; do
    run_stage "$stage"
done
await_tidy
summary
