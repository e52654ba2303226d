#!/usr/bin/env bash
# Watches a healthy cluster under load for MINUTES (8), with a planned failover and a resharding in it,
# and fails if a warning or a critical alert fires. Takes the rules as shipped; needs a build.
set -euo pipefail
cd "$(dirname "$0")/.."

scripts/install-deps.sh test
exec tests/e2e/quiet.py --exporter build/redis_cluster_exporter --minutes "${1:-8}"
