"""Nodes that some know and others do not, hang, or are cut off from some of the others."""

import contextlib
import socket
import threading
import time

from harness import FULL, LIMIT, Cluster, Exporter, FakePeer, shared, spreads_forgetting, wait

TIMEOUT = 1500  # cluster-node-timeout in milliseconds
ALONE = {"master_without_replica"}  # what is found where there are no replicas


def forgetful_cluster():
    return Cluster(cluster_node_timeout=TIMEOUT)


# Seconds. Where forgetting spreads, nodes that meet a forgotten one are told to forget it again
# for a minute, and meeting it meanwhile only makes that longer.
SHUNNED = 62


def healthy(exporter, addrs, codes=frozenset()):
    def calm():
        page = exporter.scrape()
        assert page.check_all_up(addrs) and page.get("redis_cluster_seed_groups") == 1
        assert page.by_node("redis_cluster_node_seen_by") == dict.fromkeys(addrs, len(addrs))
        for name in "isolated", "partially_known", "handshake":
            assert page.get(f"redis_cluster_nodes_{name}") == 0
        assert not page.total("redis_cluster_node_reporters")
        assert not page.total("redis_cluster_node_links_down")
        return exporter.codes() == set(codes)

    wait(calm, "nothing else is wrong")


def test_a_node_that_some_have_forgotten_is_known_in_part():
    cluster = shared(forgetful_cluster)
    exporter = Exporter(cluster.addrs[0], "--cluster.one-host")
    healthy(exporter, cluster.addrs)
    forgetful, lost = cluster.nodes[1], cluster.nodes[5]
    forgetful.command("CLUSTER", "FORGET", lost.id())
    shunned = time.monotonic() + SHUNNED
    if spreads_forgetting():
        wait(lambda: lost.addr not in exporter.scrape().up(), "all have forgotten it")
        wait(lambda: time.monotonic() > shunned, "the minute is over", LIMIT + SHUNNED)
        forgetful.command("CLUSTER", "MEET", lost.host, lost.port)
        healthy(exporter, cluster.addrs)
        return
    page, problems = exporter.scrape(), exporter.problems()
    assert page.get("redis_cluster_nodes_partially_known") == 1
    assert page.get("redis_cluster_node_seen_by", redis_node=lost.addr) == 5
    assert problems["node_partially_known"]["nodes"] == [lost.addr]
    assert exporter.finds_all_of_redis_cli(cluster.addrs[0])  # which it does not see
    forgetful.command("CLUSTER", "MEET", lost.host, lost.port)
    healthy(exporter, cluster.addrs)


def test_a_handshake_with_nobody_is_told():
    cluster = shared(forgetful_cluster)
    exporter = Exporter(cluster.addrs[0], "--cluster.one-host")
    healthy(exporter, cluster.addrs)
    deaf = FakePeer(lambda connection: connection.recv(1))  # takes connections, never answers
    cluster.nodes[2].command("CLUSTER", "MEET", deaf.host, deaf.port, deaf.port)
    page = exporter.scrape()
    assert page.get("redis_cluster_nodes_handshake") == 1
    assert exporter.codes() == {"node_handshake"}
    healthy(exporter, cluster.addrs)  # the server gives up after the node timeout


def test_a_reset_node_that_is_a_seed_is_isolated():
    cluster = Cluster(masters=1, replicas=2, cluster_node_timeout=TIMEOUT)
    exporter, (*others, lost) = Exporter(cluster.addrs, "--cluster.one-host"), cluster.nodes
    alone = {"no_automatic_failover"}
    healthy(exporter, cluster.addrs, alone)
    lost.command("CLUSTER", "RESET", "SOFT")
    for node in others:
        node.command("CLUSTER", "FORGET", lost.id())
    shunned = time.monotonic() + (SHUNNED if spreads_forgetting() else 0)
    for _ in range(3):
        page, problems = exporter.scrape(), exporter.problems()
        assert page.get("redis_cluster_nodes_isolated") == 1 and page.coverage() == FULL
        assert problems["node_isolated"]["nodes"] == [lost.addr]
        assert "seeds_differ" not in problems
    # who has forgotten it does not learn of it by the others' word
    wait(lambda: time.monotonic() > shunned and cluster.meet() and
         exporter.codes() == alone | {"master_empty"}, "it is in again", LIMIT + SHUNNED)
    lost.command("CLUSTER", "REPLICATE", others[0].id())
    healthy(exporter, cluster.addrs, alone)


def test_a_hanging_master_is_suspected_then_failed_then_well():
    """redis-cli --cluster check is not asked: it hangs as well."""
    cluster = Cluster(replicas=0, cluster_node_timeout=TIMEOUT)
    exporter = Exporter(cluster.addrs, "--cluster.one-host", "--redis.timeout=0.2s")
    healthy(exporter, cluster.addrs, ALONE)
    hanging = cluster.nodes[1]
    seen = set()
    hanging.sigstop()

    def failed():
        problems = exporter.problems()
        seen.update(problems)
        return "master_failed" in problems and problems["master_failed"]["nodes"] == [hanging.addr]

    wait(failed, "it has failed")
    assert seen & {"node_suspected", "node_doubted"} and "node_unreadable" in seen, seen
    page = exporter.scrape()
    assert page.get("redis_cluster_node_reporters", redis_node=hanging.addr, flag="fail") == 2
    assert page.get("redis_cluster_nodes", role="master", health="fail") == 1
    assert page.get("redis_cluster_quorum_margin") == 0
    assert page.errors() == {hanging.addr: "timeout"}
    assert {"slots_owner_failed", "cluster_state_fail", "quorum_at_risk"} <= exporter.codes()
    hanging.sigcont()
    healthy(exporter, cluster.addrs, ALONE)


class BusRelay(FakePeer):
    """Stands before a node's cluster bus; hears nothing from the hosts in `cut` while they are."""

    def __init__(self, node):
        super().__init__(self.pass_on, host=node.host)
        self.target, self.cut = (node.host, node.bus_port), set()
        node.bus_port = self.port
        node.command("CONFIG", "SET", "cluster-announce-bus-port", self.port)

    def pass_on(self, connection):
        peer = connection.getpeername()[0]
        with socket.create_connection(self.target, source_address=(peer, 0)) as bus:
            answers = threading.Thread(target=self.pump, args=(bus, connection, peer))
            answers.start()
            self.pump(connection, bus, peer)
            answers.join()

    def pump(self, source, sink, peer):
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                if peer not in self.cut:
                    sink.sendall(data)
        for end in source, sink:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


class RelayedCluster(Cluster):
    """Masters on hosts of their own, whose messages to each other can be dropped."""

    def __init__(self):
        super().__init__(replicas=0, hosts=[f"127.0.0.{i}" for i in range(2, 5)],
                         cluster_node_timeout=TIMEOUT)

    def create(self):
        self.relays = [BusRelay(node.ready()) for node in self.nodes]
        super().create()

    def cut(self, a, b):
        self.relays[a].cut.add(self.nodes[b].host)
        self.relays[b].cut.add(self.nodes[a].host)

    def heal(self):
        for relay in self.relays:
            relay.cut.clear()


def test_a_partition_in_part_is_a_doubt_and_a_whole_one_a_failure():
    cluster = RelayedCluster()
    exporter = Exporter(cluster.addrs)
    spread = ALONE | {"host_critical"}
    healthy(exporter, cluster.addrs, spread)
    cluster.cut(0, 2)

    def doubted():
        page, problems = exporter.scrape(), exporter.problems()
        assert page.by_node("redis_cluster_node_reporters", flag="pfail") == dict(
            zip(cluster.addrs, (1, 0, 1)))
        assert page.total("redis_cluster_node_reporters", flag="fail") == 0
        assert set(problems["node_doubted"]["nodes"]) == {cluster.addrs[0], cluster.addrs[2]}
        assert "node_suspected" not in problems and page.coverage() == FULL
        return page.get("redis_cluster_quorum_margin") == 1

    wait(doubted, "two of three doubt each other")
    assert exporter.finds_all_of_redis_cli(cluster.addrs[0])  # which it does not see
    assert set(exporter.scrape().by_node("redis_cluster_state").values()) == {1}
    cluster.cut(1, 2)

    def cut_off():  # clients reach it, no node does
        page, problems = exporter.scrape(), exporter.problems()
        assert page.up() == dict.fromkeys(cluster.addrs, 1)
        assert problems["master_failed"]["nodes"] == [cluster.addrs[2]]
        return page.by_node("redis_cluster_node_reporters", flag="fail")[cluster.addrs[2]] == 2

    wait(cut_off, "it has failed for the others")
    assert exporter.finds_all_of_redis_cli(cluster.addrs[0], "uncovered")
    cluster.heal()
    healthy(exporter, cluster.addrs, spread)
