#!/usr/bin/env bash
# Makes random faults on a real cluster that is read with and without TLS, with scrapers that look at
# every answer, and ends with a table: scripts/soak.sh [MINUTES] [SEED] (60 minutes, a new seed).
# EXPORTER names another program than build/redis_cluster_exporter.
set -euo pipefail
cd "$(dirname "$0")/.."

scripts/install-deps.sh test
exporter=${EXPORTER:-build/redis_cluster_exporter}
if [[ ! -x $exporter ]]; then
    cmake -S . -B build >/dev/null
    cmake --build build -j "$(nproc)" --target redis_cluster_exporter >/dev/null
fi
exec nice tests/e2e/soak.py --exporter "$exporter" ${2:+--seed "$2"} "${1:-60}"
