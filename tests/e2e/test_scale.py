"""Hundreds of nodes, by the simulator: hung ones, slow readers, changing clusters, memory."""

import concurrent.futures
import re
import signal
import socket
import time

from harness import Exporter, LIMIT, wait
from simulator import Simulator

IDLE = 30  # seconds after the last scrape until the exporter gives memory back


def nodes_up(page):
    return re.findall(rb'^redis_up\{[^}]*redis_node="([^"]+)"\} 1$', page, re.M)


def samples_by_node(page):
    counts = {}
    for node in re.findall(rb'redis_node="([^"]*)"', page):
        counts[node.decode()] = counts.get(node.decode(), 0) + 1
    return counts


def seconds_of_a_page(nodes):
    """What it takes here and now when nobody hangs."""
    return Exporter(Simulator(nodes).addrs[0], "--redis.timeout=1m").get("/metrics").seconds


def check_hung_nodes(nodes, hung):
    """The answer is on time, and the others have all that they have when nobody hangs."""
    offset = round(1 + 4 * seconds_of_a_page(nodes), 2)
    simulator = Simulator(nodes, "--silent", hung)
    exporter = Exporter(simulator.addrs[0], "--redis.timeout=1m", f"--web.timeout-offset={offset}s")
    allowed = offset + 2.5  # the exporter waits for the last nodes until the offset begins
    for _ in range(2):  # over new connections, and over those that stay
        got = exporter.get("/metrics", {"X-Prometheus-Scrape-Timeout-Seconds": str(allowed)},
                           limit=allowed + LIMIT)
        assert got.status == 200 and got.seconds < allowed, got.seconds
        assert {n.decode() for n in nodes_up(got.body)} == set(simulator.addrs[:-hung])
        counts = samples_by_node(got.body)
        masters, replicas = (
            {counts[addr] for addr in addrs}
            for addrs in (simulator.addrs[:nodes // 2], simulator.addrs[nodes // 2:-hung]))
        # a shard whose replica hangs has a few figures about replication less
        assert min(masters | replicas) > max(masters | replicas) * 0.97, (masters, replicas)
        assert max(counts[addr] for addr in simulator.addrs[-hung:]) < min(masters) / 10
        errors = re.findall(rb'^redis_exporter_last_scrape_error\{[^}]*err="timeout"[^}]*\} 1$',
                            got.body, re.M)
        assert len(errors) == hung


def test_one_hung_node_of_200_costs_neither_the_answer_nor_the_others():
    check_hung_nodes(200, 1)


def test_20_hung_nodes_of_1000_cost_neither_the_answer_nor_the_others():
    check_hung_nodes(1000, 20)


test_20_hung_nodes_of_1000_cost_neither_the_answer_nor_the_others.seconds = 12
test_one_hung_node_of_200_costs_neither_the_answer_nor_the_others.seconds = 9


def slow_reader(exporter, path="/metrics"):
    """A connection that has asked for a page and does not read it."""
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.settimeout(LIMIT)
    client.connect(("127.0.0.1", exporter.port))
    client.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    return client


def read_to_the_end(client, begin):
    """The body of an answer whose first bytes have been read already."""
    pieces = [begin]
    while b"\r\n\r\n" not in pieces[0]:
        pieces[0] += client.recv(4096)
    head, rest = pieces[0].split(b"\r\n\r\n", 1)
    size, pieces = int(re.search(rb"Content-Length: (\d+)", head)[1]), [rest]
    while sum(map(len, pieces)) < size:
        pieces.append(client.recv(1 << 20))
        assert pieces[-1], "it ends early"
    return b"".join(pieces)


def page_after_a_stall(exporter):
    """The machine has no time for the exporter while it looks at what the nodes have said."""
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        page = pool.submit(exporter.get, "/metrics")
        wait(lambda: "node found" in exporter.output(), "the nodes have answered")
        exporter.signal(signal.SIGSTOP)
        time.sleep(2)
        exporter.signal(signal.SIGCONT)
        return page.result()


def test_slow_readers_of_a_100_mb_page_hold_up_nobody_and_share_its_memory():
    exporter = Exporter(Simulator(1200).addrs[0], "--web.max-sending-size=250MiB")
    size = len(page_after_a_stall(exporter).body)
    assert size > 95e6, size
    wait(lambda: exporter.rss() < size, "what the scrape took is given back", IDLE + LIMIT)
    slow = [slow_reader(exporter) for _ in range(8)]
    first = slow[0].recv(1)
    shared = exporter.rss()
    assert shared < size * 2.2, f"8 readers share one page of {size} bytes: {shared}"
    for path in "/-/healthy", "/metrics", "/discover-cluster-nodes":
        got = exporter.get(path, {"Accept-Encoding": "gzip"})
        assert got.status == 200 and got.seconds < 10, (path, got.seconds)
    more = [slow_reader(exporter) for _ in range(8)]
    assert more[0].recv(1)
    wait(lambda: exporter.get("/metrics").status == 503, "two pages are all there is room for")
    assert exporter.rss() < size * 3.3, exporter.rss()
    for client in slow[1:] + more:
        client.close()

    assert len(read_to_the_end(slow[0], first)) > 95e6, "nothing of its page is lost"
    slow[0].close()
    wait(lambda: exporter.rss() < size, "the memory is given back", IDLE + LIMIT)
    assert exporter.get("/metrics", {"Accept-Encoding": "gzip"}).status == 200
