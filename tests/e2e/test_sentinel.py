"""Sentinels: each family, by itself and beside the original; masters that go down."""

import os

import harness
from harness import (Exporter, Process, REPO, RedisNode, Resp, address, free_port, parse_info,
                     shared, temp_dir, wait)
from test_dialect import Rival, RxPage, normal, series

CONFIG = """
port {port}
bind 127.0.0.1
dir {dir}
sentinel monitor main 127.0.0.1 {master} {quorum}
sentinel down-after-milliseconds main 500
sentinel failover-timeout main 60000
sentinel parallel-syncs main 3
"""


class Sentinel:
    """One Sentinel that watches one master, called main."""

    def __init__(self, master, quorum):
        self.port, where = free_port(), temp_dir()
        path = os.path.join(where, "sentinel.conf")
        with open(path, "w", encoding="utf-8") as f:
            f.write(CONFIG.format(port=self.port, dir=where, master=master.port, quorum=quorum))
        self.process = Process([harness.REDIS_SERVER, path, "--sentinel"],
                               os.path.join(where, "sentinel.log"))
        self.addr = address("127.0.0.1", self.port)
        wait(lambda: self.call("PING") == "PONG", "the Sentinel answers")

    def call(self, *args):
        resp = Resp("127.0.0.1", self.port)
        try:
            return resp.call(*args)
        finally:
            resp.close()

    def flags(self, what):
        """Those of each other Sentinel (SENTINELS) or replica (REPLICAS) that it knows."""
        told = self.call("SENTINEL", what, "main")
        return [dict(zip(peer[::2], peer[1::2]))["flags"] for peer in told]

    def errors(self):
        info = parse_info(self.call("INFO", "all"))
        return {key: value for key, value in info.items() if "error" in key}


class Watch:
    """A master whose replica can never take over, and two Sentinels."""

    def __init__(self):
        self.master = RedisNode(cluster=False).ready()
        self.replica = RedisNode(cluster=False, replica_priority=0,
                                 replicaof=f"127.0.0.1 {self.master.port}").ready()
        self.sentinels = [Sentinel(self.master, quorum=2) for _ in range(2)]
        wait(self.complete, "the Sentinels know each other and the replica")

    def complete(self):
        return all(sentinel.flags("SENTINELS") == ["sentinel"]
                   and sentinel.flags("REPLICAS") == ["slave"] for sentinel in self.sentinels)


def families():
    """The families of redis_exporter that are about Sentinels."""
    with open(os.path.join(REPO, "tests", "fixtures", "redis_exporter-families.tsv"),
              encoding="utf-8") as f:
        rows = [line.split("\t") for line in f]
    found = {row[0] for row in rows if row[0].startswith("redis_sentinel_")}
    assert len(found) == 20
    return found - {"redis_sentinel_config_key_value"}  # texts can be passwords


def about_sentinel(page):
    """{(name, labels in order, without those of cluster and node): value}"""
    return {(name, tuple(sorted(p for p in labels if p[0] not in ("redis_cluster", "redis_node")))):
            value for (name, labels), value in page.samples.items()
            if name.startswith("redis_sentinel_")}


def values(page):
    """{name: value} of the families that have one sample."""
    return {name: value for (name, _), value in about_sentinel(page).items()}


EXPECTED = {
    "redis_sentinel_masters": 1,
    "redis_sentinel_tilt": 0,
    "redis_sentinel_running_scripts": 0,
    "redis_sentinel_scripts_queue_length": 0,
    "redis_sentinel_simulate_failure_flags": 0,
    "redis_sentinel_master_status": 1,
    "redis_sentinel_master_slaves": 1,
    "redis_sentinel_master_sentinels": 2,
    "redis_sentinel_master_ckquorum_status": 1,
    "redis_sentinel_master_setting_ckquorum": 2,
    "redis_sentinel_master_setting_failover_timeout": 60000,
    "redis_sentinel_master_setting_parallel_syncs": 3,
    "redis_sentinel_master_setting_down_after_milliseconds": 500,
    "redis_sentinel_master_config_epoch": 0,
    "redis_sentinel_master_ok_sentinels": 2,
    "redis_sentinel_master_ok_slaves": 1,
    "redis_sentinel_peer_info": 1,
    "redis_sentinel_config_value": 0,  # of announce-port
}
LATELY = "redis_sentinel_master_last_ok_ping_reply_seconds"
EVERYTHING = ("--include-sentinel-peer-info", "--collector.config-all")


def labels_of(watch):
    """The labels of each family that has some."""
    main = ("master_address", f"127.0.0.1:{watch.master.port}"), ("master_name", "main")
    other = watch.sentinels[1]
    other_id = other.call("SENTINEL", "MYID")
    found = {name: main for name in EXPECTED if name.startswith("redis_sentinel_master_")}
    found["redis_sentinel_master_status"] = (*main, ("master_status", "ok"))
    found["redis_sentinel_peer_info"] = tuple(sorted(
        (*main, ("name", other_id), ("ip", "127.0.0.1"), ("port", str(other.port)),
         ("runid", other_id), ("flags", "sentinel"))))
    found["redis_sentinel_master_ckquorum_status"] = (
        ("master_name", "main"), ("message", "OK 2 usable Sentinels. Quorum and failover "
                                  "authorization can be reached"))
    found["redis_sentinel_config_value"] = (("key", "announce-port"),)
    return found


def test_each_family_has_its_labels_and_value():
    watch = shared(Watch)
    exporter = Exporter(watch.master.addr, "--scrape.allow=127.0.0.1:*", *EVERYTHING)
    page = RxPage(exporter.get(f"/scrape?target={watch.sentinels[0].addr}"))
    found, labels = about_sentinel(page), labels_of(watch)
    assert 0 <= found.pop((LATELY, labels["redis_sentinel_master_status"][:2])) < 100
    wanted = {(name, labels.get(name, ())): value for name, value in EXPECTED.items()}
    assert found == wanted, set(found.items()) ^ set(wanted.items())
    assert {*EXPECTED, LATELY} == families()
    assert page.get("redis_up") == 1 and not page.all("redis_exporter_collector_failed")


def test_peers_and_settings_are_told_only_on_request():
    watch = shared(Watch)
    exporter = Exporter(watch.master.addr, "--scrape.allow=127.0.0.1:*")
    found = values(RxPage(exporter.get(f"/scrape?target={watch.sentinels[0].addr}")))
    assert set(EXPECTED) - set(found) == {"redis_sentinel_peer_info",
                                          "redis_sentinel_config_value"}


def test_the_original_tells_the_same():
    watch = shared(Watch)
    exporter, rival = Exporter(watch.master.addr, "--scrape.allow=127.0.0.1:*"), Rival()
    addr = watch.sentinels[0].addr
    theirs, ours = ({normal(key): value for key, value in found.items()
                     if key.startswith("redis_sentinel_")}
                    for found in (rival.scrape(addr),
                                  series(exporter.get(f"/scrape?target={addr}").text)))
    wrong = [(key, value, ours.get(key)) for key, value in theirs.items()
             if ours.get(key) != value and key[0] != LATELY]
    assert len(theirs) > 8 and not wrong, wrong


def test_a_sentinel_can_be_the_only_seed():
    watch = shared(Watch)
    first = watch.sentinels[0]
    page = Exporter(first.addr, *EVERYTHING).scrape()
    assert page.up() == {first.addr: 1} and not page.all("redis_exporter_collector_failed")
    units = {"redis_sentinel_master_setting_failover_timeout":
             ("redis_sentinel_master_setting_failover_timeout_seconds", 60),
             "redis_sentinel_master_setting_down_after_milliseconds":
             ("redis_sentinel_master_setting_down_after_seconds", 0.5)}
    expected = dict(units.get(name, (name, value)) for name, value in EXPECTED.items())
    found = values(page)
    del found[LATELY]
    assert found == expected
    for name, _ in about_sentinel(page):
        assert set(page.by_node(name)) == {first.addr}, name


def test_no_scrape_adds_an_error_on_the_sentinel():
    watch = shared(Watch)
    first = watch.sentinels[0]
    exporter = Exporter(first.addr, *EVERYTHING, "--check-keys=*", "--collector.search",
                        "--collector.modules", "--collector.client-list",
                        "--collector.latency-histogram", "--collector.clients")
    before = first.errors()
    assert "total_error_replies" in before
    for _ in range(10):
        assert exporter.scrape().up() == {first.addr: 1}
    assert first.errors() == before
    assert "refuses" not in exporter.output()


def test_a_master_and_a_sentinel_that_go_down_are_told():
    watch = Watch()
    first, other = watch.sentinels
    exporter = Exporter(first.addr)
    page = exporter.scrape()
    assert page.get("redis_sentinel_master_status", master_status="ok") == 1
    watch.replica.kill()
    wait(lambda: exporter.scrape().get("redis_sentinel_master_ok_slaves") == 0, "replica is down")
    page = exporter.scrape()
    assert page.get("redis_sentinel_master_slaves") == 1
    assert page.get("redis_sentinel_master_ok_sentinels") == 2
    watch.master.kill()
    page = wait(lambda: exporter.scrape().get("redis_sentinel_master_status") == 0
                and exporter.scrape(), "the master is down")
    (labels, value), = page.all("redis_sentinel_master_status")
    assert value == 0 and labels["master_status"] in ("sdown", "odown"), labels
    other.process.kill()
    page = wait(lambda: exporter.scrape().get("redis_sentinel_master_ok_sentinels") == 1
                and exporter.scrape(), "the other Sentinel is down")
    (labels, value), = page.all("redis_sentinel_master_ckquorum_status")
    assert value == 0 and labels["message"].startswith("NOQUORUM"), labels
    assert page.get("redis_sentinel_master_sentinels") == 2
    assert page.up() == {first.addr: 1}


test_a_master_and_a_sentinel_that_go_down_are_told.seconds = 10
