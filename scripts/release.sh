#!/usr/bin/env bash
# Makes what a release has, in DIRECTORY (default: dist): the source as a tarball, a Debian package
# built from it, an SBOM (SPDX) of what the program is linked with, and SHA256SUMS of all.
#
# usage: scripts/release.sh [--check] [DIRECTORY]
#
#   --check  do it twice, in other places, and fail when one byte differs
#
# From the commit that is checked out; what is not committed is not in it. The times in all files are
# that commit's (SOURCE_DATE_EPOCH), so whoever has the same compiler and libraries gets the same.
set -euo pipefail
cd "$(dirname "$0")/.."

check=no
[[ ${1:-} != --check ]] || { check=yes && shift; }
target=${1:-dist}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
version=$(sed -n 's/^project(.* VERSION \([0-9.]*\) .*/\1/p' CMakeLists.txt)
revision=$(git rev-parse --short=12 HEAD)
name=redis_cluster_exporter-$version
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)
export SOURCE_DATE_EPOCH

source_tarball() {
    git archive --format=tar --prefix="$name/" HEAD | gzip -9n >"$1/$name.tar.gz"
}

# Built from the tarball, at a path that must not show in what is built.
debian_package() {
    local out=$1 build=$2
    mkdir -p "$build"
    tar -xzf "$out/$name.tar.gz" -C "$build"
    cmake -S "$build/$name" -B "$build/build" -DDEBIAN_PACKAGE=ON -DBUILD_TESTING=OFF \
        -DREVISION="$revision" -DCMAKE_C_COMPILER_LAUNCHER= \
        -DCMAKE_C_FLAGS="-ffile-prefix-map=$build=." >"$build/log"
    cmake --build "$build/build" -j "$(nproc)" >>"$build/log"
    (cd "$build/build" && cpack -G DEB >>"$build/log")
    cp "$build"/build/*.deb "$out/"
}

make_release() {
    local out=$1 build=$2
    mkdir -p "$out"
    source_tarball "$out"
    debian_package "$out" "$build" || {
        tail -n 40 "$build/log" >&2
        return 1
    }
    packaging/sbom.sh "$build/build/redis_cluster_exporter" "$version" "$revision" \
        >"$out/$name.spdx"
    (cd "$out" && sha256sum "$name.tar.gz" ./*.deb "$name.spdx" | sed 's# \./# #' >SHA256SUMS)
}

make_release "$work/one" "$work/build-one"
if [[ $check == yes ]]; then
    make_release "$work/two" "$work/a-longer/path/build-two"
    diff -r "$work/one" "$work/two"
    echo "two builds are the same, byte by byte"
fi
mkdir -p "$target"
cp "$work"/one/* "$target/"
cat "$target/SHA256SUMS"
