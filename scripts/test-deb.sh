#!/usr/bin/env bash
# Builds the Debian package on a release of Debian and tests it there, in root folders of its own
# (kept in build-RELEASE, or where DEBIAN_ROOTS says): lintian, installation, upgrade, removal and
# purge, first without systemd as in a container's image, then as services of a systemd that is
# booted for it. Needs root, and some minutes the first time.
#
# usage: scripts/test-deb.sh [bookworm|trixie]     ends with one line, "N passed, N failed"
set -uo pipefail
cd "$(dirname "$0")/.." || exit

release=${1:-bookworm}
roots=${DEBIAN_ROOTS:-$PWD/build-$release}
base=$roots/base
# shellcheck source=scripts/tap.sh
source scripts/tap.sh

in_layer() {
    scripts/debian-root.sh run --layer "$roots/$1" "$base" "${@:2}"
}

# The files that git knows or would know, as they are now.
copy_source() {
    local target=$roots/build/upper/src
    mkdir -p "$target" && find "$target" -mindepth 1 -delete &&
        git ls-files -co --exclude-standard -z | tar --null -T - --ignore-failed-read -cf - |
        tar -xf - -C "$target" --no-same-owner
}

# A package of the revision -1, and one of -2 to upgrade to.
build_packages() {
    copy_source || return
    # shellcheck disable=SC2016
    in_layer build sh -euc '
        /src/scripts/install-deps.sh build packaging
        rm -rf /build /packages && mkdir /packages # a new source may be older than an old object
        for revision in 1 2; do
            cmake -S /src -B /build -DDEBIAN_PACKAGE=ON -DBUILD_TESTING=OFF \
                -DWARNINGS_AS_ERRORS=ON -DCPACK_DEBIAN_PACKAGE_RELEASE=$revision
            cmake --build /build -j 2
            (cd /build && cpack -G DEB -B /packages)
        done' || return
    rm -rf "$roots/packages" && mkdir -p "$roots/packages" &&
        cp "$roots"/build/upper/packages/*.deb "$roots/packages/"
}

# Not a word, down to the level of information. But lintian of bookworm wants a script for other init
# systems; that of trixie does not know of it any more, and takes no override either.
lint() {
    local known=()
    [[ $release != bookworm ]] ||
        known=(--suppress-tags package-supports-alternative-init-but-no-init.d-script)
    # shellcheck disable=SC2016
    in_layer build sh -c 'lintian --allow-root --display-info --pedantic "$@" \
        --fail-on=error,warning,info,pedantic /packages/*-1_*.deb' sh "${known[@]}"
}

# A release with systemd, and what the package needs, but not the package.
prepare_system() {
    rm -rf "$roots/system"
    in_layer system sh -euc '
        apt-get install -y -q --no-install-recommends systemd systemd-sysv dbus curl man-db procps \
            init-system-helpers redis-server </dev/null
        systemctl disable redis-server' &&
        cp "$roots"/packages/*.deb packaging/debian/test-*.sh "$roots/system/upper/root/" &&
        in_layer system sh -euc '
            apt-get install -y -q /root/*-1_*.deb </dev/null
            dpkg --purge redis-cluster-exporter
            rm -f /usr/sbin/policy-rc.d'
}

in_system() {
    rm -rf "$roots/test"
    cp -a "$roots/system" "$roots/test"
    case $1 in
    chroot) in_layer test sh -eux "/root/$2" ;;
    booted) scripts/debian-root.sh boot --layer "$roots/test" "$base" sh -eux "/root/$2" ;;
    esac
}

run_all() {
    run_step "make $base" scripts/debian-root.sh make "$release" "$base" || return
    run_step "build the package" build_packages || return
    run_step "lintian" lint
    run_step "prepare a system" prepare_system || return
    run_step "install, upgrade, remove, purge without systemd" in_system chroot test-files.sh
    run_step "run as a service of systemd" in_system booted test-service.sh
}

run_all
summary
