"""Peers that speak nonsense, say nothing, or never stop."""

import os
import resource
import socket

from harness import (FULL, INFO, Exporter, FakeNode, FakePeer, LIMIT, SLOTS, bulk, fake_cluster,
                     wait)

MEGA = b"x" * (1 << 20)


def say(*chunks, then_close=False):
    """A peer that reads the first request, sends these chunks and then waits."""
    def handler(connection):
        connection.settimeout(LIMIT)
        connection.recv(65536)
        for chunk in chunks:
            connection.sendall(chunk)
        if not then_close:
            while connection.recv(65536):
                pass
    return handler


PEERS = [
    ("garbage", say(b"\0\xff HTTP/1.1 400 Bad Request\r\n\r\n"), {"malformed"}),
    ("a web server", say(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"), {"malformed"}),
    ("bad length", say(b"$12x\r\n"), {"malformed"}),
    ("negative length", say(b"$-7\r\n"), {"malformed"}),
    ("no number", say(b"$\r\n"), {"malformed"}),
    ("number too big", say(b"$99999999999999999999999999\r\n"), {"malformed", "too_large"}),
    ("bulk without end", say(b"$3\r\nabcde\r\n"), {"malformed"}),
    ("deep nesting", say(b"*1\r\n" * 100000), {"malformed", "too_large"}),
    ("huge array", say(b"*2147483647\r\n"), {"malformed", "too_large"}),
    ("wrong type", say(b":1\r\n:2\r\n:3\r\n:4\r\n:5\r\n:6\r\n"), {"malformed"}),
    ("null", say(b"$-1\r\n" * 6), {"malformed"}),
    ("close at once", say(then_close=True), {"closed"}),
    ("close in mid-reply", say(b"$1000\r\nabc", then_close=True), {"closed"}),
    ("close in mid-line", say(b"$10", then_close=True), {"closed"}),
    ("silence", say(), {"timeout"}),
    ("half a reply, then silence", say(b"$1000\r\nabc"), {"timeout"}),
    ("100 MB", say(b"$104857600\r\n", *[MEGA] * 100), {"too_large"}),
    ("50 MB twice", say(*[b"$52428800\r\n", *[MEGA] * 50, b"\r\n"] * 2), {"too_large"}),
    ("a line without end", say(b"+", *[MEGA] * 100), {"too_large", "malformed"}),
    ("errors", say(b"-ERR no\r\n" * 6), {"malformed", "denied"}),
]


def limit_for(errs):
    """Time enough to read a lot on a slow machine, but where the time is what is tested."""
    return "--redis.timeout=" + ("0.3s" if "timeout" in errs else "9s")


def test_a_bad_peer_is_down_with_its_reason_and_costs_nothing():
    for what, handler, errs in PEERS:
        good, peer = FakeNode(), FakePeer(handler)
        exporter = Exporter(good.addr, limit_for(errs))
        exporter.scrape()
        exporter.scrape()
        rss = exporter.rss()
        peer.id, good.peers = "%040x" % 1, [peer]
        wait(lambda e=exporter: len(e.scrape().up()) == 2, f"{what}: both are known")
        for _ in range(3):
            page = exporter.scrape()
            assert page.up() == {good.addr: 1, peer.addr: 0}, what
            assert page.errors()[peer.addr] in errs, (what, page.errors())
            assert page.coverage() == FULL, what
        assert page.get("redis_cluster_slots_unreachable") == SLOTS / 2
        grown = exporter.rss() - rss
        assert grown < 4 << 20, f"{what}: {grown} more bytes resident"
        exporter.stop()
        peer.close()
        good.close()


def test_a_bad_peer_as_the_only_seed_is_told_too():
    for what, handler, errs in PEERS:
        peer = FakePeer(handler)
        exporter = Exporter(peer.addr, limit_for(errs))
        for _ in range(2):
            page = exporter.scrape()
            assert page.up() == {peer.addr: 0}, what
            assert page.errors()[peer.addr] in errs, (what, page.errors())
            assert page.get("redis_cluster_discovery_up") == 0
        exporter.stop()
        peer.close()


def check_not_unreachable(page, node, err):
    """The node cannot be read, but is no outage."""
    assert page.errors() == {node.addr: err}, page.errors()
    assert page.coverage() == FULL
    assert page.get("redis_cluster_slots_unreachable") == 0
    assert page.total("redis_cluster_nodes", health="unreachable") == 0


def test_a_node_in_a_script_is_busy_and_not_unreachable():
    nodes = fake_cluster(2)
    exporter = Exporter(nodes[0].addr)
    wait(lambda: sum(exporter.scrape().up().values()) == 2, "all are up")
    for command in "CLIENT", "INFO", "CLUSTER INFO", "CLUSTER NODES":
        nodes[1].replies[command] = (b"-BUSY Redis is busy running a script. You can only call "
                                     b"SCRIPT KILL or SHUTDOWN NOSAVE.\r\n")
    for _ in range(2):
        check_not_unreachable(exporter.scrape(), nodes[1], "busy")
    nodes[1].replies.clear()
    assert sum(exporter.scrape().up().values()) == 2


def has_clients(port):
    """Whether the server at that port still has a connection open: established or half closed."""
    with open("/proc/net/tcp", encoding="ascii") as f:
        rows = [line.split()[1:4] for line in f][1:]
    return any(local.endswith(f":{port:04X}") and state in ("01", "08")
               for local, _, state in rows)


def leave_one_descriptor(pid):
    """Of those that the process does not use; it can open no more than one."""
    used = {int(fd) for fd in os.listdir(f"/proc/{pid}/fd")}
    free = [fd for fd in range(len(used) + 2) if fd not in used]
    _, hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (free[1], hard))


def test_want_of_descriptors_is_told_as_our_own():
    nodes = fake_cluster(2)
    exporter = Exporter(nodes[0].addr)
    wait(lambda: sum(exporter.scrape().up().values()) == 2, "all are up")
    nodes[1].close()
    assert exporter.scrape().errors() == {nodes[1].addr: "refused"}
    nodes[1].listen()
    wait(lambda: not has_clients(exporter.port), "the request before is closed")
    leave_one_descriptor(exporter.pid)  # the request takes it
    check_not_unreachable(exporter.scrape(), nodes[1], "local_limit")


def test_a_peer_that_trickles_does_not_hold_the_scrape():
    def trickle(connection):
        connection.settimeout(0.05)
        connection.sendall(b"$1000\r\n")
        for _ in range(1000):
            try:
                connection.recv(65536)
            except socket.timeout:
                pass
            connection.sendall(b"x")

    good, peer = FakeNode(), FakePeer(trickle)
    peer.id, good.peers = "%040x" % 1, [peer]
    exporter = Exporter(good.addr, "--redis.timeout=1s")
    wait(lambda: len(exporter.scrape().up()) == 2, "both are known")
    page = exporter.scrape({"X-Prometheus-Scrape-Timeout-Seconds": "3"})
    assert page.response.seconds < 2.5 and page.errors() == {peer.addr: "timeout"}
    assert page.up()[good.addr] == 1


def test_bytes_nobody_asked_for_are_not_taken_for_a_reply():
    nodes = fake_cluster(2)
    exporter = Exporter(nodes[0].addr)
    wait(lambda: sum(exporter.scrape().up().values()) == 2, "all are up")
    for i, noise in enumerate([b"+OK\r\n", b"$5\r\nhello\r\n", b"\0", bulk("role:slave\r\n" * 9),
                               b":1\r\n" * 1000]):
        nodes[1].clients = 100 + i
        nodes[1].send_all(noise)
        for _ in range(2):
            page = exporter.scrape()
            if page.up()[nodes[1].addr]:
                assert page.get("redis_connected_clients", redis_node=nodes[1].addr) == 100 + i
                assert page.get("redis_cluster_state", redis_node=nodes[1].addr) == 1
                assert page.roles()[nodes[1].addr] == "master"
        assert page.up() == {node.addr: 1 for node in nodes}, noise


def test_a_server_that_took_the_place_of_a_newer_one_is_asked_what_it_has():
    node, asked = fake_cluster(1)[0], []
    answer = node.answer

    def listen(args):
        asked.append(" ".join(args[:2]))
        return answer(args)
    node.answer = listen
    node.replies["LATENCY HISTOGRAM"] = b"*0\r\n"
    exporter = Exporter(node.addr, "--collector.latency-histogram")
    exporter.scrape()
    asked.clear()
    exporter.scrape()
    assert "LATENCY HISTOGRAM" in asked, "the connection is kept, and known to be of 7.0"
    node.replies["INFO"] = bulk(INFO.format(port=node.port, clients=1).replace("7.0.15", "5.0.14"))
    node.hang_up = True
    asked.clear()
    assert exporter.scrape().up() == {node.addr: 1}
    new = asked[asked.index("CLIENT SETNAME"):]
    assert new[:2] == ["CLIENT SETNAME", "INFO ALL"] and "CLUSTER NODES" in new, new
    assert "LATENCY HISTOGRAM" not in new, new
    asked.clear()
    exporter.scrape()
    assert "CLIENT SETNAME" not in asked and "LATENCY HISTOGRAM" not in asked, asked


def test_a_node_that_is_another_than_the_topology_says_is_not_believed():
    nodes = fake_cluster(2)
    exporter = Exporter(nodes[0].addr)
    stranger = nodes[1]
    real = stranger.id
    wait(lambda: sum(exporter.scrape().up().values()) == 2, "all are up")
    text = nodes[0].topology()
    nodes[0].replies["CLUSTER NODES"] = bulk(text)
    stranger.id = "%040x" % 5
    page = wait(lambda: not exporter.scrape().up()[stranger.addr] and exporter.scrape(), "seen")
    assert page.errors() == {stranger.addr: "wrong_node"}, page.errors()
    stranger.id = real
    wait(lambda: sum(exporter.scrape().up().values()) == 2, "the right one is back")


def test_odd_answers_of_a_cluster_do_not_break_the_page():
    odd = [
        "", "\n", "\r\n\r\n", "x", "a b c\n", "\0\n", " " * 1000 + "\n",
        "%040x :0@0 master - 0 0 0 connected\n" % 1,
        "%040x 127.0.0.1:99999@1 master - 0 0 0 connected 0-16383\n" % 1,
        "%040x 127.0.0.1:1@1 master - 0 0 0 connected 0-99999 5-3 -1 [1->-x] [ x-y\n" % 1,
        "%040x 127.0.0.1:1@1,host\"\\\nname master - 0 0 0 connected\n" % 1,
        "%040x 127.0.0.1:1@1,h\"\\name master - 0 0 0 connected\n" % 1,
        ("%040x 127.0.0.1:1@1 myself,master - 0 0 0 connected 0-16383\n" % 1) * 3,
        "%040x 127.0.0.1:1@1 master,unknown-flag - 0 0 0 connected 7\n" % 1,
    ]
    for text in odd:
        for info in bulk("role:\"odd\\\r\nused_memory:abc\r\nmaxmemory:\r\n:\r\ndb0:keys=x,,=\r\n"
                         "db0:keys=1\r\ndb0:keys=2\r\nslave0:ip=,port=\r\n"), bulk(""):
            node = FakeNode(replies={"CLUSTER NODES": bulk(text), "INFO": info})
            exporter = Exporter(node.addr, "--redis.timeout=0.5s", "--redis.connect-timeout=0.5s")
            for _ in range(2):
                exporter.scrape()  # the parser refuses a broken page
            exporter.stop()
            node.close()
