"""Bus links, hot slots and slot migrations."""

import subprocess
import time

import harness
from harness import Cluster, Exporter, shared, wait

DIRECTIONS = ("to", "from")


def cluster():
    return Cluster(masters=3, replicas=1)


def rights(version, *flags):
    """The rules of the printed ACL line."""
    line = subprocess.run([harness.EXPORTER, "--print-acl", version, *flags], check=True,
                          stdout=subprocess.PIPE, text=True).stdout
    return set(line.split())


def as_pairs(flat):
    return dict(zip(flat[::2], flat[1::2]))


def test_links_are_summed_up_by_node_and_direction():
    nodes = shared(cluster).nodes
    wait(lambda: all(len(node.command("CLUSTER", "LINKS")) == 10 for node in nodes),
         "one link each way between any two")
    page = Exporter(nodes[0].addr, "--collector.links").scrape()
    for node in nodes:
        links = [as_pairs(link) for link in node.command("CLUSTER", "LINKS")]
        for direction in DIRECTIONS:
            assert page.get("redis_cluster_links", redis_node=node.addr, direction=direction) == 5
        newest = page.get("redis_cluster_link_newest_create_timestamp_seconds",
                          redis_node=node.addr)
        assert newest == max(link["create-time"] for link in links) / 1000
        assert time.time() - 300 < newest < time.time()
        whole, largest = (page.get(f"redis_cluster_link_send_buffer_{name}", redis_node=node.addr)
                          for name in ("bytes", "max_bytes"))
        assert 0 <= largest <= whole < 1 << 20
    assert len(page.all("redis_cluster_links")) == 2 * len(nodes), "no series a peer"


def test_links_that_are_made_anew_show():
    nodes = shared(cluster).nodes
    exporter, node = Exporter(nodes[0].addr, "--collector.links"), nodes[1]
    name, labels = "redis_cluster_link_newest_create_timestamp_seconds", {"redis_node": node.addr}
    before = exporter.scrape().get(name, **labels)
    node.command("DEBUG", "CLUSTERLINK", "KILL", "ALL", nodes[2].id())
    wait(lambda: exporter.scrape().get(name, **labels) > before, "a newer link")
    wait(lambda: exporter.scrape().get("redis_cluster_links", direction="to", **labels) == 5,
         "all links are there")


def test_links_are_asked_for_only_when_they_are_wanted():
    nodes = shared(cluster).nodes
    assert not Exporter(nodes[0].addr).scrape().all("redis_cluster_links")
    assert "+cluster|links" in rights("7.0", "--collector.links")
    assert "+cluster|links" in rights("valkey-8.0", "--collector.links")
    assert "+cluster|links" not in rights("6.2", "--collector.links") | rights("7.0")
