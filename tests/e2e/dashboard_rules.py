"""What a dashboard has to be like: one function a rule, which gives the problems that it finds.

The rules are those of Grafana's dashboard-linter, fitted to a cluster's variables, and our own.
"""

import collections
import itertools
import json
import os
import re
import tempfile

import harness
from harness import REPO, run

FOLDER = os.path.join(REPO, "dashboards", "grafana")
VARIABLES = {"datasource": "Data source", "job": "Job", "redis_cluster": "Cluster",
             "redis_node": "Node"}
BUILT_IN = {"__rate_interval", "__range"}  # variables of Grafana
DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}

# Grafana's ids of units, those that fit our kind of figures.
UNITS = set("""none short percent percentunit bool string sci
bits bytes decbits decbytes binbps Bps binBps bps pps ops reqps rps wps iops cps eps mps opm cpm
ns us ms s m h d dtdurationms dtdurations clocks dateTimeAsIso dateTimeFromNow hertz""".split())
CORE_PANELS = set("""alertlist annolist barchart bargauge candlestick canvas dashlist flamegraph
gauge geomap heatmap histogram logs news nodeGraph piechart row stat state-timeline
status-history table text timeseries traces trend xychart""".split())

# The colours of Okabe and Ito without black; grey, and none, where nothing is known.
PALETTE = set("#E69F00 #56B4E9 #009E73 #F0E442 #0072B2 #D55E00 #CC79A7 #666666 transparent".split())
RUNBOOK = re.compile(r"https://[^?]+/dashboards/runbooks/\$\{__value.raw\}\.md")

# Metrics that are not the exporter's, with their labels.
OF_PROMETHEUS = {
    "up": {"job", "instance"},
    "scrape_samples_scraped": {"job", "instance"},
    "scrape_duration_seconds": {"job", "instance"},
    "ALERTS": {"alertname", "alertstate", "severity", "redis_cluster", "redis_node"},
}

# Where a rule does not hold, and why.
NO_JOB = {"ALERTS": "an alert has the job of its rule's result, and most have none"}

Selector = collections.namedtuple("Selector", "metric matchers range function")
Query = collections.namedtuple("Query", "where expr instant legend")


def load(folder=FOLDER):
    """{file name: dashboard}"""
    boards = {}
    for name in sorted(os.listdir(folder)):
        with open(os.path.join(folder, name), encoding="utf-8") as f:
            boards[name] = json.load(f)
    return boards


def panels_of(board, rows=False):
    for panel in board["panels"]:
        nested = panel.get("panels", [])
        yield from [panel] if rows or panel["type"] != "row" else []
        yield from nested


def targets_of(board):
    for panel in panels_of(board):
        for target in panel.get("targets", []):
            yield panel, target


def queries_of(board):
    """Those of the panels and of the annotations."""
    for panel, target in targets_of(board):
        yield Query(f"{panel['title']} {target['refId']}", target["expr"], target["instant"],
                    target["legendFormat"])
    for annotation in board["annotations"]["list"]:
        yield Query(f"annotation {annotation['name']}", annotation["expr"], False,
                    annotation["titleFormat"] + annotation["textFormat"])


def metrics():
    """{name of a series: its labels}, by the exporter's own reference and of Prometheus."""
    found = {name: set(labels) for name, labels in OF_PROMETHEUS.items()}
    for line in run(harness.EXPORTER, "--print-metrics").stdout.splitlines():
        if line.startswith("| `"):
            name, kind, _, labels = (c.strip().replace("`", "") for c in line.split("|")[1:5])
            labels = {"job", "instance", *filter(None, labels.split(", "))}
            names = [name]
            if kind == "histogram":
                names = [name + suffix for suffix in ("_bucket", "_sum", "_count")]
                labels.add("le")
            for one in names:
                found.setdefault(one, set()).update(labels)
    return found


def selectors(expr):
    """The vector selectors of an expression, as far as they have braces."""
    found = re.finditer(r"(?:\b(\w+)\()?\b([a-zA-Z_:][\w:]*)\{([^{}]*)\}(?:\[([^\]]*)\])?", expr)
    for function, metric, matchers, over in (match.groups() for match in found):
        parsed = re.findall(r'(\w+)(=~|!~|!=|=)"((?:[^"\\]|\\.)*)"', matchers)
        yield Selector(metric, parsed, over, function)


def substitute(expr, **values):
    """The expression as Grafana sends it."""
    values = {"job": ".+", "redis_cluster": ".+", "redis_node": ".+", "__rate_interval": "2s",
              "__range": "30s", "__interval": "1s", **values}
    for name, value in values.items():
        expr = re.sub(rf"\$(?:{name}\b|{{{name}}})", lambda _, v=value: v, expr)
    return expr


def variables_in(text):
    """Names of the variables that a text uses; $1 and the like are of label_replace."""
    return set(re.findall(r"\$\{?([A-Za-z_]\w*)", text))


def properties_of(override):
    return {prop["id"]: prop["value"] for prop in override["properties"]}


# ---- the rules: board -> problems ---------------------------------------------------------------


def frame(board):
    expected = {"editable": False, "schemaVersion": 39, "graphTooltip": 1, "id": None}
    for key, value in expected.items():
        if board.get(key) != value:
            yield f"{key} is {board.get(key)!r}"
    if not re.fullmatch(r"redis-cluster-[a-z]+", board["uid"]):
        yield f"uid {board['uid']}"
    if not board["title"].startswith("Redis Cluster / ") or not board["description"]:
        yield "title or description"
    if board.get("timezone") not in ("browser", "utc") or not board.get("refresh"):
        yield "time zone or refresh"
    if "redis-cluster" not in board["tags"]:
        yield "tag"
    text = json.dumps(board)
    for word in "__inputs", "__requires", "${DS_", "-- Grafana --":
        if word in text:
            yield f"has {word}"


def datasource_variable(board):
    first = board["templating"]["list"][0]
    if (first["name"], first["type"], first["query"]) != ("datasource", "datasource", "prometheus"):
        yield "the first variable is not the data source"


def variables(board):
    """template-job and template-instance, for all of the chain."""
    found = {variable["name"]: variable for variable in board["templating"]["list"]}
    if list(found) != list(VARIABLES):
        yield f"variables {list(found)}"
    for name, variable in found.items():
        if variable["label"] != VARIABLES.get(name) or variable["hide"]:
            yield f"{name}: label {variable['label']}, hide {variable['hide']}"
        if variable["type"] == "datasource":
            continue
        if variable["datasource"] != DATASOURCE:
            yield f"{name}: data source"
        if not (variable["multi"] and variable["includeAll"] and variable["allValue"] == ".+"):
            yield f"{name}: not multi, All, .+"
        if variable["refresh"] != 2:
            yield f"{name}: is not refreshed when the time range changes"
        query = re.fullmatch(r"label_values\((\w+)(?:\{(.*)\})?, (\w+)\)",
                             variable["query"]["query"])
        if not query or variable["definition"] != variable["query"]["query"]:
            yield f"{name}: query {variable['query']}"
            continue
        metric, matchers, label = query.groups()
        if label != name or metric not in metrics() or label not in metrics()[metric]:
            yield f"{name}: values of {metric} {label}"
        before = list(VARIABLES)[1:list(VARIABLES).index(name)] if name in VARIABLES else []
        chain = ", ".join(f'{one}=~"${one}"' for one in before)
        if (matchers or "") != chain:
            yield f"{name}: {matchers} does not chain {chain}"


def variables_used(board):
    used = set()
    for query in queries_of(board):
        used |= variables_in(query.expr)
    for panel in panels_of(board):
        used |= variables_in(panel["datasource"]["uid"])
    if used - BUILT_IN != set(VARIABLES):
        yield f"variables used and defined: {(used - BUILT_IN) ^ set(VARIABLES)}"


def panel_ids(board):
    ids = [panel["id"] for panel in panels_of(board, rows=True)]
    if len(set(ids)) != len(ids) or not all(isinstance(i, int) and i > 0 for i in ids):
        yield f"ids {ids}"
    titles = collections.Counter(
        (panel["title"], panel["type"]) for panel in panels_of(board, rows=True))
    yield from (f"two panels {title}" for title, count in titles.items() if count > 1)


def grid(board):
    """Every cell from the top to the bottom belongs to one panel."""
    cells = collections.Counter()
    for panel in board["panels"]:
        at = panel["gridPos"]
        if panel["type"] == "row" and (at["w"], at["h"], at["x"]) != (24, 1, 0):
            yield f"row {panel['title']} {at}"
        if at["x"] < 0 or at["w"] < 1 or at["x"] + at["w"] > 24:
            yield f"{panel['title']} beyond the grid: {at}"
        cells.update(itertools.product(range(at["x"], at["x"] + at["w"]),
                                       range(at["y"], at["y"] + at["h"])))
    bottom = max(y for _, y in cells) + 1
    overlaps = [cell for cell, count in cells.items() if count > 1]
    gaps = set(itertools.product(range(24), range(bottom))) - set(cells)
    if overlaps or gaps:
        yield f"overlaps {sorted(overlaps)[:3]}, gaps {sorted(gaps)[:3]}"


def panel_kinds(board):
    for panel in panels_of(board, rows=True):
        if panel["type"] not in CORE_PANELS:
            yield f"{panel['title']}: {panel['type']}"


def panel_texts(board):
    for panel in panels_of(board):
        text = panel.get("description", "")
        if not panel.get("title") or not all(
                re.search(rf"\*\*{word}:\*\* .+", text) for word in ("Good", "Bad", "Next")):
            yield f"{panel.get('title')}: title or description"
        following = text.partition("**Next:**")[2]
        if not re.search(r"`[^`]+`|[Ll]og of|Targets page", following):
            yield f"{panel['title']}: no command to look further"


def panel_units(board):
    for panel in panels_of(board):
        units = [panel["fieldConfig"]["defaults"].get("unit")]
        units += [prop["value"] for override in panel["fieldConfig"]["overrides"]
                  for prop in override["properties"] if prop["id"] == "unit"]
        yield from (f"{panel['title']}: unit {unit}" for unit in units if unit not in UNITS)


def panel_sources(board):
    for panel in panels_of(board):
        targets = panel.get("targets", [])
        if not targets or any(s["datasource"] != DATASOURCE for s in [panel, *targets]):
            yield f"{panel['title']}: no target or data source"
        refs = [target["refId"] for target in targets]
        if len(set(refs)) != len(refs):
            yield f"{panel['title']}: refId twice"
    for annotation in board["annotations"]["list"]:
        if annotation["datasource"] != DATASOURCE:
            yield f"annotation {annotation['name']}: data source"


def stats(board):
    """Stats have thresholds and ask for the present value: an ended series must not look alive."""
    for panel in panels_of(board):
        if panel["type"] not in ("stat", "bargauge"):
            continue
        steps = [step["value"] for step in panel["fieldConfig"]["defaults"]["thresholds"]["steps"]]
        if not steps or steps[0] is not None or steps[1:] != sorted(steps[1:]):
            yield f"{panel['title']}: thresholds {steps}"
        if not all(target["instant"] and not target["range"] for target in panel["targets"]):
            yield f"{panel['title']}: not an instant query"


def unknown_values(board):
    """No value is not painted like a good one: stats and coloured cells say what is not there."""
    for panel in panels_of(board):
        config = panel["fieldConfig"]
        found = [config["defaults"]] if panel["type"] == "stat" else [
            properties for properties in map(properties_of, config["overrides"])
            if properties.get("custom.cellOptions", {}).get("type") == "color-background"]
        for one in found:
            if not any(mapping["type"] == "special" and mapping["options"]["match"] == "null+nan"
                       for mapping in one.get("mappings", [])):
                yield f"{panel['title']}: {one.get('displayName', '')} without a value is coloured"


def state_names(board):
    for panel in panels_of(board):
        defaults = panel["fieldConfig"]["defaults"]
        if panel["type"] == "state-timeline" and len(defaults["mappings"]) < 2:
            yield f"{panel['title']}: states without names"


def colours(board):
    """All of one palette; the same word has the same colour."""
    words = {}
    for match in re.findall(r'"(?:color|fixedColor|iconColor)": "([^"]+)"', json.dumps(board)):
        if match not in PALETTE:
            yield f"colour {match}"
    for panel in panels_of(board):
        for override in panel["fieldConfig"]["overrides"]:
            for prop in override["properties"]:
                if prop["id"] == "color":
                    word, colour = override["matcher"]["options"], prop["value"]["fixedColor"]
                    if words.setdefault(word, colour) != colour:
                        yield f"{panel['title']}: {word} is {colour} and {words[word]}"


def annotations(board):
    found = {annotation["name"]: annotation for annotation in board["annotations"]["list"]}
    if not {"Failovers", "Alerts"} <= set(found):
        yield f"annotations {list(found)}"
    for name, annotation in found.items():
        if annotation["target"]["expr"] != annotation["expr"] or not annotation["enable"]:
            yield f"{name}: two queries, or off"
        if not annotation["titleFormat"] or not annotation["textFormat"]:
            yield f"{name}: no text"


def links(board):
    bar, uids = board["links"], {other["uid"] for other in load().values()}
    if not any(link["type"] == "dashboards" and link["includeVars"] and link["keepTime"]
               and set(link["tags"]) <= set(board["tags"]) and link["tags"] for link in bar):
        yield "no bar of links"
    for panel in panels_of(board):
        config = panel["fieldConfig"]
        owns = [config["defaults"].get("links", [])] if panel["type"] != "table" else [
            properties_of(override).get("links", []) for override in config["overrides"]
            if not override["matcher"]["options"].startswith("Value")]
        if not owns or not all(own and all(link["title"] for link in own) for own in owns):
            yield f"{panel['title']}: no link"
    for url in re.findall(r'"url": "([^"]+)"', json.dumps(board)):
        if RUNBOOK.fullmatch(url):
            continue
        path, _, query = url.partition("?")
        if not path.startswith("/d/") or path[3:] not in uids:
            yield f"{url} leads nowhere"
        names = set(re.findall(r"(?:^|&)var-(\w+)=", query)) | set(
            re.findall(r"\$\{(\w+):queryparam\}", query))
        if not {"datasource", "job", "redis_cluster", "redis_node"} <= names <= set(VARIABLES):
            yield f"{url} does not keep the variables"
        if "${__url_time_range}" not in query:
            yield f"{url} does not keep the time"


def syntax(board):
    """By Prometheus' own parser, as recording rules."""
    queries = list(queries_of(board))
    rules = [{"record": f"query:{i}", "expr": substitute(query.expr)}
             for i, query in enumerate(queries)]
    left = [query.where for query, rule in zip(queries, rules) if variables_in(rule["expr"])]
    if left:
        yield f"unknown variables in {left}"
    with tempfile.NamedTemporaryFile("w", suffix=".yml") as f:
        json.dump({"groups": [{"name": "dashboard", "rules": rules}]}, f)
        f.flush()
        done = run("promtool", "check", "rules", f.name, check=False)
    if done.returncode:
        yield done.stdout + done.stderr


def known_names(board):
    """Metrics exist, and have the labels that they are chosen by."""
    known = metrics()
    for query in queries_of(board):
        bare = re.sub(r'"[^"]*"|\{[^{}]*\}', lambda m: "{}" if m[0][0] == "{" else '""', query.expr)
        bare = re.sub(r"\b(?:\w+ by|on|group_left) ?\([^()]*\) ?", " ", bare)
        words = re.findall(r"\b([a-zA-Z_:][\w:]*)\b(?! ?\()", bare)
        for word in set(words) - {"and", "or", "unless", "bool"} - BUILT_IN:
            if word not in known:
                yield f"{query.where}: {word} is no metric"
            elif not re.search(rf"\b{word}\{{", query.expr):
                yield f"{query.where}: {word} without matchers"
        for selector in selectors(query.expr):
            foreign = {name for name, _, _ in selector.matchers} - known.get(selector.metric, set())
            if foreign:
                yield f"{query.where}: {selector.metric} has no {foreign}"


def matchers(board):
    """target-job and target-instance: each selector carries the variables."""
    known = metrics()
    for query in queries_of(board):
        for selector in selectors(query.expr):
            labels = known.get(selector.metric, set())
            wanted = {"job", "redis_cluster"} & labels
            if board["uid"] == "redis-cluster-node" and selector.metric != "ALERTS":
                wanted |= {"redis_node"} & labels
            wanted -= {"job"} if selector.metric in NO_JOB else set()
            chosen = {name for name, kind, value in selector.matchers
                      if kind == "=~" and value.rstrip("|") == "$" + name}
            if not wanted <= chosen:
                yield f"{query.where}: {selector.metric} without {wanted - chosen}"


def ranges(board):
    """target-rate-interval. Only a sum over the time shown may take another range."""
    for query in queries_of(board):
        for selector in selectors(query.expr):
            if selector.range is None:
                continue
            whole = selector.range == "$__range" and selector.function == "increase"
            if selector.range != "$__rate_interval" and not (whole and query.instant):
                yield f"{query.where}: {selector.function} over {selector.range}"
        if re.search(r"\)\s*\[", query.expr):
            yield f"{query.where}: a subquery"


def counters(board):
    """target-counter-agg: counters are only looked at through rate or increase."""
    for query in queries_of(board):
        for selector in selectors(query.expr):
            if re.search("_(total|bucket|sum|count)$", selector.metric) and (
                    selector.function not in ("rate", "increase", "irate") or not selector.range):
                yield f"{query.where}: {selector.metric} is not inside of rate"


def tables(board):
    """Queries of a table drop the name of the metric, or the merged rows fall apart."""
    for panel in panels_of(board):
        if panel["type"] != "table":
            continue
        for target in panel["targets"]:
            if target["format"] != "table" or not target["instant"] or not re.match(
                    r"(max|sum|min|avg|count) by \(|\(?(max|sum) by|topk", target["expr"]):
                yield f"{panel['title']} {target['refId']}: {target['expr']}"
        if [t["id"] for t in panel["transformations"]] != ["merge", "organize"]:
            yield f"{panel['title']}: transformations"


def widths(board):
    """All columns of a table are in sight on a screen of 1280 pixels, however many."""
    for panel in panels_of(board):
        if panel["type"] != "table":
            continue
        config = panel["fieldConfig"]
        least = config["defaults"]["custom"].get("minWidth", 150)
        hidden = panel["transformations"][1]["options"]["excludeByName"]
        total = sum(properties_of(override).get("custom.width") or
                    properties_of(override).get("custom.minWidth", least)
                    for override in config["overrides"]
                    if override["matcher"]["options"] not in hidden)
        if total > panel["gridPos"]["w"] / 24 * 1240:
            yield f"{panel['title']}: {total} pixels wide"


RULES = [frame, datasource_variable, variables, variables_used, panel_ids, grid, panel_kinds,
         panel_texts, panel_units, panel_sources, stats, unknown_values, state_names, colours,
         annotations, links, syntax, known_names, matchers, ranges, counters, tables, widths]


def problems(board):
    return {rule.__name__: list(rule(board)) for rule in RULES}
