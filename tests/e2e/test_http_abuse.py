"""Clients that break HTTP's rules or good manners: others are served, nothing crashes or leaks."""

import os
import re
import socket
import time

from harness import Exporter, FakeNode, Page, Response, shared, wait

PROMPT = 5  # seconds in which another client has its page, on a busy machine too


class Victim:
    """One exporter for all these tests; each test looks at it before and after."""

    def __init__(self):
        self.node = FakeNode()
        self.exporter = Exporter(self.node.addr, "--web.max-scrape-rate=0",
                                 "--web.max-cluster-rate=0")
        self.exporter.stopped = True  # it outlives the test; killed at the end of them all
        self.exporter.scrape()
        self.settled = self.descriptors()

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.exporter.pid}/fd"))

    def check(self, spare=0):
        """It serves others now, and holds no more than before."""
        assert self.exporter.alive(), self.exporter.output()[-2000:]
        page = self.exporter.scrape()
        assert page.up() == {self.node.addr: 1} and page.response.seconds < PROMPT
        wait(lambda: self.descriptors() <= self.settled + spare, "descriptors are given back")
        assert "level=error" not in self.exporter.output()


def victim():
    return shared(Victim)


def connect(limit=5):
    client = socket.create_connection(("127.0.0.1", victim().exporter.port))
    client.settimeout(limit)
    return client


def talk(*pieces, pause=0, half_close=False):
    """Sends the pieces, reads to the end; gives what came. A reset is an end as well.

    A connection that stays open gives "open" at the end.
    """
    received = b""
    with connect() as client:
        try:
            for piece in pieces:
                client.sendall(piece)
                time.sleep(pause)
            if half_close:
                client.shutdown(socket.SHUT_WR)
            while data := client.recv(65536):
                received += data
        except TimeoutError:
            received += b"open"
        except OSError:
            pass
    return received


def statuses(received):
    return [int(s) for s in re.findall(rb"^HTTP/1\.1 (\d{3}) ", received, re.M)]


def request(path=b"/metrics", method=b"GET", headers=b"Connection: close\r\n", body=b""):
    return method + b" " + path + b" HTTP/1.1\r\nHost: x\r\n" + headers + b"\r\n" + body


def page_in(received):
    """The page of the last answer, strictly parsed."""
    head, body = received[received.rindex(b"HTTP/1.1 200"):].split(b"\r\n\r\n", 1)
    assert b"Content-Length: %d" % len(body) in head, head
    return Page(Response(200, {}, body, 0))


REFUSED = [
    ("huge header", request(headers=b"X: " + b"x" * 1000000 + b"\r\nConnection: close\r\n")),
    ("many headers", request(headers=b"".join(b"X%d: x\r\n" % i for i in range(50000)))),
    ("header without end", b"GET /metrics HTTP/1.1\r\nX: " + b"x" * 1000000),
    ("huge path", request(b"/" + b"a" * 1000000)),
    ("huge query", request(b"/scrape?target=" + b"a" * 1000000)),
    ("too many parameters", request(b"/scrape?" + b"a=1&" * 5000)),
    ("too many targets", request(b"/scrape?" + b"target=1.1.1.1:1&" * 500)),
    ("huge method", request(method=b"G" * 1000000)),
    ("NUL in the path", request(b"/met\0rics")),
    ("NUL in a header", request(headers=b"Acc\0ept: x\r\nConnection: close\r\n")),
    ("no version", b"GET /metrics\r\n\r\n"),
    ("no path", b"GET\r\n\r\n"),
    ("only line ends", b"\r\n" * 10000),
    ("HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    ("TLS", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 500),
    ("Redis", b"*1\r\n$4\r\nPING\r\n"),
    ("folded header", request(headers=b"Accept: a\r\n b\r\nConnection: close\r\n")),
    ("two lengths", request(headers=b"Content-Length: 5\r\nContent-Length: 6\r\n", body=b"x" * 11)),
    ("bad length", request(headers=b"Content-Length: -1\r\nConnection: close\r\n")),
    ("huge length", request(headers=b"Content-Length: 99999999999999999999999\r\n")),
    ("large body on POST", request(method=b"POST", headers=b"Content-Length: 1000000\r\n",
                                   body=b"x" * 1000000)),
    ("bad chunk", request(headers=b"Transfer-Encoding: chunked\r\n", body=b"zz\r\n\r\n")),
    ("length and chunks", request(headers=b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n"
                                  b"Connection: close\r\n", body=b"0\r\n\r\n")),
]


def test_what_is_no_request_is_refused_or_cut_off_and_others_are_served():
    for what, data in REFUSED:
        received = talk(data, half_close=True)
        assert all(s in (200, 400, 404, 405, 411, 413, 414, 417, 431, 501, 505)
                   for s in statuses(received)), (what, received[:200])
        assert len(received) < 100000, what
        victim().check()


ODD = [  # what is odd, the request, statuses that are fine
    ("absolute URI", request(b"http://x/metrics"), {200, 404}),
    ("absolute URI of another", request(b"http://example.com:80/metrics"), {200, 404}),
    ("authority", request(b"x:80", b"CONNECT"), {404, 405}),
    ("asterisk", request(b"*", b"OPTIONS"), {404, 405}),
    ("unknown method", request(method=b"BREW"), {405}),
    ("lower-case method", request(method=b"get"), {400, 405}),
    ("no host", b"GET /metrics HTTP/1.1\r\nConnection: close\r\n\r\n", {200, 400}),
    ("body on GET", request(headers=b"Content-Length: 5\r\nConnection: close\r\n", body=b"hello"),
     {200, 400, 413}),
    ("chunks on GET", request(headers=b"Transfer-Encoding: chunked\r\nConnection: close\r\n",
                              body=b"3\r\nabc\r\n0\r\n\r\n"), {200, 400, 413}),
    ("body on POST", request(method=b"POST", headers=b"Content-Length: 5\r\nConnection: close\r\n",
                             body=b"hello"), {405, 413}),
    ("dot segments", request(b"/../metrics"), {404}),
    ("escaped slash", request(b"/%2e%2e%2fetc/passwd"), {404}),
    ("escaped NUL", request(b"/metrics%00"), {200, 400, 404}),
    ("broken escape", request(b"/%zz"), {400, 404}),
    ("query without value", request(b"/scrape?target"), {400}),
    ("empty target", request(b"/scrape?target="), {400}),
    ("escaped NUL in the target", request(b"/scrape?target=127.0.0.1%00:1"), {400, 403}),
    ("broken escape in the target", request(b"/scrape?target=%"), {400, 403}),
    ("not UTF-8 in the target", request(b"/scrape?target=%ff%fe:1"), {400, 403}),
    ("line end in the target", request(b"/scrape?target=a%0d%0aX:1"), {400, 403}),
    ("many targets", request(b"/scrape?" + b"target=1.1.1.1:1&" * 300), {400, 403, 414}),
    ("plus and semicolon", request(b"/metrics?a+b;c=d&&=&=x"), {200}),
    ("timeout of nonsense", request(headers=b"X-Prometheus-Scrape-Timeout-Seconds: 1e999\r\n"
                                    b"Connection: close\r\n"), {200}),
    ("negative timeout", request(headers=b"X-Prometheus-Scrape-Timeout-Seconds: -5\r\n"
                                 b"Connection: close\r\n"), {200}),
    ("Accept of nonsense", request(headers=b"Accept: ;;q=,\xff/\"\r\nConnection: close\r\n"),
     {200}),
    ("Expect", request(method=b"GET", headers=b"Expect: 100-continue\r\nConnection: close\r\n"),
     {200, 417}),
    ("Upgrade", request(headers=b"Upgrade: websocket\r\nConnection: close, Upgrade\r\n"), {200}),
]


def test_odd_requests_have_one_answer_each():
    for what, data, fine in ODD:
        received = talk(data)
        found = [s for s in statuses(received) if s != 100]
        assert len(found) == 1 and found[0] in fine, (what, received[:300])
        assert not received.endswith(b"open"), what
        assert b"\r\nX:1" not in received.split(b"\r\n\r\n")[0], what
    victim().check()


def test_pipelined_requests_are_answered_in_order_and_a_bad_one_ends_them():
    keep = request(headers=b"")
    received = talk(keep * 20 + request(b"/nosuch", headers=b"") + request())
    assert statuses(received) == [200] * 20 + [404, 200], statuses(received)
    page_in(received)
    received = talk(keep * 2 + b"nonsense\r\n\r\n" + keep)
    assert statuses(received)[:2] == [200] * 2 and len(statuses(received)) <= 3
    victim().check()


def test_a_client_that_closes_its_side_gets_its_answer():
    assert page_in(talk(request(headers=b""), half_close=True)).up()
    received = talk(request(headers=b"") * 5, half_close=True)
    assert statuses(received) == [200] * 5
    victim().check()


def test_slow_headers_are_understood_and_hold_nobody():
    data = request()
    pieces = [data[i:i + 3] for i in range(0, len(data), 3)]
    clients = [connect() for _ in range(50)]
    for client in clients:
        client.sendall(data[:20])
    assert page_in(talk(*pieces, pause=0.02)).up()
    page = victim().exporter.scrape()
    assert page.response.seconds < PROMPT
    for client in clients:  # they are slow, not wrong
        client.sendall(data[20:])
    for client in clients:
        assert client.recv(12) == b"HTTP/1.1 200"
        client.close()
    victim().check()


def test_requests_that_end_in_the_middle_are_forgotten():
    data = request(headers=b"Accept: text/plain\r\n")
    clients = []
    for length in range(0, len(data), 2):
        client = connect()
        clients.append(client)
        client.sendall(data[:length])
    victim().exporter.scrape()  # all that was sent has been read
    for i, client in enumerate(clients):
        if i % 2:  # by a reset, or orderly
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        client.close()
    victim().check()


def test_a_thousand_idle_connections_hold_nobody():
    clients = [connect() for _ in range(1000)]
    began = time.monotonic()
    for _ in range(3):
        page = victim().exporter.scrape()
        assert page.up() == {victim().node.addr: 1}
    assert time.monotonic() - began < 3 * PROMPT
    for client in clients[::10]:
        client.sendall(request(headers=b""))
    for client in clients[::10]:
        assert client.recv(12) == b"HTTP/1.1 200"
    for client in clients:
        client.close()
    victim().check()
