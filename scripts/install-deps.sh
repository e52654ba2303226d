#!/usr/bin/env bash
#
# Installs the Debian packages this project needs, and only those that are
# missing. With everything in place it does nothing and needs no rights.
# No service that comes with a package is left running or enabled.

set -euo pipefail

readonly script_name=${0##*/}

usage() {
    cat <<USAGE
Usage: scripts/$script_name [build] [test] [demo] [monitoring] [packaging]

Installs the missing Debian packages (12 or 13) of the groups named:

  build       what compiling the exporter takes (the default)
  demo        Redis and curl, for scripts/demo.sh
  monitoring  Prometheus and Alertmanager
  test        all of the above, and what the tests and checks use
  packaging   what the scripts for packages and other releases of Debian use

Runs as root or through sudo. Asks nothing. Services that come with the
packages are neither started nor enabled; those you had are not touched.
USAGE
}

say() {
    printf '%s\n' "$*"
}

fail() {
    printf '%s: %s\n' "$script_name" "$*" >&2
    exit 1
}

# --- which packages ---------------------------------------------------------

# libc6-dev is only recommended by gcc, and recommended packages are left out.
build_packages() {
    echo gcc libc6-dev make cmake pkg-config libmicrohttpd-dev libhiredis-dev \
        libcjson-dev libevent-dev libisal-dev libssl-dev libyaml-dev \
        libgnutls28-dev libcrypt-dev
}

demo_packages() {
    echo redis-server redis-tools curl
}

monitoring_packages() {
    echo prometheus prometheus-alertmanager
}

test_packages() {
    build_packages
    demo_packages
    monitoring_packages
    echo libcmocka-dev prometheus-redis-exporter shellcheck valgrind clang clang-format clang-tidy \
        "$(clang_runtime_package)" python3 python3-prometheus-client git \
        iproute2 procps jsonnet strace man-db mandoc zsh fish systemd \
        python3-yaml openssl
}

# For scripts/test-debian13.sh, test-deb.sh and release.sh.
packaging_packages() {
    build_packages
    echo debootstrap lintian git dpkg-dev file kubernetes-client
}

# The sanitizer runtime has to fit the release's default clang.
clang_runtime_package() {
    local release
    # shellcheck source=/dev/null
    release=$(. /etc/os-release && echo "${VERSION_ID:-}")
    case $release in
        12) echo libclang-rt-14-dev ;;
        *) echo libclang-rt-dev ;;
    esac
}

packages_of_groups() {
    local group
    for group in "$@"; do
        "${group}_packages"
    done | tr ' ' '\n' | sort -u
}

# Reads package names, prints those that are not fully installed.
only_missing() {
    local package status
    while read -r package; do
        status=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) || status=
        if [[ $status != installed ]]; then
            echo "$package"
        fi
    done
}

# --- keeping services as they are -------------------------------------------

readonly policy=/usr/sbin/policy-rc.d
readonly policy_backup=$policy.before-install-deps
readonly policy_mark='# Temporary: written by install-deps.sh, which removes it when it ends.'

policy_is_ours() {
    [[ -f $policy ]] && grep -qxF "$policy_mark" "$policy"
}

# Debian asks policy-rc.d before a package starts, stops or restarts a service;
# 101 means "no". A policy that was there already is put aside. If our own one
# is there, an earlier run was killed: its backup is the one to keep.
forbid_service_starts() {
    local new=$policy.new.$$
    if ! policy_is_ours && [[ -e $policy || -L $policy ]]; then
        cp -a "$policy" "$policy_backup"
    fi
    printf '#!/bin/sh\n%s\nexit 101\n' "$policy_mark" >"$new"
    chmod 755 "$new"
    mv -f "$new" "$policy"
}

restore_service_policy() {
    if [[ -e $policy_backup || -L $policy_backup ]]; then
        mv -f "$policy_backup" "$policy"
    elif policy_is_ours; then
        rm -f "$policy"
    fi
}

# Prints the links that make services start at boot: those systemd follows and
# those SysV init follows. Links that lead nowhere enable nothing and are left
# out: a package that was removed, but not purged, leaves such behind.
enabling_links() {
    local directory
    for directory in /etc/systemd/system /etc/systemd/user; do
        if [[ -d $directory ]]; then
            find "$directory" -type l -xtype f -lname '*/lib/systemd/*'
        fi
    done
    find /etc -maxdepth 2 -path '/etc/rc[2-5S].d/S*' -type l -xtype f
}

# Takes back every enabling link that was not there before. The result is what
# "systemctl disable" and "update-rc.d disable" leave, but it also works where
# systemd is not installed, and it lasts: upgrades of the package keep it.
disable_new_services() {
    local link name
    enabling_links | sort >"$work/links.after"
    comm -13 "$work/links.before" "$work/links.after" >"$work/links.new"
    while read -r link; do
        name=${link##*/}
        case $link in
            /etc/rc*) mv -f "$link" "${link%/*}/K${name#S}" ;;
            *) rm -f "$link" ;;
        esac
    done <"$work/links.new"
    if [[ -s $work/links.new && -d /run/systemd/system ]]; then
        systemctl daemon-reload || true
    fi
}

# --- installing -------------------------------------------------------------

work=
apt_pid=
services_guarded=no

clean_up() {
    trap '' INT TERM HUP
    set +e # whatever goes wrong here, the rest is still to be done
    if [[ -n $apt_pid ]]; then
        kill "$apt_pid" 2>/dev/null
        wait "$apt_pid" 2>/dev/null
    fi
    if [[ $services_guarded == yes ]]; then
        restore_service_policy
        disable_new_services
    fi
    if [[ -n $work ]]; then
        rm -rf "$work"
    fi
}

# Another apt may be at work: wait for it. Settings the user changed stay.
# needrestart, where it is installed, must not restart running services.
# In a session of its own, so that Ctrl-C reaches this script, not apt and dpkg.
readonly apt_get=(
    env DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1 APT_LISTCHANGES_FRONTEND=none
    setsid --wait apt-get -y -q --no-install-recommends
    -o DPkg::Lock::Timeout=120 -o APT::Color=0
    -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold
)

# Ctrl-C and SIGTERM end this kind of step at once.
apt_get_interruptible() {
    local status=0
    "${apt_get[@]}" "$@" </dev/null >>"$work/apt.log" 2>&1 &
    apt_pid=$!
    wait "$apt_pid" || status=$?
    apt_pid=
    return "$status"
}

# Ctrl-C and SIGTERM take effect when this kind of step is done.
apt_get_to_the_end() {
    "${apt_get[@]}" "$@" </dev/null >>"$work/apt.log" 2>&1
}

fail_with_apt_log() {
    local reason
    reason=$(grep -m 1 -E '^(E|Error): ' "$work/apt.log" || tail -n 1 "$work/apt.log")
    fail "apt-get could not install: $* (${reason:-no reason given})"
}

install_packages() {
    trap clean_up EXIT
    trap 'exit 129' HUP
    trap 'exit 130' INT
    trap 'exit 143' TERM
    work=$(mktemp -d -t install-deps.XXXXXX)

    # One run at a time: two would take each other's policy for the user's.
    exec {lock}>/run/redis-cluster-exporter-install-deps.lock
    flock "$lock"

    say "Installing packages: $*"
    # Without a network, packages fetched earlier may do: so this may fail.
    apt_get_interruptible update || true
    apt_get_interruptible install --download-only "$@" || fail_with_apt_log "$@"

    # With all packages fetched this is soon done, and an interruption would
    # leave half-installed packages.
    enabling_links | sort >"$work/links.before"
    services_guarded=yes
    forbid_service_starts
    apt_get_to_the_end install "$@" || fail_with_apt_log "$@"
    say "Packages installed; no service was started or enabled."
}

# --- main -------------------------------------------------------------------

main() {
    local argument list
    local -a missing
    for argument in "$@"; do
        case $argument in
            build | test | demo | monitoring | packaging) ;;
            -h | --help)
                usage
                exit 0
                ;;
            *)
                printf '%s: unknown group "%s" (known: build test demo monitoring packaging)\n' \
                    "$script_name" "$argument" >&2
                exit 2
                ;;
        esac
    done
    if [[ $# -eq 0 ]]; then
        set -- build
    fi

    if ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null; then
        fail "no apt-get here; install yourself what matches:" \
            "$(packages_of_groups "$@" | tr '\n' ' ')"
    fi

    list=$(packages_of_groups "$@" | only_missing)
    if [[ -z $list ]]; then
        return
    fi
    mapfile -t missing <<<"$list"

    if [[ $EUID -eq 0 ]]; then
        install_packages "${missing[@]}"
    elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
        exec sudo -n "$BASH" "$0" "$@"
    else
        fail "needs root to install: ${missing[*]} (run: sudo scripts/$script_name $*)"
    fi
}

main "$@"
