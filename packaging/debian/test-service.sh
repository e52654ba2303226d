#!/bin/sh
# Run by scripts/test-deb.sh beside a systemd that runs: the package's units do what they promise.
set -eux

unit=redis_cluster_exporter.service
page=http://localhost:9121/metrics

property() {
    systemctl show --value --property="$1" "$unit"
}

# Waits at most ten seconds until a command succeeds.
soon() {
    for _ in $(seq 100); do
        if "$@"; then
            return 0
        fi
        sleep 0.1
    done
    return 1
}

is_up() {
    curl -sf "$page" | grep -q '^redis_up{.*} 1$'
}

is_renamed() {
    curl -sf "$page" | grep -q '^redis_up{.*redis_cluster="renamed".*} 1$'
}

reload_has_failed() {
    test "$(property StatusText)" = 'serving; the last reload failed'
}

serves() {
    test "$(property StatusText)" = serving
}

restarted() {
    test "$(property NRestarts)" -gt 0 && test "$(property ActiveState)" = active
}

# A server with a password, to be read as a credential.
redis-server --port 6379 --requirepass canary --daemonize yes --save ''
mkdir -p /etc/redis_cluster_exporter
printf canary >/etc/redis_cluster_exporter/redis-password
chmod 600 /etc/redis_cluster_exporter/redis-password
mkdir -p "/etc/systemd/system/$unit.d"
cat >"/etc/systemd/system/$unit.d/test.conf" <<END
[Service]
LoadCredential=redis_password:/etc/redis_cluster_exporter/redis-password
WatchdogSec=1s
END

# Started by the installation, and ready when it says so. Not as root, and without rights.
dpkg -i /root/*-1_*.deb
systemctl is-active "$unit"
systemctl is-enabled "$unit"
test "$(property Type)" = notify
test "$(property StatusText)" = serving
curl -sf http://localhost:9121/-/healthy
soon is_up
pid=$(property MainPID)
test "$(stat -c %u "/proc/$pid")" -ge 61184
grep -q '^CapEff:.*0000000000000000$' "/proc/$pid/status"
grep -q '^Seccomp:.*2$' "/proc/$pid/status"
if grep -a canary "/proc/$pid/environ" "/proc/$pid/cmdline"; then
    exit 1
fi
if journalctl -u "$unit" -o cat --no-pager | grep 'can be read by others'; then
    exit 1 # a credential is for the service alone
fi
redis_cluster_exporter --healthcheck
curl -sf "$page" | grep '^process_start_time_seconds ' # though it sees processes only
systemd-analyze security --no-pager "$unit" | tail -n 1

# A loop that hangs is found by the watchdog, and the service restarted.
kill -STOP "$pid"
soon restarted
soon is_up

# An upgrade restarts it; a reload does not.
pid=$(property MainPID)
dpkg -i /root/*-2_*.deb
test "$(property MainPID)" != "$pid"
soon is_up
pid=$(property MainPID)
config=/etc/redis_cluster_exporter/redis_cluster_exporter.yml
sed -i 's/name: main/name: renamed/' "$config"
systemctl reload "$unit"
soon is_renamed
test "$(property MainPID)" = "$pid"
echo 'nonsense: true' >>"$config"
systemctl reload "$unit"
soon reload_has_failed
journalctl -u "$unit" -o cat --no-pager | grep nonsense
is_renamed
sed -i '/^nonsense/d' "$config"
systemctl reload "$unit"
soon serves
test "$(property MainPID)" = "$pid"

# systemd holds the port.
if redis_cluster_exporter --help | grep -q -- --web.systemd-socket; then
    systemctl stop "$unit"
    sed -i 's/9121/9122/' /lib/systemd/system/redis_cluster_exporter.socket
    echo REDIS_EXPORTER_WEB_SYSTEMD_SOCKET=true >>/etc/default/redis_cluster_exporter
    systemctl daemon-reload
    systemctl start redis_cluster_exporter.socket
    test "$(property ActiveState)" = inactive
    page=http://localhost:9122/metrics
    soon is_up
    test "$(property ActiveState)" = active
    systemctl restart "$unit"
    is_up || soon is_up
fi

dpkg --purge redis-cluster-exporter
test ! -e "/proc/$(property MainPID)/exe"
test "$(property ActiveState)" = inactive
test ! -e /etc/systemd/system/multi-user.target.wants/"$unit"
redis-cli -a canary shutdown nosave
