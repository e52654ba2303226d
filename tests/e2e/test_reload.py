"""Several clusters by a file, and another file while the exporter runs."""

import json
import os
import re
import signal
import socket
import threading
import time

from harness import (EXPORTER, Cluster, Exporter, Page, Process, RedisNode, at_end, clean_env,
                     free_port, http_get, listening_socket, run, shared, temp_dir, wait)
from web_tools import LOCAL, Authority, WebExporter, bcrypt


class Pair:
    """Two clusters of one node each."""

    def __init__(self):
        self.first, self.second = Cluster(1, 0), Cluster(1, 0)
        for cluster in (self.first, self.second):
            cluster.node = cluster.nodes[0]


class Config:
    """A file of clusters, written anew for each reload."""

    def __init__(self, *clusters, **general):
        self.path = os.path.join(temp_dir(), "clusters.yml")
        self.write(*clusters, **general)

    def write(self, *clusters, **general):
        """JSON is YAML."""
        self.write_text(json.dumps(dict(general, clusters=clusters)))

    def write_text(self, text):
        with open(self.path, "w") as f:
            f.write(text)
        os.chmod(self.path, 0o600)


def entry(name, *seeds, **more):
    return dict(more, name=name, seeds=list(seeds))


def start(config, *flags, **kwargs):
    return Exporter(None, f"--config.file={config.path}", *flags, **kwargs)


def reload(exporter, status=200, method="POST"):
    got = exporter.get("/-/reload", method=method)
    assert got.status == status, (got.status, got.text)
    return got.text


def clusters_of(page):
    return {labels["redis_cluster"] for labels, _ in page.all("redis_up")}


def test_two_clusters_stand_on_each_page():
    pair = shared(Pair)
    config = Config(entry("first", pair.first.node.addr, collectors={"clients": True}),
                    entry("second", pair.second.node.addr, expect={"nodes": 2}))
    exporter = start(config)
    page = exporter.scrape()
    assert clusters_of(page) == {"first", "second"}
    assert page.get("redis_cluster_slots_covered", redis_cluster="first") == 16384
    assert page.get("redis_cluster_slots_covered", redis_cluster="second") == 16384
    # What is said about one cluster is said about that one only.
    assert page.all("redis_cluster_expected_nodes") == [({"redis_cluster": "second"}, 2)]
    of_clients = {labels["redis_cluster"] for labels, _ in page.all("redis_clients_query_buffer_bytes")}
    assert of_clients == {"first"}, of_clients
    found = json.loads(exporter.get("/api/v1/clusters").text)["clusters"]
    assert [cluster["name"] for cluster in found] == ["first", "second"]
    codes = [{problem["code"] for problem in cluster["problems"]} for cluster in found]
    assert "nodes_fewer_than_expected" in codes[1] - codes[0], codes
    targets = json.loads(exporter.get("/discover-cluster-nodes").text)
    assert {(t["targets"][0], t["labels"]["__meta_redis_cluster_name"]) for t in targets} == {
        ("redis://" + pair.first.node.addr, "first"),
        ("redis://" + pair.second.node.addr, "second")}
    only = json.loads(exporter.get("/discover-cluster-nodes?cluster=second").text)
    assert [t["targets"] for t in only] == [["redis://" + pair.second.node.addr]]
    assert exporter.get("/discover-cluster-nodes?cluster=third").status == 404
    for cluster in pair.first, pair.second:
        assert "\nredis_up 1\n" in exporter.get(f"/scrape?target={cluster.node.addr}").text
        alone = exporter.scrape(path=f"/cluster?target={cluster.node.addr}")
        assert len(clusters_of(alone)) == 1


def test_an_unreachable_cluster_does_not_disturb_the_others():
    pair = shared(Pair)
    silent = free_port()
    sock = listening_socket("127.0.0.1", silent)
    at_end(sock.close)
    exporter = start(Config(entry("silent", f"127.0.0.1:{silent}", timeout="60s"),
                            entry("first", pair.first.node.addr)))
    headers = {"X-Prometheus-Scrape-Timeout-Seconds": "1"}
    page = exporter.scrape(headers)
    assert page.response.seconds < 1
    assert page.get("redis_up", redis_cluster="first") == 1
    assert page.get("redis_up", redis_cluster="silent") == 0
    assert page.get("redis_cluster_slots_covered", redis_cluster="first") == 16384
    targets = json.loads(exporter.get("/discover-cluster-nodes", headers).text)
    assert {t["labels"]["__meta_redis_cluster_name"] for t in targets} == {"silent", "first"}
    assert exporter.get("/discover-cluster-nodes?cluster=silent", headers).status == 503
    assert exporter.get("/discover-cluster-nodes?cluster=first", headers).status == 200


def scrapes(page, name):
    return page.get("redis_exporter_scrapes_total", redis_cluster=name)


def clients(node):
    """Ids of the exporter's connections."""
    return [line.split()[0] for line in node.command("CLIENT", "LIST").splitlines()
            if "name=redis_cluster_exporter" in line]


def test_a_reload_changes_what_has_changed_and_nothing_else():
    pair = shared(Pair)
    first = entry("first", pair.first.node.addr)
    config = Config(first)
    exporter = start(config)
    for _ in range(3):
        page = exporter.scrape()
    before, connections = scrapes(page, "first"), clients(pair.first.node)
    assert len(connections) == 1

    config.write(first, entry("second", pair.second.node.addr))
    assert reload(exporter) == "The configuration was reloaded.\n"
    page = exporter.scrape()
    assert clusters_of(page) == {"first", "second"}
    assert scrapes(page, "first") == before + 1
    assert clients(pair.first.node) == connections

    # Other options for one: its counters go on.
    config.write(dict(first, collectors={"clients": True}, node_label="id"),
                 entry("second", pair.second.node.addr))
    exporter.signal(signal.SIGHUP)
    wait(lambda: exporter.scrape().all("redis_clients_query_buffer_bytes"), "SIGHUP has its effect")
    page = exporter.scrape()
    assert scrapes(page, "first") > before + 1
    assert page.get("redis_up", redis_node=pair.first.node.id()) == 1
    assert clients(pair.first.node) == connections

    # A cluster that goes takes its series and its connections along.
    config.write(entry("second", pair.second.node.addr))
    reload(exporter, method="PUT")
    page = exporter.scrape()
    assert clusters_of(page) == {"second"}
    assert 'redis_cluster="first"' not in page.text
    wait(lambda: clients(pair.first.node) == [], "its connection is closed")


def test_other_seeds_of_a_name_lead_to_other_nodes():
    pair = shared(Pair)
    config = Config(entry("it", pair.first.node.addr))
    exporter = start(config)
    before = scrapes(exporter.scrape(), "it")
    config.write(entry("it", pair.second.node.addr))
    reload(exporter)
    page = exporter.scrape()
    assert list(page.up()) == [pair.second.node.addr]
    assert scrapes(page, "it") == before + 1


def test_a_broken_file_leaves_the_old_one():
    pair = shared(Pair)
    config = Config(entry("first", pair.first.node.addr))
    exporter = start(config)
    page = exporter.scrape()
    loaded = page.get("redis_exporter_config_last_reload_success_timestamp_seconds")
    assert page.get("redis_exporter_config_last_reload_successful") == 1
    assert abs(loaded - time.time()) < 60
    for text, told in (
            ("clusters:\n- name: a\n  sedes: [b:1]\n", ":3: sedes: "),
            ("clusters:\n- name: a\n  seeds: b:1\n  timeout: soon\n", ":4: timeout: must be"),
            ("clusters:\n- {name: a, seeds: b:1}\n- {name: a, seeds: c:1}\n", ":3: name: "),
            ("clusters: [\n", ":"),
            ("clusters:\n- {seeds: b:1, password_file: no/where}\n", ":2: password_file: "),
            ("clusters:\n- {seeds: 'redis://u:topsecret@b:x'}\n", ":2: seeds: ")):
        config.write_text(text)
        answer = reload(exporter, 500)
        assert config.path + told in answer and answer.count("\n") == 1, (text, answer)
        assert "topsecret" not in answer + exporter.output()
        page = exporter.scrape()
        assert page.up() == {pair.first.node.addr: 1}
        assert page.get("redis_exporter_config_last_reload_successful") == 0
        assert page.get(
            "redis_exporter_config_last_reload_success_timestamp_seconds") == loaded
    config.write(entry("first", pair.first.node.addr))
    reload(exporter)
    assert exporter.scrape().get("redis_exporter_config_last_reload_successful") == 1


class Guarded:
    """An exporter with TLS and a user, and the ways to break its web configuration."""

    def __init__(self):
        self.ca, self.user = Authority(), ("alice", "open sesame")
        cert, key = self.ca.issue("server", LOCAL)
        self.good = (f"tls_server_config: {{cert_file: {cert}, key_file: {key}}}\n"
                     f"basic_auth_users: {{alice: {bcrypt(self.user[1])}}}\n")
        self.exporter = WebExporter("127.0.0.1:1", self.good, self.ca, user=self.user)
        self.broken = (
            (self.good + "nonsense: [\n", ": is no YAML"), (self.good.replace("alice", "al:ice"), ":2: al:ice"),
            (self.good.replace(cert, cert + "x"), cert + "x: No such file or directory"),
            (self.good.replace(key, self.ca.key), "certificate and key"),
            (self.good.splitlines()[1], "TLS cannot be turned on or off"))

    def outcome(self):
        """By the gauge."""
        page = Page(self.exporter.ask("/metrics"))
        return page.get("redis_exporter_config_last_reload_successful")


def test_a_broken_web_configuration_leaves_the_old_one():
    it = Guarded()
    exporter, path = it.exporter, it.exporter.config
    for text, told in it.broken:
        exporter.write(text)
        got = exporter.ask("/-/reload", method="POST")
        assert got.status == 500 and got.text.count("\n") == 1, got.text
        assert path in got.text and told in got.text, (told, got.text)
        assert it.outcome() == 0, "the old certificate and the old user serve"
        assert exporter.ask("/metrics", user=("alice", "other")).status == 401
        exporter.write(it.good)
        assert exporter.ask("/-/reload", method="POST").status == 200
        assert it.outcome() == 1
    os.unlink(path)
    os.mkdir(path)  # cannot be read, not even by root
    exporter.signal(signal.SIGHUP)
    wait(lambda: it.outcome() == 0, "SIGHUP tells by the gauge")
    assert re.search(r"was not reloaded; the old one stays.*web\.yml: Is a directory",
                     exporter.output()), exporter.output()
    os.rmdir(path)
    exporter.write(it.good)
    exporter.signal(signal.SIGHUP)
    wait(lambda: it.outcome() == 1, "all is well again")


def test_what_a_reload_makes_risky_is_told():
    """As a start with it does: certificates that are not checked, a password for any host."""
    config = Config(entry("it", "rediss://127.0.0.1:1"))
    exporter = start(config, env={"REDIS_PASSWORD": "topsecret"})
    assert "level=warn" not in exporter.output()
    config.write(entry("it", "rediss://127.0.0.1:1", tls={"skip_verify": True}),
                 scrape={"allow": ["*:6379"]})
    reload(exporter)
    told = exporter.output()
    assert told.count("certificates are not checked") == 1 and "cluster=it" in told, told
    assert told.count("a pattern of --scrape.allow has no host") == 1, told
    config.write(entry("it", "rediss://127.0.0.1:1"))
    reload(exporter)
    assert exporter.output().count("level=warn") == 2, "all is well again"


def test_reload_wants_post_or_put():
    exporter = Exporter("127.0.0.1:1")
    for method in "GET", "HEAD", "DELETE", "PATCH":
        got = exporter.get("/-/reload", method=method)
        assert got.status == 405 and got.headers["Allow"] == "POST, PUT", (method, got.status)
    for method in "POST", "PUT":
        got = exporter.get("/metrics", method=method)
        assert got.status == 405 and got.headers["Allow"] == "GET, HEAD", (method, got.status)
    with socket.create_connection(("127.0.0.1", exporter.port)) as sock:
        sock.sendall(b"POST /-/reload HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello")
        assert sock.recv(1000).startswith(b"HTTP/1.1 200 ")


def test_a_request_under_way_gets_its_page_and_later_ones_the_new_one():
    pair = shared(Pair)
    node = pair.first.node
    config = Config(entry("first", node.addr, timeout="3s"))
    exporter = start(config)
    exporter.scrape()
    node.sigstop()
    at_end(node.sigcont)
    answers = {}
    waiting = threading.Thread(target=lambda: answers.update(old=exporter.scrape()))
    waiting.start()
    wait(lambda: has_unread(node), "the scrape waits for the node")
    config.write(entry("renamed", pair.second.node.addr))
    loading = threading.Thread(target=lambda: answers.update(answer=reload(exporter)))
    loading.start()
    wait(lambda: "reading the configuration again" in exporter.output(), "the reload began")
    page = exporter.scrape()
    waiting.join()
    loading.join()
    assert clusters_of(answers["old"]) == {"first"}
    assert answers["old"].get("redis_up") == 0
    assert clusters_of(page) == {"renamed"} and page.get("redis_up") == 1


def has_unread(node):
    """Whether a command waits to be read by a server that is stopped."""
    port = f":{node.port:04X}"
    with open("/proc/net/tcp") as f:
        rows = [line.split() for line in f.readlines()[1:]]
    return any(row[1].endswith(port) and row[3] == "01" and int(row[4].split(":")[1], 16)
               for row in rows)


def test_a_password_is_rotated_without_a_restart():
    node = RedisNode(password="first-one", cluster=False).ready()
    path = os.path.join(temp_dir(), "password")

    def write(password):
        with open(path + ".new", "w") as f:
            f.write(password + "\n")
        os.chmod(path + ".new", 0o600)
        os.rename(path + ".new", path)

    write("first-one")
    exporter = start(Config(entry("it", node.addr, password_file=path)))
    assert exporter.scrape().up() == {node.addr: 1}
    node.command("CONFIG", "SET", "requirepass", "second-one")
    assert exporter.scrape().up() == {node.addr: 1}, "a connection stays logged in"
    write("second-one")
    node.command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
    # The same scrape in which the old one is refused.
    assert exporter.scrape().up() == {node.addr: 1}
    assert "its file holds another one now" in exporter.output()
    # The file comes late: told, until it is there.
    node.command("CONFIG", "SET", "requirepass", "third-one")
    node.command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
    assert exporter.scrape().errors() == {node.addr: "auth"}
    os.unlink(path)
    assert exporter.scrape().errors() == {node.addr: "auth"}
    write("third-one")
    assert exporter.scrape().up() == {node.addr: 1}
    for secret in "first-one", "second-one", "third-one":
        assert secret not in exporter.output()


def test_general_options_change_and_what_listening_takes_waits_for_a_start():
    it, port = entry("it", "127.0.0.1:1"), free_port()
    config = Config(it, web={"listen_address": f"127.0.0.1:{port}"})
    log = os.path.join(temp_dir(), "log")
    exporter = Process([EXPORTER, f"--config.file={config.path}"], log, env=clean_env())
    wait(lambda: http_get(port, "/metrics").status == 200, "it listens where the file says")
    config.write(it, web={"listen_address": [f"127.0.0.1:{free_port()}"], "max_connections": 1,
                          "telemetry_path": "/other"}, log={"format": "json"})
    assert http_get(port, "/-/reload", method="POST").status == 200
    assert http_get(port, "/metrics").status == 404
    with socket.create_connection(("127.0.0.1", port)):
        assert http_get(port, "/other").status == 200
    assert "listening addresses cannot change" in exporter.output()
    assert "--web.max-connections cannot change" in exporter.output()
    assert '"msg":"the configuration was reloaded"' in exporter.output()


def check(*flags, env=None):
    return run(EXPORTER, "--config.check", *flags, check=False, env=clean_env(env))


def test_config_check_tells_all_problems_one_a_line():
    where = temp_dir()
    config = Config()
    config.write_text(
        "clusters:\n"
        "- {name: a, seeds: h:1, timout: 1s}\n"
        "- {name: b, seeds: h:1, password_file: none}\n"
        "- {name: c, seeds: h:1, tls: {ca_file: nothing.pem}}\n"
        "- {name: d, seeds: 'h:x'}\n")
    done = check(f"--config.file={config.path}")
    assert done.returncode == 2 and done.stdout == ""
    lines = done.stderr.splitlines()
    assert len(lines) == 4, lines
    folder = os.path.dirname(config.path)
    for line, told in zip(lines, (":2: timout: ", f":3: password_file: {folder}/none: ",
                                  f"{folder}/nothing.pem", ":5: seeds: ")):
        assert line.startswith("redis_cluster_exporter: ") and told in line, (told, line)
    assert "timeout" in lines[0], "the suggestion"
    config.write(entry("a", "h:1"), log={"level": "info"})
    done = check(f"--config.file={config.path}")
    assert done.returncode == 0 and done.stderr == "", done
    assert check(f"--config.file={where}/none").returncode == 2
    done = check(f"--config.file={config.path}", "--redis.addr=h:1")
    assert done.returncode == 2 and "--redis.addr: " in done.stderr, done
