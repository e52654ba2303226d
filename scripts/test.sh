#!/usr/bin/env bash
# Runs all tests and ends with one line, "N passed, N failed". Installs what is missing (Debian, as
# root or by sudo). scripts/test.sh WORD... runs only the stages named: unit sanitize check e2e
# bench.
set -uo pipefail
cd "$(dirname "$0")/.." || exit

stages=("$@")
[[ ${#stages[@]} -gt 0 ]] || stages=(unit sanitize check e2e bench)
passed=0
failed=0
output=$(mktemp)
tidy_output=$(mktemp)
tidy="" # its process group, while it runs
trap '[[ -z $tidy ]] || kill -- "-$tidy" 2>/dev/null; rm -f "$output" "$tidy_output"' EXIT

# Counts the TAP lines of a command; dying without a "not ok" of its own is a failure too.
run_tap() {
    local name=$1 status=0 ok not_ok
    shift
    echo "# $name"
    "$@" 2>&1 | tee "$output"
    status=${PIPESTATUS[0]}
    ok=$(grep -c '^ok ' "$output")
    not_ok=$(grep -c '^not ok ' "$output")
    if [[ $status -ne 0 && $not_ok -eq 0 ]]; then
        echo "not ok - $name ended with status $status"
        not_ok=1
    fi
    passed=$((passed + ok))
    failed=$((failed + not_ok))
}

# Counts a command that passed or failed as a whole; its output is shown when it failed.
report_step() {
    local name=$1 status=$2 shown=$3
    if [[ $status -eq 0 ]]; then
        echo "ok - $name"
        passed=$((passed + 1))
    else
        tail -n 60 "$shown"
        echo "not ok - $name"
        failed=$((failed + 1))
    fi
    return "$status"
}

run_step() {
    local name=$1
    shift
    "$@" >"$output" 2>&1
    report_step "$name" $? "$output"
}

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
echo "$passed passed, $failed failed"
[[ $failed -eq 0 ]]
