"""Users, headers and the rate limit of --web.config.file."""

import base64
import os
import socket
import threading

from harness import LIMIT, FakeNode, Page, Process, free_port, http_get, run, temp_dir, wait
from web_tools import LOCAL, Authority, WebExporter, basic, bcrypt

NOBODY = "127.0.0.1:1"
RIGHT = ("alice", "top secret")


def exporter(*names, cost=4, seeds=NOBODY, **kwargs):
    users = "".join(f"  {name}: {bcrypt(RIGHT[1], cost)}\n" for name in names or ("alice",))
    return WebExporter(seeds, "basic_auth_users:\n" + users, user=RIGHT, **kwargs)


def status(one, *user, **kwargs):
    return one.ask("/-/healthy", user=user, **kwargs).status


def test_every_path_needs_a_user_and_the_right_password():
    one = exporter()
    paths = ("/", "/metrics", "/scrape?target=x:1", "/cluster", "/discover-cluster-nodes",
             "/api/v1/clusters", "/-/healthy", "/-/ready", "/health", "/none")
    for path in paths:
        got = http_get(one.port, path)
        assert got.status == 401, path
        assert got.headers["WWW-Authenticate"].startswith('Basic realm="'), got.headers
        assert one.ask(path, user=("alice", "wrong")).status == 401, path
        assert one.ask(path).status != 401, path
    for method in "POST", "DELETE", "HEAD":
        assert http_get(one.port, "/metrics", method=method).status == 401, method
        assert one.ask("/metrics", user=("alice", "wrong"), method=method).status == 401, method
    assert one.ask("/metrics", method="POST").status == 405
    assert one.ask("/metrics", method="HEAD").status == 200


def test_a_post_with_a_new_password_is_judged_too():
    one = exporter()
    one.write(f"basic_auth_users: {{alice: {bcrypt('fresh')}}}\n")
    wait(lambda: status(one, "alice", "wrong") == 401 and status(one, *RIGHT) == 401, "new users")
    assert one.ask("/metrics", user=("alice", "fresh"), method="POST").status == 405


def test_only_well_formed_credentials_count():
    one = exporter()
    right = base64.b64encode(b"alice:top secret").decode()
    for value, expected in (
            (f"Basic {right}", 200), (f"basic {right}", 200), (f"Basic   {right}", 200),
            (f"Bearer {right}", 401), (right, 401), ("Basic", 401), ("Basic ", 401),
            (f"Basic {right[:-1]}", 401), (f"Basic {right}=", 401), (f"Basic {right}!", 401),
            ("Basic " + "A" * 6000, 401),
            *((f"Basic {base64.b64encode(raw).decode()}", 401) for raw in
              (b"", b":", b"alice", b"alice:", b":top secret", b"alice:top secret\0",
               b"alice:top secret\0x", b"alice\0:top secret", b"Alice:top secret",
               b"alice:top secret ", b"\xff\xfe:\xff", b"alice:" + b"x" * 2000))):
        got = http_get(one.port, "/-/healthy", {"Authorization": value})
        assert got.status == expected, (value[:60], got.status)


def test_verdicts_are_kept_and_unknown_users_cost_what_known_ones_cost():
    one = exporter("alice", "bob")
    assert one.comparisons() == 1, "alice's, when it was waited for"
    for _ in range(20):
        assert status(one, *RIGHT) == 200
    assert one.comparisons() == 1
    for count, user in enumerate([("alice", "wrong"), ("bob", "wrong"), ("carol", "wrong"),
                                  ("carol", "other"), ("dave", "wrong"), ("bob", RIGHT[1])], 2):
        for _ in range(3):
            assert status(one, *user) == (200 if user[1] == RIGHT[1] else 401)
            assert one.comparisons() == count, user
    for value in "Basic x", "Bearer abc", "":
        assert http_get(one.port, "/", {"Authorization": value}).status == 401
    assert one.comparisons() == 7, "what is no login costs nothing"


def test_requests_of_one_user_share_a_comparison():
    one = exporter(cost=10)
    one.write(f"basic_auth_users: {{alice: {bcrypt('fresh', 12)}}}\n")
    wait(lambda: status(one, *RIGHT) == 401, "new users")
    before, got = one.comparisons(), []
    threads = [threading.Thread(target=lambda: got.append(status(one, "alice", "fresh")))
               for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert got == [200] * 10 and one.comparisons() == before + 1, (got, one.comparisons() - before)


def test_wrong_passwords_keep_neither_users_nor_other_requests_waiting():
    """With costly hashes: one client may have four of them compared or waiting, not more."""
    one = exporter(cost=12)
    guesses = [socket.create_connection(("127.0.0.1", one.port), timeout=LIMIT)
               for _ in range(40)]
    for i, guess in enumerate(guesses):
        header = basic("alice", f"guess {i}")["Authorization"]
        guess.sendall(f"GET / HTTP/1.1\r\nHost: x\r\nAuthorization: {header}\r\n\r\n".encode())
    before = one.comparisons()
    for _ in range(20):
        assert status(one, *RIGHT) == 200
    assert one.comparisons() <= before + 4, "known users wait for nobody"
    codes = sorted(int(guess.recv(1000).split()[1]) for guess in guesses)
    assert set(codes) == {401, 429} and codes.count(401) >= 4, codes
    assert codes.count(429) >= 20, codes
    page = Page(one.ask("/metrics"))
    refused = page.get("redis_exporter_requests_refused_total", limit="logins")
    assert refused == codes.count(429), (refused, codes)
    for guess in guesses:
        guess.close()


def test_who_has_no_time_for_a_comparison_is_told():
    one = exporter(cost=13)
    got = one.ask("/metrics", user=("alice", "guess"),
                  headers={"X-Prometheus-Scrape-Timeout-Seconds": "0.01"})
    assert got.status == 503 and "in time" in got.text, (got.status, got.text)
    wait(lambda: status(one, "alice", "guess") == 401, "the verdict is there later")
    assert one.comparisons() == 2


def test_a_client_that_leaves_before_its_verdict_harms_nothing():
    one = exporter(cost=10)
    for i in range(30):
        with socket.create_connection(("127.0.0.1", one.port), timeout=LIMIT) as client:
            header = basic("alice", f"guess {i}")["Authorization"]
            client.sendall(f"GET / HTTP/1.1\r\nHost: x\r\nAuthorization: {header}\r\n\r\n".encode())
    assert status(one, *RIGHT) == 200
    wait(lambda: status(one, "alice", "late guess") == 401, "there is room again")


def test_it_ends_though_passwords_wait():
    one = exporter(cost=10)
    clients = []
    for i in range(4):
        client = socket.create_connection(("127.0.0.1", one.port), timeout=LIMIT)
        header = basic("alice", f"guess {i}")["Authorization"]
        client.sendall(f"GET / HTTP/1.1\r\nHost: x\r\nAuthorization: {header}\r\n\r\n".encode())
        clients.append(client)
    one.stop()
    for client in clients:
        answer = client.recv(1000)
        assert not answer or answer.split()[1] in (b"401", b"503"), answer
        client.close()


def test_users_change_without_a_restart_and_a_broken_file_changes_nothing():
    one = exporter("alice", "bob")
    one.write("basic_auth_users: {alice: nonsense}\n")
    wait(lambda: status(one, *RIGHT) == 200 and "not taken over" in one.output(), "it is told")
    assert "nonsense" not in one.output()
    before = one.comparisons()
    hashes = dict(alice=bcrypt("new"), carol=bcrypt(RIGHT[1]))
    one.write("basic_auth_users:\n" + "".join(f"  {n}: {h}\n" for n, h in hashes.items()))
    wait(lambda: status(one, "carol", RIGHT[1]) == 200, "carol is known")
    assert status(one, *RIGHT) == 401 and status(one, "alice", "new") == 200
    assert status(one, "bob", RIGHT[1]) == 401
    assert one.comparisons() > before
    one.write("")
    wait(lambda: http_get(one.port, "/-/healthy").status == 200, "nobody needs a password")


def test_no_password_is_told_anywhere():
    one = exporter(seeds=NOBODY)
    wrong = "hush-hush"
    assert status(one, "alice", wrong) == 401 and status(one, wrong, wrong) == 401
    pages = [one.ask(path).text for path in ("/", "/metrics", "/api/v1/clusters")]
    with open(f"/proc/{one.pid}/cmdline", encoding="utf-8") as f:
        pages.append(f.read())
    for text in (one.output(), *pages):
        for secret in (wrong, RIGHT[1], "$2b$", base64.b64encode(wrong.encode()).decode()[:8]):
            assert secret not in text, secret


def test_headers_are_on_every_answer():
    one = WebExporter(NOBODY, f"""\
        http_server_config:
          headers:
            X-Frame-Options: deny
            Content-Security-Policy: "default-src 'self'"
            X-XSS-Protection:
        basic_auth_users: {{alice: {bcrypt(RIGHT[1])}}}
        """, user=RIGHT)
    for path, method, user in (("/metrics", "GET", None), ("/", "GET", None),
                               ("/none", "GET", None), ("/", "POST", None),
                               ("/", "GET", ("alice", "wrong"))):
        got = one.ask(path, method=method, user=user)
        assert got.headers.get_all("X-Frame-Options") == ["deny"], (path, got.headers)
        assert got.headers.get_all("Content-Security-Policy") == ["default-src 'self'"], path
        assert "X-XSS-Protection" not in got.headers
    one.write(f"basic_auth_users: {{alice: {bcrypt(RIGHT[1])}}}\n")
    wait(lambda: "X-Frame-Options" not in one.ask("/").headers, "they change as well")


def test_answers_that_are_shared_have_each_header_once():
    node = FakeNode()
    one = WebExporter(node.addr, "http_server_config: {headers: {X-Frame-Options: deny}}\n")
    node.asked.clear()
    node.gate.clear()
    got = []
    threads = [threading.Thread(target=lambda: got.append(one.ask("/metrics"))) for _ in range(3)]
    for thread in threads:
        thread.start()
    assert node.asked.wait(LIMIT)
    node.gate.set()
    for thread in threads:
        thread.join()
    assert [one.headers.get_all("X-Frame-Options") for one in got] == [["deny"]] * 3


def test_the_rate_limit_lets_a_burst_through():
    one = WebExporter(NOBODY, "rate_limit: {interval: 1h, burst: 8}\n")
    codes = [one.ask("/-/healthy").status for _ in range(20)]
    assert codes == sorted(codes) and set(codes) == {200, 429}, codes
    assert 1 <= codes.count(200) <= 7, "some were asked for when it was waited for"
    got = one.ask("/metrics")
    assert got.status == 429 and got.headers["Retry-After"] == "1" and "rate_limit" in got.text
    one.write("rate_limit: {interval: 1ms, burst: 1000}\n")
    wait(lambda: one.ask("/metrics").status == 200, "the new limit holds")


def test_prometheus_scrapes_with_tls_and_a_password():
    ca = Authority()
    cert, key = ca.issue("server", LOCAL)
    client_cert, client_key = ca.issue("client")
    node = FakeNode()
    one = WebExporter(node.addr, f"""\
        tls_server_config:
          cert_file: {cert}
          key_file: {key}
          client_auth_type: RequireAndVerifyClientCert
          client_ca_file: {ca.cert}
        basic_auth_users: {{alice: {bcrypt(RIGHT[1], 10)}}}
        """, ca, user=RIGHT, client=(client_cert, client_key))
    directory, port = temp_dir(), free_port()
    config = os.path.join(directory, "prometheus.yml")
    with open(config, "w", encoding="utf-8") as f:
        f.write(f"""\
global: {{scrape_interval: 300ms, scrape_timeout: 300ms}}
scrape_configs:
- job_name: redis
  scheme: https
  basic_auth: {{username: alice, password: {RIGHT[1]}}}
  tls_config: {{ca_file: {ca.cert}, cert_file: {client_cert}, key_file: {client_key}}}
  static_configs: [{{targets: ["127.0.0.1:{one.port}"]}}]
""")
    run("promtool", "check", "config", config)
    Process(["prometheus", f"--config.file={config}", f"--storage.tsdb.path={directory}/data",
             f"--web.listen-address=127.0.0.1:{port}"], os.path.join(directory, "log"))

    def up():
        got = http_get(port, "/api/v1/query?query=up{job=%22redis%22}").text
        return '"1"]' in got and got
    wait(up, "Prometheus gets pages")
    assert one.comparisons() == 1, "its password was compared before, for the same user"
    wait(lambda: '"7"]' in http_get(port, "/api/v1/query?query=sum_over_time(up[1m])").text, "more")
    assert one.comparisons() == 1
