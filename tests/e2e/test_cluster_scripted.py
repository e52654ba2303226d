"""Findings that no real cluster at hand can have: by scripted nodes."""

import time

from harness import INFO, SLOTS, Exporter, FakeNode, bulk, fake_cluster, node_line, wait

BASE = {"master_without_replica"}  # what is found where there are no replicas


def start(masters=3, replicas=0):
    """Scripted masters, the replicas of the first one, and an exporter that finds nothing wrong."""
    nodes = fake_cluster(masters) + [FakeNode() for _ in range(replicas)]
    for node in nodes:
        node.fields = {}
        node.replies["INFO"] = lambda n=node: bulk(info_of(n))
    for replica in nodes[masters:]:
        replica.fields = link_to(nodes[0])
    for node in nodes if replicas else []:
        tell(node, nodes, masters)
    return nodes, Exporter(nodes[0].addr, "--cluster.one-host")


def info_of(node):
    """INFO with the node's own fields in the place of the usual ones."""
    lines = dict(line.split(":", 1) for line in INFO.format(
        port=node.port, clients=1).splitlines() if ":" in line)
    lines.update(node.fields)
    return "# Replication\r\n" + "".join(f"{key}:{value}\r\n" for key, value in lines.items())


def link_to(master):
    return {"role": "slave", "master_host": master.host, "master_port": master.port,
            "master_link_status": "up", "master_sync_in_progress": 0, "slave_repl_offset": 5000,
            "master_replid": "a" * 40}


def tell(node, nodes, masters):
    lines = [node_line(n.id, n.addr, ("myself," if n is node else "") + (
        "master" if i < masters else "slave"), slots=share(i, masters) if i < masters else "",
                       master="-" if i < masters else nodes[0].id)
             for i, n in enumerate(nodes)]
    node.replies["CLUSTER NODES"] = bulk("".join(lines))


def share(index, masters):
    return f"{SLOTS * index // masters}-{SLOTS * (index + 1) // masters - 1}"


def test_versions_that_differ_and_clocks_that_are_off_are_told():
    nodes, exporter = start()
    assert exporter.codes() == BASE and exporter.scrape().get("redis_cluster_versions") == 1
    nodes[1].fields = {"redis_version": "7.2.0"}
    assert exporter.codes() == BASE | {"versions_differ"}
    assert exporter.scrape().get("redis_cluster_versions") == 2
    nodes[1].fields = {"server_time_usec": int((time.time() - 60) * 1e6)}
    assert exporter.problems()["clock_skew"]["nodes"] == [nodes[1].addr]
    skew = exporter.scrape().by_node("redis_clock_skew_seconds")
    assert set(skew) == {nodes[1].addr} and -65 < skew[nodes[1].addr] < -59
    nodes[1].fields = {"server_time_usec": int(time.time() * 1e6)}
    assert exporter.codes() == BASE


def test_one_master_of_three_that_calls_the_cluster_down_is_told():
    nodes, exporter = start()
    ok = nodes[2].answer(["CLUSTER", "INFO"])
    nodes[2].replies["CLUSTER INFO"] = bulk(
        ok.decode().split("\r\n", 1)[1].replace("state:ok", "state:fail"))
    wait(lambda: exporter.codes() == BASE | {"node_state_fail"}, "its word is told")
    assert exporter.problems()["node_state_fail"]["nodes"] == [nodes[2].addr]
    assert exporter.scrape().by_node("redis_cluster_state") == {
        node.addr: float(node is not nodes[2]) for node in nodes}


def test_slots_that_are_spread_badly_are_told():
    nodes, exporter = start()
    order = sorted(nodes, key=lambda n: n.port)
    for ranges, codes, skew in ((("0-12000", "12001-14000", "14001-16383"), {"slots_unbalanced"},
                                 12001 * 3 / SLOTS),
                                (("0-8191", "8192-16383", ""), {"master_empty"}, 1)):
        for node in nodes:
            node.replies["CLUSTER NODES"] = bulk("".join(node_line(
                n.id, n.addr, ("myself," if n is node else "") + "master", slots)
                for n, slots in zip(order, ranges)))
        extra = {"no_automatic_failover"} if "" in ranges else set()
        assert exporter.codes() == BASE | codes | extra
        page = exporter.scrape()
        assert abs(page.get("redis_cluster_slot_skew_ratio") - skew) < 1e-6
        assert page.get("redis_cluster_masters_empty") == ranges.count("")


def test_a_node_without_an_address_is_told():
    nodes, exporter = start()
    lost = "%040x" % 9
    for node in nodes:
        node.replies["CLUSTER NODES"] = bulk(
            node_line(lost, ":0", "slave,noaddr", master=nodes[0].id) + node.topology())
    wait(lambda: exporter.codes() == BASE | {"node_noaddr"}, "it is told")
    assert exporter.problems()["node_noaddr"]["nodes"] == [lost]
    assert exporter.scrape().get("redis_cluster_nodes", role="replica", health="noaddr") == 1


def test_what_is_wrong_with_a_replica_is_told():
    nodes, exporter = start(masters=1, replicas=2)
    master, replica, other = nodes
    well = {"no_automatic_failover"}
    master.fields = {"master_repl_offset": 5000, "master_replid": "a" * 40,
                     "repl_backlog_size": 10 ** 9}
    wait(lambda: exporter.codes() == well, "nothing is wrong")
    for field, code, metric in (
            ({"master_port": other.port}, "replica_wrong_master", "master_mismatch"),
            ({"master_replid": "b" * 40}, "replica_wrong_history", "replid_mismatch")):
        replica.fields = {**link_to(master), **field}
        assert exporter.codes() == well | {code}
        assert exporter.problems()[code]["nodes"] == [replica.addr]
        assert exporter.scrape().by_node(f"redis_replica_{metric}") == {
            replica.addr: 1, other.addr: 0}
    replica.fields = {**link_to(master), "master_link_status": "down", "master_sync_in_progress": 1}
    assert exporter.codes() == well | {"replica_syncing"}
    assert exporter.scrape().get("redis_master_sync_in_progress", redis_node=replica.addr) == 1


def test_a_replica_that_is_seconds_and_minutes_behind_is_told():
    (master, replica, other), exporter = start(masters=1, replicas=2)
    began = time.monotonic()

    def stream():  # 100 kB a second, and the replica behind by what the case says
        offset = 10 ** 9 + int((time.monotonic() - began) * 1e5)
        master.fields = {"master_repl_offset": offset, "master_replid": "a" * 40}
        other.fields = {**link_to(master), "slave_repl_offset": offset}
        replica.fields = {**link_to(master), "slave_repl_offset": offset - behind}

    lag, estimate = "redis_replica_lag_seconds", "redis_replica_lag_is_estimate"
    for seconds, code in (20, "replica_behind"), (200, "replica_far_behind"):
        behind = seconds * 100000

        def told(seconds=seconds, code=code):
            stream()
            problems = exporter.problems()
            assert problems[code]["nodes"] == [replica.addr]
            stream()
            page = exporter.scrape()
            assert page.get(estimate, redis_node=replica.addr) == 1  # older than any scrape
            return 0.7 * seconds < page.get(lag, redis_node=replica.addr) < 1.4 * seconds

        wait(told, f"{seconds} s")
        assert exporter.scrape().get(lag, redis_node=other.addr) < 1


def test_shards_in_one_zone_are_told():
    (master, replica, other), exporter = start(masters=1, replicas=2)
    nodes = master, replica, other
    for zones, single in (("a", "a", "b"), 0), (("a", "b", "b"), 0):
        for node, zone in zip(nodes, zones):
            node.fields["availability_zone"] = zone
        page = exporter.scrape()
        assert page.get("redis_cluster_shards_single_zone") == single
        assert "shard_in_one_zone" not in exporter.codes()
    (first, second, third), exporter = start(masters=2, replicas=1)
    for node, zone in (first, "a"), (third, "a"), (second, "b"):
        node.fields["availability_zone"] = zone
    assert "shard_in_one_zone" in exporter.codes()
    assert exporter.scrape().get("redis_cluster_shards_single_zone") == 1
    third.fields["availability_zone"] = "b"
    assert "shard_in_one_zone" not in exporter.codes()


def test_an_owner_that_only_the_exporter_misses_is_told_apart():
    nodes, exporter = start(masters=4)
    wait(lambda: len(exporter.scrape().up()) == 4, "all are known")
    nodes[1].close()
    problems = exporter.problems()
    assert set(problems) == BASE | {"slots_unreachable", "node_unreadable"}, set(problems)
    assert problems["slots_unreachable"]["nodes"] == [nodes[1].addr]
    page = exporter.scrape()
    assert page.get("redis_cluster_slots_unreachable") == SLOTS / 4
    assert page.get("redis_cluster_slots_covered") == SLOTS
    nodes[1].listen()
    wait(lambda: exporter.codes() == BASE, "it can be read again")
