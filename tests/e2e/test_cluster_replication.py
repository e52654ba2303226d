"""Replicas that lag, lose their link, change their master, or are of no use."""

import bisect
import contextlib
import threading
import time

from harness import Cluster, Exporter, RedisError, Resp, at_end, parse_info, shared, wait

BACKLOG = 1 << 20
OLD_AFTER = 1 + 2 * 2  # seconds: the ping period, and (validity factor + 1) node timeouts


def spare_cluster():
    """Patient with what hangs, but quick to call a replica's data old."""
    return Cluster(cluster_node_timeout=6000, repl_ping_replica_period=1, repl_backlog_size=BACKLOG)


def start():
    cluster = shared(spare_cluster)
    exporter = Exporter(cluster.addrs, "--cluster.one-host", "--redis.timeout=0.1s")
    healthy(cluster, exporter)
    return cluster, exporter


def healthy(cluster, exporter):
    for master in cluster.nodes[:3]:
        write(master, 1)

    def calm():
        page, codes, replicas = exporter.scrape(), exporter.codes(), cluster.addrs[3:]
        for name, value in (("link_down_seconds", 0), ("failover_eligible", 1),
                            ("replid_mismatch", 0), ("master_mismatch", 0)):
            found = page.by_node(f"redis_replica_{name}")
            assert found == dict.fromkeys(replicas, value), (name, found)
        for name, limit in (("lag_bytes", 100), ("receive_lag_bytes", 100), ("lag_seconds", 2),
                            ("apply_lag_bytes", 100), ("backlog_usage_ratio", 0.001)):
            found = page.by_node(f"redis_replica_{name}")  # pings move the offset a little
            assert set(found) == set(replicas) and max(found.values()) < limit, (name, found)
        assert page.get("redis_cluster_masters_without_replica") == 0 and codes == set(), codes
        return page

    return wait(calm, "nothing is wrong and all replicas have all")


@contextlib.contextmanager
def stopped(replica):
    replica.sigstop()
    try:
        yield
    finally:
        replica.sigcont()


def write(master, count, size=10000):
    """To a key of the master's own."""
    for key in "abcdefgh":
        with contextlib.suppress(RedisError):  # MOVED
            for _ in range(count):
                master.command("SET", key, "x" * size)
            return


def acknowledged(info):
    """(the master's offset, the replica's) in the INFO of a master."""
    replica = dict(part.split("=") for part in info["slave0"].split(","))
    return int(info["master_repl_offset"]), int(replica["offset"])


class Samples:
    """The master's offset over time, by a clock and a connection of its own."""

    def __init__(self, master):
        self.at, self.offset, self.done = [], [], threading.Event()
        self.thread = threading.Thread(target=self.take, args=(master,))
        self.thread.start()
        at_end(self.end)

    def take(self, master):
        client = Resp(master.host, master.port)
        while not self.done.is_set():
            self.at.append(time.monotonic())
            self.offset.append(int(parse_info(client.call("INFO"))["master_repl_offset"]))
            self.done.wait(0.02)
        client.close()

    def end(self):
        self.done.set()
        self.thread.join()

    def age(self, offset):
        """How long ago the stream was last at this offset."""
        after = bisect.bisect_right(self.offset, offset)
        assert after > 0, "the samples do not reach back so far"
        return time.monotonic() - self.at[after - 1]


def test_the_lag_is_what_time_and_offsets_say():
    cluster, exporter = start()
    master, replica = cluster.nodes[0], cluster.nodes[3]
    samples = Samples(master)
    wait(lambda: exporter.scrape() and acknowledged(master.info())[1] >= samples.offset[0],
         "both have samples that reach back to an acknowledgement")
    with stopped(replica):
        for _ in range(8):  # a stream of some seconds, seen by scrapes now and then
            exporter.scrape()
            write(master, 10)
            time.sleep(0.2)
        samples.end()
        page = exporter.scrape()
        ahead, back = acknowledged(master.info())
        expected = samples.age(back)
    assert 700000 < page.get("redis_replica_lag_bytes", redis_node=replica.addr) <= ahead - back
    usage = page.get("redis_replica_backlog_usage_ratio", redis_node=replica.addr)
    assert abs(usage - (ahead - back) / BACKLOG) < 0.01
    seconds = page.get("redis_replica_lag_seconds", redis_node=replica.addr)
    assert expected > 2 and abs(seconds - expected) < 0.5, (seconds, expected)
    assert page.get("redis_replica_lag_is_estimate", redis_node=replica.addr) == 0
    assert page.by_node("redis_replica_lag_seconds")[cluster.addrs[4]] < 1.5
    healthy(cluster, exporter)


def test_a_replica_beyond_the_backlog_needs_a_full_sync():
    cluster, exporter = start()
    master, replica = cluster.nodes[1], cluster.nodes[4]
    full = "redis_cluster_full_syncs_total"
    syncs = exporter.scrape().get(full)
    with stopped(replica):
        write(master, 200, 100000)  # more than sockets hold

        def far_behind():
            page, problems = exporter.scrape(), exporter.problems()
            assert page.get("redis_replica_backlog_usage_ratio", redis_node=replica.addr) > 10
            assert problems["backlog_nearly_exceeded"]["nodes"] == [replica.addr]
            return page.get(full) == syncs

        wait(far_behind, "it is further behind than the backlog reaches")
        master.command("CLIENT", "KILL", "TYPE", "replica")
        write(master, 1)
    page = healthy(cluster, exporter)
    assert page.get(full) == syncs + 1
    assert page.get("redis_replica_partial_resync_denied_total", redis_node=master.addr) >= 1


def test_a_flapping_link_costs_partial_resyncs_only():
    cluster, exporter = start()
    master, replica = cluster.nodes[2], cluster.nodes[5]
    again, full = "redis_replica_partial_resync_accepted_total", "redis_cluster_full_syncs_total"
    before = exporter.scrape()

    def seen_down():
        replica.command("CLIENT", "KILL", "TYPE", "master")
        page = exporter.scrape()
        replica.command("CLIENT", "KILL", "TYPE", "master")
        problems = exporter.problems()
        assert page.get("redis_master_link_up", redis_node=replica.addr) == 0
        assert page.get("redis_replica_failover_eligible", redis_node=replica.addr) == 1
        return problems["replica_link_down"]["nodes"] == [replica.addr]

    for _ in range(3):
        wait(seen_down, "the link is down")
    page = healthy(cluster, exporter)
    assert page.get(again, redis_node=master.addr) >= 3 + before.get(again, redis_node=master.addr)
    assert page.get(full) == before.get(full)


def test_a_link_that_stays_down_makes_the_data_too_old_for_a_failover():
    cluster, exporter = start()
    master, replica = cluster.nodes[0], cluster.nodes[3]
    cluster.config("cluster-node-timeout", 2000)
    cluster.config("cluster-replica-validity-factor", 1)
    replica.command("CONFIG", "SET", "masteruser", "nobody", "masterauth", "wrong")
    replica.command("CLIENT", "KILL", "TYPE", "master")
    eligible, age = "redis_replica_failover_eligible", "redis_replica_link_down_seconds"

    def link_is_down():
        problems, page = exporter.problems(), exporter.scrape()
        assert page.get(age, redis_node=replica.addr) == int(
            replica.info()["master_link_down_since_seconds"])
        assert page.get("redis_cluster_masters_without_replica") == 1
        assert page.get("redis_cluster_replicas_min") == 0
        assert page.get("redis_cluster_node_failures_survivable") == 0
        assert problems["master_without_replica"]["nodes"] == [master.addr]
        assert problems["replica_link_down"]["nodes"] == [replica.addr]
        return page, set(problems)

    page, codes = wait(link_is_down, "the link is down")
    assert page.get(eligible, redis_node=replica.addr) == 1 and "replica_not_eligible" not in codes
    while page.get(eligible, redis_node=replica.addr) == 1:
        assert page.get(age, redis_node=replica.addr) <= OLD_AFTER
        page, codes = wait(link_is_down, "the link is down")
    assert page.get(age, redis_node=replica.addr) == OLD_AFTER + 1
    assert "replica_not_eligible" in exporter.codes()
    replica.command("CONFIG", "SET", "masteruser", "", "masterauth", "")
    healthy(cluster, exporter)
    cluster.config("cluster-node-timeout", 6000)


def test_a_replica_that_may_not_take_over_is_told():
    cluster, exporter = start()
    replica = cluster.nodes[4]
    replica.command("CONFIG", "SET", "cluster-replica-no-failover", "yes")
    wait(lambda: exporter.codes() == {"replica_not_eligible"}, "it says so")
    assert exporter.problems()["replica_not_eligible"]["nodes"] == [replica.addr]
    page = exporter.scrape()
    assert page.get("redis_replica_failover_eligible", redis_node=replica.addr) == 0
    replica.command("CONFIG", "SET", "cluster-replica-no-failover", "no")
    healthy(cluster, exporter)


def test_a_replica_that_moves_leaves_its_master_without_one():
    cluster, exporter = start()
    left, joined, replica = cluster.nodes[0], cluster.nodes[1], cluster.nodes[3]
    syncs = exporter.scrape().get("redis_cluster_full_syncs_total")
    count = "redis_cluster_master_healthy_replicas"
    for old, new in (left, joined), (joined, left):
        replica.command("CLUSTER", "REPLICATE", new.id())
        replicas = dict.fromkeys((left.addr, joined.addr, cluster.addrs[2]), 1)
        replicas.update({left.addr: 0, joined.addr: 2} if old is left else {})

        def moved(expected=replicas):
            page = exporter.scrape()
            lags = page.by_node("redis_replica_lag_bytes")
            assert lags.get(replica.addr, 0) < 100000, lags  # not the offset of another history
            return page.by_node(count) == expected

        wait(moved, "it follows the other master")
        if old is left:
            wait(lambda: exporter.codes() == {"master_without_replica"}, "all else is well")
            assert exporter.problems()["master_without_replica"]["nodes"] == [left.addr]
    page = healthy(cluster, exporter)
    assert page.get("redis_cluster_full_syncs_total") == syncs + 2


def test_a_second_replica_goes_over_to_the_new_master():
    cluster, exporter = start()
    master, first, second = cluster.nodes[1], cluster.nodes[4], cluster.nodes[3]
    second.command("CLUSTER", "REPLICATE", master.id())
    replicas = "redis_cluster_master_healthy_replicas"
    wait(lambda: exporter.scrape().get(replicas, redis_node=master.addr) == 2, "it has two")
    for heir in first, master:
        cluster.fail_over(heir)

        def all_follow(new=heir.id(), addr=heir.addr):
            page = exporter.scrape()  # meanwhile the second one replicates from a replica
            lags = page.by_node("redis_replica_lag_bytes")
            assert max(lags.values()) < 1000 and page.get("redis_cluster_slot_moves_total") == 0
            names = [labels["master_id"] for labels, _ in page.all("redis_cluster_node_info")]
            return names.count(new) == 2 and page.get(replicas, redis_node=addr) == 2

        wait(all_follow, "both others follow it")
    assert exporter.scrape().get("redis_cluster_failovers_total") == 2
    second.command("CLUSTER", "REPLICATE", cluster.nodes[0].id())
    healthy(cluster, exporter)
