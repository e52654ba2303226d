#!/usr/bin/env bash
# Makes a root folder of a Debian release by debootstrap, once, and runs commands in it; for the
# scripts that test on other releases. Needs root.
#
# usage: scripts/debian-root.sh make RELEASE DIRECTORY
#        scripts/debian-root.sh run DIRECTORY COMMAND...
#
# The mirror is the one that apt uses on this machine. A command sees /proc, /dev and /sys, and the
# machine's network; what is mounted for it is gone when it ends, however it ends.
set -euo pipefail

fail() {
    echo "scripts/debian-root.sh: $*" >&2
    exit 1
}

# Of Debian itself, not of its security archive or of somebody else.
mirror() {
    # shellcheck disable=SC2016
    apt-get indextargets --format '$(ORIGIN)|$(LABEL)|$(SITE)' 'Created-By: Packages' |
        sed -n 's/^Debian|Debian|//p' | head -n 1
}

make_root() {
    local release=$1 root=$2 from
    [[ -e $root/etc/.complete ]] && return
    command -v debootstrap >/dev/null || fail "no debootstrap; run: scripts/install-deps.sh packaging"
    from=$(mirror)
    [[ -n $from ]] || fail "apt knows no Debian mirror on this machine; run: apt-get update"
    rm -rf "$root"
    mkdir -p "$root"
    debootstrap --variant=minbase --include=ca-certificates "$release" "$root" "$from"
    cp --remove-destination /etc/resolv.conf "$root/etc/resolv.conf"
    printf '127.0.0.1 localhost\n::1 localhost\n' >"$root/etc/hosts"
    printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d" # starts no service
    chmod 755 "$root/usr/sbin/policy-rc.d"
    touch "$root/etc/.complete"
}

# In a mount namespace of its own, so that nothing stays mounted.
run_in_root() {
    local root=$1
    shift
    # shellcheck disable=SC2016
    exec unshare --mount --propagation private -- bash -euc '
        root=$1
        shift
        mount -t proc proc "$root/proc"
        mount --rbind /sys "$root/sys"
        mount --rbind /dev "$root/dev"
        exec env -i HOME=/root LANG=C.UTF-8 TERM=dumb PYTHONDONTWRITEBYTECODE=1 \
            PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
            chroot "$root" "$@"' bash "$root" "$@"
}

[[ $EUID -eq 0 ]] || fail "has to be run by root"
case "${1:-}" in
make) make_root "${2:?release}" "${3:?directory}" ;;
run) run_in_root "${@:2}" ;;
*) fail "usage: make RELEASE DIRECTORY, or run DIRECTORY COMMAND..." ;;
esac
