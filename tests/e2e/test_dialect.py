"""The dialect of redis_exporter beside the original, and the optional collectors."""

import os
import re
import subprocess

from harness import (EXPORTER, Exporter, Process, RedisError, RedisNode, Cluster, Page, acl_version,
                     clean_env, free_port, http_get, run, server_has, shared, temp_dir, wait)

# Series of the original that are not in the dialect, each with its reason.
NOT_COPIED = {
    "redis_last_key_groups_scrape_duration_milliseconds": "always 0: the feature is off",
    "redis_exporter_build_info": "describes the other program",
    "redis_db_keys_cached": "1.69 takes subexpiry of Redis 7.4 for KeyDB's cached keys",
    "redis_commands_latencies_usec_bucket": "1.69 has buckets that come and go with the values",
    "redis_instance_info": "compared without the label master_replid, which 1.45 does not have",
}
# What the original's own connection and commands change between two answers of ours.
MOVES = ("redis_allocator_", "redis_mem", "redis_client", "redis_connected_clients",
         "redis_commands_", "redis_connections_received", "redis_net_", "redis_total_",
         "redis_latency_percentiles_usec", "redis_cpu_", "redis_uptime", "redis_start_time",
         "redis_exporter_", "redis_cluster_messages", "redis_cluster_stats_messages",
         "redis_master_repl_offset", "redis_slave_repl_offset", "redis_repl_backlog",
         "redis_connected_slave", "redis_rdb_current", "redis_active_time", "redis_db_avg_ttl",
         "redis_keyspace", "redis_eventloop", "redis_instantaneous", "redis_acl_access",
         "redis_expire_cycle", "redis_used_cpu", "redis_last_slow", "redis_slowlog",
         "redis_master_last_io", "redis_expired", "redis_io_threaded")


class Rival(Process):
    """Debian's prometheus-redis-exporter."""

    def __init__(self, password=None, flags=()):
        self.port = free_port()
        env = clean_env({"REDIS_PASSWORD": password} if password else {})
        super().__init__(["prometheus-redis-exporter", "-redis.addr", "",
                          "-web.listen-address", f"127.0.0.1:{self.port}", *flags],
                         os.path.join(temp_dir(), "rival.log"), env=env)
        wait(lambda: http_get(self.port, "/health").status == 200, "the original answers")

    def scrape(self, addr):
        return series(http_get(self.port, f"/scrape?target=redis://{addr}").text)


def series(text):
    """{(name, labels): value} of a page that need not be strict."""
    found = {}
    for line in text.splitlines():
        if line and not line.startswith("#"):
            key, value = line.rsplit(" ", 1)
            found[key] = float(value)
    return found


class RxPage(Page):
    """A page in the dialect, whose names do not all follow the rules of Prometheus."""

    def __init__(self, response):
        self.response, self.text = response, response.text
        self.samples = {}
        for key, value in series(self.text).items():
            name, _, rest = key.partition("{")
            labels = tuple(re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', rest))
            assert (name, labels) not in self.samples, key
            self.samples[name, labels] = value


def normal(key):
    """A series' key with its labels in order, without those that only one side has."""
    name, _, rest = key.partition("{")
    labels = sorted(part for part in rest.rstrip("}").split('",') if part)
    labels = [label.rstrip('"') for label in labels if not label.startswith("master_replid")]
    return name, tuple(labels)


def load(node):
    """Strings, hashes, streams, expiry, errors, a slow command."""
    for i in range(50):
        for args in (("SET", f"s{i}", i), ("HSET", f"h{i}", "f", i), ("XADD", f"x{i}", "*", "f", i),
                     ("SET", f"e{i}", i, "EX", 1000), ("GET", f"none{i}"), ("LPUSH", f"s{i}", 1),
                     ("EVAL", "return redis.call('nosuch')", 0)):
            try:
                node.command(*args)
            except RedisError:
                pass
    node.command("CONFIG", "SET", "slowlog-log-slower-than", "0")
    node.command("CONFIG", "SET", "slowlog-log-slower-than", "1000000")


def compare(node, exporter, rival):
    addr = node.addr
    exporter.get(f"/scrape?target={addr}")  # connects: from here on each scrape is alike
    rival.scrape(addr)
    before = series(exporter.get(f"/scrape?target=redis://{addr}").text)
    theirs = {normal(k): v for k, v in rival.scrape(addr).items()}
    after = {normal(k): v for k, v in
             series(exporter.get(f"/scrape?target=redis://{addr}").text).items()}
    missing = [key for key in theirs if key not in after and key[0] not in NOT_COPIED]
    assert not missing, missing
    before = {normal(k): v for k, v in before.items()}
    wrong = [(key, theirs[key], after[key]) for key in theirs if key in after
             and before.get(key) == after[key] != theirs[key] and not key[0].startswith(MOVES)]
    assert not wrong, wrong
    compared = [key for key in theirs if key in after and not key[0].startswith(MOVES)]
    assert len(compared) > 50, len(compared)


def test_every_series_of_the_original_is_there_with_its_value():
    node = RedisNode(cluster=False).ready()
    exporter, rival = Exporter(node.addr), Rival()
    compare(node, exporter, rival)
    load(node)
    compare(node, exporter, rival)


def test_nodes_of_a_cluster_and_replicas_are_alike_too():
    cluster = shared(lambda: Cluster(masters=3, replicas=1))
    exporter, rival = Exporter(cluster.addrs[0]), Rival()
    for node in cluster.nodes[0], cluster.nodes[-1]:
        compare(node, exporter, rival)


def test_a_node_page_has_no_added_labels_and_a_metrics_page_can_speak_the_dialect():
    cluster = shared(lambda: Cluster(masters=3, replicas=1))
    exporter = Exporter(cluster.addrs[0], "--metrics.dialect=redis_exporter")
    page = RxPage(exporter.get(f"/scrape?target={cluster.addrs[1]}"))
    assert page.all("redis_up") == [({}, 1)]
    assert not [name for name, labels in page.samples if dict(labels).get("redis_node")]
    whole = RxPage(exporter.get("/metrics"))
    assert whole.up() == dict.fromkeys(cluster.addrs, 1)
    assert len(whole.by_node("redis_total_error_replies")) == 6
    assert not whole.all("redis_error_replies_total")


def default_families(page):
    return {name for name, _ in page.samples if not name.startswith("redis_errors_total")}


def test_the_printed_rights_are_enough_for_every_default_family():
    cluster = shared(lambda: Cluster(masters=3, replicas=1))
    line = subprocess.run([EXPORTER, "--print-acl", acl_version()], stdout=subprocess.PIPE, check=True,
                          text=True).stdout.split()
    assert line[:3] == ["ACL", "SETUSER", "exporter"], line
    for node in cluster.nodes:
        node.command(*(word.replace("PASSWORD", "pw") for word in line))
    whole = Exporter(cluster.addrs[0]).scrape()
    exporter = Exporter(cluster.addrs[0], "--redis.user=exporter", env={"REDIS_PASSWORD": "pw"})
    limited = exporter.scrape()
    assert limited.check_all_up(cluster.addrs)
    assert default_families(whole) - default_families(limited) == set()
    assert "refuses" not in exporter.output()
    for node in cluster.nodes:  # the connections end here
        node.command("ACL", "DELUSER", "exporter")


def counts(node):
    """Calls and errors by the server's own statistics."""
    info = node.info()
    calls = {key[8:]: int(value.split(",")[0].split("=")[1]) for key, value in info.items()
             if key.startswith("cmdstat_")}
    return calls, int(info["total_error_replies"])


def test_a_hundred_scrapes_are_a_hundred_pipelines_and_no_errors():
    node = RedisNode(cluster=False).ready()
    exporter = Exporter(node.addr, "--collector.latency-histogram", "--collector.config-all")
    exporter.scrape()
    calls, errors = counts(node)
    for _ in range(100):
        exporter.scrape()
    after, errors_after = counts(node)
    assert errors_after == errors == 0
    grown = {name: after[name] - calls.get(name, 0) for name in after}
    expected = ("config|get", "slowlog|len", "slowlog|get", "latency|latest", "latency|histogram")
    wanted = dict.fromkeys(expected, 100)
    if server_has(valkey=(8, 1)):
        wanted["commandlog|len"] = 300  # there are three logs
    assert {name: n for name, n in grown.items() if n and name != "info"} == wanted
    assert grown["info"] == 101  # one is this test's


def test_histograms_have_the_same_buckets_everywhere():
    node = RedisNode(cluster=False).ready()
    load(node)
    exporter = Exporter(node.addr, "--collector.latency-histogram")
    exporter.scrape()
    page = exporter.scrape()
    buckets = {}
    for labels, value in page.all("redis_commands_latencies_seconds_bucket"):
        buckets.setdefault(labels["cmd"], []).append((labels["le"], value))
    assert {"set", "hset", "config|set", "client|setname"} <= set(buckets)
    ladders = {tuple(le for le, _ in found) for found in buckets.values()}
    assert len(ladders) == 1 and ladders.pop()[-1] == "+Inf"
    for command, found in buckets.items():
        values = [value for _, value in found]
        assert values == sorted(values), command
        assert values[-1] == page.get("redis_commands_latencies_seconds_count", cmd=command)
        assert values[-1] == values[-2], f"{command}: all calls are below the highest bound"
        assert abs(page.get("redis_commands_latencies_seconds_sum", cmd=command)
                   - page.get("redis_commands_duration_seconds_total", cmd=command)) < 1e-9
    run("promtool", "check", "metrics", input=page.text)


def test_collectors_are_turned_on_and_off():
    node = RedisNode(cluster=False).ready()
    bare = Exporter(node.addr, "--collector.disable-defaults").scrape()
    for name in ("redis_commands_total", "redis_slowlog_length", "redis_config_maxclients",
                 "redis_latency_percentiles_seconds"):
        assert not bare.all(name), name
    one = Exporter(node.addr, "--collector.disable-defaults", "--collector.slowlog").scrape()
    assert one.all("redis_slowlog_length") and not one.all("redis_commands_total")
    off = Exporter(node.addr, "--no-collector.commandstats",
                   env={"REDIS_EXPORTER_COLLECTOR_SLOWLOG": "false"}).scrape()
    assert not off.all("redis_commands_total") and not off.all("redis_slowlog_length")
    assert off.all("redis_config_maxclients")


def databases(page):
    return sorted(int(labels["db"][2:]) for labels, _ in page.all("redis_db_keys"))


def test_the_configured_databases_are_all_there_even_empty():
    few, many = (RedisNode(cluster=False, databases=count).ready() for count in (4, 2000))
    exporter = Exporter([few.addr, many.addr])
    assert exporter.scrape().by_node("redis_config_databases") == {few.addr: 4, many.addr: 2000}
    assert databases(RxPage(exporter.get(f"/scrape?target={few.addr}"))) == list(range(4))
    many.command("SELECT", 1500)
    many.command("SET", "a", 1)
    page = RxPage(exporter.get(f"/scrape?target={many.addr}"))
    assert databases(page) == [*range(1000), 1500]
    assert page.get("redis_db_keys", db="db1500") == 1


def test_unreadable_settings_mean_the_default_number_of_databases():
    node = RedisNode(cluster=False, databases=4).ready()
    node.command("ACL", "SETUSER", "few", "reset", "on", ">pw", "+@all", "-config")
    exporter = Exporter(node.addr, "--redis.user=few", env={"REDIS_PASSWORD": "pw"})
    exporter.scrape()  # the first one finds out what is refused
    assert databases(RxPage(exporter.get(f"/scrape?target={node.addr}"))) == list(range(16))
    cluster = shared(lambda: Cluster(masters=3, replicas=1))
    page = RxPage(Exporter(cluster.addrs[0]).get(f"/scrape?target={cluster.addrs[0]}"))
    assert databases(page) == [0]


def test_settings_are_shown_but_never_a_secret():
    node = RedisNode(cluster=False, password="314159").ready()
    node.command("CONFIG", "SET", "masterauth", "271828")
    exporter = Exporter(node.addr, "--collector.config-all", env={"REDIS_PASSWORD": "314159"})
    for path in "/metrics", f"/scrape?target={node.addr}":
        text = exporter.get(path).text
        assert "314159" not in text and "271828" not in text
        assert 'redis_config_value{' in text and 'key="maxclients"' in text


def test_the_quantiles_are_fractions_and_seconds():
    node = RedisNode(cluster=False).ready()
    load(node)
    page = Exporter(node.addr).scrape()
    found = {labels["quantile"]: value
             for labels, value in page.all("redis_latency_percentiles_seconds", cmd="set")}
    assert set(found) == {"0.5", "0.99", "0.999"} and 0 < max(found.values()) < 1, found


def test_clients_are_summed_up_by_kind():
    cluster = shared(lambda: Cluster(masters=3, replicas=1))
    page = Exporter(cluster.addrs[0], "--collector.clients").scrape()
    for node in cluster.nodes:
        count = {labels["kind"]: value
                 for labels, value in page.all("redis_clients", redis_node=node.addr)}
        replica = node.info()["role"] == "slave"
        assert count["master" if replica else "replica"] == 1, (node.addr, count)
        assert count["normal"] >= 2 and count["pubsub"] == 0, count
        age = page.get("redis_clients_age_max_seconds", redis_node=node.addr, kind="normal")
        assert 0 <= age <= int(node.info()["uptime_in_seconds"])


def test_a_collector_that_is_refused_shows_as_failed():
    cluster = shared(lambda: Cluster(masters=3, replicas=1))
    for node in cluster.nodes:
        node.command("ACL", "SETUSER", "few", "reset", "on", ">pw", "-@all", "+info",
                     "+cluster|info", "+cluster|nodes", "+client|setname")
    page = Exporter(cluster.addrs[0], "--redis.user=few", env={"REDIS_PASSWORD": "pw"}).scrape()
    page.check_all_up(cluster.addrs)
    failed = {labels["collector"] for labels, value in
              page.all("redis_exporter_collector_failed", redis_node=cluster.addrs[0])}
    logs = {"commandlog"} if server_has(valkey=(8, 1)) else set()
    assert failed == {"slowlog", "latency", "config"} | logs, failed
    assert not Exporter(cluster.addrs[0]).scrape().all("redis_exporter_collector_failed")
