#!/usr/bin/env bash
# Measures the exporter on real and on simulated clusters and writes docs/benchmarks.md and
# docs/scaling.md; takes ten minutes. scripts/bench.sh --quick only checks, in less than two minutes,
# that nothing has become dear; --growth N only whether memory grows over N scrapes of a cluster that
# keeps changing.
# --build DIR names a directory to build in (build-bench).
set -euo pipefail
cd "$(dirname "$0")/.."

build="build-bench"
options=()
while [[ $# -gt 0 ]]; do
    case "$1" in
    --quick) options+=(--quick) ;;
    --growth) options+=(--growth "${2:?--growth takes a number of scrapes}") && shift ;;
    --build) build=${2:?--build takes a directory} && shift ;;
    *) echo "usage: scripts/bench.sh [--quick | --growth N] [--build DIR]" >&2 && exit 2 ;;
    esac
    shift
done

scripts/install-deps.sh test
cmake -S . -B "$build" -DCMAKE_BUILD_TYPE=Release >/dev/null
cmake --build "$build" -j "$(nproc)" \
    --target redis_cluster_exporter bench_simulator bench_floor bench_prober >/dev/null
exec tests/bench/bench.py --exporter "$build/redis_cluster_exporter" "${options[@]}"
