"""The alert rules, without a server: what is generated, tested, documented and routed."""

import copy
import functools
import glob
import json
import os
import re
import shutil

from harness import EXPORTER, REPO, ReferenceCluster, run, shared, temp_dir, threads

DASHBOARDS = os.path.join(REPO, "dashboards")
PROMETHEUS = os.path.join(DASHBOARDS, "prometheus")
ALERTS = os.path.join(PROMETHEUS, "alerts.yaml")
RULES = os.path.join(PROMETHEUS, "rules.yaml")
ROUTES = os.path.join(PROMETHEUS, "alertmanager.example.yaml")
SECTIONS = ["Meaning", "Impact", "Diagnosis", "Mitigation", "How to tell that it is over"]
FIRES, SILENT = "waits, fires, resolves", "silent at its limits"
ABOUT_AN_EXPORTER = {"RedisClusterExporterReloadFailed", "RedisClusterExporterRequestsRefused",
                     "RedisClusterExporterCertificateExpires"}
UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}


@functools.lru_cache(maxsize=None)
def mixin(**config):
    """The mixin as it is generated with these changes of its configuration."""
    text = (f"local m = (import '{DASHBOARDS}/mixin.libsonnet')"
            f" + {{ _config+:: {json.dumps(config)} }};"
            "{ alerts: m.prometheusAlerts.groups, rules: m.prometheusRules.groups,"
            " dashboards: std.objectFields(m.grafanaDashboards),"
            " uids: [m.grafanaDashboards[d].uid for d in std.objectFields(m.grafanaDashboards)] }")
    return json.loads(run("jsonnet", "-e", text, limit=120).stdout)


def alerts(**config):
    return [rule for group in mixin(**config)["alerts"] for rule in group["rules"]]


def key(alert):
    return alert["alert"], alert["labels"]["severity"]


def expressions(**config):
    """Of all rules, by name."""
    made = mixin(**config)
    return {r.get("record") or " ".join(key(r)): r["expr"]
            for group in made["rules"] + made["alerts"] for r in group["rules"]}


def seconds(duration):
    """Of 90s, 1m30s, 1d1m."""
    return sum(int(n) * UNITS[unit] for n, unit in re.findall(r"(\d+)(ms|[smhd])", duration))


def names_in(expr):
    """The names of series in an expression."""
    bare = re.sub(r"\{[^}]*\}|\b(by|on|without|group_left|ignoring) \([^)]*\)|\"[^\"]*\"", "", expr)
    return set(re.findall(r"\bredis_[a-z0-9_:]+", bare))


# ---- what is generated --------------------------------------------------------------------------


def test_generated_files_are_current():
    run(os.path.join(REPO, "scripts", "dashboards.sh"), "--check", limit=120)
    clone = temp_dir()
    for name in "dashboards", "scripts":
        shutil.copytree(os.path.join(REPO, name), os.path.join(clone, name))
    with open(os.path.join(clone, "dashboards", "mixin.libsonnet"), "w") as f:
        f.write("{ prometheusAlerts: { groups: [] }, prometheusRules: { groups: [] },"
                " grafanaDashboards: { 'new.json': {} } }")
    script = os.path.join(clone, "scripts", "dashboards.sh")
    done = run(script, "--check", check=False)
    for notice in "alert: RedisClusterStateFail", "record: redis_", "Only in", "new.json":
        assert done.returncode == 1 and notice in done.stdout, (notice, done)


def test_promtool_accepts_the_rules():
    run("promtool", "check", "rules", "--lint=all", "--lint-fatal", ALERTS, RULES)


def test_alerts_are_named_and_described_by_the_house_rules():
    made, found = mixin(), alerts()
    assert len({key(a) for a in found}) == len(found) > 50
    for alert in found:
        name, severity = key(alert)
        assert re.fullmatch(r"Redis(Cluster)?([A-Z][a-z]+)+", name), name
        assert severity in ("critical", "warning", "info"), name
        notes = alert["annotations"]
        assert set(notes) == {"summary", "description", "runbook_url", "dashboard_url"}, name
        assert notes["runbook_url"].endswith(f"/runbooks/{name}.md"), name
        assert "First step: " in notes["description"] and "\n" not in str(notes), name
        uid = re.fullmatch(r"/d/([a-z-]+)(\?.*)?", notes["dashboard_url"])[1]
        assert not made["uids"] or uid in made["uids"], (name, uid, made["uids"])
        if name in ABOUT_AN_EXPORTER:
            assert notes["summary"].startswith("{{ $labels.instance }}: "), name
            assert "?" not in notes["dashboard_url"], name
        elif name != "RedisClusterExporterAbsent":
            assert notes["summary"].startswith("{{ $labels.redis_cluster }}"), name
            assert "var-redis_cluster={{ $labels.redis_cluster }}" in notes["dashboard_url"], name
        if "$labels.redis_node" in str(notes):
            both = "{{ $labels.redis_cluster }}, {{ $labels.redis_node }}: "
            assert notes["summary"].startswith(both), name
        over = "[" in alert["expr"] or "offset" in alert["expr"]
        assert over or seconds(alert.get("for", "0s")) >= 60, f"{name} fires at once"


def test_times_scale_with_the_configuration():
    for one, half in zip(alerts(), alerts(forScale=0.5)):
        for field in "for", "keep_firing_for":
            assert seconds(half.get(field, "0s")) == seconds(one.get(field, "0s")) / 2, one["alert"]
        windows = re.findall(r"\[(\w+)\]", one["expr"]), re.findall(r"\[(\w+)\]", half["expr"])
        for long, short in zip(*windows):
            assert long in ("5m", "1h") or seconds(short) == seconds(long) / 2, one["alert"]


# ---- expressions --------------------------------------------------------------------------------


def test_every_metric_in_a_rule_exists():
    printed = run(EXPORTER, "--print-metrics").stdout
    catalogue = set(re.findall(r"^\| `(\w+)` \|", printed, re.M))
    recorded = {name for name in expressions() if ":" in name}
    for rule, expr in expressions().items():
        assert names_in(expr), rule
        for name in names_in(expr):
            assert name in catalogue | recorded, f"{rule}: no metric {name}"
    used = set().union(*(names_in(expr) for expr in expressions().values()))
    if not mixin()["dashboards"]:  # what is recorded for dashboards is looked for by their tests
        assert recorded <= used, recorded - used


def test_labels_in_selectors_are_those_of_the_metric():
    printed = run(EXPORTER, "--print-metrics").stdout
    labels = {name: set(of.split(", ")) for name, of in
              re.findall(r"^\| `(\w+)` \| \w+ \| \w* \| ([\w, ]*) \|", printed, re.M)}
    for rule, expr in expressions().items():
        for name, matchers in re.findall(r"\b(redis_\w+)\{([^}]*)\}", expr):
            for label in re.findall(r"(\w+)(?:=~|!~|!=|=)\"", matchers):
                assert label in labels[name], f"{rule}: {name} has no label {label}"


def test_the_cluster_is_never_aggregated_away():
    for rule, expr in expressions().items():
        for labels in re.findall(r"\b(?:by|on) \(([^)]*)\)", expr):
            assert "redis_cluster" in labels.split(", "), rule
        bare = re.findall(r"\b(?:sum|max|min|count|avg|group|topk) ?\(", expr)
        assert not bare and "without" not in expr, rule


def test_counters_are_looked_at_over_a_window_and_nothing_else_is():
    for rule, expr in expressions().items():
        for name in names_in(expr):
            over = re.findall(rf"(?:rate|increase)\({name}(?:\{{[^}}]*\}})?\[(\w+)\]\)", expr)
            assert bool(over) == name.endswith("_total"), f"{rule}: {name}"
            assert len(re.findall(rf"\b{name}\b", expr)) == len(over) or not over, rule
            assert all(seconds(window) >= 120 for window in over), f"{rule}: two scrapes of 60 s"


def test_expressions_are_free_of_what_linters_find():
    """Those of pint about the form: comparison, regexp, fragile, nan, rate, interval."""
    for rule, expr in expressions().items():
        bare = re.sub(r"\{[^}]*\}|\b(by|group_left) \([^)]*\)", "", expr)
        if ":" not in rule:
            assert re.search(r"[<>]|==|!=|\babsent\(|\bunless\b", bare), f"{rule} always fires"
        for value in re.findall(r'[=!]~"([^"]*)"', expr):
            assert value == "" or re.search(r"[.*+?|\[(]", value), f"{rule}: {value} is no pattern"
        assert not re.search(r"\b(topk|bottomk|sort|rate\(sum|NaN)\b", bare), rule
        # Joins say on which labels, but between series of one name, whose labels are the same.
        for right in re.findall(r"\s(?:and|unless)\s+(?:\w+\()?([\w:]+)", bare):
            assert right == "on" or bare.count(right) == 2, f"{rule}: joins {right}"
    made = mixin()
    for group in made["rules"] + made["alerts"]:
        assert "interval" not in group, group["name"]
    names = [r["record"] for group in made["rules"] for r in group["rules"]]
    assert len(set(names)) == len(names)


def test_the_selector_of_the_configuration_is_in_every_selector():
    for rule, expr in expressions(selector='job="redis", env!=""').items():
        for name in re.findall(r"\bredis_[a-z0-9_]+\b(?!:)", re.sub(r"\w+:\w+:\w+", "", expr)):
            if name not in ("redis_cluster", "redis_node"):
                uses = re.findall(rf"\b{name}\b(\{{[^}}]*\}})?", expr)
                assert all(use.startswith('{job="redis", env!=""') for use in uses), (rule, expr)
    path = os.path.join(temp_dir(), "rules.json")
    with open(path, "w") as f:
        made = mixin(selector='job="redis", env!=""')
        json.dump({"groups": made["alerts"] + made["rules"]}, f)
    run("promtool", "check", "rules", path)


def test_labels_are_named_as_the_configuration_has_it():
    names, config = {"redis_cluster": "shop", "redis_node": "member"}, {}
    config["clusterLabel"], config["nodeLabel"] = names.values()
    for one, other in zip(copy.deepcopy(alerts()), alerts(**config)):
        for old, new in names.items():
            listed = re.compile(rf"(?<=[(, ]){old}(?=[,)])")
            one["expr"] = listed.sub(new, one["expr"])
            for field, text in one["annotations"].items():
                one["annotations"][field] = text.replace(f"$labels.{old} ", f"$labels.{new} ")
        assert one == other, (one, other)
    path = os.path.join(temp_dir(), "rules.json")
    with open(path, "w") as f:
        made = mixin(**config)
        json.dump({"groups": made["alerts"] + made["rules"]}, f)
    run("promtool", "check", "rules", path)


# ---- tests of the rules -------------------------------------------------------------------------


def test_rule_tests_pass():
    files = sorted(glob.glob(os.path.join(PROMETHEUS, "tests", "*.yaml")))
    assert len(files) >= 8
    threads(2, lambda i: [run("promtool", "test", "rules", f, limit=120) for f in files[i::2]])


def test_rule_tests_hold_with_ranges_that_are_open_on_the_left():
    """As they are since Prometheus 3: a sample at the very start of a range is not in it."""
    where = temp_dir()
    os.mkdir(os.path.join(where, "tests"))

    def shorter(match):
        return f"[{int(seconds(match[1]) * 1000) - 1}ms]"

    for path in ALERTS, RULES:
        with open(path, encoding="utf-8") as f, \
                open(os.path.join(where, os.path.basename(path)), "w", encoding="utf-8") as target:
            target.write(re.sub(r"\[(\w+)\]", shorter, f.read()))
    over = {name for name, expr in expressions().items() if "[" in expr or ":rate" in expr}
    for path in glob.glob(os.path.join(PROMETHEUS, "tests", "*.yaml")):
        with open(path, encoding="utf-8") as f:
            head, *blocks = re.split(r"^(?=- name: )", f.read(), flags=re.M)
        blocks = [b for b in blocks if any(f"- name: '{name}: " in b for name in over)]
        if blocks:
            copied = os.path.join(where, "tests", os.path.basename(path))
            with open(copied, "w", encoding="utf-8") as f:
                f.write(head + "".join(blocks))
            run("promtool", "test", "rules", copied, limit=120)
    assert len(os.listdir(os.path.join(where, "tests"))) >= 4


def test_series_in_rule_tests_end_by_staleness_and_not_by_age():
    """A sample is looked back at for five minutes: to the last moment in Prometheus 2, not in 3."""
    for path in glob.glob(os.path.join(PROMETHEUS, "tests", "*.yaml")):
        with open(path, encoding="utf-8") as f:
            for block in re.split(r"^- name: ", f.read(), flags=re.M)[1:]:
                step = seconds(re.search(r"interval: (\w+)", block)[1])
                last = max(map(seconds, re.findall(r"eval_time: (\w+)", block)))
                for values in re.findall(r"^    values: '(.*)'$", block, re.M):
                    parts = [re.fullmatch(r"(_?).*?(?:x(\d+))?", part) for part in values.split()]
                    count = sum(int(p[2] or 0) + (not p[1] or not p[2]) for p in parts)
                    ends = "stale" in values or set(values) == {"_"}
                    assert ends or last - (count - 1) * step < 300, (path, block[:60], values)


def rule_tests():
    """{(alert, severity, kind): (step, [(time, [labels of an alert that fires])])}

    Reads the layout of our own files, not all of YAML.
    """
    found = {}
    for path in glob.glob(os.path.join(PROMETHEUS, "tests", "*.yaml")):
        with open(path, encoding="utf-8") as f:
            blocks = re.split(r"^- name: ", f.read(), flags=re.M)[1:]
        for block in blocks:
            title = re.match(rf"'(\w+) (\w+): ({FIRES}|{SILENT})'", block)
            if not title:
                continue
            checks, kept = [], None
            for check in re.split(r"^  - alertname: ", block, flags=re.M)[1:]:
                assert check.startswith(title[1] + "\n"), block
                expected = re.search(r"exp_alerts:(.*)", check)[1].strip()
                firing = [dict(re.findall(r"^        (\w+): '?([^'\n]*)'?$", labels, re.M))
                          for labels in re.findall(
                              r"exp_labels:\n(.*?)      exp_annotations:", check, re.S)]
                kept = firing if expected == "&fires" else kept
                when = seconds(re.search(r"eval_time: (\w+)", check)[1])
                checks.append((when, kept if expected == "*fires" else firing))
            assert title.groups() not in found, title[0]
            found[title.groups()] = seconds(re.search(r"interval: (\w+)", block)[1]), checks
    return found


def is_tested(alert, tests):
    """It waits and is kept to the step, fires, resolves, and is silent at its limits."""
    def fires(check):
        return any(labels["severity"] == alert["labels"]["severity"] for labels in check[1])

    step, checks = tests[(*key(alert), FIRES)]
    waiting, firing, last = checks[0], checks[1], [c for c in checks if fires(c)][-1]
    over = checks[checks.index(last) + 1]
    assert not fires(waiting) and fires(firing) and firing[0] - waiting[0] == step
    assert firing[0] >= seconds(alert.get("for", "0s")) and not fires(over)
    assert "keep_firing_for" not in alert or (last is not firing and over[0] - last[0] == step)
    _, limits = tests[(*key(alert), SILENT)]
    assert limits and not any(fires(check) for check in limits)
    assert limits[-1][0] >= seconds(alert.get("for", "0s"))
    return True


def test_every_alert_is_tested():
    found, tests = alerts(), rule_tests()
    for alert in found:
        assert is_tested(alert, tests), key(alert)
    assert {name[:2] for name in tests} == {key(a) for a in found}
    for part in tests:  # and one that is missing would be noticed
        alert = next(a for a in found if key(a) == part[:2])
        try:
            is_tested(alert, {k: v for k, v in tests.items() if k != part})
        except KeyError:
            continue
        raise AssertionError(f"nobody misses {part}")


def test_labels_in_annotations_are_those_of_the_alert():
    tests = rule_tests()
    for alert in alerts():
        wanted = set(re.findall(r"\$labels\.(\w+)", json.dumps(alert["annotations"])))
        firing = [labels for _, check in tests[(*key(alert), FIRES)][1] for labels in check
                  if labels["severity"] == alert["labels"]["severity"]]
        for labels in firing:  # promtool compares these with all labels that the alert has
            assert wanted <= set(labels), (key(alert), wanted - set(labels))
            assert all(labels.values()), (key(alert), labels)


# ---- runbooks -----------------------------------------------------------------------------------


def test_every_alert_has_its_runbook():
    files = {os.path.basename(path)[:-3]: path
             for path in glob.glob(os.path.join(DASHBOARDS, "runbooks", "*.md"))}
    names = {alert["alert"] for alert in alerts()}
    assert set(files) == names, set(files) ^ names
    for name, path in files.items():
        with open(path, encoding="utf-8") as f:
            text = f.read()
        assert text.startswith(f"# {name}\n"), name
        assert re.findall(r"^## (.*)$", text, re.M) == SECTIONS, name
        parts = dict(re.findall(r"^## (.*?)\n(.*?)(?=^## |\Z)", text, re.M | re.S))
        assert all(len(part.strip()) > 20 for part in parts.values()), name
        assert "`" in parts["Diagnosis"] or "```" in parts["Diagnosis"], f"{name}: no command"
        assert len(text.splitlines()) < 90, f"{name} is too long for a tired person"
        for other in re.findall(r"\]\((\w+)\.md\)", text):
            assert other in names, f"{name} links to {other}"
        for metric in re.findall(r"\bredis_(?:cluster|exporter|replica|node)_\w+", text):
            assert metric in known_names(), f"{name}: no metric {metric}"


@functools.lru_cache(maxsize=None)
def known_names():
    printed = run(EXPORTER, "--print-metrics").stdout
    return set(re.findall(r"^\| `(\w+)` \|", printed, re.M)) | {"redis_cluster_exporter"}


def test_commands_in_runbooks_are_understood():
    """Those of the diagnosis, which change nothing, on a real cluster."""
    cluster = shared(ReferenceCluster)
    node, commands = cluster.nodes[0], set()
    for path in glob.glob(os.path.join(DASHBOARDS, "runbooks", "*.md")):
        with open(path, encoding="utf-8") as f:
            for block in re.findall(r"```sh\n(.*?)```", f.read(), re.S):
                commands |= set(re.findall(r"^redis-cli .*", block, re.M))
    values = {r"[A-Z]*:PORT\b": node.addr, r"-h [A-Z]+ -p PORT": f"-h {node.host} -p {node.port}",
              r"[A-Z]*_ID\b": node.id(), r"\bSLOT\b": "0", "EXPORTER_USER": "default",
              "PARAMETER": "maxmemory"}
    env = dict(os.environ, REDISCLI_AUTH=node.password)
    assert len(commands) > 80
    wrong = []

    def understood(part):
        for command in part:
            text = re.split(r"  #| \| |; ", command)[0]
            for name, value in values.items():
                text = re.sub(name, value, text)
            done = run("bash", "-c", text, env=env, check=False)
            answer = done.stdout + done.stderr
            bad = re.search(r"(^|: )(ERR|NOPERM|NOAUTH) |Unrecognized|Usage:", answer, re.M)
            if done.returncode or bad:
                wrong.append((text, answer[-300:]))

    ordered = sorted(commands)
    threads(4, lambda i: understood(ordered[i::4]))
    assert not wrong, wrong


# ---- routes -------------------------------------------------------------------------------------


def test_alertmanager_accepts_the_example_and_routes_by_severity():
    run("amtool", "check-config", ROUTES)
    for alert in alerts():
        name, severity = key(alert)
        receiver = {"critical": "pager", "warning": "tickets", "info": "nobody"}[severity]
        run("amtool", "config", "routes", "test", f"--config.file={ROUTES}",
            f"--verify.receivers={receiver}", f"severity={severity}", f"alertname={name}",
            "redis_cluster=prod")


def test_alertmanager_knows_the_alerts_it_silences():
    with open(ROUTES, encoding="utf-8") as f:
        text = f.read()
    names = {alert["alert"] for alert in alerts()}
    for group in re.findall(r'alertname(?:=~|!~|=)"([^"]+)"', text):
        for name in group.split("|"):
            assert name in names | {"Redis.+"}, name
