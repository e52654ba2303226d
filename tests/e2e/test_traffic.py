"""What a scrape costs the nodes, and many clients at once."""

import http.client
import signal
import socket
import threading

from harness import (INFO, Cluster, Exporter, Page, ReferenceCluster, Response, cluster_exporter,
                     bulk, fake_cluster, server_has, shared, threads, wait)

GET = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n"


def calls(info):
    """{command: number of calls} of INFO commandstats."""
    return {key.removeprefix("cmdstat_"): int(value.split(",")[0].split("=")[1])
            for key, value in info.items() if key.startswith("cmdstat_")}


def test_a_scrape_asks_everything_once_over_one_connection():
    cluster = shared(ReferenceCluster)
    exporter = cluster_exporter()
    wait(lambda: exporter.scrape().check_all_up(cluster.addrs), "all are up")
    exporter.scrape()
    before = [node.info() for node in cluster.nodes]
    scrapes = 3
    for _ in range(scrapes):
        exporter.scrape().check_all_up(cluster.addrs)
    for node, old in zip(cluster.nodes, before):
        new = node.info()
        more = {name: count - calls(old).get(name, 0) for name, count in calls(new).items()}
        more["info"] -= 1  # the first of this test's own two was not yet in its own answer
        for replication in "ping", "replconf", "psync":
            more.pop(replication, None)
        assert [more.get(name) for name in ("info", "cluster|info", "cluster|nodes")] \
            == [scrapes] * 3, more
        if server_has(valkey=(8, 1)):
            assert more.pop("commandlog|len") == 3 * scrapes  # there are three logs
        assert set(more.values()) <= {0, scrapes}, more  # whatever else is asked, once as well
        assert new["total_connections_received"] == old["total_connections_received"]


def test_twenty_clients_at_once_share_few_scrapes_and_leak_nothing():
    cluster = Cluster(replicas=0, cluster_node_timeout=15000)
    exporter = Exporter(cluster.addrs, "--redis.timeout=1s")
    wait(lambda: exporter.scrape().check_all_up(cluster.addrs), "all are up")
    whole, living = exporter.scrape(), cluster.nodes[1:]
    count = "redis_exporter_scrapes_total"
    clients = [node.info()["connected_clients"] for node in living]
    cluster.nodes[0].sigstop()
    before = exporter.scrape().get(count)
    for page in threads(20, lambda i: exporter.scrape()):
        assert len(page.up()) == 3
        for node in living:
            assert whole.metrics_of(node.addr) <= page.metrics_of(node.addr)
    after = exporter.scrape().get(count)
    assert 1 < after - before <= 6, f"{after - before} scrapes for 21 requests"
    cluster.nodes[0].sigcont()
    wait(lambda: exporter.scrape().check_all_up(cluster.addrs), "it is back")
    for page in threads(20, lambda i: exporter.scrape()):
        page.check_all_up(cluster.addrs)
    wait(lambda: [n.info()["connected_clients"] for n in living] == clients,
         "as many connections as before")
    wait(lambda: cluster.nodes[0].info()["connected_clients"] == clients[0],
         "no connection is left of the time when the node was stopped")


def test_clients_that_never_finish_their_request_do_not_stop_another():
    exporter = cluster_exporter()
    idle = [socket.create_connection(("127.0.0.1", exporter.port)) for _ in range(20)]
    try:
        for i, one in enumerate(idle):
            one.sendall((GET[:-2] + b"X-Slow: 1")[:i * 4])
        page = exporter.scrape(limit=5)
        page.check_all_up(shared(ReferenceCluster).addrs)
        assert page.response.seconds < 2
    finally:
        for one in idle:
            one.close()
    exporter.scrape().check_all_up(shared(ReferenceCluster).addrs)


def held_scrape(*flags):
    """An exporter in the middle of a scrape: one of the three nodes has not answered yet."""
    nodes = fake_cluster(3)
    exporter = Exporter(nodes[0].addr, *flags)
    wait(lambda: sum(exporter.scrape().up().values()) == 3, "all are up")
    nodes[1].gate.clear()
    nodes[1].asked.clear()
    client = socket.create_connection(("127.0.0.1", exporter.port), timeout=20)
    client.sendall(GET)
    assert nodes[1].asked.wait(20), "the scrape has begun"
    return exporter, nodes, client


def read_page(client):
    answer = http.client.HTTPResponse(client)
    answer.begin()
    return Page(Response(answer.status, answer.headers, answer.read(), 0))


def test_a_client_that_leaves_during_a_scrape_does_no_harm():
    exporter, nodes, client = held_scrape()
    other = threading.Thread(target=exporter.scrape)  # another one waits for the same scrape
    other.start()
    client.close()
    nodes[1].gate.set()
    other.join()
    page = exporter.scrape()
    assert page.up() == {node.addr: 1 for node in nodes}
    assert [node.accepted for node in nodes] == [1, 1, 1], "connections were kept"


def test_clients_that_reset_their_connection_do_no_harm():
    exporter = cluster_exporter()
    exporter.scrape()
    before = exporter.scrape().get("process_open_fds")
    for i in range(50):
        client = socket.create_connection(("127.0.0.1", exporter.port))
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        client.sendall(GET if i % 2 else GET[:20])
        client.close()
    exporter.scrape().check_all_up(shared(ReferenceCluster).addrs)
    wait(lambda: exporter.scrape().get("process_open_fds") == before, "no descriptor is left over")


def test_the_scrape_under_way_is_answered_at_sigterm():
    for number in signal.SIGTERM, signal.SIGINT:
        exporter, nodes, client = held_scrape()
        exporter.signal(number)
        wait(lambda e=exporter: "msg=stopping" in e.output(), "the signal is seen")
        wait(lambda e=exporter: refused(e.port), "no new client is taken", 1)
        nodes[1].gate.set()
        page = read_page(client)
        assert page.response.status == 200
        assert page.up() == {node.addr: 1 for node in nodes}
        assert exporter.wait() == 0
        client.close()


def refused(port):
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except ConnectionRefusedError:
        return True
    return False


def test_sigterm_does_not_wait_longer_than_the_deadline():
    exporter, nodes, client = held_scrape("--scrape.timeout=2s", "--redis.timeout=20s")
    exporter.signal(signal.SIGTERM)
    page = read_page(client)
    assert page.errors() == {nodes[1].addr: "timeout"}
    assert exporter.wait(5) == 0
    client.close()


def test_a_stopped_exporter_closes_its_connections():
    nodes = fake_cluster(2)
    exporter = Exporter(nodes[0].addr)
    wait(lambda: sum(exporter.scrape().up().values()) == 2, "all are up")
    assert all(node.connections for node in nodes)
    exporter.stop()
    wait(lambda: not any(node.connections for node in nodes), "they are closed")


def within(seconds):
    """For a request whose page is due after so long; the offset is 0.25 s."""
    return {"X-Prometheus-Scrape-Timeout-Seconds": str(seconds + 0.25)}


def start_slow():
    """An exporter of two nodes, of which the second one answers when its gate is set, and the
    number of its scrapes."""
    nodes = fake_cluster(2)
    exporter = Exporter(nodes[0].addr, "--redis.timeout=30s")
    wait(lambda: sum(exporter.scrape().up().values()) == 2, "all are up")
    count = exporter.scrape().get("redis_exporter_scrapes_total")
    nodes[1].gate.clear()
    nodes[1].asked.clear()
    return exporter, nodes, count


def in_background(function):
    """Runs it in a thread; gives a function that waits for its result."""
    results = []
    thread = threading.Thread(target=lambda: results.append(function()))
    thread.start()

    def result():
        thread.join()
        return results[0]
    return result


def check_page_of_what_was_there(page, nodes, before):
    assert page.response.seconds < 5
    assert page.up() == {nodes[0].addr: 1, nodes[1].addr: 0}
    assert page.errors() == {nodes[1].addr: "timeout"}
    assert page.coverage()[0] == 16384 and page.metrics_of(nodes[0].addr)
    assert page.get("redis_exporter_scrapes_total") == before, "the scrape goes on"
    assert page.get("redis_exporter_node_failures_total", reason="timeout") == 0


def test_a_request_with_little_time_takes_nothing_from_a_patient_one():
    for patient_first in True, False:
        exporter, nodes, before = start_slow()
        requests = [lambda e=exporter: e.scrape(within(20)), lambda e=exporter: e.scrape(within(1))]
        waiting = in_background(requests[0 if patient_first else 1])
        assert nodes[1].asked.wait(10)
        other = in_background(requests[1 if patient_first else 0])
        patient, hasty = (waiting, other) if patient_first else (other, waiting)
        check_page_of_what_was_there(hasty(), nodes, before)
        nodes[1].gate.set()
        page = patient()
        assert page.up() == {node.addr: 1 for node in nodes}, (patient_first, page.errors())
        assert page.get("redis_exporter_scrapes_total") == before + 1


def test_a_refused_target_with_little_time_hastens_nobody():
    exporter, nodes, _ = start_slow()
    patient = in_background(lambda: exporter.scrape(within(20)))
    assert nodes[1].asked.wait(10)
    got = exporter.get("/scrape?target=redis://203.0.113.9:1", within(0.1))
    assert got.status in (403, 503) and got.text.count("\n") == 1 and got.seconds < 5
    got = exporter.get("/discover-cluster-nodes", within(0.1))
    assert got.status == 503 and got.text.count("\n") == 1 and got.seconds < 5
    nodes[1].gate.set()
    assert patient().up() == {node.addr: 1 for node in nodes}


def test_a_page_before_the_end_has_no_series_twice():
    slow, quick = fake_cluster(2)
    slow.gate.clear()
    exporter = Exporter([f"localhost:{quick.port}", quick.addr, slow.addr], "--redis.timeout=30s")
    patient = in_background(lambda: exporter.scrape(within(20)))
    assert slow.asked.wait(10)
    up = exporter.scrape(within(1)).up()  # the parser refuses doubles
    assert up.pop(slow.addr) == 0 and list(up.values()) == [1], up
    slow.gate.set()
    assert patient().up() == {quick.addr: 1, slow.addr: 1}


def test_memory_of_a_large_scrape_goes_back():
    nodes = fake_cluster(60)
    commands = "".join(f"cmdstat_c{i}:calls=1,usec=1,usec_per_call=1.00,rejected_calls=0,"
                       "failed_calls=0\r\n" for i in range(1000))
    for node in nodes:
        node.replies["INFO"] = bulk(INFO.format(port=node.port, clients=1) + commands)
    exporter = Exporter(nodes[0].addr, "--redis.timeout=9s")
    before = exporter.rss()
    for _ in range(3):
        assert exporter.get("/metrics", {"Accept-Encoding": "gzip"}).status == 200
    with open(f"/proc/{exporter.pid}/status") as f:
        peak = next(int(line.split()[1]) << 10 for line in f if line.startswith("VmHWM"))
    grown = peak - before
    assert grown > 12 << 20, f"{grown} bytes are no large scrape"
    wait(lambda: exporter.rss() - before < grown / 3, f"most of {grown} bytes go back", 60)
