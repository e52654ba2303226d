#!/usr/bin/env bash
# Runs the fuzz targets of tests/fuzz: scripts/fuzz.sh [SECONDS] [TARGET...]; without targets all,
# one after the other, SECONDS each (60). Inputs that reach new code are kept in build-fuzz/corpus
# and are where the next run goes on; what crashes is put into build-fuzz/found.
# scripts/fuzz.sh --merge [TARGET...] adds to tests/fuzz/corpus the least of the kept inputs that
# reaches as much.
set -euo pipefail
cd "$(dirname "$0")/.."

merge=no
seconds=60
if [[ ${1:-} == --merge ]]; then
    merge=yes
    shift
elif [[ ${1:-} =~ ^[0-9]+$ ]]; then
    seconds=$1
    shift
fi
targets=("$@")
if [[ ${#targets[@]} -eq 0 ]]; then
    mapfile -t targets < <(sed -n 's/^add_fuzz_target(\([a-z_]*\).*/\1/p' tests/fuzz/CMakeLists.txt)
fi

cmake -S . -B build-fuzz -DCMAKE_C_COMPILER=clang -DCMAKE_BUILD_TYPE=RelWithDebInfo -DFUZZ=ON \
    >/dev/null
nice cmake --build build-fuzz -j "$(nproc)" --target "${targets[@]/#/fuzz_}" >/dev/null
mkdir -p build-fuzz/found

# The last line of the log with figures: executions, coverage (edges), features, executions a second.
summary() {
    local log=$1 target=$2
    awk -v target="$target" '/ cov: / { line = $0 } /^Done/ { done = $2 }
        END { split(line, word); for (i in word) value[word[i]] = word[i + 1]
              printf "%-14s %9s executions, %5s edges, %6s features, %s inputs kept\n", target,
                     done != "" ? done : substr(word[1], 2), value["cov:"], value["ft:"],
                     value["corp:"] }' "$log"
}

fuzz() {
    local target=$1 kept=build-fuzz/corpus/$1 log=build-fuzz/found/$1.log dictionary=()
    mkdir -p "$kept"
    [[ -f tests/fuzz/$target.dict ]] && dictionary=(-dict="tests/fuzz/$target.dict")
    if nice -n 19 "build-fuzz/tests/fuzz_$target" -max_total_time="$seconds" -timeout=30 \
        -rss_limit_mb=1024 -max_len=8192 -artifact_prefix="build-fuzz/found/$target-" \
        "${dictionary[@]}" "$kept" "tests/fuzz/corpus/$target" >"$log" 2>&1; then
        summary "$log" "$target"
    else
        tail -n 40 "$log"
        echo "$target: failed, see build-fuzz/found"
        return 1
    fi
}

status=0
for target in "${targets[@]}"; do
    if [[ $merge == yes ]]; then
        "build-fuzz/tests/fuzz_$target" -merge=1 "tests/fuzz/corpus/$target" \
            "build-fuzz/corpus/$target" 2>&1 | grep 'MERGE-OUTER: .* new files' || status=1
    else
        fuzz "$target" || status=1
    fi
done
exit "$status"
