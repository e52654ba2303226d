"""Nodes and clusters spread over several exporters, by the examples that are shipped."""

import collections
import hashlib
import os
import urllib.parse

from harness import (Cluster, Exporter, FakeNode, Prometheus, REPO, SLOTS, free_port, run, temp_dir,
                     wait)

EXAMPLES = os.path.join(REPO, "packaging", "prometheus")
EXPORTERS = 2


def example(name):
    with open(os.path.join(EXAMPLES, name), encoding="utf-8") as f:
        return f.read()


def owner_of(addr):
    """Which exporter Prometheus' hashmod gives this node to."""
    return int.from_bytes(hashlib.md5(f"redis://{addr}".encode()).digest()[8:], "big") % EXPORTERS


def is_spread(addrs):
    return len({owner_of(addr) for addr in addrs}) == EXPORTERS


class Replicas:
    """Exporters whose addresses differ by their number, as those of the examples do."""

    def __init__(self, seed, *flags, users=False):
        self.port = free_port("127.77.0.0")
        self.exporters = [
            Exporter(seed, f"--web.listen-address=127.77.0.{i}:{self.port}",
                     "--redis.cluster-name=shop", *flags,
                     *([f"--redis.user=exporter-{i}"] if users else []),
                     env={"REDIS_PASSWORD": "any"} if users else None)
            for i in range(EXPORTERS)]

    def fill_in(self, text):
        """The example with these addresses, and quicker."""
        for old, new in (("redis-exporter-", "127.77.0."), (":9121", f":{self.port}"),
                         ("_interval: 15s", "_interval: 1s"), ("_timeout: 10s", "_timeout: 1s"),
                         ("refresh_interval: 60s", "refresh_interval: 1s")):
            assert old in text or "refresh" in old, old
            text = text.replace(old, new)
        return text


def owners_by_prometheus(prometheus, job):
    """{node: [exporters]}, as the scraped addresses say."""
    found = collections.defaultdict(list)
    for scraped in prometheus.api("targets", state="active")["activeTargets"]:
        if scraped["labels"]["job"] == job:
            url = urllib.parse.urlsplit(scraped["scrapeUrl"])
            addr = urllib.parse.parse_qs(url.query)["target"][0].removeprefix("redis://")
            found[addr].append(int(url.hostname.rsplit(".", 1)[1]))
    return dict(found)


def up_by_instance(prometheus, job):
    """Every instance once, or this fails."""
    samples = [(labels["instance"], value)
               for labels, value in prometheus.query(f'redis_up{{job="{job}"}}')]
    assert len(dict(samples)) == len(samples), samples
    return dict(samples)


def connections_by_user(node):
    names = [dict(pair.split("=", 1) for pair in line.split())["user"]
             for line in node.command("CLIENT", "LIST").splitlines()]
    return {name: names.count(name) for name in names if name.startswith("exporter-")}


def spread_cluster():
    """With nodes for both exporters; anybody may log in as one of these."""
    while True:
        cluster = Cluster(masters=3, replicas=1)
        if is_spread(cluster.addrs):
            break
    for node in cluster.nodes:
        for i in range(EXPORTERS):
            node.command("ACL", "SETUSER", f"exporter-{i}", "on", "nopass", "~*", "+@all")
    return cluster


def test_nodes_are_spread_over_exporters_and_each_is_scraped_once():
    cluster = spread_cluster()
    replicas = Replicas(cluster.addrs[0], users=True)
    merged = Exporter(cluster.addrs[0], "--redis.cluster-name=shop",
                      "--collector.disable-defaults")
    text = example("spread-nodes.yml").replace("redis-exporter-merged:9121",
                                               f"127.0.0.1:{merged.port}")
    prometheus = Prometheus(files={"prometheus.yml": replicas.fill_in(text)})
    everyone = {addr: 1.0 for addr in cluster.addrs}
    wait(lambda: up_by_instance(prometheus, "redis_nodes") == everyone, "all nodes are up")
    assert owners_by_prometheus(prometheus, "redis_nodes") == \
        {addr: [owner_of(addr)] for addr in cluster.addrs}, "as the hash says"
    for node in cluster.nodes:  # both know the cluster, and have asked it for its nodes
        expected = {f"exporter-{i}": 1 + (owner_of(node.addr) == i) for i in range(EXPORTERS)}
        wait(lambda n=node, e=expected: connections_by_user(n) == e, f"one asks {node.addr}")
    wait(lambda: [v for _, v in prometheus.query("redis_cluster_slots_covered")] == [SLOTS],
         "what all nodes together tell is there, once")
    replicas.exporters[0].stop()
    rest = sum(owner_of(addr) == 1 for addr in cluster.addrs)
    wait(lambda: [v for _, v in prometheus.query('sum(up{job="redis_nodes"})')] == [rest],
         "the nodes of the other exporter are still scraped")
    assert [v for _, v in prometheus.query('count(up{job="redis_nodes"})')] == [6], \
        "those of the one that is down are missed"


def test_clusters_are_spread_over_exporters_and_each_is_scraped_once():
    seed = FakeNode()
    while True:
        nodes = [FakeNode() for _ in range(6)]
        if is_spread([node.addr for node in nodes]):
            break
    replicas = Replicas(seed.addr, "--scrape.allow=127.0.0.1:*")
    listed = example("redis-clusters.example.yml").split("\n    - ")[0] + "".join(
        f"\n    - redis://{node.addr}" for node in nodes)
    prometheus = Prometheus(files={"prometheus.yml": replicas.fill_in(
        example("spread-clusters.yml")), "redis-clusters.yml": listed + "\n"})
    everyone = {node.addr: 1.0 for node in nodes}
    wait(lambda: up_by_instance(prometheus, "redis_clusters") == everyone, "all clusters are up")
    assert owners_by_prometheus(prometheus, "redis_clusters") == \
        {addr: [owner_of(addr)] for addr in everyone}
    assert [node.accepted for node in nodes] == [1] * 6, "one exporter asks each"

    def covered():
        found = prometheus.query('redis_cluster_slots_covered{job="redis_clusters"}')
        return {labels["instance"]: value for labels, value in found}
    wait(lambda: covered() == {addr: SLOTS for addr in everyone}, "with what its nodes tell")


def test_the_examples_are_valid():
    where = temp_dir()
    for name in sorted(os.listdir(EXAMPLES)):
        with open(os.path.join(where, name), "w", encoding="utf-8") as f:
            f.write(example(name))
    for name in "spread-nodes.yml", "spread-clusters.yml":
        run("promtool", "check", "config", os.path.join(where, name))
    os.rename(os.path.join(where, "redis-clusters.example.yml"),
              os.path.join(where, "redis-clusters.yml"))
    found = run("promtool", "check", "service-discovery", "--timeout=3s",
                os.path.join(where, "spread-clusters.yml"), "redis_clusters").stdout
    assert found.count("__param_target") >= 3, found
