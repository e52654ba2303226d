"""Slots on their way, slots that move, slots claimed twice."""

import contextlib
import random
import threading
import time

from harness import (FULL, SLOTS, Cluster, Exporter, RedisError, RedisNode, Resp, redis_cli, shared,
                     wait)

OPEN_SINCE = "redis_cluster_slots_open_since_timestamp_seconds"


def three_masters():
    return Cluster(replicas=0, cluster_node_timeout=3000)


def start():
    cluster = shared(three_masters)
    exporter = Exporter(cluster.addrs, "--cluster.one-host")
    healthy(exporter)
    return cluster, exporter


def healthy(exporter):
    def calm():
        page = exporter.scrape()
        assert page.coverage() == FULL and page.get("redis_cluster_views") == 1
        assert opened(page) == (0, 0, 0) and not page.all(OPEN_SINCE)
        assert page.get("redis_cluster_slots_conflicting") == 0
        assert page.get("redis_cluster_failovers_total") == 0
        assert exporter.codes() == {"master_without_replica"}
        return page

    return wait(calm, "nothing else is wrong")


def opened(page):
    return (page.get("redis_cluster_slots_open", direction="migrating"),
            page.get("redis_cluster_slots_open", direction="importing"),
            page.get("redis_cluster_slots_open_unpaired"))


def test_slots_left_open_are_told_with_their_sides_and_since_when():
    cluster, exporter = start()
    source, target = cluster.nodes[:2]
    assert exporter.finds_all_of_redis_cli(source.addr)
    target.command("CLUSTER", "SETSLOT", 7, "IMPORTING", source.id())
    page, problems = exporter.scrape(), exporter.problems()
    since = page.get(OPEN_SINCE)
    assert opened(page) == (0, 1, 1) and abs(since - time.time()) < 10
    assert problems["slots_open_unpaired"]["slots"] == [[7, 7]]
    assert problems["slots_open_unpaired"]["nodes"] == [target.addr]
    assert exporter.finds_all_of_redis_cli(source.addr, "open")

    source.command("CLUSTER", "SETSLOT", 7, "MIGRATING", target.id())
    wait(lambda: time.time() >= since + 1, "another second has come")
    page, problems = exporter.scrape(), exporter.problems()
    assert opened(page) == (1, 1, 0) and page.get(OPEN_SINCE) == since
    assert set(problems) == {"master_without_replica", "slots_open"}
    assert set(problems["slots_open"]["nodes"]) == {source.addr, target.addr}
    assert problems["slots_open"]["severity"] == "info" and page.coverage() == FULL
    assert exporter.finds_all_of_redis_cli(source.addr, "open")

    target.command("CLUSTER", "SETSLOT", 7, "STABLE")
    page, problems = exporter.scrape(), exporter.problems()
    assert opened(page) == (1, 0, 1) and page.get(OPEN_SINCE) == since
    assert problems["slots_open_unpaired"]["nodes"] == [source.addr]
    assert exporter.finds_all_of_redis_cli(source.addr, "open")
    source.command("CLUSTER", "SETSLOT", 7, "STABLE")
    healthy(exporter)


@contextlib.contextmanager
def load(nodes):
    """Clients that write all over the key space meanwhile."""
    clients, done = [Resp(node.host, node.port) for node in nodes], threading.Event()

    def write():
        while not done.is_set():
            for client in clients:
                with contextlib.suppress(RedisError):  # MOVED, ASK, TRYAGAIN
                    client.call("SET", f"key{random.randrange(20000)}", "x" * 50)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        yield
    finally:
        done.set()
        writer.join()
        for client in clients:
            client.close()


def test_a_reshard_under_load_counts_every_slot_that_moved_and_no_failover():
    cluster, exporter = start()
    before = healthy(exporter)
    pages, done = [], threading.Event()

    def watch():
        while not done.is_set():
            pages.append(exporter.scrape())

    watcher = threading.Thread(target=watch)
    with load(cluster.nodes):
        watcher.start()
        try:
            redis_cli(cluster.nodes[0], "--cluster", "reshard", cluster.addrs[0],
                      "--cluster-from", cluster.nodes[0].id(), "--cluster-to",
                      cluster.nodes[2].id(), "--cluster-slots", "120")
        finally:
            done.set()
            watcher.join()
    assert any(opened(page)[0] for page in pages), "no page shows a slot on its way"
    moves = [page.get("redis_cluster_slot_moves_total") for page in pages]
    assert any(0 < count < 120 for count in moves) and moves == sorted(moves)
    page = healthy(exporter)
    assert page.get("redis_cluster_slot_moves_total") == 120
    for node, change in zip(cluster.nodes, (-120, 0, 120)):
        slots = [p.get("redis_cluster_node_slots", redis_node=node.addr) for p in (before, page)]
        assert slots[1] - slots[0] == change
    redis_cli(cluster.nodes[0], "--cluster", "rebalance", cluster.addrs[0],
              "--cluster-threshold", "1")  # the next test is to find what this one found


def test_a_slot_that_two_masters_claim_is_told_while_it_lasts():
    cluster, exporter = start()
    node = min(cluster.nodes, key=epoch)
    mine = exporter.scrape().by_node("redis_cluster_node_slots")[node.addr]

    slot = foreign_slot(node)

    def claimed_twice():
        claim = "CLUSTER", "SETSLOT", slot, "NODE", node.id()
        node.command(*claim)  # of the lower epoch: it lasts until the owner's next message
        page = exporter.scrape()
        assert page.get("redis_cluster_slots_conflicting") == 1
        assert page.get("redis_cluster_views") == 2 and page.coverage() == FULL
        node.command(*claim)
        problems = exporter.problems()
        assert problems["slots_conflicting"]["slots"] == [[slot, slot]]
        assert problems["slots_conflicting"]["severity"] == "critical"
        assert "views_disagree" in problems
        node.command(*claim)
        return exporter.finds_all_of_redis_cli(node.addr, "views")

    wait(claimed_twice, "both claims are seen")
    page = healthy(exporter)
    assert page.get("redis_cluster_slot_moves_total") == 0
    assert page.get("redis_cluster_node_slots", redis_node=node.addr) == mine


def epoch(node):
    return int(node.cluster_info()["cluster_my_epoch"])


def foreign_slot(node):
    """One that the node does not own."""
    own = next(line for line in node.command("CLUSTER", "NODES").splitlines() if "myself" in line)
    ranges = [part.split("-") for part in own.split()[8:] if part[0] != "["]
    return next(slot for slot in range(SLOTS)
                if not any(int(r[0]) <= slot <= int(r[-1]) for r in ranges))


def test_a_node_that_lost_an_owner_disagrees_until_it_hears_of_it():
    cluster, exporter = start()
    node = cluster.nodes[1]
    slot = foreign_slot(node)

    def disagree():
        node.command("CLUSTER", "DELSLOTS", slot)
        page = exporter.scrape()
        assert page.get("redis_cluster_views") == 2 and page.coverage() == FULL
        assert page.get("redis_cluster_slots_conflicting") == 0
        return exporter.finds_all_of_redis_cli(node.addr, "views")

    wait(disagree, "the views differ")
    healthy(exporter)


def test_two_nodes_with_the_same_slots_conflict_until_they_have_met():
    older, newer = [RedisNode(cluster_node_timeout=3000).ready() for _ in range(2)]
    for node, number in (older, 1), (newer, 9):
        node.command("CLUSTER", "SET-CONFIG-EPOCH", number)
        node.command("CLUSTER", "ADDSLOTSRANGE", 0, SLOTS - 1)
    exporter = Exporter([older.addr, newer.addr], "--cluster.one-host")
    page, problems = exporter.scrape(), exporter.problems()
    assert page.get("redis_cluster_seed_groups") == 2 and page.get("redis_cluster_views") == 2
    assert page.get("redis_cluster_slots_conflicting") == SLOTS
    assert page.get("redis_cluster_nodes_isolated") == 2
    assert {"slots_conflicting", "views_disagree", "node_isolated", "epochs_diverge"} \
        <= set(problems), set(problems)
    assert page.by_node("redis_cluster_node_config_epoch") == {older.addr: 1, newer.addr: 9}
    older.command("CLUSTER", "MEET", newer.host, newer.port)
    wait(lambda: exporter.codes() == {"no_automatic_failover"},
         "the newer claim has won, and who lost all slots follows the winner")
    page = exporter.scrape()
    assert page.get("redis_cluster_seed_groups") == 1 and page.get("redis_cluster_views") == 1
    assert page.get("redis_cluster_slots_conflicting") == 0 and page.coverage() == FULL
    assert page.get("redis_cluster_nodes_isolated") == 0
    assert page.by_node("redis_cluster_node_slots") == {older.addr: 0, newer.addr: SLOTS}
    assert exporter.finds_all_of_redis_cli(older.addr)


def test_masters_of_the_same_epoch_are_told_until_one_has_taken_another():
    nodes = [RedisNode(cluster_node_timeout=3000).ready() for _ in range(2)]
    for node, first in zip(nodes, (0, SLOTS // 2)):
        node.command("CLUSTER", "SET-CONFIG-EPOCH", 5)
        node.command("CLUSTER", "ADDSLOTSRANGE", first, first + SLOTS // 2 - 1)
    exporter = Exporter([node.addr for node in nodes], "--cluster.one-host")
    assert exporter.scrape().get("redis_cluster_epoch_collisions") == 2
    assert "epoch_collision" in exporter.codes()
    nodes[0].command("CLUSTER", "MEET", nodes[1].host, nodes[1].port)
    wait(lambda: exporter.codes() == {"master_without_replica", "no_automatic_failover"},
         "one has another epoch")
    page = exporter.scrape()
    assert page.get("redis_cluster_epoch_collisions") == 0 and page.coverage() == FULL
    assert len(set(page.by_node("redis_cluster_node_config_epoch").values())) == 2


def test_slots_that_nobody_has_are_uncovered():
    cluster, exporter = start()

    def uncovered():
        for node in cluster.nodes:
            for slot in 3, 4, SLOTS - 1:
                with contextlib.suppress(RedisError):  # unassigned already
                    node.command("CLUSTER", "DELSLOTS", slot)  # again: a message may have crossed
        assert exporter.codes() == {"slots_unassigned", "cluster_state_fail",
                                    "master_without_replica"}
        assert exporter.scrape().get("redis_cluster_slots_uncovered", reason="unassigned") == 3
        assert exporter.problems()["slots_unassigned"]["slots"] == [[3, 4], [SLOTS - 1, SLOTS - 1]]
        return exporter.finds_all_of_redis_cli(cluster.addrs[0], "uncovered")

    wait(uncovered, "they are missing, and the cluster is down")
    cluster.nodes[0].command("CLUSTER", "ADDSLOTS", 3, 4)
    cluster.nodes[2].command("CLUSTER", "ADDSLOTS", SLOTS - 1)
    healthy(exporter)
