"""Every family of redis_exporter: in the reference, from real replies, and from a real server."""

import collections
import fnmatch
import math
import os
import re

import harness
from harness import (Cluster, Exporter, FakeNode, INFO, REPO, RedisError, Resp, bulk, parse_info,
                     run, scope, wait)
from test_dialect import RxPage

FIXTURES = os.path.join(REPO, "tests", "fixtures")
CAPTURES = sorted(os.listdir(os.path.join(FIXTURES, "captures")))

NOT_CARRIED = {
    "redis_exporter_last_scrape_ping_time_seconds": "no PING is sent: INFO shows that a node lives",
    "redis_config_key_value": "a setting's text as a label may be a password, or change at will",
    "redis_sentinel_config_key_value": "as redis_config_key_value",
}

# What a Redis 7.0 without modules, set up as below, does not tell.
NOT_PROVOKED = {
    "redis_exporter_build_info": "is about the exporter: on the metrics path only",
    "redis_module_info": "no module is loaded",
    "redis_cluster_stats_messages_fail_sent": "no node fails",
    "redis_cluster_stats_messages_fail_received": "no node fails",
    "redis_cluster_stats_messages_auth_req_sent": "no failover",
    "redis_cluster_stats_messages_auth_req_received": "no failover",
    "redis_cluster_stats_messages_auth_ack_sent": "no failover",
    "redis_cluster_stats_messages_auth_ack_received": "no failover",
    "redis_cluster_stats_messages_mfstart_sent": "no failover",
    "redis_cluster_stats_messages_mfstart_received": "no failover",
    "redis_cluster_stats_messages_update_sent": "no node has an old view",
    "redis_cluster_stats_messages_update_received": "no node has an old view",
    "redis_cluster_stats_messages_module_sent": "no module is loaded",
    "redis_cluster_stats_messages_module_received": "no module is loaded",
}

Family = collections.namedtuple("Family", "name type group source needs")
Row = collections.namedtuple("Row", "name type source needs rx")


def families():
    with open(os.path.join(FIXTURES, "redis_exporter-families.tsv"), encoding="utf-8") as f:
        lines = [line.rstrip("\n").split("\t") for line in f if not line.startswith("#")]
    return [Family(*line[:-1], line[-1].strip("-")) for line in lines[1:]]


def reference():
    """The rows of the reference; rx is "" where redis_exporter has no such metric."""
    rows = []
    for line in run(harness.EXPORTER, "--print-metrics").stdout.splitlines():
        if line.startswith("| `"):
            name, kind, _, _, source, needs, _, rx = (
                cell.strip().replace("`", "") for cell in line.split("|")[1:-1])
            rows.append(Row(name, kind, source, needs, name if rx == "same" else rx))
    return rows


def is_bus(name):
    """The families that redis_exporter makes up from the lines of CLUSTER INFO."""
    return re.fullmatch(r"redis_cluster_stats_(messages_\w+|\w+_bytes)_(sent|received)", name)


def test_each_family_is_in_the_reference_or_an_exception():
    named = {row.rx for row in reference()}
    missing = {f.name for f in families() if f.name not in named and not is_bus(f.name)}
    assert missing == set(NOT_CARRIED), missing ^ set(NOT_CARRIED)


# ---- real replies -------------------------------------------------------------------------------


def capture(server, name):
    with open(os.path.join(FIXTURES, "captures", server, name + ".resp2"), "rb") as f:
        return f.read()


def captured_info(server, name):
    return parse_info(capture(server, name).split(b"\r\n", 1)[1].decode())


def number(name, text):
    """What redis_exporter makes of a field's text; None when it is no number to it."""
    if text in ("ok", "up"):
        return 1
    if text in ("err", "fail", "down"):
        return 0
    try:
        value = float(text)
    except ValueError:
        return None
    if name in ("redis_latest_fork_seconds", "redis_commands_duration_seconds_total"):
        return value / 1e6
    return value / 1e3 if name == "redis_db_avg_ttl_seconds" else value


def texts(source, info, cluster_info):
    """The texts of a source in the two replies; that of each line where it is a part of a group."""
    command, field, part = re.fullmatch(r"(INFO|CLUSTER INFO) (\S+)(?: (\S+))?", source).groups()
    fields = info if command == "INFO" else cluster_info
    if not part:
        return [fields[field]] if field in fields else []
    lines = [dict(p.split("=", 1) for p in value.split(",")) for key, value in fields.items()
             if fnmatch.fnmatch(key, field) and re.search(r"\d$|^cmdstat|^errorstat", key)
             and "=" in value]
    return [line[part] for line in lines if part in line]


def types(page):
    return dict(re.findall(r"^# TYPE (\S+) (\S+)$", page.text, re.M))


def rx_page(replies, *flags):
    """The page in the dialect of a cluster of one node that gives these replies."""
    node = FakeNode(replies=replies)
    return RxPage(Exporter(node.addr, *flags).get(f"/scrape?target={node.addr}"))


def check_family(page, family, expected):
    got = sorted(value for _, value in page.all(family.name))
    same = len(got) == len(expected) and all(
        math.isclose(a, b, abs_tol=1e-9) for a, b in zip(got, sorted(expected)))
    assert same, (family, expected[:5], got[:5])
    if expected:
        assert types(page)[family.name] == family.type, (family, types(page)[family.name])


def check_capture(server):
    replies = {"INFO": capture(server, "info_all"), "CLUSTER INFO": capture(server, "cluster_info")}
    info, cluster_info = captured_info(server, "info_all"), captured_info(server, "cluster_info")
    with scope():
        page, checked = rx_page(replies), 0
    for family in families():
        if family.source == "-":
            continue
        found = [number(family.name, t) for t in texts(family.source, info, cluster_info)]
        check_family(page, family, [value for value in found if value is not None])
        checked += bool(found)
    return checked


def test_each_versions_replies_give_every_family_its_values():
    checked = {server: check_capture(server) for server in CAPTURES}
    assert len(checked) == 18
    assert min(checked.values()) > 70 and checked["valkey-9.1.2"] > 180, checked


def version_of(server):
    product, version = server.removesuffix("-replica").split("-")
    return product, tuple(map(int, version.split(".")))


def has(needs, product, version):
    """Whether a server meets the column "needs"; any Valkey is also a Redis 7.2."""
    if not needs:
        return True
    as_redis = (7, 2, 4) if product == "valkey" else version
    for part in needs.split(", "):
        name, *words = part.split(" ")
        limit = tuple(map(int, words[-1].split("."))) if words else ()
        if name == "Redis" and words[0] == "up":
            if product == "redis" and version[:2] <= limit:
                return True
        elif name == "Redis" and as_redis >= limit:
            return True
        elif name == "Valkey" and product == "valkey" and version >= limit:
            return True
    return False


def test_the_needs_of_each_row_are_those_of_the_captured_servers():
    rows = [row for row in reference() if re.fullmatch(r"(CLUSTER )?INFO \S+", row.source)
            and row.source != "INFO module"]  # which comes with a module
    told = collections.defaultdict(set)
    for server in CAPTURES:
        told["INFO", version_of(server)] |= set(captured_info(server, "info_all"))
        told["CLUSTER INFO", version_of(server)] |= set(captured_info(server, "cluster_info"))
    wrong, checked = [], 0
    for row in rows:
        command, field = row.source.rsplit(" ", 1)
        versions = [version for c, version in told if c == command]
        having = [version for version in versions if field in told[command, version]]
        if having:  # else it takes a state that no captured server was in
            checked += 1
            needing = [version for version in versions if has(row.needs, *version)]
            wrong += [(row.name, row.needs, having)] if having != needing else []
    assert not wrong, wrong
    assert checked > 200, checked


def test_the_two_tables_agree_on_the_needs():
    rows = {row.rx: row.needs for row in reference()}
    wrong = [(f.name, f.needs, rows[f.name]) for f in families()
             if f.name in rows and f.needs != rows[f.name]]
    assert not wrong, wrong


# ---- modules ------------------------------------------------------------------------------------

MODULE = "name=search,ver=20809,api=1,filters=0,usedby=[],using=[ReJSON|other],options=[a|b]"


def test_each_figure_of_a_module_has_its_name_and_value():
    found = [f for f in families() if f.group == "modules" and f.source != "-"]
    values = {f: i + 1 for i, f in enumerate(found)}
    lines = [f"{f.source.removeprefix('INFO ')}:{value}" for f, value in values.items()]
    text = "\r\n".join(["# Modules", f"module:{MODULE}", "# search_texts",
                        "search_version:2.8.9", *lines, ""])
    info = INFO.format(port=1, clients=1) + f"# Modules\r\nmodule:{MODULE}\r\n"
    page = rx_page({"INFO MODULES": bulk(text), "INFO": bulk(info)}, "--collector.modules")
    for family, value in values.items():
        check_family(page, family, [value])
    parts = dict(part.split("=") for part in MODULE.split(",") if not part.startswith("options"))
    assert page.all("redis_module_info") == [(parts, 1)]
    assert len(values) == 72


def test_modules_are_read_only_on_request():
    replies = {"INFO": bulk(INFO.format(port=1, clients=1) + f"module:{MODULE}\r\n"),
               "INFO MODULES": bulk("json_num_documents:1\r\n")}
    page = rx_page(replies)
    assert not page.all("redis_module_info") and not page.all("redis_json_num_documents")


# ---- a real server ------------------------------------------------------------------------------


def persist(node):
    """An RDB save and then an AOF rewrite, to their ends."""
    for command, field in ("BGSAVE", "rdb_bgsave_in_progress"), \
                          ("BGREWRITEAOF", "aof_rewrite_in_progress"):
        node.command(command)
        wait(lambda: node.info()[field] == "0", f"{command} has ended")


def provoke(master, replica):
    """Everything that a table at rest does not show."""
    for name, value in (("latency-monitor-threshold", 1), ("slowlog-log-slower-than", 0)):
        master.command("CONFIG", "SET", name, value)
    for i in range(20):
        master.command("SET", f"key{i}", i, "PX", 1 if i < 10 else 100000)
        master.command("GET", f"key{i}")
    master.command("SADD", "many", *(f"member{i}" for i in range(1000)))
    master.command("UNLINK", "many")
    for bad in ("LPUSH", "key15", 1), ("NOSUCH",), ("GET",):
        try:
            master.command(*bad)
        except RedisError:
            pass
    master.command("SET", "word", "text")
    master.command("XADD", "events", "*", "field", "value")
    master.command("XGROUP", "CREATE", "events", "readers", "0")
    master.command("XREADGROUP", "GROUP", "readers", "me", "STREAMS", "events", ">")
    master.command("DEBUG", "SLEEP", 0.01)
    subscriber = Resp(replica.host, replica.port)
    subscriber.call("SSUBSCRIBE", "shard")
    wait(lambda: master.command("SPUBLISH", "shard", "x") >= 0, "it is published")
    master.command("PUBLISH", "all", "x")
    persist(master)
    wait(lambda: int(master.info()["expired_keys"]) >= 10, "the keys have expired")
    return subscriber


NOT_ZERO = """
redis_expired_keys_total redis_keyspace_hits_total redis_lazyfreed_objects redis_slowlog_last_id
redis_slowlog_length redis_rdb_saves_total redis_latest_fork_seconds redis_aof_enabled
redis_aof_current_size_bytes redis_total_error_replies redis_connected_slaves
redis_replica_resyncs_full redis_db_keys redis_db_keys_expiring redis_db_avg_ttl_seconds
redis_cluster_messages_sent_total redis_cluster_slots_ok redis_config_maxclients
redis_pubsubshard_channels redis_cluster_stats_messages_publishshard_sent
redis_cluster_stats_messages_publish_sent redis_master_link_up redis_slave_repl_offset
""".split()


def test_a_busy_node_of_redis_7_has_every_family_that_it_can_have():
    cluster = Cluster(masters=1, replicas=1, appendonly="yes")
    subscriber = provoke(*cluster.nodes)
    exporter = Exporter(cluster.addrs[0], "--collector.latency-histogram", "--collector.config-all",
                        "--collector.modules", "--collector.client-list",
                        "--check-single-keys=key15,word", "--count-keys=key*",
                        "--check-single-streams=events")
    pages = [RxPage(exporter.get(f"/scrape?target={addr}")) for addr in cluster.addrs for _ in "12"]
    version = tuple(map(int, cluster.nodes[0].info()["redis_version"].split(".")))
    wanted = [f for f in families()
              if f.name not in NOT_CARRIED and has(f.needs, "redis", version)]
    found = {name: kind for page in pages for name, kind in types(page).items()}
    missing = {f.name for f in wanted} - set(found)
    assert missing <= set(NOT_PROVOKED), missing - set(NOT_PROVOKED)
    stale = {name for name in NOT_PROVOKED if name in found and not is_bus(name)}
    if cluster.nodes[0].command("MODULE", "LIST"):  # Redis 8.0 brings one of its own
        stale.remove("redis_module_info")
    assert not stale, stale  # a slow machine may well have a failover
    wrong = [(f, found[f.name]) for f in wanted if f.type != found.get(f.name, f.type)]
    assert not wrong, wrong
    zero = [name for name in NOT_ZERO if not any(page.total(name) for page in pages)]
    assert not zero, zero
    subscriber.close()


test_a_busy_node_of_redis_7_has_every_family_that_it_can_have.seconds = 5
