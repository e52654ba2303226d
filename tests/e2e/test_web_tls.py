"""TLS of the HTTP server: versions, suites, client certificates, certificates that change."""

import http.client
import os
import re
import shutil
import socket
import ssl
import subprocess

from certificates import first_expiry
from harness import FakeNode, Page, run, shared, wait
from web_tools import LOCAL, RSA, Authority, WebExporter

NOBODY = "127.0.0.1:1"


class World:
    """One CA with a server's and clients' certificates, and another CA."""

    def __init__(self):
        self.ca, self.foreign = Authority(), Authority("foreign")
        self.server = self.ca.issue("server", LOCAL)
        self.rsa = self.ca.issue("rsa", LOCAL, key=RSA)
        self.client = self.ca.issue(
            "client", "DNS:prometheus.example,email:a@b.example,URI:spiffe://x/y,IP:10.0.0.7")
        self.stranger = self.foreign.issue("stranger", "DNS:prometheus.example")
        self.expired = self.ca.issue("expired", days=0)
        self.not_client = self.ca.issue("not-client", usage="serverAuth")


def world():
    return shared(World)


def exporter(more="", pair=None, client=None, flags=(), **kwargs):
    cert, key = pair or world().server
    return WebExporter(NOBODY, f"""\
        tls_server_config:
          cert_file: {cert}
          key_file: {key}
          {more}
        """, world().ca, *flags, client=client, **kwargs)


def is_refused(one, client=None, context=None):
    try:
        one.ask("/-/healthy", client=client, context=context)
    except (ssl.SSLError, ConnectionError, http.client.RemoteDisconnected):
        return True
    return False


def session(one, setup=lambda context: None):
    """What a handshake settles: version and cipher; None when it fails."""
    context = one.context()
    setup(context)
    try:
        with socket.create_connection(("127.0.0.1", one.port), timeout=30) as plain, \
                context.wrap_socket(plain, server_hostname="localhost") as client:
            return client.version(), client.cipher()[0]
    except (ssl.SSLError, ConnectionError):
        return None


def only(version):
    def setup(context):
        context.set_ciphers("ALL:@SECLEVEL=0")
        context.minimum_version = context.maximum_version = version
    return setup


def offering(ciphers):
    def setup(context):
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers(ciphers)
    return setup


def test_pages_come_over_tls_and_plain_requests_do_not_get_any():
    one = exporter()
    assert one.ask("/").status == 200
    page = Page(one.ask("/metrics"))
    assert page.up() == {NOBODY: 0}
    assert "localhost" in run("curl", "-sS", "--cacert", world().ca.cert, "--resolve",
                              f"localhost:{one.port}:127.0.0.1", "-v",
                              f"https://localhost:{one.port}/-/healthy").stderr
    with socket.create_connection(("127.0.0.1", one.port), timeout=30) as plain:
        plain.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
        assert b"HTTP" not in plain.recv(1000)
    assert one.ask("/-/healthy").status == 200


def test_http_1_1_is_settled_where_http_2_is_offered():
    one = exporter()
    context = one.context()
    context.set_alpn_protocols(["h2", "http/1.1"])
    with socket.create_connection(("127.0.0.1", one.port)) as plain, \
            context.wrap_socket(plain, server_hostname="localhost") as client:
        assert client.selected_alpn_protocol() == "http/1.1"


def test_versions_are_those_that_the_file_allows():
    v = ssl.TLSVersion
    for more, allowed in (
            ("", {v.TLSv1_2, v.TLSv1_3}),
            ("min_version: TLS13", {v.TLSv1_3}),
            ("max_version: TLS12", {v.TLSv1_2}),
            ("min_version: TLS10", {v.TLSv1, v.TLSv1_1, v.TLSv1_2, v.TLSv1_3})):
        one = exporter(more)
        got = {version for version in (v.TLSv1, v.TLSv1_1, v.TLSv1_2, v.TLSv1_3)
               if session(one, only(version))}
        assert got == allowed, (more, got)


def test_suites_up_to_tls_1_2_are_those_that_the_file_names():
    one = exporter("cipher_suites: [TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384, "
                   "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA]", world().rsa)
    aes, cbc = "ECDHE-RSA-AES256-GCM-SHA384", "ECDHE-RSA-AES128-SHA"
    assert session(one, offering(f"{cbc}:{aes}")) == ("TLSv1.2", aes), "the server's order"
    assert session(one, offering(cbc))[1] == cbc
    for other in "ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-RSA-CHACHA20-POLY1305", "AES256-GCM-SHA384":
        assert session(one, offering(other)) is None, other
    assert session(one)[0] == "TLSv1.3", "whose suites are not chosen"


def test_the_client_chooses_the_suite_where_the_file_says_so():
    names = ("TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256")
    one = exporter(f"cipher_suites: [{', '.join(names)}]\n          "
                   "prefer_server_cipher_suites: false", world().rsa)
    a, b = "ECDHE-RSA-AES256-GCM-SHA384", "ECDHE-RSA-AES128-GCM-SHA256"
    assert session(one, offering(f"{a}:{b}"))[1] == a
    assert session(one, offering(f"{b}:{a}"))[1] == b


def test_suites_of_tls_1_3_alone_leave_only_that():
    one = exporter("cipher_suites: [TLS_AES_128_GCM_SHA256]")
    assert session(one)[0] == "TLSv1.3"
    assert session(one, only(ssl.TLSVersion.TLSv1_2)) is None


def test_curves_are_those_that_the_file_names():
    one = exporter("curve_preferences: [CurveP384]")
    for curve, expected in ("secp384r1", True), ("prime256v1", False):
        assert (session(one, lambda c, curve=curve: c.set_ecdh_curve(curve)) is not None) \
            == expected, curve


def auth(kind, more=""):
    return (f"client_auth_type: {kind}\n          client_ca_file: {world().ca.cert}\n          "
            + more)


def test_each_client_auth_type_takes_the_clients_that_it_should():
    w = world()
    clients = {"none": None, "ours": w.client, "foreign": w.stranger, "expired": w.expired,
               "server's": w.not_client}
    every = set(clients)
    for kind, allowed in (
            ("RequestClientCert", every),
            ("RequireAnyClientCert", every - {"none"}),
            ("VerifyClientCertIfGiven", {"none", "ours"}),
            ("RequireAndVerifyClientCert", {"ours"})):
        one = exporter(auth(kind), client=w.client)
        for version in ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3:
            got = set()
            for name, pair in clients.items():
                context = ssl.create_default_context(cafile=w.ca.cert)
                context.maximum_version = version
                if pair:
                    context.load_cert_chain(*pair)
                if not is_refused(one, context=context):
                    got.add(name)
            assert got == allowed, (kind, version, got)
        assert one.ask("/-/healthy", client=w.client).status == 200


def alert(one, version, pair=None):
    """What the server says as it turns this client away."""
    context = ssl.create_default_context(cafile=world().ca.cert)
    context.maximum_version = version
    if pair:
        context.load_cert_chain(*pair)
    try:
        with socket.create_connection(("127.0.0.1", one.port), timeout=30) as plain, \
                context.wrap_socket(plain, server_hostname="localhost") as client:
            return client.recv(1)
    except ssl.SSLError as e:
        return e.reason


def test_who_is_turned_away_is_told_why():
    w = world()
    one = exporter(auth("RequireAndVerifyClientCert"), client=w.client)
    for version, missing in ((ssl.TLSVersion.TLSv1_2, "SSLV3_ALERT_HANDSHAKE_FAILURE"),
                             (ssl.TLSVersion.TLSv1_3, "TLSV13_ALERT_CERTIFICATE_REQUIRED")):
        assert alert(one, version) == missing
        for pair in w.stranger, w.expired, w.not_client:
            assert alert(one, version, pair) == "SSLV3_ALERT_BAD_CERTIFICATE", (version, pair)


def test_no_certificate_is_asked_for_by_default():
    one = exporter("client_auth_type: NoClientCert")
    done = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{one.port}"],
                          input="", capture_output=True, text=True, timeout=30)
    assert "No client certificate CA names sent" in done.stdout and "Requested Sig" not in \
        done.stdout, done.stdout


def test_client_allowed_sans_is_one_more_condition():
    w = world()
    for name in "prometheus.example", "a@b.example", "spiffe://x/y", "10.0.0.7":
        one = exporter(auth("RequireAndVerifyClientCert", f"client_allowed_sans: [x, '{name}']"),
                       client=w.client)
        assert is_refused(one, client=w.stranger), "a right name of a wrong CA"
    one = exporter(auth("RequireAndVerifyClientCert", "client_allowed_sans: [rometheus.example]"),
                   ready=False)
    wait(lambda: "msg=listening" in one.output(), "it listens")
    assert is_refused(one, client=w.client)
    one = exporter(auth("RequireAnyClientCert", "client_allowed_sans: [prometheus.example]"),
                   client=w.stranger)
    assert is_refused(one, client=w.expired), "without that name"


def serial(one):
    """Of the certificate that is shown now."""
    with socket.create_connection(("127.0.0.1", one.port), timeout=30) as plain, \
            one.context().wrap_socket(plain, server_hostname="localhost") as client:
        return client.getpeercert()["serialNumber"]


def test_new_certificates_are_shown_without_a_restart_and_broken_ones_are_not():
    w = world()
    first, second = w.server, w.ca.issue("second", LOCAL)
    place = w.ca.path("live.pem"), w.ca.path("live.key")
    for source, target in zip(first, place):
        shutil.copy(source, target)
    one = exporter(pair=place)
    kept = one.connect()
    kept.request("GET", "/-/healthy")
    assert kept.getresponse().read() == b"ok\n"
    old = serial(one)
    shutil.copy(second[0], place[0])  # it does not fit the key yet
    wait(lambda: serial(one) == old and "not taken over" in one.output(), "that is told")
    shutil.copy(second[1], place[1])
    wait(lambda: serial(one) != old, "the new one is shown")
    kept.request("GET", "/-/healthy")
    assert kept.getresponse().read() == b"ok\n", "who is connected stays so"
    os.unlink(place[1])
    wait(lambda: serial(one) != old and one.output().count("not taken over") >= 2, "told as well")
    told = one.output().count("not taken over")
    for _ in range(5):
        assert one.ask("/-/healthy").status == 200
    assert one.output().count("not taken over") == told, "once"
    kept.close()


def test_it_is_told_when_the_certificate_expires():
    w, name = world(), "redis_exporter_web_certificate_expiry_timestamp_seconds"
    place = w.ca.path("told.pem"), w.ca.path("told.key")

    def put(pair, *chain):
        with open(place[0] + ".new", "w", encoding="ascii") as f:
            for path in pair[0], *chain:
                with open(path, encoding="ascii") as source:
                    f.write(source.read())
        shutil.copy(pair[1], place[1])
        os.replace(place[0] + ".new", place[0])

    def told(one):
        return Page(one.ask("/metrics")).get(name) == first_expiry(place[0])
    put(w.server)
    one = exporter(pair=place)
    assert told(one)
    put(w.ca.issue("longer", LOCAL, days=3))
    wait(lambda: told(one), "of the new certificate")
    put(w.ca.issue("longest", LOCAL, days=4), w.ca.cert)
    assert first_expiry(place[0]) == first_expiry(w.ca.cert)
    wait(lambda: told(one), "of its authority, which ends first")
    assert not Page(WebExporter(NOBODY, "").ask("/metrics")).all(name)


def test_tls_cannot_be_turned_off_while_it_runs():
    one = exporter()
    one.write("basic_auth_users: {}\n")
    wait(lambda: one.ask("/-/healthy").status == 200 and "not taken over" in one.output(), "told")
    assert "without a restart" in one.output()
    plain = WebExporter(NOBODY, "")
    cert, key = world().server
    plain.write(f"tls_server_config: {{cert_file: {cert}, key_file: {key}}}\n")
    wait(lambda: plain.ask("/-/healthy").status == 200 and "not taken over" in plain.output(),
         "told")


def test_handshakes_that_do_not_end_disturb_nobody():
    one = exporter()
    silent = [socket.create_connection(("127.0.0.1", one.port), timeout=30) for _ in range(50)]
    for i, client in enumerate(silent):
        client.sendall(b"\x16\x03\x01\x02\x00\x01"[:i % 7])
    garbage = socket.create_connection(("127.0.0.1", one.port), timeout=30)
    garbage.sendall(os.urandom(5000))
    assert one.ask("/-/healthy").status == 200
    for client in silent:
        client.close()
    garbage.close()
    assert one.ask("/-/healthy").status == 200


def test_a_node_s_page_is_whole_over_tls():
    node = FakeNode()
    big = WebExporter(node.addr, "tls_server_config: {cert_file: %s, key_file: %s}\n"
                      % world().server, world().ca)
    page = wait(lambda: Page(big.ask("/metrics", headers={"Accept-Encoding": "identity"})), "page")
    assert page.up() == {node.addr: 1}
    assert re.search(r"tls=on", big.output())
