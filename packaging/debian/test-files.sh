#!/bin/sh
# Run by scripts/test-deb.sh in a root folder where no systemd runs: every file comes and goes.
set -eux

package=redis-cluster-exporter
settings=/etc/default/redis_cluster_exporter
config=/etc/redis_cluster_exporter/redis_cluster_exporter.yml
link=/etc/systemd/system/multi-user.target.wants/redis_cluster_exporter.service

# Everything below /etc, /usr and /var that is not a log, cache or list of the packaging system.
files() {
    find /etc /usr /var -xdev \( -path /var/log -o -path /var/cache -o -path /var/lib/dpkg \
        -o -path /var/lib/apt -o -path /var/lib/ucf \) -prune -o -print | sort
}

files >/root/before
dpkg -i /root/*-1_*.deb
redis_cluster_exporter --version
test -L "$link"
test ! -e /etc/systemd/system/sockets.target.wants/redis_cluster_exporter.socket
man redis_cluster_exporter | grep -q -- '--redis.addr'
man redis_cluster_exporter.yml | grep -q 'clusters:'
for file in "$settings" "$config"; do
    dpkg-query -W -f '${Conffiles}' "$package" | grep -q " $file "
done
redis_cluster_exporter --config.check --config.file="$config"
for file in bash-completion/completions/redis_cluster_exporter \
    zsh/vendor-completions/_redis_cluster_exporter \
    fish/vendor_completions.d/redis_cluster_exporter.fish \
    redis_cluster_exporter/prometheus/alerts.yaml \
    redis_cluster_exporter/grafana/redis-cluster-overview.json \
    redis_cluster_exporter/runbooks/RedisClusterStateFail.md \
    "doc/$package/copyright" "doc/$package/changelog.gz" "doc/$package/changelog.Debian.gz"; do
    test -s "/usr/share/$file"
done
test ! -e /usr/share/redis_cluster_exporter/prometheus/tests
find "$(dirname "$settings")" /etc/redis_cluster_exporter -name '*redis_cluster_exporter*' -type f \
    -perm /022 2>/dev/null | grep . && exit 1

# What the administrator has done outlives an upgrade.
echo 'REDIS_EXPORTER_LOG_LEVEL=debug' >>"$settings"
echo '# ours' >>"$config"
systemctl disable redis_cluster_exporter.service
dpkg -i /root/*-2_*.deb
dpkg-query -W -f '${Version}' "$package" | grep -q -- '-2$'
grep -q '^REDIS_EXPORTER_LOG_LEVEL=debug$' "$settings"
grep -q '^# ours$' "$config"
test ! -e "$link"
systemctl enable redis_cluster_exporter.service

dpkg --remove "$package"
test ! -e /usr/bin/redis_cluster_exporter
test -e "$settings" && test -e "$config"
dpkg --purge "$package"
files >/root/after
diff /root/before /root/after
