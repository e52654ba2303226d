#!/usr/bin/env bash
# Formats all C files in place; with --check it changes nothing and fails when it would.
set -euo pipefail
cd "$(dirname "$0")/.."

mapfile -t files < <(git ls-files -co --exclude-standard 'exporter/*.[ch]' 'tests/*.[ch]')
if [[ "${1:-}" == --check ]]; then
    clang-format --dry-run --Werror "${files[@]}"
else
    clang-format -i "${files[@]}"
fi
