# shellcheck shell=bash
# For scripts that run tests, to be sourced: counts what passes and fails, by the lines of TAP.

passed=0
failed=0
output=$(mktemp) # of the command that runs; the script's EXIT trap removes it
trap 'rm -f "$output"' EXIT

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

# The last line, and whether all is well.
summary() {
    echo "$passed passed, $failed failed"
    [[ $failed -eq 0 ]]
}
