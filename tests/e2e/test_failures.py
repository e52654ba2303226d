"""Nodes that die, hang and come back; the page keeps telling the truth."""

from harness import FULL, INFO, Cluster, Exporter, SLOTS, bulk, fake_cluster, free_port, wait

SCRAPE_TIMEOUT = "X-Prometheus-Scrape-Timeout-Seconds"


def up_of(cluster):
    return {node.addr: float(node.alive()) for node in cluster.nodes}


def start():
    cluster = Cluster()
    exporter = Exporter(cluster.addrs)
    wait(lambda: exporter.scrape().check_all_up(cluster.addrs), "all are up")
    return cluster, exporter


def complete(page, addrs, whole):
    """The nodes at addrs show the same metrics as on the earlier page `whole`.

    But what compares a replica with its master, and needs both.
    """
    compared = {"redis_replica_lag_bytes", "redis_replica_receive_lag_bytes",
                "redis_replica_apply_lag_bytes", "redis_replica_lag_seconds",
                "redis_replica_lag_is_estimate", "redis_replica_ack_age_seconds",
                "redis_replica_backlog_usage_ratio", "redis_replica_replid_mismatch"}
    for addr in addrs:
        missing = whole.metrics_of(addr) - page.metrics_of(addr) - compared
        assert page.get("redis_up", redis_node=addr) == 1 and not missing, (addr, missing)
    return True


def test_a_killed_replica_is_down_and_all_else_is_complete():
    cluster, exporter = start()
    whole, victim = exporter.scrape(), cluster.nodes[4]
    victim.kill()
    page = exporter.scrape()
    assert page.up() == up_of(cluster)
    assert page.errors()[victim.addr] in ("refused", "closed")
    assert page.coverage() == FULL
    complete(page, [a for a in cluster.addrs if a not in (victim.addr, cluster.nodes[1].addr)],
             whole)
    assert page.get("redis_exporter_node_failures_total", reason=page.errors()[victim.addr]) == 1
    wait(lambda: exporter.scrape().get("redis_cluster_nodes", role="replica", health="fail") == 1,
         "the cluster calls it failed")
    page = exporter.scrape()
    assert page.get("redis_cluster_nodes", role="replica", health="ok") == 2
    assert page.up() == up_of(cluster) and page.errors() == {victim.addr: "refused"}
    assert page.metrics_of(victim.addr).isdisjoint({"redis_memory_used_bytes",
                                                    "redis_cluster_state"})


def test_a_failover_shows_from_the_death_to_full_coverage():
    cluster, exporter = start()
    victim, heir = cluster.nodes[1], cluster.nodes[4]
    slots = exporter.scrape().get("redis_cluster_node_slots", redis_node=victim.addr)
    assert exporter.scrape().roles()[heir.addr] == "replica"
    heir.command("CONFIG", "SET", "cluster-replica-no-failover", "yes")
    victim.kill()

    def hole():
        page = exporter.scrape()
        assert page.up() == up_of(cluster)
        return page.coverage() == (SLOTS - slots, 0, slots, 0)

    wait(hole, "the slots of the dead master are not covered")
    assert exporter.scrape().get("redis_cluster_state", redis_node=heir.addr) == 0
    heir.command("CONFIG", "SET", "cluster-replica-no-failover", "no")

    def healed():
        page = exporter.scrape()
        return (page.coverage() == FULL and page.roles()[heir.addr] == "master"
                and page.get("redis_cluster_node_slots", redis_node=heir.addr) == slots
                and page.get("redis_cluster_node_slots", redis_node=victim.addr) == 0)

    wait(healed, "the replica has the slots")
    assert exporter.scrape().up() == up_of(cluster)
    victim.start()
    wait(lambda: exporter.scrape().check_all_up(cluster.addrs), "the old master is back")
    wait(lambda: exporter.scrape().roles()[victim.addr] == "replica", "and is a replica now")


def test_a_node_that_hangs_does_not_delay_the_answer_past_the_deadline():
    cluster = Cluster(cluster_node_timeout=15000)
    exporter = Exporter(cluster.addrs)
    fresh = Exporter(cluster.addrs)
    wait(lambda: exporter.scrape().check_all_up(cluster.addrs), "all are up")
    whole, victim = exporter.scrape(), cluster.nodes[2]
    victim.sigstop()
    for one in exporter, fresh, exporter:  # with and without an open connection
        page = one.scrape({SCRAPE_TIMEOUT: "3"})
        assert page.response.seconds < 3
        assert page.errors() == {victim.addr: "timeout"}, page.errors()
        complete(page, [a for a in cluster.addrs if a != victim.addr], whole)
        assert page.coverage() == FULL
        assert page.get("redis_cluster_slots_unreachable") > 0
    page = exporter.scrape({SCRAPE_TIMEOUT: "1"})
    assert page.response.seconds < 1 and page.errors() == {victim.addr: "timeout"}
    victim.sigcont()
    wait(lambda: exporter.scrape().check_all_up(cluster.addrs), "it is back")
    assert not exporter.scrape().errors()


def test_a_senseless_deadline_does_not_break_the_scrape():
    node = fake_cluster(1)[0]
    exporter = Exporter(node.addr)
    for value in "", "abc", "-1", "0", "nan", "inf", "1e400", "0.0000001", "9" * 400, "5 s":
        page = exporter.scrape({SCRAPE_TIMEOUT: value}, limit=15)
        assert page.all("redis_up"), value
    assert exporter.scrape({SCRAPE_TIMEOUT: "5"}).up() == {node.addr: 1}


def test_a_hanging_node_ends_at_the_default_deadline_without_the_header():
    nodes = fake_cluster(3)
    exporter = Exporter(nodes[0].addr, "--scrape.timeout=1.5s", "--redis.timeout=20s")
    wait(lambda: len(exporter.scrape().up()) == 3, "all are known")
    nodes[2].gate.clear()
    page = exporter.scrape()
    assert page.response.seconds < 3 and page.errors() == {nodes[2].addr: "timeout"}
    nodes[2].gate.set()
    wait(lambda: sum(exporter.scrape().up().values()) == 3, "it is back")


def test_all_nodes_die_and_come_back():
    cluster, exporter = start()
    for node in cluster.nodes:
        node.kill()
    for _ in range(3):
        page = exporter.scrape()
        assert page.up() == dict.fromkeys(cluster.addrs, 0)
        assert set(page.errors()) == set(cluster.addrs)
        assert page.get("redis_cluster_discovery_up") == 0
    cluster.restart()
    wait(lambda: exporter.scrape().check_all_up(cluster.addrs), "all are back")
    page = exporter.scrape()
    assert not page.errors() and page.get("redis_cluster_discovery_up") == 1


def test_the_death_of_the_only_seed_does_not_matter():
    cluster = Cluster()
    seed = cluster.nodes[0]
    exporter = Exporter(seed.addr)
    wait(lambda: exporter.scrape().check_all_up(cluster.addrs), "all are up")
    seed.kill()
    for _ in range(3):
        page = exporter.scrape()
        assert page.up() == up_of(cluster)
        assert page.get("redis_cluster_discovery_up") == 1
    wait(lambda: exporter.scrape().roles()[cluster.nodes[3].addr] == "master", "failover is seen")


def test_a_dead_seed_in_front_of_the_list_does_not_matter():
    cluster = Cluster(replicas=0)
    dead = f"127.0.0.1:{free_port()}"
    exporter = Exporter([dead, cluster.addrs[1]])
    page = exporter.scrape()
    assert {a: page.up()[a] for a in cluster.addrs} == dict.fromkeys(cluster.addrs, 1)
    assert page.coverage() == FULL
    assert wait(lambda: exporter.scrape().up() == dict.fromkeys(cluster.addrs, 1),
                "the page has members only")


def test_an_exporter_started_before_its_cluster_finds_it():
    cluster = Cluster(replicas=0)
    for node in cluster.nodes:
        node.kill()
    exporter = Exporter(cluster.addrs[:2])
    for _ in range(2):
        page = exporter.scrape()
        assert page.get("redis_cluster_discovery_up") == 0
        assert page.up() == dict.fromkeys(cluster.addrs[:2], 0)
    cluster.restart()
    wait(lambda: exporter.scrape().check_all_up(cluster.addrs), "all are up")


def test_a_cluster_that_comes_back_elsewhere_is_found_by_another_seed():
    first, second = fake_cluster(1) + fake_cluster(1)
    second.close()
    exporter = Exporter([first.addr, second.addr])
    wait(lambda: exporter.scrape().up() == {first.addr: 1}, "the seed that is no member is gone")
    first.close()
    second.listen()
    wait(lambda: exporter.scrape().up().get(second.addr) == 1, "the other seed is asked again")


def test_a_connection_that_dies_under_a_request_is_made_anew():
    nodes = fake_cluster(2)
    exporter = Exporter(nodes[0].addr)
    wait(lambda: sum(exporter.scrape().up().values()) == 2, "all are up")
    for _ in range(3):
        nodes[1].hang_up = True
        page = exporter.scrape()
        assert not nodes[1].hang_up and not page.errors(), page.errors()
        page.check_all_up([node.addr for node in nodes])


def test_every_step_of_a_shutdown_is_told_as_the_survivors_see_it():
    cluster, exporter = start()
    steps = [  # who is stopped, and for which slots (failed, suspected) to wait
        (0, lambda failed, silent: failed == silent == 0),  # failover to 3
        (3, lambda failed, silent: failed > 0 and silent == 0),
        (1, lambda failed, silent: failed > 0 and silent > 0),  # no majority calls it failed
        (4, lambda failed, silent: failed > 0 and silent > 0),
        (2, lambda failed, silent: failed + silent == SLOTS)]
    for victim, settled in steps:
        cluster.nodes[victim].stop()
        wait(lambda check=settled: check(*truth_is_told(cluster, exporter)),
             f"{victim} is down and the page is right")
    cluster.nodes[5].stop()
    page = exporter.scrape()
    assert page.up() == dict.fromkeys(cluster.addrs, 0)
    assert page.get("redis_cluster_discovery_up") == 0


def truth_is_told(cluster, exporter):
    """Compares a page with what all living nodes agree on, before and after the scrape.

    Gives the slots whose owner has failed, and those whose owner is suspected.
    """
    before = survivors_view(cluster)
    page = exporter.scrape()
    assert page.up() == up_of(cluster)
    view, states = before
    assert before == survivors_view(cluster), "the cluster has settled"
    failed = sum(slots for flag, slots in view.values() if flag == "fail")
    silent = sum(slots for flag, slots in view.values() if flag == "fail?")
    dead = {n.addr for n in cluster.nodes if not n.alive()}
    assert dead == {a for a, (flag, _) in view.items() if flag}, view
    assert page.coverage() == (SLOTS - failed - silent, 0, failed, silent)
    assert page.get("redis_cluster_slots_unreachable") == 0
    assert page.by_node("redis_cluster_state") == states
    assert page.by_node("redis_cluster_node_slots") == {a: s for a, (_, s) in view.items()}
    assert page.total("redis_cluster_nodes", health="ok") == len(cluster.living())
    return failed, silent


def survivors_view(cluster):
    """({address: (fail, fail? or "", slots)}, {address: state}), if the living nodes agree."""
    views = []
    for node in cluster.living():
        views.append({m["addr"]: (next((f for f in m["flags"] if f in ("fail", "fail?")), ""),
                                  m["slots"]) for m in node.cluster_nodes()})
    assert all(view == views[0] for view in views), views
    return views[0], {n.addr: float(n.cluster_info()["cluster_state"] == "ok")
                      for n in cluster.living()}


def test_a_node_that_loads_its_data_is_up_and_shown_as_loading():
    nodes = fake_cluster(3)
    loading = nodes[2]
    busy = b"-LOADING Redis is loading the dataset in memory\r\n"
    loading.replies = {"INFO": bulk(INFO.format(port=loading.port, clients=1) + "loading:1\r\n"),
                       "CLUSTER INFO": busy, "CLUSTER NODES": busy}
    exporter = Exporter(nodes[0].addr)
    wait(lambda: len(exporter.scrape().up()) == 3, "all are known")
    page = exporter.scrape()
    assert page.get("redis_up", redis_node=loading.addr) == 1
    assert page.get("redis_loading_dump_file", redis_node=loading.addr) == 1
    assert page.get("redis_cluster_nodes", role="master", health="loading") == 1
    assert loading.addr not in page.by_node("redis_cluster_state")
    loading.replies.clear()
    page = exporter.scrape()
    assert page.check_all_up([node.addr for node in nodes])
    assert page.get("redis_cluster_nodes", role="master", health="ok") == 3
    assert page.get("redis_cluster_state", redis_node=loading.addr) == 1
