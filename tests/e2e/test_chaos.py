"""Real faults, real rules: what Prometheus fires and Alertmanager sends when a cluster breaks.

One cluster for each fault, all at once, so that the faults also show that they stay apart. All
times of the rules are shortened by the mixin's own configuration.
"""

import http.server
import json
import os
import re
import sys
import threading
import time

from harness import (REPO, Cluster, Exporter, Process, Prometheus, RedisError, Resp, at_end,
                     free_port, http_get, run, temp_dir, wait)

SCALE = 0.06  # a minute is 3.6 s
DASHBOARDS = os.path.join(REPO, "dashboards")
CRITICAL, WARNING, INFO = "critical", "warning", "info"
DOWN = {("RedisClusterStateFail", CRITICAL), ("RedisClusterSlotsUncovered", CRITICAL),
        ("RedisClusterNodeStateFail", WARNING), ("RedisClusterNodeUnreachable", WARNING)}


# ---- the stage ----------------------------------------------------------------------------------


class ScaledPrometheus(Prometheus):
    """With the mixin's rules, its times scaled, and an Alertmanager."""

    def __init__(self, targets, alertmanager):
        self.port, where = free_port(), temp_dir()
        text = (f"local m = (import '{DASHBOARDS}/mixin.libsonnet') + {{ _config+:: {{"
                f" forScale: {SCALE}, openSlotsStuckSeconds: 5, lagSecondsWarning: 2 }} }};"
                "{ groups: m.prometheusRules.groups + m.prometheusAlerts.groups }")
        config = {
            "global": {"scrape_interval": "1s", "scrape_timeout": "1s",
                       "evaluation_interval": "500ms"},
            "rule_files": ["rules.json"],
            "alerting": {"alertmanagers": [{"static_configs": [
                {"targets": [f"127.0.0.1:{alertmanager.port}"]}]}]},
            "scrape_configs": [{"job_name": "redis_cluster", "static_configs": [
                {"targets": [f"127.0.0.1:{target.port}" for target in targets]}]}]}
        for name, content in (("prometheus.yml", json.dumps(config)),
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

    def fired(self):
        """The same, of all alerts that fired at any time."""
        return by_cluster(labels for labels, _ in self.query(
            'count_over_time(ALERTS{alertstate="firing"}[1h])'))


class Alertmanager(Process):
    """With the example configuration, its times scaled and its receivers replaced."""

    def __init__(self, inbox):
        self.port, where = free_port(), temp_dir()
        with open(os.path.join(DASHBOARDS, "prometheus", "alertmanager.example.yaml")) as f:
            text = f.read().replace("127.0.0.1:9099", f"127.0.0.1:{inbox.port}")
        text = re.sub(r"group_wait: (\d+)(s|m)\n", lambda m: "group_wait: %dms\n" % (
            int(m[1]) * {"s": 1000, "m": 60000}[m[2]] * SCALE), text)
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


class Load:
    """A client that writes a hundred keys a second and follows MOVED."""

    def __init__(self, nodes):
        self.nodes = {node.port: node for node in nodes}
        self.keys, self.done, self.clients = {}, threading.Event(), {}
        for i in range(1000):
            slot = nodes[0].command("CLUSTER", "KEYSLOT", f"key{i}")
            self.keys.setdefault(slot * 3 // 16384, (f"key{i}", nodes[slot * 3 // 16384].port))
            if len(self.keys) == 3:
                break
        thread = threading.Thread(target=self.write, daemon=True)
        thread.start()
        at_end(thread.join)
        at_end(self.done.set)

    def write(self):
        while not self.done.wait(0.03):
            for part, (key, port) in self.keys.items():
                try:
                    if port not in self.clients:
                        self.clients[port] = Resp(self.nodes[port].host, port)
                    self.clients[port].call("SET", key, "x" * 50)
                except RedisError as e:
                    moved = re.match(r"MOVED \d+ [^:]*:(\d+)", str(e))
                    if moved:
                        self.keys[part] = key, int(moved[1])
                except OSError:
                    self.clients.pop(port, None)


# ---- the faults ---------------------------------------------------------------------------------


class Scene:
    """A cluster with its exporter and what happens to it; `expected` alerts, and who is told."""

    masters, replicas, loaded = 3, 1, False
    expected, paged, silenced = set(), set(), set()

    def __init__(self):
        self.name = type(self).__name__.lower()
        self.cluster = Unhurried(self.masters, self.replicas)

    def begin(self):
        self.cluster.wait_ok()
        self.nodes = self.cluster.nodes
        self.start_exporter()
        if self.loaded:
            Load(self.nodes)

    def start_exporter(self, port=None):
        flags = [f"--redis.cluster-name={self.name}", "--cluster.one-host"]
        flags += [f"--web.listen-address=127.0.0.1:{port}"] if port else []
        self.exporter = Exporter(self.cluster.addrs, *flags)
        self.port = port or self.exporter.port

    def repair(self):
        self.cluster.restart()


class Unhurried(Cluster):
    """Is not waited for when it is made, so that several are made at once."""

    def __init__(self, masters, replicas):
        self.hurried = False
        super().__init__(masters, replicas, cluster_node_timeout=1500)
        self.hurried = True

    def wait_ok(self):
        return super().wait_ok() if self.hurried else self


class Failover(Scene):
    """a master dies, and its replica takes over"""

    expected = {("RedisClusterFailover", INFO), ("RedisClusterNodeUnreachable", WARNING),
                ("RedisClusterNodeFailed", WARNING), ("RedisClusterMasterWithoutReplica", WARNING)}

    def fault(self):
        self.nodes[0].kill()


class Shard(Scene):
    """a master and its only replica die, under load"""

    loaded = True
    expected = DOWN | {
        ("RedisClusterMasterFailed", CRITICAL), ("RedisClusterDownErrors", CRITICAL),
        ("RedisClusterNodeFailed", WARNING), ("RedisClusterQuorumAtRisk", WARNING),
        ("RedisClusterMasterWithoutReplica", WARNING)}
    paged = {"RedisClusterStateFail", "RedisClusterSlotsUncovered", "RedisClusterMasterFailed"}

    def fault(self):
        self.nodes[3].kill()
        self.nodes[0].kill()

    def repair(self):
        self.nodes[0].start()  # first, or its replica would take over
        wait(lambda: self.nodes[1].cluster_info()["cluster_state"] == "ok", "slots are served")
        super().repair()


class Majority(Scene):
    """two of three masters die"""

    expected = DOWN | {
        ("RedisClusterQuorumLost", CRITICAL), ("RedisReplicaLinkDown", CRITICAL),
        ("RedisReplicaLinkDown", WARNING), ("RedisClusterSlotsPfail", WARNING)}
    paged = {"RedisClusterStateFail", "RedisClusterSlotsUncovered", "RedisClusterQuorumLost"}

    def fault(self):
        self.nodes[0].kill()
        self.nodes[1].kill()


class Hang(Scene):
    """a replica hangs, under load"""

    loaded = True
    expected = {("RedisClusterNodeUnreachable", WARNING), ("RedisClusterNodeFailed", WARNING),
                ("RedisClusterMasterWithoutReplica", WARNING), ("RedisReplicaLagHigh", WARNING)}

    def fault(self):
        self.nodes[3].sigstop()
        at_end(self.nodes[3].sigcont)

    def repair(self):
        self.nodes[3].sigcont()


class Slot(Scene):
    """a slot is left open, as a broken resharding does"""

    replicas = 0
    expected = {("RedisClusterOpenSlotsUnpaired", WARNING), ("RedisClusterOpenSlotsStuck", WARNING)}

    def fault(self):
        self.nodes[0].command("CLUSTER", "SETSLOT", 0, "MIGRATING", self.nodes[1].id())

    def repair(self):
        self.nodes[0].command("CLUSTER", "SETSLOT", 0, "STABLE")


class Planned(Scene):
    """nothing but load, and a planned CLUSTER FAILOVER"""

    loaded = True
    expected = {("RedisClusterFailover", INFO)}

    def fault(self):
        self.nodes[3].command("CLUSTER", "FAILOVER")

    def repair(self):
        pass


STOPPED = "the exporter is stopped"


def table(found):
    """What happened, as Markdown, for dashboards/README.md: {fault: ({(alert, severity)}, paged)}"""
    order = {CRITICAL: 0, WARNING: 1, INFO: 2}
    lines = ["| fault | alerts that fire | who is told |", "|---|---|---|"]
    for fault, (fired, told) in found.items():
        names = [f"{name} ({severity})" for name, severity in
                 sorted(fired, key=lambda a: (order[a[1]], a[0]))]
        lines.append(f"| {fault} | {', '.join(names)} | {told} |")
    return "\n".join(lines)


def say(text, began):
    print(f"# {time.monotonic() - began:.0f} s: {text}", file=sys.stderr, flush=True)


def told(scene):
    if scene.paged:
        return "pager: " + ", ".join(sorted(scene.paged))
    return "tickets" if any(severity == WARNING for _, severity in scene.expected) else "nobody"


def test_each_fault_fires_its_alerts_and_no_other():
    began = time.monotonic()
    scenes = [make() for make in (Failover, Shard, Majority, Hang, Slot, Planned)]
    for scene in scenes:
        scene.begin()
    inbox = Inbox()
    alertmanager = Alertmanager(inbox)
    prometheus = ScaledPrometheus([scene.exporter for scene in scenes], alertmanager)
    wait(lambda: http_get(alertmanager.port, "/-/ready").status == 200, "Alertmanager is ready")
    wait(lambda: len(prometheus.query("redis_cluster_slots_covered == 16384")) == len(scenes)
         and not prometheus.query("ALERTS"), "all clusters are scraped, and nothing is wrong")
    say("faults begin", began)

    for scene in scenes:
        scene.fault()
    seen, sent, broken = {}, {}, list(scenes)

    def repaired():
        for cluster, found in prometheus.firing().items():
            seen.setdefault(cluster, set()).update(found)
        for scene in list(broken):
            reached = (seen.get(scene.name, set()) >= scene.expected
                       and {name for name, _ in inbox.got("pager", scene.name)} >= scene.paged)
            if reached:
                sent[scene] = [inbox.got(to, scene.name) for to in ("pager", "tickets")]
                broken.remove(scene)
                scene.repair()
        return not broken

    try:
        wait(repaired, "every fault has fired its alerts", 90)
    except AssertionError as e:
        missing = {s.name: s.expected - seen.get(s.name, set()) for s in broken}
        raise AssertionError(f"not fired: {missing}; pending: {prometheus.query('ALERTS')}") from e
    say("all have fired and are repaired", began)
    for scene, (pager, tickets) in sent.items():
        assert {name for name, _ in pager} == scene.paged, (scene.name, pager)
        assert not scene.paged or not tickets, (scene.name, tickets)
    wait(lambda: not prometheus.firing(), "all alerts have resolved", 60)
    fired = prometheus.fired()
    for scene in scenes:
        assert fired.pop(scene.name, set()) == scene.expected, (scene.name, prometheus.fired())
        tickets = inbox.got("tickets", scene.name)
        assert tickets <= {a for a in scene.expected if a[1] == WARNING}, (scene.name, tickets)
        assert bool(tickets) or told(scene) != "tickets", scene.name
    assert not fired, fired
    try:
        wait(lambda: not inbox.open(), "everybody was told that it is over")
    except AssertionError as e:
        raise AssertionError(f"not called off: {inbox.open()}") from e
    say("all have resolved", began)

    for scene in scenes:
        scene.exporter.stop()
    absent = {("RedisClusterExporterAbsent", CRITICAL)}
    lost = {("RedisClusterMetricsAbsent", CRITICAL)}
    wait(lambda: prometheus.firing() == {"": absent, **{s.name: lost for s in scenes}},
         "the exporters are missed")
    wait(lambda: inbox.got("pager", "") == absent, "the pager tells it")
    assert not inbox.open() or {to for to, _ in inbox.open()} == {"pager"}
    scenes[-1].start_exporter(scenes[-1].port)
    wait(lambda: "" not in prometheus.firing() and scenes[-1].name not in prometheus.firing(),
         "one is back")

    found = {scene.__doc__: (scene.expected, told(scene)) for scene in scenes}
    found[STOPPED] = absent | lost, "pager: RedisClusterExporterAbsent"
    text = table(found)
    say("the exporters were missed; all faults:\n# " + text.replace("\n", "\n# "), began)
    with open(os.path.join(DASHBOARDS, "README.md"), encoding="utf-8") as f:
        assert text in f.read(), "the table in dashboards/README.md is not this one:\n" + text


test_each_fault_fires_its_alerts_and_no_other.seconds = 90
