#!/usr/bin/env bash
# Makes a root folder of a Debian release by debootstrap, once, and runs commands in it: for the
# scripts that test packages, images and other releases. Needs root.
#
# usage: scripts/debian-root.sh make RELEASE ROOT
#        scripts/debian-root.sh run [OPTION...] ROOT COMMAND...
#        scripts/debian-root.sh boot [--layer DIRECTORY] ROOT COMMAND...
#
#   --layer DIRECTORY  leave ROOT as it is: what is written goes to DIRECTORY/upper
#   --read-only        write nothing at all
#   --user UID:GID     as this user, without any right of root
#
# The mirror is the one that apt uses on this machine. "run" gives /proc, /dev, /sys and the machine's
# network; "boot" starts the root's own systemd, without network, and then the command beside it.
# Mounts and processes are gone when the command ends, however it ends.
set -euo pipefail
shopt -s inherit_errexit

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
    [[ ! -e $root/etc/.complete ]] || return 0
    command -v debootstrap >/dev/null || fail "no debootstrap; run: scripts/install-deps.sh packaging"
    from=$(mirror)
    [[ -n $from ]] || fail "apt knows no Debian mirror on this machine; run: apt-get update"
    rm -rf "$root"
    mkdir -p "$root"
    debootstrap --variant=minbase "$release" "$root" "$from"
    cp --remove-destination /etc/resolv.conf "$root/etc/resolv.conf"
    printf '127.0.0.1 localhost\n::1 localhost\n' >"$root/etc/hosts"
    printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d" # starts no service
    chmod 755 "$root/usr/sbin/policy-rc.d"
    touch "$root/etc/.complete"
}

layer=
flags=
user=0:0
root=
command=()

read_options() {
    while [[ ${1:-} == --* ]]; do
        case $1 in
        --layer) layer=$2 && shift ;;
        --read-only) flags=ro ;;
        --user) user=$2 && shift ;;
        *) fail "unknown option: $1" ;;
        esac
        shift
    done
    root=${1:?a root folder}
    command=("${@:2}")
    [[ -e $root/etc/.complete ]] || fail "$root is no root folder that was made here"
    [[ ${#command[@]} -gt 0 ]] || fail "no command"
}

# --- inside a mount namespace of its own ---

mount_root() {
    if [[ -n $layer ]]; then
        mkdir -p "$layer/upper" "$layer/work" "$layer/root"
        mount -t overlay overlay -o "lowerdir=$root,upperdir=$layer/upper,workdir=$layer/work" \
            "$layer/root"
        root=$layer/root
    else
        mount --bind "$root" "$root"
    fi
}

clean_environment=(env -i HOME=/root LANG=C.UTF-8 TERM=dumb PYTHONDONTWRITEBYTECODE=1
    PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin)

run_here() {
    mount_root
    mount -t proc proc "$root/proc"
    mount --rbind /sys "$root/sys"
    mount --rbind /dev "$root/dev"
    [[ -z $flags ]] || mount -o "remount,$flags" "$root"
    local drop=()
    [[ $user == 0:0 ]] || drop=(setpriv "--reuid=${user%:*}" "--regid=${user#*:}" --clear-groups
        --no-new-privs --bounding-set=-all --)
    exec "${clean_environment[@]}" chroot "$root" "${drop[@]}" "${command[@]}"
}

# What a container's systemd expects of who starts it.
boot_here() {
    local node
    mount_root
    mount -t proc proc "$root/proc"
    mount -t sysfs -o ro sysfs "$root/sys"
    mount -t tmpfs tmpfs "$root/sys/fs/cgroup"
    mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
    mount -t tmpfs -o mode=755 tmpfs "$root/run"
    mount -t tmpfs -o mode=755 tmpfs "$root/dev"
    for node in null zero full random urandom tty; do
        touch "$root/dev/$node"
        mount --bind "/dev/$node" "$root/dev/$node"
    done
    mkdir "$root/dev/shm" "$root/dev/pts"
    mount -t devpts -o newinstance,ptmxmode=0666,mode=620 devpts "$root/dev/pts"
    ln -s pts/ptmx "$root/dev/ptmx"
    ip link set lo up
    # Services get mount namespaces of their own, which a mere chroot would not let them have.
    cd "$root"
    mkdir -p .outside
    pivot_root . .outside
    exec env -i container=other PATH=/usr/sbin:/usr/bin:/sbin:/bin bash -c \
        'umount -l /.outside && rmdir /.outside && mount --make-rshared / && exec "$@"' bash \
        /lib/systemd/systemd --system --log-target=journal --show-status=no
}

# --- boot, outside ---

cgroup=
namespaces=

end_boot() {
    [[ -z $namespaces ]] || kill -KILL "$namespaces" 2>/dev/null || true # ends all that is inside
    for _ in {1..50}; do # a process that ends is in its group for a moment more
        [[ -d $cgroup ]] || return 0
        find "$cgroup" -depth -type d -exec rmdir {} + 2>/dev/null || sleep 0.1
    done
}

# Units may have failed: what was started may well be about that.
is_up() {
    nsenter -t "$1" -a -r -w systemctl is-system-running 2>/dev/null |
        grep -qxE 'running|degraded'
}

boot() {
    local init status=0 parent
    parent=$(findmnt -n -o TARGET -t cgroup2 | head -n 1)
    [[ -n $parent ]] || fail "no cgroup2 is mounted here"
    cgroup=$parent/debian-root-$$
    mkdir "$cgroup"
    trap end_boot EXIT
    bash -c 'echo $$ >"$1/cgroup.procs" && shift && exec "$@"' bash "$cgroup" \
        unshare --mount --propagation private --pid --fork --kill-child --cgroup --uts --ipc --net \
        -- "$0" boot-here ${layer:+--layer "$layer"} "$root" true </dev/null &
    disown
    namespaces=$!
    for _ in {1..200}; do
        kill -0 "$namespaces" 2>/dev/null || fail "systemd ended"
        init=$(pgrep -P "$namespaces" | head -n 1) || true
        if [[ -n $init && $(readlink "/proc/$init/exe") == */systemd ]] && is_up "$init"; then
            break
        fi
        sleep 0.1
    done
    nsenter -t "$init" -a -r -w "${clean_environment[@]}" "${command[@]}" || status=$?
    exit "$status"
}

[[ $EUID -eq 0 ]] || fail "has to be run by root"
what=${1:-}
shift || true
case "$what" in
make) make_root "${1:?release}" "${2:?directory}" ;;
run) exec unshare --mount --propagation private -- "$0" run-here "$@" ;;
run-here) read_options "$@" && run_here ;;
boot) read_options "$@" && boot ;;
boot-here) read_options "$@" && boot_here ;;
*) fail "usage: make RELEASE ROOT, or run|boot [OPTION...] ROOT COMMAND..." ;;
esac
