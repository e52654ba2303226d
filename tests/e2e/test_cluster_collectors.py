"""Bus links, hot slots and slot migrations."""

import collections
import os
import subprocess
import time

import harness
from harness import (REPO, SLOTS, Cluster, Exporter, FakeNode, bulk, node_line, shared,
                     wait)

DIRECTIONS = ("to", "from")
STATES = ("active", "success", "failed", "cancelled")


def cluster():
    return Cluster(masters=3, replicas=1)


def rights(version, *flags):
    """The rules of the printed ACL line."""
    line = subprocess.run([harness.EXPORTER, "--print-acl", version, *flags], check=True,
                          stdout=subprocess.PIPE, text=True).stdout
    return set(line.split())


def as_pairs(flat):
    return dict(zip(flat[::2], flat[1::2]))


def captured(server, name):
    with open(os.path.join(REPO, "tests/fixtures/captures", server, f"{name}.resp2"), "rb") as f:
        return f.read()


def resp(value):
    """Integers, texts, and lists and dictionaries of them, as RESP2."""
    if isinstance(value, int):
        return b":%d\r\n" % value
    if isinstance(value, str):
        return bulk(value)
    if isinstance(value, dict):
        value = [part for pair in value.items() for part in pair]
    return b"*%d\r\n" % len(value) + b"".join(map(resp, value))


class CapturedNode(FakeNode):
    """A scripted member with the replies of a real server; `calls` counts what it is asked."""

    def __init__(self, server, replies=None):
        self.calls = collections.Counter()
        names = {"INFO": "info_all", "CONFIG": "config", "SLOWLOG LEN": "slowlog_len",
                 "SLOWLOG GET": "slowlog", "LATENCY LATEST": "latency_latest",
                 "CLUSTER LINKS": "cluster_links"}
        super().__init__(replies={**{k: captured(server, v) for k, v in names.items()},
                                  "COMMANDLOG": b":0\r\n",
                                  "CLUSTER GETSLOTMIGRATIONS": b"*0\r\n", **(replies or {})})

    def answer(self, args):
        self.calls[" ".join(args)] += 1
        return super().answer(args)


def server_time(server):
    text = captured(server, "info_all").decode()
    return int(text.split("server_time_usec:")[1].split("\r")[0]) // 1000000


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


def migration(state, ack=1, **more):
    return {"name": "ab" * 20, "operation": "EXPORT", "slot_ranges": "0-5 7-7",
            "target_node": "c" * 40, "source_node": "d" * 40, "create_time": 1,
            "last_update_time": 1, "last_ack_time": ack, "state": state, "message": "",
            "cow_size": 0, **more}


def states(page):
    return {labels["state"]: value for labels, value in page.all("redis_cluster_slot_migrations")}


def test_atomic_slot_migrations_of_valkey_are_counted():
    node = CapturedNode("valkey-9.1.2")
    exporter, now = Exporter(node.addr), server_time("valkey-9.1.2")
    page = exporter.scrape()
    assert states(page) == dict.fromkeys(STATES, 0), states(page)
    assert not page.all("redis_cluster_slot_migration_ack_age_seconds")
    node.replies["CLUSTER GETSLOTMIGRATIONS"] = resp(
        [migration("success"), migration("failed", message='"odd\\\n'), migration("cancelled"),
         migration("snapshotting", now - 61), migration("streaming", now - 5),
         migration("occurring-on-primary", now + 100), migration("failed", remaining_repl_size=0)])
    page = exporter.scrape()
    assert states(page) == {"active": 3, "success": 1, "failed": 2, "cancelled": 1}
    assert page.get("redis_cluster_slot_migration_ack_age_seconds") == 61
    assert not page.all("redis_exporter_collector_failed")


def test_odd_slot_migrations_do_not_break_the_page():
    node = CapturedNode("valkey-9.1.2")
    exporter = Exporter(node.addr)
    for odd in (b"-ERR no\r\n", b"$-1\r\n", b"*-1\r\n", b":5\r\n", bulk("state"),
                resp([[["state", "failed"]] * 5]), resp([["state"], ["state", 5], 7, "state", {}]),
                resp([migration("x" * 100000, -(1 << 63))]), b"*1\r\n" * 6 + b"*0\r\n"):
        node.replies["CLUSTER GETSLOTMIGRATIONS"] = odd
        page = exporter.scrape()
        assert page.up() == {node.addr: 1}, odd
        assert not page.all("redis_cluster_slot_migration_ack_age_seconds"), odd
    node.replies["CLUSTER GETSLOTMIGRATIONS"] = resp([migration("failed", 5)] * 5000)
    assert states(exporter.scrape())["failed"] == 5000


def test_servers_without_atomic_migrations_are_not_asked_for_them():
    for server, asked in (("valkey-8.0.1", False), ("redis-8.0.2", False), ("valkey-9.1.2", True)):
        node = CapturedNode(server)
        page = Exporter(node.addr).scrape()
        assert page.up() == {node.addr: 1}
        assert ("CLUSTER GETSLOTMIGRATIONS" in node.calls) == asked, server
        version = server.removeprefix("redis-")
        assert ("+cluster|getslotmigrations" in rights(version)) == asked, server


def test_slot_migrations_that_may_not_be_read_are_told_once():
    node = CapturedNode("valkey-9.1.2", {"CLUSTER GETSLOTMIGRATIONS": b"-NOPERM no\r\n"})
    exporter = Exporter(node.addr)
    for _ in range(3):
        page = exporter.scrape()
        assert not states(page)
        assert page.get("redis_exporter_collector_failed", collector="base") == 1
    assert node.calls["CLUSTER GETSLOTMIGRATIONS"] == 1
    assert exporter.output().count("GETSLOTMIGRATIONS") == 1


def migrating_keys(page):
    return page.by_node("redis_cluster_migrating_slot_keys")


def keys_in_own_slots(node, first, last, count):
    """Fills two slots of the node with so many keys each; gives [(slot, keys)]."""
    found = []
    for i in range(1000):
        slot = node.command("CLUSTER", "KEYSLOT", f"{{{i}}}")
        if first <= slot < last:
            keys = [f"{{{i}}}{j}" for j in range(count[len(found)])]
            for key in keys:
                node.command("SET", key, 1)
            found.append((slot, keys))
            if len(found) == len(count):
                return found
    raise AssertionError("no slots")


def test_keys_left_in_migrating_slots_are_counted():
    nodes = Cluster(masters=3, replicas=0).nodes
    source, target = nodes[0], nodes[1]
    exporter = Exporter(nodes[2].addr)
    assert not migrating_keys(exporter.scrape())
    open_slots = keys_in_own_slots(source, 0, SLOTS // 3, (3, 4))
    for (slot, _), left in zip(open_slots, (3, 7)):
        target.command("CLUSTER", "SETSLOT", slot, "IMPORTING", source.id())
        source.command("CLUSTER", "SETSLOT", slot, "MIGRATING", target.id())
        assert migrating_keys(exporter.scrape()) == {source.addr: left}
    source.command("MIGRATE", target.host, target.port, open_slots[0][1][0], 0, 5000)
    page = exporter.scrape()
    assert migrating_keys(page) == {source.addr: 6}, "those at the target do not count"
    assert page.get("redis_cluster_slots_open", direction="migrating") == 2
    for node in source, target:
        for slot, _ in open_slots:
            node.command("CLUSTER", "SETSLOT", slot, "STABLE")
    assert not migrating_keys(exporter.scrape())
    assert all(int(node.info()["total_error_replies"]) == 0 for node in nodes)


def with_open_slots(node, flags, count):
    peer = "e" * 40
    marks = [f"[{slot}-{'<' if slot % 2 else '>'}-{peer}]" for slot in range(2 * count)]
    node.replies["CLUSTER NODES"] = bulk(
        node_line(node.id, node.addr, "myself," + flags, " ".join([f"0-{SLOTS - 1}", *marks])))


def counted(node):
    return sum(n for call, n in node.calls.items() if "COUNTKEYSINSLOT" in call)


def test_at_most_100_migrating_slots_are_counted():
    node = CapturedNode("redis-7.0.15", {"CLUSTER COUNTKEYSINSLOT": b":2\r\n"})
    for slots, asked in (1, 1), (100, 100), (150, 100):
        with_open_slots(node, "master", slots)
        exporter, before = Exporter(node.addr), counted(node)
        assert migrating_keys(exporter.scrape()) == {node.addr: 2 * asked}
        assert counted(node) - before == asked
        assert not node.calls["CLUSTER COUNTKEYSINSLOT 1"], "that one is importing"
    with_open_slots(node, "slave", 5)
    exporter, before = Exporter(node.addr), counted(node)
    assert not migrating_keys(exporter.scrape()) and counted(node) == before


def test_a_sum_that_is_not_whole_is_not_told():
    node = CapturedNode("redis-7.0.15")
    with_open_slots(node, "master", 3)
    exporter = Exporter(node.addr)
    for odd in "-ERR no", "-LOADING wait", ":-5", "$1\r\n7", "*1\r\n:7", "*-1":
        replies = [b":1\r\n", odd.encode() + b"\r\n", b":1\r\n"]
        node.replies["CLUSTER COUNTKEYSINSLOT"] = lambda r=replies: r.pop()
        page = exporter.scrape()
        assert page.up() == {node.addr: 1} and not migrating_keys(page), odd
    node.replies["CLUSTER COUNTKEYSINSLOT"] = b":%d\r\n" % ((1 << 63) - 1)
    with_open_slots(node, "master", 2)
    assert migrating_keys(exporter.scrape()) == {node.addr: float((1 << 64) - 2)}


def test_a_user_who_may_not_count_keys_is_not_asked_to_again():
    node = CapturedNode("redis-7.0.15", {"CLUSTER COUNTKEYSINSLOT": b"-NOPERM no\r\n"})
    with_open_slots(node, "master", 3)
    exporter = Exporter(node.addr)
    for _ in range(3):
        assert not migrating_keys(exporter.scrape())
    assert counted(node) == 3, "of the first scrape"
    assert exporter.output().count("COUNTKEYSINSLOT") == 1
    assert "+cluster|countkeysinslot" in rights("6.2") & rights("7.0") & rights("valkey-9.1")


FIGURES = ("key-count", "cpu-usec", "network-bytes-in", "network-bytes-out")
MEMORY = (*FIGURES, "memory-bytes")


class SlotNode(CapturedNode):
    """Answers CLUSTER SLOT-STATS as the servers' source says: `slots` is {slot: {figure: value}},
    `told` what it tells, `sorted` what it sorts by; `errors` counts its error replies."""

    def __init__(self, server, slots, told, sorted_by=None):
        super().__init__(server)
        self.slots, self.told, self.errors = slots, told, 0
        self.sorted = told if sorted_by is None else sorted_by

    def answer(self, args):
        if args[:3] != ["CLUSTER", "SLOT-STATS", "ORDERBY"]:
            return super().answer(args)
        self.calls[" ".join(args)] += 1
        figure, limit = args[3].lower(), int(args[5])
        assert args[4:] == ["LIMIT", str(limit), "DESC"], args
        if figure not in self.sorted:
            self.errors += 1
            return b"-ERR Unrecognized sort metric for ORDERBY.\r\n"
        order = sorted(self.slots, key=lambda slot: (-self.slots[slot].get(figure, 0), slot))
        return resp([[slot, {f: self.slots[slot].get(f, 0) for f in self.told}]
                     for slot in order[:limit]])

    def lists_asked(self):
        return sum(n for call, n in self.calls.items() if "SLOT-STATS" in call)


def by_slot(page, name, **labels):
    return {int(found["slot"]): value for found, value in page.all(name, **labels)}


def some_slots():
    """Each figure leads in slots of its own."""
    return {slot: {figure: 1000000 + slot if slot % len(MEMORY) == i else 1
                   for i, figure in enumerate(MEMORY)} for slot in range(0, SLOTS, 7)}


def test_the_slots_that_lead_in_any_figure_are_exported():
    slots = some_slots()
    for server, told in (("valkey-9.1.2", FIGURES), ("redis-8.4", MEMORY)):
        node = SlotNode("valkey-9.1.2", slots, told)
        if server == "redis-8.4":
            node.replies["INFO"] = bulk(harness.INFO.format(port=node.port, clients=1)
                                        .replace("7.0.15", "8.4.0"))
        exporter = Exporter(node.addr, "--collector.slot-stats", "--cluster.hot-slots=3")
        page = exporter.scrape()
        leaders = {slot for i in range(len(told)) for slot in
                   sorted((s for s in slots if s % len(MEMORY) == i), reverse=True)[:3]}
        assert by_slot(page, "redis_slot_keys") == {s: slots[s]["key-count"] for s in leaders}
        cpu = by_slot(page, "redis_slot_cpu_seconds_total")
        assert cpu == {s: slots[s]["cpu-usec"] / 1e6 for s in leaders}
        for direction in "in", "out":
            assert by_slot(page, "redis_slot_network_bytes_total", direction=direction) == {
                s: slots[s][f"network-bytes-{direction}"] for s in leaders}
        memory = by_slot(page, "redis_slot_memory_bytes")
        assert memory == ({s: slots[s]["memory-bytes"] for s in leaders} if told == MEMORY else {})
        exporter.scrape()
        assert node.lists_asked() == 2 * len(told) and node.errors == 0
        assert not page.all("redis_exporter_collector_failed")


def test_without_the_setting_only_keys_are_sorted_by():
    node = SlotNode("valkey-9.1.2", some_slots(), ("key-count",))
    exporter = Exporter(node.addr, "--collector.slot-stats")
    for _ in range(3):
        page = exporter.scrape()
        assert len(by_slot(page, "redis_slot_keys")) == 10, "the default"
        assert not page.all("redis_slot_cpu_seconds_total")
        assert not page.all("redis_slot_network_bytes_total")
    assert node.lists_asked() == 3 and node.errors == 0


def test_what_a_server_tells_but_does_not_sort_by_costs_one_error_a_connection():
    node = SlotNode("valkey-9.1.2", some_slots(), ("key-count", "memory-bytes"), ("key-count",))
    exporter = Exporter(node.addr, "--collector.slot-stats")
    for _ in range(5):
        page = exporter.scrape()
        assert len(by_slot(page, "redis_slot_memory_bytes")) == 10, "those with most keys"
        assert not page.all("redis_exporter_collector_failed")
    assert node.errors == 1
    node.told = node.sorted = MEMORY  # CONFIG SET cluster-slot-stats-enabled yes
    assert len(by_slot(exporter.scrape(), "redis_slot_memory_bytes")) == 50
    assert node.errors == 1 and node.lists_asked() == 6 + 5
    node.told, node.sorted = MEMORY, FIGURES
    exporter.scrape(), exporter.scrape()
    assert node.errors == 2
    node.close()
    wait(lambda: not exporter.scrape().up()[node.addr], "it is down")
    node.listen()
    wait(lambda: exporter.scrape().up()[node.addr], "it is back")
    exporter.scrape()
    assert node.errors == 3


def test_slots_without_anything_do_not_lead():
    node = SlotNode("valkey-9.1.2", {slot: {} for slot in range(100)}, FIGURES)
    exporter = Exporter(node.addr, "--collector.slot-stats")
    assert not by_slot(exporter.scrape(), "redis_slot_keys")
    node.slots[50]["network-bytes-out"] = 1
    page = exporter.scrape()
    assert by_slot(page, "redis_slot_keys") == {50: 0}
    assert by_slot(page, "redis_slot_network_bytes_total", direction="out") == {50: 1}
    node.slots.clear()
    assert not by_slot(exporter.scrape(), "redis_slot_keys")


def test_slots_of_replicas_and_of_older_servers_are_not_asked_for():
    for server in "valkey-9.1.2-replica", "redis-8.0.2":
        node = SlotNode(server, some_slots(), FIGURES)
        page = Exporter(node.addr, "--collector.slot-stats").scrape()
        assert page.up() == {node.addr: 1} and node.lists_asked() == 0, server
        assert not page.all("redis_slot_keys")
    node = SlotNode("valkey-9.1.2", some_slots(), FIGURES)
    assert not Exporter(node.addr).scrape().all("redis_slot_keys") and node.lists_asked() == 0
    rule = "+cluster|slot-stats"
    assert rule in rights("valkey-8.0", "--collector.slot-stats")
    assert rule in rights("8.2", "--collector.slot-stats")
    assert rule not in rights("8.0", "--collector.slot-stats") | rights("valkey-8.0")


def test_a_user_who_may_not_read_slots_is_not_asked_to_again():
    node = CapturedNode("valkey-9.1.2", {"CLUSTER SLOT-STATS": b"-NOPERM no\r\n"})
    exporter = Exporter(node.addr, "--collector.slot-stats")
    for _ in range(3):
        page = exporter.scrape()
        assert page.get("redis_exporter_collector_failed", collector="slot-stats") == 1
    assert sum(n for call, n in node.calls.items() if "SLOT-STATS" in call) == 1


def test_odd_slot_stats_do_not_break_the_page():
    keys = {"key-count": 5}
    odd = [b"-ERR no\r\n", b"$-1\r\n", b"*-1\r\n", b":5\r\n", b"*0\r\n", bulk("1"),
           resp([5, "5", [], [5], [5, 5], [5, []], [5, keys, 1], ["5", keys], [-1, keys],
                 [SLOTS, keys], [1 << 62, keys], [5, ["key-count"]], [5, [["key-count"], 5]],
                 [5, {"key-count": "5"}], [5, {"key-count": [5]}], [5, {"key-count": -5}]])]
    for reply in odd:
        node = CapturedNode("valkey-9.1.2", {"CLUSTER SLOT-STATS": reply})
        page = Exporter(node.addr, "--collector.slot-stats", "--cluster.hot-slots=1000").scrape()
        assert page.up() == {node.addr: 1}, reply
        assert not by_slot(page, "redis_slot_keys"), reply
    every = {figure: (1 << 63) - 1 for figure in MEMORY}
    node = CapturedNode("valkey-9.1.2", {
        "CLUSTER SLOT-STATS": resp([[slot % SLOTS, every] for slot in range(20000)])})
    for limit in 1, 1000:
        flag = f"--cluster.hot-slots={limit}"
        page = Exporter(node.addr, "--collector.slot-stats", flag).scrape()
        for name, count in (("keys", 1), ("cpu_seconds_total", 1), ("memory_bytes", 1),
                            ("network_bytes_total", 2)):
            assert len(page.all("redis_slot_" + name)) == limit * count, "no more than wanted"
    node.replies["CLUSTER SLOT-STATS"] = resp(
        [[7, {"key-count": n, "cpu-usec": "9", "memory-bytes": [9]}] for n in (1, 2, 3)])
    page = Exporter(node.addr, "--collector.slot-stats").scrape()
    assert by_slot(page, "redis_slot_keys") == {7: 3}, "no series twice"
    assert not page.all("redis_slot_cpu_seconds_total") + page.all("redis_slot_memory_bytes")
