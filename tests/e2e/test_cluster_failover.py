"""Masters that are lost: failovers, lost quorums, lost shards."""

from harness import FULL, Cluster, Exporter, wait

TIMEOUT = 1500  # cluster-node-timeout in milliseconds


def start(**config):
    cluster = Cluster(cluster_node_timeout=TIMEOUT, **config)
    exporter = Exporter(cluster.addrs, "--cluster.one-host")
    healthy(exporter, failovers=0)
    assert exporter.finds_all_of_redis_cli(cluster.addrs[0])
    return cluster, exporter


def healthy(exporter, failovers):
    def calm():
        page = exporter.scrape()
        assert page.coverage() == FULL and events(page) == (failovers, 0)
        assert page.get("redis_cluster_quorum_margin") == 1
        assert page.get("redis_cluster_node_failures_survivable") == 1
        assert page.get("redis_cluster_masters_without_replica") == 0
        assert page.get("redis_cluster_failover_in_progress") == 0
        assert set(page.by_node("redis_cluster_state").values()) == {1}
        return exporter.codes() == set()

    wait(calm, "nothing is wrong")


def events(page):
    """(failovers, slots moved) so far."""
    return (page.get("redis_cluster_failovers_total"), page.get("redis_cluster_slot_moves_total"))


def test_a_killed_master_and_a_manual_failover_are_one_failover_each():
    cluster, exporter = start()
    victim, heir = cluster.nodes[0], cluster.nodes[3]
    slots = exporter.scrape().get("redis_cluster_node_slots", redis_node=victim.addr)
    victim.kill()

    def failing_over():
        page, problems = exporter.scrape(), exporter.problems()
        assert page.get("redis_cluster_failover_in_progress") == 1
        assert page.get("redis_cluster_masters_without_replica") == 0
        assert page.get("redis_cluster_slots_uncovered", reason="owner_fail") == slots
        assert {"failover_in_progress", "master_failed", "slots_owner_failed"} <= set(problems)
        assert problems["master_failed"]["nodes"] == [victim.addr]
        assert problems["slots_owner_failed"]["slots"] == [[0, slots - 1]]
        assert problems["slots_owner_failed"]["severity"] == "critical"
        return events(page) == (0, 0)

    wait(failing_over, "the replica is about to take over")
    wait(lambda: events(exporter.scrape()) == (1, 0), "it has taken over")
    wait(lambda: exporter.codes() == {"node_failed", "master_without_replica"}, "and serves")
    page = exporter.scrape()
    assert page.get("redis_cluster_failover_in_progress") == 0
    assert page.get("redis_cluster_master_healthy_replicas", redis_node=heir.addr) == 0
    assert page.get("redis_cluster_node_reporters", redis_node=victim.addr, flag="fail") == 3
    assert page.get("redis_cluster_node_failures_survivable") == 0
    victim.start()
    healthy(exporter, failovers=1)
    assert exporter.scrape().roles()[victim.addr] == "replica"

    cluster.fail_over(victim)
    wait(lambda: exporter.scrape().roles()[victim.addr] == "master", "it is master again")
    healthy(exporter, failovers=2)


def test_two_of_three_masters_killed_at_once_leave_no_quorum():
    cluster, exporter = start()
    victims, last = cluster.nodes[:2], cluster.nodes[2]
    for victim in victims:
        victim.kill()

    def lost():
        page, problems = exporter.scrape(), exporter.problems()
        assert page.get("redis_cluster_quorum_margin") == -1
        assert page.get("redis_cluster_state", redis_node=last.addr) == 0
        assert page.total("redis_cluster_slots_uncovered", reason="owner_pfail") > 10000
        assert {"quorum_lost", "cluster_state_fail", "node_suspected",
                "slots_owner_suspected"} <= set(problems), set(problems)
        assert set(problems["node_suspected"]["nodes"]) == {v.addr for v in victims}
        return page

    page = wait(lost, "no quorum")
    assert page.get("redis_cluster_voting_masters") == 3 and page.get("redis_cluster_quorum") == 2
    assert page.get("redis_cluster_node_failures_survivable") == 0
    assert exporter.finds_all_of_redis_cli(last.addr, "uncovered")
    sent = last.cluster_info
    pings = int(sent()["cluster_stats_messages_ping_sent"])
    wait(lambda: int(sent()["cluster_stats_messages_ping_sent"]) > pings + 8, "time goes by")
    assert events(lost()) == (0, 0)
    for victim in victims:
        victim.start()
    healthy(exporter, failovers=0)


def test_a_shard_that_is_lost_is_told_even_where_the_nodes_call_the_cluster_ok():
    cluster, exporter = start()
    lost = cluster.nodes[2], cluster.nodes[5]
    slots = exporter.scrape().get("redis_cluster_node_slots", redis_node=lost[0].addr)
    for node in lost:
        node.kill()
    told = {"slots_owner_failed", "master_failed", "node_failed", "master_without_replica",
            "quorum_at_risk"}

    def as_expected(state, codes):
        page, problems = exporter.scrape(), exporter.problems()
        assert page.get("redis_cluster_slots_uncovered", reason="owner_fail") == slots
        assert set(page.by_node("redis_cluster_state").values()) == {state}
        assert page.get("redis_cluster_failover_in_progress") == 0  # there is no replica to do it
        assert set(problems) == codes, set(problems) ^ codes
        return problems

    wait(lambda: as_expected(0, told | {"cluster_state_fail"}), "the cluster is down")
    assert exporter.finds_all_of_redis_cli(cluster.addrs[0], "uncovered")
    cluster.config("cluster-require-full-coverage", "no")
    problems = wait(lambda: as_expected(1, told), "the nodes call it ok")
    assert problems["slots_owner_failed"]["severity"] == "critical"
    assert exporter.finds_all_of_redis_cli(cluster.addrs[0], "uncovered")
    cluster.config("cluster-require-full-coverage", "yes")
    for node in lost:
        node.start()
    healthy(exporter, failovers=0)
