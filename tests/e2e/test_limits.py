"""The guard rails: what each limit refuses, what is said, and that it is counted."""

import contextlib
import http.client
import re
import socket
import threading
import urllib.parse

from harness import Exporter, FakeNode, INFO, LIMIT, Page, at_end, bulk, http_get, wait


def refused(page):
    return {labels["limit"]: value
            for labels, value in page.all("redis_exporter_requests_refused_total")}


def scrape_path(node, **parameters):
    return "/scrape?" + urllib.parse.urlencode({"target": node.addr, **parameters})


def page_if_served(exporter):
    got = exporter.get("/metrics")
    return Page(got) if got.status == 200 else None


def check_refusal(got, status, flag):
    """One sentence that names the flag."""
    assert got.status == status and got.text.count("\n") == 1 and flag in got.text, \
        (got.status, got.text)
    assert got.headers["Content-Type"].startswith("text/plain")
    assert "page-size" in flag or got.headers["Retry-After"] == "1", got.headers


def test_all_limits_are_counted_from_the_start():
    counts = refused(Exporter(FakeNode().addr).scrape())
    assert set(counts) == {"requests", "scrape_rate", "cluster_rate", "connections", "targets",
                           "page_size", "sending_size", "send_timeout", "rate_limit",
                           "logins"}
    assert not any(counts.values())


def test_more_nodes_than_the_rate_allows_are_refused_until_the_second_is_over():
    node = FakeNode()
    exporter = Exporter(node.addr, "--web.max-scrape-rate=3", "--web.max-cluster-rate=0")
    path = scrape_path(node)
    answers = [exporter.get(path) for _ in range(20)]
    statuses = [got.status for got in answers]
    assert statuses[:3] == [200] * 3 and 429 in statuses and set(statuses) == {200, 429}, statuses
    for got in answers:
        if got.status == 429:
            check_refusal(got, 429, "--web.max-scrape-rate")
    for other in "/metrics", "/discover-cluster-nodes", "/-/healthy":
        assert exporter.get(other).status == 200, other
    assert refused(exporter.scrape())["scrape_rate"] == statuses.count(429)
    wait(lambda: exporter.get(path).status == 200, "the rate has room again")


def test_paths_that_ask_the_cluster_share_a_rate():
    node = FakeNode()
    exporter = Exporter(node.addr, "--web.max-cluster-rate=3")
    paths = [f"/cluster?target={node.addr}", "/discover-cluster-nodes", "/api/v1/clusters"] * 4
    statuses = []
    for path in paths:
        got = exporter.get(path)
        statuses.append(got.status)
        if got.status != 200:
            check_refusal(got, 429, "--web.max-cluster-rate")
    assert statuses[:3] == [200] * 3 and 429 in statuses, statuses
    assert exporter.get(scrape_path(node)).status == 200
    assert refused(exporter.scrape())["cluster_rate"] == statuses.count(429)


def begin(exporter, path):
    """A request whose answer can be read later. It has arrived when two later ones are answered:
    the exporter takes one connection after the other."""
    client = http.client.HTTPConnection("127.0.0.1", exporter.port, timeout=LIMIT)
    at_end(client.close)
    client.request("GET", path)
    for _ in range(2):
        assert exporter.get("/-/healthy").status == 200, "who looks after the process is answered"
    return client


def test_too_many_requests_that_wait_are_refused_and_those_that_wait_are_served():
    node = FakeNode()
    exporter = Exporter(node.addr, "--web.max-requests=2", "--redis.timeout=20s")
    exporter.scrape()
    node.gate.clear()
    waiting = [begin(exporter, "/metrics") for _ in range(2)]
    for path in "/metrics", "/api/v1/clusters", "/discover-cluster-nodes", scrape_path(node):
        check_refusal(exporter.get(path), 503, "--web.max-requests")
    assert exporter.get("/-/healthy").status == 200
    node.gate.set()
    assert [client.getresponse().status for client in waiting] == [200, 200]
    assert refused(exporter.scrape())["requests"] == 4


def test_connections_beyond_the_limit_are_told_and_closed():
    exporter = Exporter(FakeNode().addr, "--web.max-connections=3")
    idle = [socket.create_connection(("127.0.0.1", exporter.port)) for _ in range(3)]
    conn = http.client.HTTPConnection("127.0.0.1", exporter.port, timeout=15)
    conn.request("GET", "/metrics")
    got = conn.getresponse()
    assert got.status == 503 and got.headers["Connection"] == "close", (got.status, got.headers)
    assert b"--web.max-connections" in got.read()
    conn.close()
    assert exporter.get("/-/healthy").status == 200, "who looks after the process is answered"
    for client in idle:
        client.close()
    page = wait(lambda: page_if_served(exporter), "there is room again")
    assert refused(page)["connections"] >= 1


def test_more_targets_with_checks_of_their_own_than_are_kept_are_refused():
    node = FakeNode()
    exporter = Exporter(node.addr, "--redis.timeout=20s")
    exporter.scrape()
    node.gate.clear()
    kept = [threading.Thread(target=exporter.get, args=(scrape_path(node, **{"check-keys": i}),))
            for i in range(32)]
    for thread in kept:
        thread.start()
    wait(lambda: node.accepted >= 33, "all are being scraped")
    check_refusal(exporter.get(scrape_path(node, **{"check-keys": "more"})), 503, "targets")
    node.gate.set()
    for thread in kept:
        thread.join()
    assert refused(exporter.scrape())["targets"] == 1


def info_with(node, commands):
    """INFO that makes a page of about 1 KB for each command."""
    lines = "".join(f"cmdstat_{'c' * 100}{i}:calls=1,usec=1,usec_per_call=1.00,rejected_calls=0,"
                    "failed_calls=0\r\n" for i in range(commands))
    return bulk(INFO.format(port=node.port, clients=1) + "# Commandstats\r\n" + lines)


def test_a_page_over_the_limit_is_an_error_and_the_next_one_that_fits_is_served():
    node = FakeNode()
    exporter = Exporter(node.addr, "--web.max-page-size=64KiB")
    assert len(exporter.get("/metrics").body) < 64 << 10
    node.replies["INFO"] = info_with(node, 500)
    ways = [("/metrics", {}), ("/metrics", {"Accept-Encoding": "gzip"}), (scrape_path(node), {}),
            ("/metrics", {"Accept": "application/openmetrics-text"}),
            (f"/cluster?target={node.addr}", {})]
    for path, headers in ways:
        check_refusal(exporter.get(path, headers), 503, "--web.max-page-size")
    del node.replies["INFO"]
    page = exporter.scrape()
    assert page.up() == {node.addr: 1} and refused(page)["page_size"] == len(ways)


class SlowReader:
    """Asks for a page and does not read it."""

    def __init__(self, exporter, path="/metrics"):
        self.sock = socket.socket()
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.sock.settimeout(LIMIT)
        self.sock.connect(("127.0.0.1", exporter.port))
        self.sock.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())

    def status(self):
        """Reads the first bytes."""
        return int(re.match(rb"HTTP/1\.1 (\d+) ", self.sock.recv(256))[1])

    def read_on(self):
        """The rest of what comes until nothing more does; fewer bytes than the page has."""
        size = 0
        with contextlib.suppress(ConnectionError):
            while data := self.sock.recv(1 << 20):
                size += len(data)
        return size

    def close(self):
        self.sock.close()


def test_pages_that_wait_to_be_read_take_no_more_memory_than_allowed():
    node = FakeNode()
    node.replies["INFO"] = info_with(node, 8000)
    exporter = Exporter(node.addr, "--web.max-sending-size=10MiB", "--redis.timeout=20s")
    size = len(exporter.get("/metrics").body)
    assert 5 << 20 < size < 10 << 20, size
    node.asked.clear()
    node.gate.clear()
    slow = [SlowReader(exporter) for _ in range(4)]
    assert node.asked.wait(LIMIT)
    for _ in range(2):
        exporter.get("/-/healthy")  # comes behind the four
    node.gate.set()
    assert [reader.status() for reader in slow] == [200] * 4, "readers of one page share it"
    check_refusal(exporter.get("/metrics"), 503, "--web.max-sending-size")
    assert exporter.get("/-/healthy").status == 200
    for reader in slow:
        reader.close()
    page = wait(lambda: page_if_served(exporter), "there is room again")
    assert refused(page)["sending_size"] >= 1


def test_a_client_that_does_not_read_its_page_is_cut_off():
    node = FakeNode()
    node.replies["INFO"] = info_with(node, 20000)
    exporter = Exporter(node.addr, "--web.send-timeout=2s", "--redis.timeout=20s")
    size = len(http_get(exporter.port, "/metrics").body)
    slow = SlowReader(exporter)
    assert slow.status() == 200
    node.replies.clear()
    wait(lambda: refused(exporter.scrape())["send_timeout"] == 1, "it is cut off")
    assert slow.read_on() < size
