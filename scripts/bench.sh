#!/usr/bin/env bash
# Measures the exporter on real and on simulated clusters and writes docs/benchmarks.md.
# scripts/bench.sh --quick only checks, in less than two minutes, that nothing has become dear.
# --build DIR names a directory to build in (build-bench).
set -euo pipefail
cd "$(dirname "$0")/.."

build="build-bench"
options=()
while [[ $# -gt 0 ]]; do
    case "$1" in
    --quick) options+=(--quick) ;;
    --build) build=${2:?--build takes a directory} && shift ;;
    *) echo "usage: scripts/bench.sh [--quick] [--build DIR]" >&2 && exit 2 ;;
    esac
    shift
done

scripts/install-deps.sh test
cmake -S . -B "$build" -DCMAKE_BUILD_TYPE=Release >/dev/null
cmake --build "$build" -j "$(nproc)" \
    --target redis_cluster_exporter bench_simulator bench_floor >/dev/null
exec tests/bench/bench.py --build "$build" "${options[@]}"
