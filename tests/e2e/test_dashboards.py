"""The shipped dashboards: they keep the rules, are current, and show data of a real cluster."""

import contextlib
import copy
import http.client
import json
import os
import re
import threading
import time
import urllib.parse

import dashboard_rules as rules
from harness import (Cluster, Exporter, Process, RedisError, Resp, free_port, http_get,
                     server_has, temp_dir, wait)

# What a cluster does not tell before a version (None: in none so far): (dashboard, title of the
# panel, query), and since when, in Redis and in Valkey.
SINCE = {
    ("slots", "Atomic migrations", "A"): ((8, 4), (9, 0)),
    ("slots", "Atomic migrations", "B"): ((8, 4), (9, 0)),
    ("slots", "Traffic of atomic migrations", "A"): (None, (9, 0)),
    ("slots", "Traffic of atomic migrations", "B"): (None, (9, 0)),
    # Valkey 8.0 knows availability zones, but the nodes here are told none.
    ("replication", "Placement at fault", "C"): (None, None),
    ("node", "Clients cut off", "B"): ((7, 4), (8, 0)),
    ("node", "Clients cut off", "C"): ((7, 4), (8, 0)),
    ("node", "Access denied", "A"): ((7, 2), (7, 2)),
    ("node", "Access denied", "B"): ((7, 2), (7, 2)),
    ("node", "Access denied", "C"): ((7, 2), (7, 2)),
}


def empty():
    """The queries that the server the tests run with has nothing for."""
    return {query for query, since in SINCE.items() if not server_has(*since)}


def test_every_dashboard_keeps_the_rules():
    boards = rules.load()
    found = {name: {rule: some for rule, some in rules.problems(board).items() if some}
             for name, board in boards.items()}
    assert not any(found.values()), json.dumps(found, indent=1)
    uids = [board["uid"] for board in boards.values()]
    assert set(uids) == {"redis-cluster-" + name for name in (
        "overview", "slots", "replication", "node", "exporter")}
    assert [uid + ".json" for uid in uids] == list(boards)
    assert len({board["title"] for board in boards.values()}) == len(boards)


def test_a_word_has_one_colour_on_all_dashboards():
    together = {"panels": [panel for board in rules.load().values()
                           for panel in rules.panels_of(board)]}
    assert not list(rules.colours(together))


# Each breaks one thing in a dashboard; the rule of that name has to notice.
def first(board, kind):
    return next(panel for panel in rules.panels_of(board) if panel["type"] == kind)


def rewrite(old, new):
    """Changes the first expression in which the pattern occurs."""
    def change(board):
        for _, target in rules.targets_of(board):
            if re.search(old, target["expr"]):
                target["expr"] = re.sub(old, new, target["expr"], count=1)
                return
        raise LookupError(old)
    return change


def bare_cell(board):
    """What an absent value looks like in the first coloured cell."""
    return next(prop["value"] for panel in rules.panels_of(board) if panel["type"] == "table"
                for override in panel["fieldConfig"]["overrides"]
                if "color-background" in str(override)
                for prop in override["properties"] if prop["id"] == "mappings")


BREAKS = [
    ("frame", lambda b: b.update(editable=True)),
    ("frame", lambda b: b.update(uid="")),
    ("frame", lambda b: b.update(__inputs=[])),
    ("frame", lambda b: b.update(refresh="")),
    ("datasource_variable", lambda b: b["templating"]["list"].reverse()),
    ("variables", lambda b: b["templating"]["list"].pop()),
    ("variables", lambda b: b["templating"]["list"][1].update(allValue=".*")),
    ("variables", lambda b: b["templating"]["list"][2].update(refresh=1)),
    ("variables", lambda b: b["templating"]["list"][3]["query"].update(
        query="label_values(redis_up, redis_node)")),
    ("variables_used", lambda b: b["templating"]["list"].append({"name": "x"}) or rewrite(
        r"\$job", "$other")(b)),
    ("panel_ids", lambda b: b["panels"][0].update(id=b["panels"][1]["id"])),
    ("panel_ids", lambda b: b["panels"][0].update(title=b["panels"][2]["title"])),
    ("grid", lambda b: b["panels"][0]["gridPos"].update(w=b["panels"][0]["gridPos"]["w"] - 1)),
    ("grid", lambda b: b["panels"][1]["gridPos"].update(x=b["panels"][0]["gridPos"]["x"])),
    ("panel_kinds", lambda b: b["panels"][0].update(type="grafana-piechart-panel")),
    ("panel_texts", lambda b: b["panels"][0].update(description="")),
    ("panel_texts", lambda b: b["panels"][0].update(title="")),
    ("panel_units", lambda b: b["panels"][0]["fieldConfig"]["defaults"].update(unit="bananas")),
    ("panel_units", lambda b: b["panels"][0]["fieldConfig"]["defaults"].pop("unit")),
    ("panel_sources", lambda b: b["panels"][0]["targets"].clear()),
    ("panel_sources", lambda b: b["panels"][0]["targets"][0]["datasource"].update(uid="P1")),
    ("stats", lambda b: first(b, "stat")["fieldConfig"]["defaults"]["thresholds"].update(steps=[])),
    ("stats", lambda b: first(b, "stat")["targets"][0].update(instant=False, range=True)),
    ("unknown_values", lambda b: first(b, "stat")["fieldConfig"]["defaults"].update(mappings=[])),
    ("unknown_values", lambda b: bare_cell(b).clear()),
    ("state_names", lambda b: first(b, "state-timeline")["fieldConfig"]["defaults"].update(
        mappings=[])),
    ("colours", lambda b: b["annotations"]["list"][0].update(iconColor="red")),
    ("annotations", lambda b: b["annotations"]["list"].pop()),
    ("links", lambda b: b["links"].clear()),
    ("links", lambda b: b["panels"][0]["fieldConfig"]["defaults"].update(links=[])),
    ("links", lambda b: b["panels"][0]["fieldConfig"]["defaults"]["links"][0].update(url="/d/x")),
    ("syntax", rewrite(r"\)$", "")),
    ("known_names", rewrite(r"redis_(\w+)\{", r"redis_no_\1{")),
    ("known_names", rewrite(r"redis_cluster_views\{[^}]*\}", "redis_cluster_views")),
    ("known_names", rewrite("redis_cluster=~", "cluster=~")),
    ("matchers", rewrite('job=~"[$]job", ', "")),
    ("matchers", rewrite('redis_cluster=~"[$]redis_cluster"', 'redis_cluster="a"')),
    ("ranges", rewrite(r"\[\$__rate_interval\]", "[5m]")),
    ("counters", rewrite(r"rate\((redis_\w+_total[^\[]*)\[[^\]]*\]\)", r"(\1)")),
    ("tables", lambda b: first(b, "table")["targets"][0].update(
        expr='redis_up{job=~"$job", redis_cluster=~"$redis_cluster"}')),
    ("tables", lambda b: first(b, "table")["transformations"].pop()),
    ("widths", lambda b: first(b, "table")["fieldConfig"]["defaults"]["custom"].update(
        minWidth=600)),
]


def test_every_rule_notices_what_is_broken():
    boards = rules.load()
    assert {name for name, _ in BREAKS} == {rule.__name__ for rule in rules.RULES}
    for number, (name, change) in enumerate(BREAKS):
        for board in boards.values():
            broken = copy.deepcopy(board)
            with contextlib.suppress(LookupError, StopIteration):
                change(broken)
                break
        assert list(getattr(rules, name)(broken)), f"{name} did not notice change {number}"


# ---- data ---------------------------------------------------------------------------------------


class Prometheus(Process):
    """Scrapes the exporter twice a second and has one alert that fires."""

    def __init__(self, target_port):
        self.port, where = free_port(), temp_dir()
        config, alerts = os.path.join(where, "prometheus.yml"), os.path.join(where, "alerts.yml")
        with open(alerts, "w", encoding="utf-8") as f:
            json.dump({"groups": [{"name": "test", "rules": [
                {"alert": "RedisTest", "labels": {"severity": "warning"}, "expr":
                 "max by (redis_cluster, redis_node) (redis_cluster_node_slots) > 0"}]}]}, f)
        with open(config, "w", encoding="utf-8") as f:
            json.dump({"global": {"scrape_interval": "500ms", "scrape_timeout": "500ms",
                                  "evaluation_interval": "500ms"},
                       "rule_files": [alerts],
                       "scrape_configs": [{"job_name": "redis", "static_configs": [
                           {"targets": [f"127.0.0.1:{target_port}"]}]}]}, f)
        super().__init__(["prometheus", f"--config.file={config}",
                          f"--storage.tsdb.path={where}/data",
                          f"--web.listen-address=127.0.0.1:{self.port}"],
                         os.path.join(where, "prometheus.log"))
        self.began = time.time()

    def ask(self, path, **parameters):
        got = http_get(self.port, f"/api/v1/{path}?" + urllib.parse.urlencode(parameters))
        assert got.status == 200, (parameters, got.body)
        return json.loads(got.body)["data"]

    def now(self, expr):
        """[(labels, value)] of this moment."""
        return [(sample["metric"], float(sample["value"][1]))
                for sample in self.ask("query", query=expr)["result"]]

    def history(self, expr):
        """[(labels, {time: value})] since it was started."""
        found = self.ask("query_range", query=expr, start=self.began, end=time.time(), step=0.5)
        return [(series["metric"], {at: float(value) for at, value in series["values"]})
                for series in found["result"]]

    def until(self, expr):
        wait(lambda: self.now(expr), expr)


class Load:
    """Clients that read and write all the time, not all of them well."""

    def __init__(self, nodes):
        self.nodes, self.stopped = nodes, threading.Event()
        self.threads = [threading.Thread(target=self.work, args=(node,), daemon=True)
                        for node in nodes]
        for thread in self.threads:
            thread.start()

    def work(self, node):
        number = 0
        while not self.stopped.wait(0.02):
            with contextlib.suppress(OSError, http.client.HTTPException):
                client = Resp(node.host, node.port)
                with contextlib.closing(client.sock):
                    while not self.stopped.wait(0.01):
                        number += 1
                        for command in (
                                ("SET", f"key{number % 1000}", "x" * 100, "EX", 1 + number % 50),
                                ("GET", f"key{number % 2000}"),
                                ("HGET", f"key{number % 1000}", "f"), ("GET",)):
                            with contextlib.suppress(RedisError):
                                client.call(*command)

    def stop(self):
        self.stopped.set()
        for thread in self.threads:
            thread.join()


def move_slot(nodes, prometheus):
    """Moves slot 0 from the first master to the second, and lingers on the way."""
    source, target = nodes[0], nodes[1]
    with contextlib.suppress(RedisError):
        source.command("FLUSHALL")
    target.command("CLUSTER", "SETSLOT", 0, "IMPORTING", source.id())
    source.command("CLUSTER", "SETSLOT", 0, "MIGRATING", target.id())
    for _ in range(2):
        with contextlib.suppress(RedisError):  # ASK: {06S} is in slot 0
            source.command("GET", "{06S}")
        prometheus.until('redis_errors_total{err="ASK"}')
    prometheus.until("redis_cluster_slots_open_since_timestamp_seconds")
    before = source.info()["errorstat_ASK"]
    with contextlib.suppress(RedisError):
        source.command("GET", "{06S}")
    assert source.info()["errorstat_ASK"] != before
    for node in target, source, nodes[2]:
        node.command("CLUSTER", "SETSLOT", 0, "NODE", target.id())
    prometheus.until("redis_cluster_slot_moves_total > 0")


def make_events(cluster, prometheus):
    """Everything that the dashboards have a panel for, as far as this server has it."""
    nodes = cluster.nodes
    for node in nodes:
        node.command("CONFIG", "SET", "maxmemory", 100_000_000)
        node.command("CONFIG", "SET", "latency-monitor-threshold", 1)
        node.command("CONFIG", "SET", "slowlog-log-slower-than", 1000)
        node.command("BGREWRITEAOF")
    nodes[1].command("CONFIG", "SET", "repl-backlog-size", 2_000_000)  # differs
    nodes[2].command("ACL", "SETUSER", "default", "-latency|latest")  # a collector fails
    nodes[1].command("BGSAVE", "SCHEDULE")
    nodes[1].command("DEBUG", "SLEEP", 0.01)  # slow
    move_slot(nodes, prometheus)
    nodes[0].kill()  # its replica takes over, and fails back to be one itself
    prometheus.until("redis_cluster_failovers_total > 0")
    nodes[0].start()
    nodes[0].ready()
    prometheus.until("sum(redis_master_link_up) == 3")


def text_of(legend, labels):
    return re.sub(r"\{\{(\w+)\}\}", lambda match: labels.get(match[1], ""), legend)


def check_legends(panel, results):
    """Two series of a panel do not look the same at any time."""
    seen = set()
    for target, series in results:
        for labels, samples in series:
            missing = set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"])) - set(labels)
            assert not missing, (panel["title"], target["legendFormat"], labels)
            name = text_of(target["legendFormat"], labels)
            twice = {(name, at) for at in samples} & seen
            assert not twice, (panel["title"], name)
            seen |= {(name, at) for at in samples}


def check_ratios(panel, results):
    """Ratios are ratios, not percents, and do not exceed the whole on this quiet cluster."""
    defaults = panel["fieldConfig"]["defaults"]
    if defaults["unit"] == "percentunit":
        named = {float(value) for mapping in defaults["mappings"] if mapping["type"] == "value"
                 for value in mapping["options"]}
        values = {v for _, series in results for _, samples in series for v in samples.values()}
        values -= named
        assert all(0 <= value <= 1 for value in values), (panel["title"], values)


def check_rows(panel, results):
    """After the merge a table has one row for each set of the labels that all queries have."""
    keys = set.intersection(*({key for labels, _ in series for key in labels} if i == 0 else
                              set.intersection(*(set(labels) for labels, _ in series))
                              for i, (_, series) in enumerate(results) if series))
    shown = {override["matcher"]["options"] for override in panel["fieldConfig"]["overrides"]}
    hidden = set(panel["transformations"][1]["options"]["excludeByName"])
    for target, series in results:
        assert "__name__" not in {key for labels, _ in series for key in labels}, panel["title"]
        seen = set()
        for labels, samples in series:
            assert set(labels) <= shown | hidden, (panel["title"], labels, "has no column")
            key = frozenset((label, labels[label]) for label in keys)
            assert not {(key, at) for at in samples} & seen, (panel["title"], target["refId"], key)
            seen |= {(key, at) for at in samples}


def check_data(boards, prometheus):
    """Every query has an answer, but those that are said to have none; asks until it has."""
    pending = {(board["uid"].removeprefix("redis-cluster-"), panel["title"], target["refId"]):
               rules.substitute(target["expr"])
               for board in boards.values() for panel, target in rules.targets_of(board)}
    for annotation in boards["redis-cluster-overview.json"]["annotations"]["list"]:
        pending["annotation", annotation["name"], ""] = rules.substitute(annotation["expr"])

    def ask():
        for key in [key for key, expr in pending.items() if prometheus.history(expr)]:
            del pending[key]
        return set(pending) == empty() or None

    try:
        wait(ask, "every query has data")
    except AssertionError as e:
        raise AssertionError(f"empty: {set(pending) - empty()}, "
                             f"not empty: {empty() - set(pending)}") from e


def check_variables(boards, prometheus):
    """Variables have values, and a chosen node or cluster is what the panels show."""
    for variable in boards["redis-cluster-node.json"]["templating"]["list"][1:]:
        metric, label = re.fullmatch(r"label_values\((.*), (\w+)\)",
                                     variable["definition"]).groups()
        assert prometheus.ask(f"label/{label}/values", **{"match[]": rules.substitute(metric)})
    roles = {labels["role"]: labels["redis_node"]
             for labels, _ in prometheus.now("redis_cluster_node_info")}
    for board in boards.values():
        for panel, target in rules.targets_of(board):
            for node in roles.values():
                for labels, _ in prometheus.now(rules.substitute(target["expr"], redis_node=node)):
                    assert labels.get("redis_node", node) == node or "ALERTS" in target["expr"], (
                        panel["title"], target["expr"], labels)
            found = prometheus.now(rules.substitute(target["expr"], redis_cluster="none"))
            assert not any("redis_cluster" in labels for labels, _ in found), target["expr"]
            found = prometheus.now(rules.substitute(target["expr"], job="none"))
            assert not [labels for labels, _ in found if labels] or "ALERTS" in target["expr"], (
                target["expr"])


def check_commands(boards, node):
    """What the texts tell to type exists: commands of Redis, with their subcommands."""
    known = {name.upper().replace("|", " ") for name in node.command("COMMAND", "LIST")}
    known |= {f"{row[0]} {sub[0].split('|')[1]}".upper() for row in node.command("COMMAND")
              for sub in row[9]}
    known |= {"CLUSTER SLOT-STATS", "CLUSTER MIGRATION", "CLUSTER GETSLOTMIGRATIONS"}  # newer
    for board in boards.values():
        for panel in rules.panels_of(board):
            for text in re.findall(r"`([^`]+)`", panel["description"]):
                words = text.split()
                if re.fullmatch(r"[A-Z]{3,}", words[0]):
                    nested = any(name.startswith(words[0] + " ") for name in known)
                    assert " ".join(words[:1 + nested]) in known, (panel["title"], text)


def test_every_query_shows_data_of_a_real_cluster():
    boards = rules.load()
    cluster = Cluster(appendonly="yes")
    exporter = Exporter(cluster.addrs, "--redis.cluster-name=shop", "--collector.clients",
                        "--collector.latency-histogram", "--expect.nodes=6", "--expect.masters=3")
    prometheus = Prometheus(exporter.port)
    check_commands(boards, cluster.nodes[1])
    load = Load(cluster.nodes)
    try:
        wait(lambda: prometheus.now("redis_up == 1"), "Prometheus has scraped")
        make_events(cluster, prometheus)
        check_data(boards, prometheus)
        check_variables(boards, prometheus)
    finally:
        load.stop()
    for board in boards.values():
        for panel in rules.panels_of(board):
            results = [(target, prometheus.history(rules.substitute(target["expr"])))
                       for target in panel["targets"]]
            (check_rows if panel["type"] == "table" else check_legends)(panel, results)
            check_ratios(panel, results)


test_every_query_shows_data_of_a_real_cluster.seconds = 15
