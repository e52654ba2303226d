"""Real faults, real rules: what Prometheus fires and Alertmanager sends when a cluster breaks.

One cluster for each fault, all at once, so that the faults also show that they stay apart. All
times of the rules are shortened by the mixin's own configuration.
"""

import os
import sys
import time

import harness
from harness import Cluster, Exporter, Side, at_end, http_get, redis_cli, wait
from stage import (CRITICAL, DASHBOARDS, INFO, WARNING, Alertmanager, Inbox, Load, RulesPrometheus,
                   fill)

SCALE = 0.06  # a minute is 3.6 s
CONFIG = {"forScale": SCALE, "openSlotsStuckSeconds": 5, "lagSecondsWarning": 2}
DOWN = {("RedisClusterStateFail", CRITICAL), ("RedisClusterSlotsUncovered", CRITICAL),
        ("RedisClusterNodeStateFail", WARNING), ("RedisClusterNodeUnreachable", WARNING)}


# ---- the faults ---------------------------------------------------------------------------------


class Scene:
    """A cluster with its exporter and what happens to it; `expected` alerts, and who is told."""

    masters, replicas, loaded = 3, 1, False
    expected, paged, ticketed = set(), set(), False  # beside a page, a ticket

    def __init__(self):
        self.name = type(self).__name__.lower()
        self.cluster = Unhurried(self.masters, self.replicas, **self.settings())

    def settings(self):
        return {}

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

    def __init__(self, masters, replicas, **settings):
        self.hurried = False
        super().__init__(masters, replicas, cluster_node_timeout=1500, **settings)
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


class Partition(Scene):
    """the network breaks between a master with two other masters' replicas, and the rest"""

    ticketed = True
    expected = {
        ("RedisClusterPartialPartition", WARNING), ("RedisClusterViewsDisagree", WARNING),
        ("RedisClusterNodeStateFail", WARNING), ("RedisClusterSlotsPfail", WARNING),
        ("RedisClusterNodeFailed", WARNING), ("RedisClusterMasterWithoutReplica", WARNING),
        ("RedisReplicaLinkDown", CRITICAL), ("RedisReplicaLinkDown", WARNING),
        ("RedisClusterFailover", INFO)}
    paged = {"RedisReplicaLinkDown"}

    def settings(self):
        near, far = Side(), Side()
        Side.route(True)
        # A minute, scaled; and replicas may take over for as long as this lasts.
        return {"sides": [near, near, far, far, far, near], "repl_timeout": 4,
                "cluster_replica_validity_factor": 100}

    def fault(self):
        Side.route(False)

    def repair(self):
        Side.route(True)


class Planned(Scene):
    """nothing but load, a resharding, and a planned CLUSTER FAILOVER"""

    loaded = True
    expected = {("RedisClusterFailover", INFO)}

    def begin(self):
        super().begin()
        fill(self.nodes[:3], 3000)

    def fault(self):
        source, target = self.nodes[1:3]
        before = target.command("DBSIZE")
        redis_cli(source, "--cluster", "reshard", source.addr, "--cluster-from", source.id(),
                  "--cluster-to", target.id(), "--cluster-slots", "200")
        assert target.command("DBSIZE") > before + 20, "keys have moved"
        self.cluster.fail_over(self.nodes[3])

    def repair(self):
        pass


STOPPED = "the exporter is stopped"


def table(found):
    """What happened, as Markdown, for dashboards/README.md: {fault: (alerts, told)}"""
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
    pages = ["pager: " + ", ".join(sorted(scene.paged))] if scene.paged else []
    warned = any(severity == WARNING for _, severity in scene.expected)
    tickets = ["tickets"] if warned and (scene.ticketed or not pages) else []
    return "; ".join(pages + tickets) or "nobody"


def test_each_fault_fires_its_alerts_and_no_other():
    began = time.monotonic()
    split = [Partition] if harness.own_network else []
    scenes = [make() for make in (Failover, Shard, Majority, Hang, Slot, *split, Planned)]
    for scene in scenes:
        scene.begin()
    inbox = Inbox()
    alertmanager = Alertmanager(inbox, SCALE)
    prometheus = RulesPrometheus([scene.exporter for scene in scenes], CONFIG,
                                 alertmanager=alertmanager)
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
        wait(repaired, "every fault has fired its alerts", 180)
    except AssertionError as e:
        missing = {s.name: s.expected - seen.get(s.name, set()) for s in broken}
        raise AssertionError(f"not fired: {missing}; pending: {prometheus.query('ALERTS')}") from e
    say("all have fired and are repaired", began)
    for scene, (pager, tickets) in sent.items():
        assert {name for name, _ in pager} == scene.paged, (scene.name, pager)
        assert not tickets or "tickets" in told(scene), (scene.name, tickets)
    wait(lambda: not prometheus.firing(), "all alerts have resolved", 60)
    fired = prometheus.fired()
    for scene in scenes:
        assert fired.pop(scene.name, set()) == scene.expected, (scene.name, prometheus.fired())
        tickets = inbox.got("tickets", scene.name)
        assert tickets <= {a for a in scene.expected if a[1] == WARNING}, (scene.name, tickets)
        # some may come after the repair, where the page is called off before the warnings are
        assert tickets or "tickets" not in told(scene), scene.name
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
        rows = set(f.read().splitlines())
    assert rows >= set(text.splitlines()), "dashboards/README.md has another table"


test_each_fault_fires_its_alerts_and_no_other.seconds = 90
test_each_fault_fires_its_alerts_and_no_other.own_network = True
