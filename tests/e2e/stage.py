"""What the tests of the alerts play on.

A Prometheus with the mixin's rules, an Alertmanager with the example configuration, somebody who is
told, and clients that use the cluster.
"""

import binascii
import http.server
import json
import os
import random
import re
import threading

from harness import (REPO, SLOTS, Process, Prometheus, RedisError, Resp, at_end, free_port, run,
                     temp_dir)

DASHBOARDS = os.path.join(REPO, "dashboards")
CRITICAL, WARNING, INFO = "critical", "warning", "info"


class RulesPrometheus(Prometheus):
    """With the mixin's rules as `config` changes them, and an Alertmanager if there is one."""

    def __init__(self, targets, config, interval="1s", evaluation="500ms", alertmanager=None):
        self.port, where = free_port(), temp_dir()
        text = (f"local m = (import '{DASHBOARDS}/mixin.libsonnet')"
                f" + {{ _config+:: {json.dumps(config)} }};"
                "{ groups: m.prometheusRules.groups + m.prometheusAlerts.groups }")
        told = [f"127.0.0.1:{alertmanager.port}"] if alertmanager else []
        settings = {
            "global": {"scrape_interval": interval, "scrape_timeout": "1s",
                       "evaluation_interval": evaluation},
            "rule_files": ["rules.json"],
            "alerting": {"alertmanagers": [{"static_configs": [{"targets": told}]}]},
            "scrape_configs": [{"job_name": "redis_cluster", "static_configs": [
                {"targets": [f"127.0.0.1:{target.port}" for target in targets]}]}]}
        for name, content in (("prometheus.yml", json.dumps(settings)),
                              ("rules.json", run("jsonnet", "-e", text, limit=120).stdout)):
            with open(os.path.join(where, name), "w", encoding="utf-8") as f:
                f.write(content)
        Process.__init__(self, [
            "prometheus", f"--config.file={where}/prometheus.yml",
            f"--storage.tsdb.path={where}/data", f"--web.listen-address=127.0.0.1:{self.port}"],
            os.path.join(where, "prometheus.log"))

    def firing(self):
        """{cluster: {(alert, severity)}}"""
        return by_cluster(labels for labels, _ in self.query('ALERTS{alertstate="firing"}'))

    def fired(self, state="firing"):
        """The same, of all alerts that fired, or were in another state, at any time."""
        return by_cluster(labels for labels, _ in self.query(
            f'count_over_time(ALERTS{{alertstate="{state}"}}[1h])'))


class Alertmanager(Process):
    """With the example configuration, its times scaled and its receivers replaced."""

    def __init__(self, inbox, scale):
        self.port, where = free_port(), temp_dir()
        with open(os.path.join(DASHBOARDS, "prometheus", "alertmanager.example.yaml")) as f:
            text = f.read().replace("127.0.0.1:9099", f"127.0.0.1:{inbox.port}")
        text = re.sub(r"group_wait: (\d+)(s|m)\n", lambda m: "group_wait: %dms\n" % (
            int(m[1]) * {"s": 1000, "m": 60000}[m[2]] * scale), text)
        text = re.sub(r"group_interval: \w+", "group_interval: 1s", text)
        config = os.path.join(where, "alertmanager.yml")
        with open(config, "w") as f:
            f.write(text)
        super().__init__([
            "prometheus-alertmanager", f"--config.file={config}", f"--storage.path={where}/data",
            f"--web.listen-address=127.0.0.1:{self.port}", "--cluster.listen-address="],
            os.path.join(where, "alertmanager.log"))


class Inbox:
    """Receives what Alertmanager sends."""

    def __init__(self):
        inbox = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):  # pylint: disable=invalid-name
                message = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                for alert in message["alerts"]:
                    entry = self.path[1:], json.dumps(alert["labels"], sort_keys=True)
                    inbox.status[entry] = alert["status"]
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_):
                pass

        self.status = {}  # (receiver, labels) -> firing or resolved, by the newest message
        self.port = free_port()
        server = http.server.ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        at_end(server.server_close)
        at_end(server.shutdown)

    def got(self, receiver, cluster):
        """The alerts about a cluster that were ever sent there."""
        return by_cluster(json.loads(labels) for to, labels in list(self.status)
                          if to == receiver).get(cluster, set())

    def open(self):
        return [entry for entry, status in list(self.status.items()) if status == "firing"]


def by_cluster(all_labels):
    found = {}
    for labels in all_labels:
        found.setdefault(labels.get("redis_cluster", ""), set()).add(
            (labels["alertname"], labels["severity"]))
    return found


def slot_of(key):
    return binascii.crc_hqx(key.encode(), 0) % SLOTS


class Load:
    """A client that writes and reads, and follows MOVED and ASK as a good client does.

    `nodes` are those of a cluster, masters first; it writes `rate` times a second.
    """

    def __init__(self, nodes, keys=60, rate=100):
        self.nodes, self.clients = {node.port: node for node in nodes}, {}
        self.done, self.failed, self.redirected = threading.Event(), 0, {"MOVED": 0, "ASK": 0}
        ranges = [(first, int(last), node.port) for node in nodes
                  for first, last in ranges_of(node)]
        self.keys = {f"key{i}": next(port for first, last, port in ranges
                                     if first <= slot_of(f"key{i}") <= last) for i in range(keys)}
        thread = threading.Thread(target=self.work, args=(10, 10 / rate), daemon=True)
        thread.start()
        at_end(thread.join)
        at_end(self.done.set)

    def work(self, count, pause):
        """`count` keys at a time: so many are written, and a few read."""
        while not self.done.wait(pause):
            for number, key in enumerate(random.sample(list(self.keys), count)):
                try:
                    self.do(key, "SET", key, "x" * 50)
                    if number % 4 == 0:
                        self.do(key, "GET", key)
                except OSError:  # asks another node, which knows better
                    self.clients.clear()
                    self.keys[key] = random.choice(list(self.nodes))
                    self.failed += 1
                except RedisError:
                    self.failed += 1

    def do(self, key, *command):
        try:
            self.client(self.keys[key]).call(*command)
        except RedisError as e:
            redirection = re.match(r"(MOVED|ASK) \d+ [^ ]*:(\d+)", str(e))
            if not redirection:
                raise
            kind, port = redirection[1], int(redirection[2])
            self.redirected[kind] += 1
            if kind == "MOVED":
                self.keys[key] = port
            else:
                self.client(port).call("ASKING")
            self.client(port).call(*command)

    def client(self, port):
        if port not in self.clients:
            self.clients[port] = Resp(self.nodes[port].host, port)
        return self.clients[port]


def ranges_of(node):
    """[(first, last)] of the slots that a node serves."""
    own = next(line for line in node.command("CLUSTER", "NODES").splitlines() if "myself" in line)
    pairs = [part.split("-") for part in own.split(" ")[8:] if not part.startswith("[")]
    return [(int(pair[0]), int(pair[-1])) for pair in pairs]


def fill(nodes, count):
    """Writes `count` keys, so that a resharding has something to move."""
    ranges = [(first, last, node) for node in nodes for first, last in ranges_of(node)]
    for i in range(count):
        slot = slot_of(f"filled{i}")
        next(node for first, last, node in ranges if first <= slot <= last).command(
            "SET", f"filled{i}", "x" * 100)
