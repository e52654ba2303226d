"""The web side: paths, methods, odd requests."""

import http.client
import re
import socket

from harness import (EXPORTER, Exporter, FakeNode, Page, Response, cluster_exporter, fake_cluster,
                     free_port, run, shared, wait)


class Fakes:
    """An exporter of two scripted nodes; requests do not disturb it."""

    def __init__(self):
        self.nodes = fake_cluster(2)
        self.exporter = Exporter(self.nodes[0].addr)
        wait(lambda: sum(self.exporter.scrape().up().values()) == 2, "all are up")


def exporter():
    return shared(Fakes).exporter


def talk(*pieces, port=None):
    """Sends raw bytes piece by piece and returns what comes until the other side closes."""
    with socket.create_connection(("127.0.0.1", port or exporter().port), timeout=15) as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        answer = b""
        try:
            for piece in pieces:
                client.sendall(piece)
            while data := client.recv(65536):
                answer += data
        except ConnectionError:
            pass
        return answer


def test_health_and_readiness_are_answered_whatever_the_cluster_does():
    node = FakeNode()
    one = Exporter(node.addr)
    for path in "/-/healthy", "/-/ready", "/health":
        got = one.get(path)
        assert got.status == 200 and got.body, path
        assert got.headers["Content-Type"].startswith("text/plain"), path
    node.close()
    assert one.scrape().up() == {node.addr: 0}
    for path in "/-/healthy", "/-/ready", "/health":
        assert one.get(path).status == 200, path


def test_the_landing_page_links_to_the_metrics():
    got = exporter().get("/")
    assert got.status == 200 and got.headers["Content-Type"].startswith("text/html")
    links = re.findall(r'href="([^"]+)"', got.text)
    assert "/metrics" in links, got.text
    for link in links:
        if link.startswith("/"):
            assert exporter().get(link).status == 200, link


def test_the_landing_page_has_forms_for_targets():
    text = exporter().get("/").text
    assert set(re.findall(r'<form action="([^"]+)"', text)) == {"/scrape", "/cluster"}
    for path in "/scrape", "/cluster":
        assert exporter().get(f"{path}?target={shared(Fakes).nodes[0].addr}").status == 200, path
    version = re.search(r"Version (\S+) \(\w+\)", text)
    assert version and version[1] in run(EXPORTER, "--version").stdout


def test_a_telemetry_path_is_escaped_on_the_landing_page():
    one = Exporter("127.0.0.1:1", '--web.telemetry-path=/a"><b&c')
    assert "/a&quot;>&lt;b&amp;c" in one.get("/").text and "<b&" not in one.get("/").text


def test_a_first_request_that_never_gets_whole_ends_its_connection():
    clients = []
    for first in b"", b"GET /-/heal", b"GET / HTTP/1.1\r\nHost: x\r\nA: ", b"\0", b"\r\n":
        client = socket.create_connection(("127.0.0.1", exporter().port), timeout=30)
        client.sendall(first)
        clients.append(client)
    clients[3].shutdown(socket.SHUT_WR)
    slow = clients[2]

    def all_are_closed():
        for client in clients[:]:
            try:
                if client is slow:
                    client.send(b"b")  # slowly, but it never pauses for long
                client.setblocking(False)
                gone = client.recv(1000) == b""
            except BlockingIOError:
                continue
            except OSError:
                gone = True
            if gone:
                clients.remove(client)
        return not clients
    wait(all_are_closed, "all are closed")
    assert exporter().get("/-/healthy").status == 200


def test_unknown_paths_are_404():
    for path in "/none", "/metrics/", "/metricsx", "//metrics", "/metrics/../etc/passwd", "/%00", \
            "/" + "a" * 3000, "/-/", "/favicon.ico":
        got = exporter().get(path)
        assert got.status == 404, (path, got.status)


def test_a_query_string_does_not_change_the_path():
    for path in "/metrics?", "/metrics?name[]=redis_up&x=%", "/?a=b", "/-/healthy?x":
        assert exporter().get(path).status == 200, path


def test_wrong_methods_are_405_and_say_what_is_allowed():
    for path in "/metrics", "/", "/-/healthy":
        for method in "POST", "PUT", "DELETE", "OPTIONS", "PATCH":
            got = exporter().get(path, method=method)
            assert got.status == 405, (method, path, got.status)
            assert {"GET", "HEAD"} <= set(re.split(r"\s*,\s*", got.headers["Allow"])), got.headers
    for method in "POST", "DELETE":
        assert exporter().get("/none", method=method).status in (404, 405)


def test_head_is_get_without_a_body():
    for path in "/metrics", "/", "/-/healthy", "/none":
        get, head = exporter().get(path), exporter().get(path, method="HEAD")
        assert head.status == get.status and not head.body, path
        assert head.headers["Content-Type"] == get.headers["Content-Type"], path
    raw = talk(b"HEAD /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert raw.startswith(b"HTTP/1.1 200 ") and raw.endswith(b"\r\n\r\n")
    assert raw.count(b"\r\n\r\n") == 1


def test_a_connection_serves_many_requests():
    conn = http.client.HTTPConnection("127.0.0.1", exporter().port, timeout=15)
    conn.connect()
    sock = conn.sock
    for _ in range(5):
        conn.request("GET", "/metrics")
        got = conn.getresponse()
        assert got.status == 200 and got.read().endswith(b"\n")
        assert conn.sock is sock, "the connection was kept"
    conn.close()


def test_http_1_0_and_close_end_the_connection():
    for request in b"GET /metrics HTTP/1.0\r\n\r\n", \
            b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n":
        answer = talk(request)  # returns only when the exporter closes
        assert re.match(rb"HTTP/1\.[01] 200 ", answer), answer[:100]
        assert b"redis_up{" in answer


def test_a_request_in_pieces_is_understood():
    request = b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    answer = talk(*[request[i:i + 1] for i in range(len(request))])
    assert answer.startswith(b"HTTP/1.1 200 ") and b"redis_up{" in answer


def test_requests_in_one_packet_are_answered_in_order():
    answer = talk(b"GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n"
                  b"GET /none HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert re.findall(rb"HTTP/1\.1 (\d+) ", answer) == [b"200", b"404"], answer


def test_nonsense_is_refused_and_the_exporter_lives():
    for nonsense in (b"\0" * 100 + b"\r\n\r\n", b"GET\r\n\r\n", b"GET /metrics\r\n\r\n",
                     b"GET /metrics HTTP/9.9\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n",
                     b"GET /metrics HTTP/1.1\r\nno colon\r\n\r\n",
                     b"GET /metrics HTTP/1.1\r\n" + b"X: y\r\n" * 20000 + b"\r\n",
                     b"GET /" + b"a" * 1000000 + b" HTTP/1.1\r\n\r\n",
                     b"GET /metrics HTTP/1.1\r\nX: " + b"a" * 5000000 + b"\r\n\r\n",
                     b"POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n",
                     b"POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n",
                     b"POST /metrics HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
                     b"fffffffffffffff\r\n"):
        with socket.create_connection(("127.0.0.1", exporter().port), timeout=15) as client:
            try:
                client.sendall(nonsense)
                client.shutdown(socket.SHUT_WR)
                answer = client.recv(65536)
            except OSError:
                answer = b""
        assert not re.match(rb"HTTP/1\.. 2", answer), (nonsense[:50], answer[:100])
        assert sum(exporter().scrape().up().values()) == 2, nonsense[:50]


def test_the_telemetry_path_can_be_chosen():
    node = fake_cluster(1)[0]
    one = Exporter(node.addr, "--web.telemetry-path=/own/path")
    assert one.scrape(path="/own/path").up() == {node.addr: 1}
    assert one.get("/metrics").status == 404
    assert 'href="/own/path"' in one.get("/").text


def test_the_web_side_works_on_ipv6_and_on_many_addresses():
    node = fake_cluster(1)[0]
    ports = [free_port(), free_port("::1")]
    one = Exporter(node.addr, f"--web.listen-address=127.0.0.1:{ports[0]}",
                   f"--web.listen-address=[::1]:{ports[1]}")
    one.scrape()
    answer = talk(b"GET /-/healthy HTTP/1.0\r\n\r\n", port=ports[0])
    assert b" 200 " in answer
    with socket.create_connection(("::1", ports[1]), timeout=15) as client:
        client.sendall(b"GET /-/healthy HTTP/1.0\r\n\r\n")
        assert b" 200 " in client.recv(65536)


def test_a_page_is_complete_for_a_client_that_reads_slowly():
    one = cluster_exporter()
    one.scrape()
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        client.settimeout(15)
        client.connect(("127.0.0.1", one.port))
        client.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
        assert sum(one.scrape().up().values()) == 6, "others are served meanwhile"
        answer = http.client.HTTPResponse(client)
        answer.begin()
        body = answer.read()
    page = Page(Response(answer.status, answer.headers, body, 0))
    assert sum(page.up().values()) == 6
