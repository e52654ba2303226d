#!/usr/bin/env bash
# Builds and tests on Debian 13, whatever release this machine has: in a root folder made by
# debootstrap (kept for the next run, in build-debian13/root or where DEBIAN13_ROOT says). Needs
# root, and some 20 minutes, 10 more for the first time.
#
# usage: scripts/test-debian13.sh [gcc] [clang] [redis] [valkey] [TEST...]
#
#   gcc, clang     compile with warnings as errors, and run the unit tests
#   redis, valkey  run the end-to-end tests with the release's redis-server (8.0), valkey-server (8.1)
#
# Without arguments all of them; further words choose end-to-end tests by a part of their name.
# Ends with one line, "N passed, N failed".
set -uo pipefail
cd "$(dirname "$0")/.." || exit

root=${DEBIAN13_ROOT:-$PWD/build-debian13/root}
stages=()
chosen=()
for word in "$@"; do
    case $word in
    gcc | clang | redis | valkey) stages+=("$word") ;;
    -*) sed -n '2,/^set/{/^#/s/^# \{0,1\}//p}' "$0" && exit 2 ;;
    *) chosen+=("$word") ;;
    esac
done
[[ ${#stages[@]} -gt 0 ]] || stages=(gcc clang redis valkey)
# shellcheck source=scripts/tap.sh
source scripts/tap.sh

inside() {
    scripts/debian-root.sh run "$root" "$@"
}

# The files that git knows or would know. Only what differs is written, so that a second run builds
# little, and never too little: what changes is newer than what was built.
copy_source() {
    local file
    mkdir -p "$root/src" || return
    git ls-files -co --exclude-standard | while read -r file; do
        if [[ -f $file ]] && ! cmp -s "$file" "$root/src/$file"; then
            mkdir -p "$(dirname "$root/src/$file")"
            cp --preserve=mode --no-dereference "$file" "$root/src/$file" || return
        fi
    done
    (cd "$root/src" && find . -type f -printf '%P\n') | while read -r file; do
        [[ -f $file ]] || rm -f "$root/src/$file"
    done
}

prepare() {
    scripts/debian-root.sh make trixie "$root" && copy_source &&
        inside /src/scripts/install-deps.sh test &&
        inside sh -c 'dpkg -s valkey-server >/dev/null 2>&1 || apt-get install -y -q \
            --no-install-recommends valkey-server valkey-tools </dev/null'
}

build() {
    local compiler=$1
    run_step "$compiler: configure" inside cmake -S /src -B "/build-$compiler" \
        -DWARNINGS_AS_ERRORS=ON "-DCMAKE_C_COMPILER=$compiler" &&
        run_step "$compiler: build" inside cmake --build "/build-$compiler" -j "$(nproc)"
}

run_unit_tests() {
    # shellcheck disable=SC2016
    run_step "$1: unit tests" inside sh -euc \
        'cd /src && for test in "/build-$1"/tests/test_*; do
            [ ! -f "$test" ] || "$test"
        done' sh "$1"
}

run_e2e_tests() {
    local server=$1
    run_tap "end-to-end tests with $(inside "$server" --version)" inside \
        /src/tests/e2e/run.py --exporter /build-gcc/redis_cluster_exporter \
        --redis-server "$server" "${chosen[@]}"
}

run_step "prepare $root" prepare || exit 1
for stage in "${stages[@]}"; do
    case $stage in
    gcc | clang) build "$stage" && run_unit_tests "$stage" ;;
    redis | valkey) build gcc && run_e2e_tests "$stage-server" ;;
    esac
done
summary
