"""How nodes are spread over hosts, against what was counted by hand."""

import harness
from harness import Cluster, Exporter, cluster_check, shared, wait

A, B, C = "127.0.0.2", "127.0.0.3", "127.0.0.4"


def spread_cluster():
    """Each host has a master and the replica of another host's."""
    return Cluster(hosts=[A, B, C, B, C, A], cluster_node_timeout=3000)


def placement(page):
    hosts = {labels["host"]: value for labels, value in page.all("redis_cluster_host_masters")}
    return hosts, *(page.get(f"redis_cluster_{name}") for name in (
        "hosts_critical", "shards_single_host", "host_failures_survivable",
        "node_failures_survivable"))


def expect(exporter, *expected):
    wait(lambda: placement(exporter.scrape()) == expected, f"{expected}")
    problems = exporter.problems()
    _, critical, single, _, _ = expected
    assert ("host_critical" in problems) == (critical > 0)
    assert ("shard_on_one_host" in problems) == (single > 0)
    return problems


def test_nodes_that_share_a_host_on_purpose_are_not_judged_by_it():
    cluster = shared(Cluster)
    judged, told = Exporter(cluster.addrs), Exporter(cluster.addrs, "--cluster.one-host")
    expect(judged, {"127.0.0.1": 3}, 1, 3, 0, 1)
    assert judged.codes() == {"host_critical", "shard_on_one_host"}
    assert told.codes() == set()
    page = told.scrape()
    for name in ("host_masters", "hosts_critical", "shards_single_host",
                 "host_failures_survivable"):
        assert not page.all(f"redis_cluster_{name}")
    assert page.get("redis_cluster_node_failures_survivable") == 1
    assert harness.check(cluster.addrs[0]).returncode == 1
    assert harness.check(cluster.addrs[0], "--cluster.one-host").returncode == 0
    assert cluster_check(cluster.addrs[0]) == (set(), 0)  # which does not look at hosts


def test_places_are_judged_as_masters_and_replicas_move():
    cluster = spread_cluster()
    masters, replicas = cluster.nodes[:3], cluster.nodes[3:]
    exporter = Exporter(cluster.addrs)
    # any host may go: it takes one of three masters, whose replica is elsewhere
    expect(exporter, {A: 1, B: 1, C: 1}, 0, 0, 1, 1)
    assert exporter.codes() == set()

    # with A two masters would go, and the last one has no quorum
    cluster.fail_over(replicas[2])
    problems = expect(exporter, {A: 2, B: 1, C: 0}, 1, 0, 0, 1)
    assert problems["host_critical"]["message"].endswith(f": {A}.")
    cluster.fail_over(masters[2])
    expect(exporter, {A: 1, B: 1, C: 1}, 0, 0, 1, 1)

    # A's master without a replica, while C's has two: A is critical, and so is every node there
    replicas[0].command("CLUSTER", "REPLICATE", masters[2].id())
    expect(exporter, {A: 1, B: 1, C: 1}, 1, 0, 0, 0)
    assert exporter.problems()["master_without_replica"]["nodes"] == [masters[0].addr]

    # and with a replica beside it: a shard that is on one host, and survives the loss of a node
    replicas[2].command("CLUSTER", "REPLICATE", masters[0].id())
    problems = expect(exporter, {A: 1, B: 1, C: 1}, 1, 1, 0, 1)
    assert problems["host_critical"]["message"].endswith(f": {A}.")

    # two hosts have what three had: C holds a replica that no longer counts
    replicas[0].kill()
    wait(lambda: "node_failed" in exporter.codes(), "it has failed")
    assert placement(exporter.scrape())[1:] == (2, 1, 0, 0)
