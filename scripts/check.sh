#!/usr/bin/env bash
# Checks of the source: scripts/check.sh format|tidy|headers|shell|docs [BUILD_DIR]
set -euo pipefail
cd "$(dirname "$0")/.."

check=${1:?usage: scripts/check.sh format|tidy|headers|shell|docs [BUILD_DIR]}
build=${2:-build}

# Each header compiles alone.
check_headers() {
    local header failed=0
    while read -r header; do
        gcc -std=gnu11 -D_GNU_SOURCE -Wall -Wextra -Werror -Iexporter -fsyntax-only -x c \
            -include "${header#exporter/}" /dev/null || failed=1
    done < <(git ls-files -co --exclude-standard 'exporter/*.h')
    return "$failed"
}

case "$check" in
format) scripts/format.sh --check ;;
tidy) git ls-files -co --exclude-standard 'exporter/*.c' |
    xargs -P "$(nproc)" -n 4 clang-tidy --quiet -p "$build" 2>/dev/null ;;
headers) check_headers ;;
shell) git ls-files -co --exclude-standard '*.sh' .ci/run | xargs shellcheck ;;
docs) diff -u docs/metrics.md <("$build"/redis_cluster_exporter --print-metrics) ;;
*) echo "scripts/check.sh: unknown check: $check" >&2 && exit 2 ;;
esac
