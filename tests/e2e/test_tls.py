"""TLS to Redis, and announced addresses that lead nowhere."""

import os
import re
import shutil
import socket
import ssl
import urllib.parse

from certificates import Authority, first_expiry
from harness import (Cluster, Exporter, FULL, FakeNode, FakePeer, RedisNode, bulk, check,
                     fake_cluster, free_port, server_has, shared, temp_dir, wait)


class Files:
    """An authority that everybody trusts, another one, and certificates."""

    def __init__(self):
        self.ca, self.other = Authority(), Authority("another authority")
        self.server = self.ca.issue("IP:127.0.0.1", "DNS:localhost")
        self.client = self.ca.issue(name="exporter")
        self.stranger = self.other.issue("IP:127.0.0.1")
        self.expired = self.ca.issue("IP:127.0.0.1", days=0)
        self.elsewhere = self.ca.issue("DNS:elsewhere.example", "IP:192.0.2.1")


def trusting():
    return "--redis.tls-ca-file=" + shared(Files).ca.cert


def showing():
    client = shared(Files).client
    return [f"--redis.tls-cert-file={client.cert}", f"--redis.tls-key-file={client.key}"]


def guarded():
    """A cluster that speaks with TLS alone, and wants certificates and a password."""
    files = shared(Files)
    return Cluster(masters=3, replicas=1, password="right", tls=files.ca.client(files.client),
                   **files.ca.server_config(files.server))


def single():
    """A server whose certificates the tests change."""
    files = shared(Files)
    node = RedisNode(cluster=False, tls=files.ca.client(files.client),
                     **files.ca.server_config(files.server)).ready()
    node.command("CONFIG", "SET", "tls-auth-clients", "no")
    return node


def serve(pair):
    """The single server shows that certificate from now on."""
    shared(single).command("CONFIG", "SET", "tls-cert-file", pair.cert, "tls-key-file", pair.key)


def failure(url, *flags):
    """The error word and the log's detail, told by a page of its own."""
    exporter = Exporter(url, *flags)
    word, = exporter.scrape().errors().values()
    detail = re.search(r'reason=(\w+) detail="([^"]*)"', exporter.output())
    assert detail[1] == word, exporter.output()
    return word, detail[2]


def check_failure(word, part, *flags, scheme="rediss"):
    found = failure(f"{scheme}://{shared(single).addr}", *flags)
    assert found[0] == word and part in found[1], found


def ports_of_exporter(node):
    """The server's ports at which the exporter is connected to it."""
    return {int(re.search(r" laddr=\S+:(\d+) ", line)[1])
            for line in node.command("CLIENT", "LIST").splitlines()
            if " name=redis_cluster_exporter " in line}


def test_a_cluster_with_tls_and_certificates_alone_is_read():
    cluster = shared(guarded)
    env = {"REDIS_PASSWORD": "right"}
    url = "valkeys://" + cluster.addrs[0]
    exporter = Exporter(url, trusting(), *showing(), env=env)
    page = exporter.scrape()
    assert page.check_all_up(cluster.addrs) and page.coverage() == FULL
    assert "detail" not in exporter.output(), exporter.output()
    targets = exporter.get("/discover-cluster-nodes").text
    assert all(f'"rediss://{addr}"' in targets for addr in cluster.addrs), targets
    for scheme in "rediss://", "redis://", "":
        query = urllib.parse.urlencode({"target": scheme + cluster.addrs[1]})
        assert "redis_up 1\n" in exporter.get("/scrape?" + query).text, scheme
        assert exporter.scrape(path="/cluster?" + query).check_all_up(cluster.addrs)
    done = check(url, trusting(), *showing(), "--cluster.one-host", env=env)
    assert done.returncode == 0, done
    word, detail = failure(url, trusting())
    assert word == "tls_client_certificate" and "wants" in detail, detail


def test_the_flags_and_variables_of_redis_exporter_do_the_same():
    cluster, client = shared(guarded), shared(Files).client
    exporter = Exporter("rediss://:right@" + cluster.addrs[0],
                        f"-tls-client-cert-file={client.cert}", "-skip-tls-verification",
                        env={"REDIS_EXPORTER_TLS_CLIENT_KEY_FILE": client.key})
    assert exporter.scrape().check_all_up(cluster.addrs)
    assert "certificates are not checked" in exporter.output()


def both_ports(tls_cluster):
    """A cluster whose nodes have a port for each."""
    files = shared(Files)
    return Cluster(replicas=0, both_ports=True, tls_cluster=tls_cluster,
                   tls_replication=tls_cluster, cluster_node_timeout=15000,
                   **files.ca.server_config(files.server))


def test_every_node_is_asked_at_the_port_that_fits_the_seed():
    cluster = both_ports("yes")
    tls_addrs = [node.tls_addr for node in cluster.nodes]
    exporter = Exporter("rediss://" + tls_addrs[0], trusting(), *showing())
    wait(lambda: exporter.scrape().check_all_up(tls_addrs), "all by TLS")
    assert [ports_of_exporter(node) for node in cluster.nodes] == [
        {node.tls_port} for node in cluster.nodes]
    exporter.stop()
    exporter = Exporter("redis://" + cluster.addrs[0])
    wait(lambda: exporter.scrape().check_all_up(cluster.addrs), "all without")
    assert [ports_of_exporter(node) for node in cluster.nodes] == [{n.port} for n in cluster.nodes]


def test_ports_that_the_servers_do_not_tell_are_mapped():
    """Redis 7.0 tells its plain ports alone where the nodes talk without TLS; newer servers tell
    those that fit who asks, and the map, which then fits nothing, does no harm."""
    cluster = both_ports("no")
    tells = server_has(redis=(7, 2), valkey=(7, 2))
    addrs = [node.tls_addr for node in cluster.nodes] if tells else cluster.addrs
    rules = ",".join(f"*:{node.port}=*:{node.tls_port}" for node in cluster.nodes)
    exporter = Exporter("rediss://" + cluster.nodes[0].tls_addr, trusting(), *showing(),
                        env={"REDIS_EXPORTER_ADDRESS_MAP": rules})
    wait(lambda: exporter.scrape().check_all_up(addrs), "all by TLS, by announced address")
    assert [ports_of_exporter(node) for node in cluster.nodes] == [
        {node.tls_port} for node in cluster.nodes]


def test_each_fault_of_a_certificate_has_a_word():
    files = shared(Files)
    check_failure("tls_untrusted", "not trusted")
    serve(files.stranger)
    check_failure("tls_untrusted", "not trusted", trusting())
    serve(files.expired)
    check_failure("tls_expired", "has expired: it was valid until 20", trusting())
    serve(files.elsewhere)
    check_failure("tls_name", "is for elsewhere.example, 192.0.2.1", trusting())
    exporter = Exporter("rediss://" + shared(single).addr, trusting(),
                        "--redis.tls-server-name=elsewhere.example")
    assert exporter.scrape().get("redis_up") == 1
    serve(files.server)


def test_each_misunderstanding_has_a_word():
    node = shared(single)
    plain = RedisNode(cluster=False).ready()
    impatient = [trusting(), "--redis.connect-timeout=200ms"]
    word, detail = failure("rediss://" + plain.addr, *impatient)
    assert word == "tls_timeout" and "may speak without it" in detail, (word, detail)
    for url, flags, part in (("rediss://" + plain.addr, impatient, "(tls_timeout: connected, but no "
                              "answer to TLS in time: the server may speak without it"),
                             ("redis://" + node.addr, [], "(closed: closed by the server without a "
                              "word: it may speak with TLS only, which is rediss://)")):
        done = check(url, *flags)
        assert done.returncode == 2 and part in done.stdout, done
        assert ("try: redis-cli --tls -h" in done.stdout) == url.startswith("rediss:"), done
        api = Exporter(url, *flags).get("/api/v1/clusters").text
        assert part in api, api
    peer = FakePeer(lambda connection: connection.sendall(b"-ERR who are you\r\n"))
    word, detail = failure("rediss://" + peer.addr, trusting())
    assert word == "tls_not_spoken", (word, detail)
    word, detail = failure("redis://" + node.addr)
    assert word == "closed" and "rediss://" in detail, (word, detail)
    node.command("CONFIG", "SET", "tls-protocols", "TLSv1.2")
    try:
        check_failure("tls_version", "version", trusting(), "--redis.tls-min-version=1.3")
        exporter = Exporter("rediss://" + node.addr, trusting())
        assert exporter.scrape().get("redis_up") == 1
    finally:
        node.command("CONFIG", "SET", "tls-protocols", "TLSv1.2 TLSv1.3")


def test_a_request_names_the_server_it_means():
    files, node = shared(Files), shared(single)
    exporter = Exporter("redis://127.0.0.1:1", trusting(), "--scrape.allow=127.0.0.1:*")
    serve(files.elsewhere)
    for name in "tls_server_name", "tls-server-name":
        for value, up in ("elsewhere.example", 1), ("other.example", 0), ("", 0):
            query = urllib.parse.urlencode({"target": "rediss://" + node.addr, name: value})
            assert f"redis_up {up}\n" in exporter.get("/scrape?" + query).text, value
    query = urllib.parse.urlencode({"target": "rediss://" + node.addr,
                                    "tls_server_name": "x" * 300})
    assert exporter.get("/scrape?" + query).status == 400
    serve(files.server)


class TlsNode(FakeNode):
    """A fake node that speaks with TLS, and notes what it heard and whether sessions go on."""

    def __init__(self, pair):
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(pair.cert, pair.key)
        self.resumed, self.inner = [], None
        super().__init__()

    def talk(self, connection):
        try:
            inner = self.context.wrap_socket(connection, server_side=True)
        except OSError:
            self.resumed.append(None)
            return
        self.resumed.append(inner.session_reused)
        self.inner = inner
        try:
            super().talk(inner)
        finally:
            inner.close()


def test_a_session_is_taken_up_again():
    node = TlsNode(shared(Files).server)
    exporter = Exporter("rediss://" + node.addr, trusting())
    for _ in range(3):
        wait(lambda: exporter.scrape().get("redis_up") == 1, "it is up")
        node.inner.shutdown(socket.SHUT_RDWR)
    assert node.resumed[0] is False and all(node.resumed[1:]) and len(node.resumed) >= 3


def test_no_password_goes_to_a_server_that_was_not_verified():
    node = TlsNode(shared(Files).stranger)
    exporter = Exporter("rediss://:topsecret@" + node.addr, trusting())
    exporter.scrape()
    wait(lambda: node.resumed == [None], "a handshake that failed")
    assert "topsecret" not in exporter.output()


def test_a_request_does_not_send_the_password_of_a_tls_cluster_without_tls():
    heard = []

    def hear(connection):
        while data := connection.recv(4096):
            heard.append(data)
            connection.sendall(b"-ERR what\r\n" * data.count(b"*"))

    peer = FakePeer(hear)
    exporter = Exporter("rediss://:right@" + shared(guarded).addrs[0], trusting(), *showing(),
                        "--scrape.allow=" + peer.addr)
    exporter.get("/scrape?target=redis://" + peer.addr)
    assert heard and b"right" not in b"".join(heard), heard


def test_authorities_are_replaced_by_a_reload():
    files = shared(Files)
    current = os.path.join(temp_dir(), "ca.pem")
    shutil.copy(files.ca.cert, current)
    node = TlsNode(files.server)
    exporter = Exporter("rediss://" + node.addr, "--redis.tls-ca-file=" + current)
    assert exporter.scrape().get("redis_up") == 1
    os.unlink(current)
    got = exporter.get("/-/reload", method="POST")
    assert got.status != 200 and current in got.text, got.text
    node.context.load_cert_chain(files.stranger.cert, files.stranger.key)
    node.inner.shutdown(socket.SHUT_RDWR)
    shutil.copy(files.ca.cert, current)  # which ends the session of the old certificate
    assert exporter.get("/-/reload", method="POST").status == 200
    wait(lambda: exporter.scrape().errors() == {node.addr: "tls_untrusted"}, "not trusted")
    shutil.copy(files.other.cert, current)
    assert exporter.get("/-/reload", method="POST").status == 200
    wait(lambda: exporter.scrape().get("redis_up") == 1, "trusted again")


def test_it_is_told_when_the_client_s_certificate_expires():
    files, name = shared(Files), "redis_exporter_client_certificate_expiry_timestamp_seconds"
    current = [os.path.join(temp_dir(), end) for end in ("pair.pem", "pair.key")]

    def put(pair):
        shutil.copy(pair.cert, current[0])
        shutil.copy(pair.key, current[1])
    put(files.client)
    exporter = Exporter("rediss://127.0.0.1:1", "--redis.tls-cert-file=" + current[0],
                        "--redis.tls-key-file=" + current[1], "--redis.cluster-name=it")
    assert exporter.scrape().get(name, redis_cluster="it") == first_expiry(files.client.cert)
    put(files.ca.issue(name="exporter", days=9))
    assert exporter.get("/-/reload", method="POST").status == 200
    assert exporter.scrape().get(name) == first_expiry(current[0])
    assert not Exporter("rediss://127.0.0.1:1").scrape().all(name), "it has none"


def test_files_that_are_no_good_are_named_at_the_start():
    files = shared(Files)
    for flags, part in (
            (["--redis.tls-ca-file=/nonexistent"], "CA file /nonexistent: No such file"),
            ([showing()[0]], f"{files.client.cert}: a key file is needed as well"),
            ([showing()[0], f"--redis.tls-key-file={files.server.key}"], "is not the key of")):
        exporter = Exporter("rediss://127.0.0.1:1", *flags, ready=False)
        assert exporter.wait() == 2
        assert part in exporter.output() and exporter.output().count("\n") == 1, exporter.output()


def check_mapped(announced, reached, *seeds):
    """All are read where the rules say, and shown where they announce that they are."""
    rules = [f"{place}={addr}" for place, addr in zip(announced, reached)]
    for seed in seeds:
        exporter = Exporter(seed, *("--redis.address-map=" + rule for rule in rules))
        wait(lambda e=exporter: e.scrape().up() == dict.fromkeys(announced, 1), "all are up")
        page = exporter.scrape()
        assert page.coverage() == FULL
        places = {labels["address"] for labels, _ in page.all("redis_cluster_node_info")}
        assert places == set(announced)
        assert "redis_up 1\n" in exporter.get("/scrape?target=" + announced[2]).text


def test_nodes_that_announce_addresses_that_lead_nowhere_are_mapped():
    """The nodes reach each other at the announced addresses, as containers do; we do not."""
    cluster = Cluster.__new__(Cluster)
    cluster.masters = 3
    cluster.nodes = [RedisNode(bind=["127.0.0.1", f"127.0.1.{i}"], protected_mode="no")
                     for i in range(1, 4)]
    cluster.create()
    cluster.wait_ok()
    ports = [free_port() for _ in cluster.nodes]
    for i, (node, port) in enumerate(zip(cluster.nodes, ports)):
        node.command("CONFIG", "SET", "cluster-announce-ip", f"127.0.1.{i + 1}")
        node.command("CONFIG", "SET", "cluster-announce-port", port)
    announced = [f"127.0.1.{i + 1}:{port}" for i, port in enumerate(ports)]
    for node in cluster.nodes:
        wait(lambda n=node: {m["addr"] for m in n.cluster_nodes()} == set(announced), "announced")
    check_mapped(announced, cluster.addrs, announced[2], cluster.addrs[0])
    unmapped = Exporter(cluster.addrs[0]).scrape()
    assert unmapped.up() == {place: int(i == 0) for i, place in enumerate(announced)}


def test_announced_addresses_need_no_route():
    """192.0.2.0/24 is nobody's."""
    nodes = fake_cluster(3)
    announced = [f"192.0.2.{i + 1}:6379" for i in range(3)]
    for node in nodes:
        text = node.topology()
        for place, other in zip(announced, nodes):
            text = text.replace(other.addr + "@", place + "@")
        node.replies["CLUSTER NODES"] = bulk(text)
    check_mapped(announced, [node.addr for node in nodes], announced[0], nodes[1].addr)
