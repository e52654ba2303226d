"""/scrape, /cluster and /discover-cluster-nodes: who may be asked for, and what comes back."""

import json
import os
import urllib.parse

from harness import (Cluster, Exporter, FakeNode, FakePeer, Page, Process, RedisNode, SLOTS,
                     bulk, fake_cluster, free_port, http_get, node_line, run, shared, temp_dir,
                     wait)
from test_dialect import RxPage


def guarded():
    return Cluster(masters=3, replicas=1, password="right")


def exporter_of(cluster, *flags):
    return Exporter(cluster.addrs[0], *flags, env={"REDIS_PASSWORD": "right"})


def target(addr, path="/scrape"):
    return f"{path}?" + urllib.parse.urlencode({"target": "redis://" + addr})


def listener():
    """A peer that keeps what it hears."""
    heard = []

    def hear(connection):
        while data := connection.recv(4096):
            heard.append(data)
            connection.sendall(b"-ERR no\r\n")
    return FakePeer(hear), heard


def test_every_node_can_be_asked_for_from_the_first_request_on():
    cluster = shared(guarded)
    for addr in cluster.addrs:
        exporter = exporter_of(cluster)
        page = RxPage(exporter.get(target(addr)))
        assert page.all("redis_up") == [({}, 1)], addr


def test_a_foreign_target_is_refused_and_never_called():
    cluster = shared(guarded)
    peer, heard = listener()
    exporter = exporter_of(cluster)
    for path in "/scrape", "/cluster":
        got = exporter.get(target(peer.addr, path))
        assert got.status == 403 and len(got.text.splitlines()) == 1, got.text
    assert peer.accepted == 0 and not heard
    page = exporter.scrape()
    assert page.get("redis_target_scrape_request_errors_total") == 2


def test_a_node_that_joins_can_be_asked_for():
    cluster = Cluster(masters=3, replicas=0, password="right")
    exporter = exporter_of(cluster)
    new = RedisNode(password="right").ready()
    assert exporter.get(target(new.addr)).status == 403
    cluster.nodes[0].command("CLUSTER", "MEET", new.host, new.port)
    wait(lambda: exporter.get(target(new.addr)).status == 200, "the new node is served", 20)


def test_the_open_pattern_serves_anybody_but_sends_no_password():
    cluster = shared(guarded)
    peer, heard = listener()
    exporter = exporter_of(cluster, "--scrape.allow=*")
    got = exporter.get(target(peer.addr))
    assert got.status == 200 and RxPage(got).all("redis_up") == [({}, 0)]
    assert heard and b"AUTH" not in b"".join(heard) and b"right" not in b"".join(heard)
    wait(lambda: RxPage(exporter.get(target(cluster.addrs[2]))).all("redis_up") == [({}, 1)],
         "a node is known as such")


def silent():
    """A peer that never answers."""
    return FakePeer(lambda connection: connection.recv(1 << 20) and connection.recv(1 << 20))


def test_a_target_takes_no_longer_than_allowed():
    seed, peer = silent(), silent()
    exporter = Exporter(seed.addr, "--scrape.allow=*", "--redis.timeout=20s")
    got = exporter.get(target(peer.addr), {"X-Prometheus-Scrape-Timeout-Seconds": "2"})
    assert got.status == 200 and got.seconds < 2 and RxPage(got).all("redis_up") == [({}, 0)]
    exporter = Exporter(seed.addr, "--redis.timeout=20s")
    got = exporter.get(target(peer.addr), {"X-Prometheus-Scrape-Timeout-Seconds": "2"})
    assert got.status == 503 and got.seconds < 2


def test_the_open_pattern_waits_for_no_discovery():
    seed, node = silent(), RedisNode(cluster=False).ready()
    exporter = Exporter(seed.addr, "--scrape.allow=*", "--redis.timeout=20s")
    got = exporter.get(target(node.addr))
    assert got.seconds < 5 and RxPage(got).all("redis_up") == [({}, 1)]


def test_an_unknown_target_is_not_refused_for_good_while_nobody_can_be_asked():
    node = RedisNode().ready()
    exporter = Exporter(node.addr)
    node.kill()
    got = exporter.get(target("127.0.0.1:1"))
    assert got.status == 503 and got.text.count("\n") == 1, got.text
    node.start()
    wait(lambda: exporter.get(target("127.0.0.1:1")).status == 403, "now this can be told")


def test_any_scrape_tells_who_belongs_to_the_cluster():
    node = FakeNode()
    exporter = Exporter(node.addr)
    exporter.scrape()
    node.asked.clear()
    assert exporter.get(target("127.0.0.1:1")).status == 403
    assert not node.asked.is_set(), "the page has just told"


def test_a_named_pattern_is_trusted_with_the_password():
    cluster = shared(guarded)
    other = RedisNode(cluster=False, password="right").ready()
    exporter = exporter_of(cluster, f"--scrape.allow=127.0.0.1:{other.port}")
    assert RxPage(exporter.get(target(other.addr))).all("redis_up") == [({}, 1)]


def test_a_node_that_joins_is_asked_with_the_password_from_then_on():
    cluster, new = Cluster(masters=1, replicas=0, password="right"), RedisNode(password="right")
    exporter = exporter_of(cluster, "--scrape.allow=*")

    def up():
        return RxPage(exporter.get(target(new.addr))).all("redis_up") == [({}, 1)]
    assert not up(), "a stranger is not told the password"
    new.ready()
    cluster.nodes[0].command("CLUSTER", "MEET", new.host, new.port)
    wait(lambda: len(exporter.scrape().up()) == 2, "it is a member")
    assert up()


def test_a_node_that_left_is_not_told_the_password_any_more():
    cluster = Cluster(masters=2, replicas=0, password="right")
    exporter, (first, second) = exporter_of(cluster, "--scrape.allow=*"), cluster.nodes
    wait(lambda: len(exporter.scrape().up()) == 2, "both are known")
    assert RxPage(exporter.get(target(second.addr))).all("redis_up") == [({}, 1)]
    ident = second.id()
    second.kill()
    first.command("CLUSTER", "FORGET", ident)
    wait(lambda: len(exporter.scrape().up()) == 1, "it has left")
    heard = []

    def hear(connection):
        heard.append(connection.recv(4096))
    stranger = FakePeer(hear)
    stranger.close()
    stranger.port = second.port
    stranger.listen()
    RxPage(exporter.get(target(second.addr)))
    assert heard and b"AUTH" not in b"".join(heard), heard


def test_the_brackets_of_an_ipv6_pattern_mean_themselves():
    node = RedisNode(host="::1", cluster=False).ready()
    exporter = Exporter(RedisNode(cluster=False).ready().addr, f"--scrape.allow=[::1]:{node.port}")
    assert RxPage(exporter.get(target(node.addr))).all("redis_up") == [({}, 1)]
    assert exporter.get(target(f"1:{node.port}")).status == 403


def warnings_of_patterns(exporter):
    return [line for line in exporter.log_lines() if "level=warn" in line and "pattern=" in line]


def test_a_pattern_that_sends_the_password_anywhere_is_warned_about():
    for pattern, warns in [("*:6379", True), ("*", False), ("**", True), ("?*:*", True),
                           ("*6379", True), ("10.0.0.*:6379", False), ("*.local:6379", False)]:
        exporter = Exporter("127.0.0.1:1", env={"REDIS_PASSWORD": "right",
                                                "REDIS_EXPORTER_SCRAPE_ALLOW": "a:1," + pattern})
        assert len(warnings_of_patterns(exporter)) == warns, pattern
        exporter.stop()
    assert not warnings_of_patterns(Exporter("127.0.0.1:1", "--scrape.allow=*:6379"))


def test_a_cluster_can_be_asked_for_through_one_of_its_nodes():
    cluster, other = shared(guarded), Cluster(masters=3, replicas=0, password="right")
    exporter = exporter_of(cluster, f"--scrape.allow={other.addrs[0]}")
    page = Page(exporter.get(target(other.addrs[0], "/cluster")))
    page.check_all_up(other.addrs)
    assert not page.all("process_open_fds"), "the exporter's own metrics are on its own page"


def test_a_configured_cluster_is_asked_over_the_connections_it_has():
    cluster = Cluster(masters=3, replicas=0, password="right")
    exporter = exporter_of(cluster, "--redis.cluster-name=mine")
    wait(lambda: exporter.scrape().check_all_up(cluster.addrs), "all are up")
    clients = [node.info()["connected_clients"] for node in cluster.nodes]
    for addr in cluster.addrs:
        page = Page(exporter.get(target(addr, "/cluster")))
        page.check_all_up(cluster.addrs)
        assert page.get("redis_cluster_slots_covered", redis_cluster="mine") == SLOTS
        assert not page.all("process_open_fds")
    assert [node.info()["connected_clients"] for node in cluster.nodes] == clients


def test_bad_targets_get_one_sentence():
    exporter = exporter_of(shared(guarded))
    for query in ("", "?target=", "?target=http://x:1", "?target=host:99999", "?target=a:b:c",
                  "?target=redis://%zz@h:1"):
        got = exporter.get("/scrape" + query)
        assert got.status == 400 and got.text.count("\n") == 1, (query, got.text)


def test_a_node_that_is_down_is_an_answer():
    node = RedisNode(cluster=False).ready()
    exporter = Exporter(node.addr)
    assert RxPage(exporter.get(target(node.addr))).all("redis_up") == [({}, 1)]
    node.kill()
    page = RxPage(exporter.get(target(node.addr)))
    assert page.all("redis_up") == [({}, 0)]
    assert page.all("redis_exporter_last_scrape_error") == [({"err": "refused"}, 1)]


def health_by_target(exporter):
    groups = json.loads(exporter.get("/discover-cluster-nodes").body)
    return {g["targets"][0]: g["labels"]["__meta_redis_cluster_health"] for g in groups}


def test_discovery_lists_all_nodes_with_their_health():
    cluster = Cluster(masters=3, replicas=1, password="right")
    exporter = exporter_of(cluster)
    got = exporter.get("/discover-cluster-nodes")
    assert got.status == 200 and got.headers["Content-Type"] == "application/json"
    groups = json.loads(got.body)
    assert sorted(t for g in groups for t in g["targets"]) == \
        sorted("redis://" + addr for addr in cluster.addrs)
    roles = [g["labels"]["__meta_redis_cluster_role"] for g in groups]
    assert sorted(roles) == ["master"] * 3 + ["replica"] * 3
    shards = {g["labels"]["__meta_redis_cluster_shard"] for g in groups}
    assert shards == {n.id() for n in cluster.nodes[:3]}
    assert all(isinstance(v, str) for g in groups for v in g["labels"].values())
    healthy = {"redis://" + addr: "ok" for addr in cluster.addrs}
    assert health_by_target(exporter) == healthy
    victim = cluster.nodes[5]
    victim.kill()
    wait(lambda: health_by_target(exporter) == {**healthy, "redis://" + victim.addr: "fail"},
         "the failed node is listed as such")
    for node in cluster.nodes[:5]:
        node.kill()
    got = exporter.get("/discover-cluster-nodes")
    assert got.status == 503, "Prometheus keeps its list"


def test_discovery_leaves_out_only_nodes_that_have_no_address():
    first, second = fake_cluster(2)
    exporter = Exporter(first.addr)
    wait(lambda: len(health_by_target(exporter)) == 2, "both are listed")
    whole = {"redis://" + node.addr: "ok" for node in (first, second)}
    for flags, added in ("slave,fail", {"redis://127.0.0.1:1": "fail"}), \
            ("slave,fail?", {"redis://127.0.0.1:1": "pfail"}), \
            ("slave", {"redis://127.0.0.1:1": "unreachable"}), \
            ("slave,noaddr", {}), ("handshake", {}):
        for node in first, second:
            node.replies["CLUSTER NODES"] = lambda n=node, f=flags: bulk(
                node_line("%040x" % 9, "127.0.0.1:1", f, master=first.id) + n.topology())
        assert health_by_target(exporter) == {**whole, **added}, flags


def test_discovery_puts_brackets_around_ipv6():
    node = RedisNode(host="::1").ready()
    got = Exporter(node.addr).get("/discover-cluster-nodes")
    assert json.loads(got.body)[0]["targets"] == [f"redis://[::1]:{node.port}"]


JOBS = """
global: {{scrape_interval: 1s, scrape_timeout: 1s}}
scrape_configs:
- job_name: listed
  metrics_path: /scrape
  static_configs: [{{targets: [{targets}]}}]
  relabel_configs: &relabel
  - {{source_labels: [__address__], target_label: __param_target}}
  - {{source_labels: [__param_target], target_label: instance}}
  - {{target_label: __address__, replacement: "127.0.0.1:{port}"}}
- job_name: discovered
  metrics_path: /scrape
  http_sd_configs: [{{url: "http://127.0.0.1:{port}/discover-cluster-nodes", refresh_interval: 1s}}]
  relabel_configs: *relabel
"""


def test_jobs_written_for_redis_exporter_work_unchanged():
    cluster = shared(guarded)
    exporter = exporter_of(cluster)
    where, port = temp_dir(), free_port()
    config = os.path.join(where, "prometheus.yml")
    with open(config, "w") as f:
        f.write(JOBS.format(port=exporter.port,
                            targets=", ".join(f'"redis://{addr}"' for addr in cluster.addrs)))
    run("promtool", "check", "service-discovery", "--timeout=3s", config, "discovered")
    Process(["prometheus", f"--config.file={config}", f"--storage.tsdb.path={where}/data",
             f"--web.listen-address=127.0.0.1:{port}"], os.path.join(where, "prometheus.log"))

    def count(expression):
        path = "/api/v1/query?" + urllib.parse.urlencode({"query": expression})
        got = http_get(port, path)
        if got.status != 200:
            return None
        result = json.loads(got.body)["data"]["result"]
        return float(result[0]["value"][1]) if result else 0
    for job in "listed", "discovered":
        wait(lambda j=job: count(f'sum(redis_up{{job="{j}"}})') == 6, f"six nodes by {job}", 30)
        assert count(f'count(count by (instance) (redis_up{{job="{job}"}}))') == 6
