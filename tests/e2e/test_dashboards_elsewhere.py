"""Dashboards and rules that others have made for redis_exporter go on working with its dialect.

`USES` holds what their expressions select: metrics, with the labels that they are grouped or named
by, the labels that choose them, and what they are combined with; instead of series that somebody
records from ours, those that they are made of. Each is asked of a real Prometheus that scrapes a
real cluster three times: by Debian's redis_exporter, by ours in its place, and as one page.
"""

import collections
import json
import os
import re

from harness import Cluster, Exporter, Process, Prometheus, free_port, temp_dir, wait
from stage import Load
from test_dialect import Rival

# A metric; then labels that its series are told apart by, besides instance, and matchers in quotes.
# After "/" what it is calculated with, series by series; after "&" what must be there of the same
# instance, and after "<" that of which each instance has several.
USES = {
    "redis_exporter's own dashboard, which is 763 on grafana.com": """
        redis_up
        redis_uptime_in_seconds
        redis_connected_clients
        redis_blocked_clients
        redis_memory_used_bytes / redis_memory_max_bytes
        redis_commands_total cmd
        redis_commands_duration_seconds_total cmd / redis_commands_total
        redis_keyspace_hits_total
        redis_keyspace_misses_total
        redis_net_input_bytes_total
        redis_net_output_bytes_total
        redis_db_keys db / redis_db_keys_expiring
        redis_expired_keys_total
        redis_evicted_keys_total
    """,
    "dashboard, rules and alerts of redis_exporter's mixin": """
        redis_up
        redis_commands_total cmd
        redis_commands_duration_seconds_total cmd / redis_commands_total
        redis_keyspace_hits_total / redis_keyspace_misses_total
        redis_memory_used_bytes
        redis_memory_max_bytes
        redis_memory_used_rss_bytes / redis_memory_used_bytes
        redis_evicted_keys_total
        redis_connected_clients
        redis_blocked_clients
        redis_db_keys db
        redis_db_keys_expiring db
        redis_connected_slaves
        redis_master_last_io_seconds_ago
        redis_memory_used_bytes / redis_total_system_memory_bytes
        redis_cluster_slots_fail
        redis_cluster_slots_pfail
        redis_cluster_state
    """,
    "the Redis rules of awesome-prometheus-alerts": """
        redis_up
        redis_instance_info role="master"
        redis_connected_slaves
        redis_rdb_last_save_timestamp_seconds
        redis_memory_used_bytes / redis_total_system_memory_bytes
        redis_memory_used_bytes / redis_memory_max_bytes
        redis_connected_clients
        redis_rejected_connections_total
    """,
    "the cluster dashboard of the Redis operator by OT-CONTAINER-KIT": """
        redis_up
        redis_connected_clients
        redis_config_maxclients / redis_connected_clients
        redis_commands_processed_total
        redis_cluster_slots_fail
        redis_cluster_slots_ok
        redis_instance_info role="master"
        redis_rdb_changes_since_last_save
        redis_commands_total cmd
        redis_commands_duration_seconds_total cmd / redis_commands_total
        redis_db_keys db
        redis_net_input_bytes_total
        redis_net_output_bytes_total
        redis_memory_used_bytes
        redis_master_repl_offset / redis_slave_repl_offset
    """,
    "the Redis dashboards of GitLab": """
        redis_connected_clients
        redis_blocked_clients
        redis_connections_received_total
        redis_commands_total & redis_instance_info role="master"
        redis_commands_total cmd & redis_instance_info role="slave"
        redis_net_output_bytes_total & redis_instance_info role="master"
        redis_net_input_bytes_total & redis_instance_info role="slave"
        redis_slowlog_last_id & redis_instance_info role="master"
        redis_commands_duration_seconds_total cmd & redis_instance_info role="master"
        redis_cpu_user_seconds_total & redis_instance_info role="slave"
        redis_cpu_sys_seconds_total & redis_instance_info role="master"
        redis_memory_used_bytes
        redis_memory_used_rss_bytes / redis_memory_used_bytes
        redis_expired_keys_total
        redis_db_keys db
        redis_keyspace_hits_total & redis_instance_info role="master"
        redis_keyspace_misses_total & redis_instance_info role="master"
        redis_connected_slaves
        redis_master_repl_offset < redis_connected_slave_offset_bytes slave_ip
        redis_slave_resync_total
        redis_cluster_size
        redis_cluster_known_nodes
        redis_cluster_slots_ok
        redis_cluster_slots_assigned
        redis_cluster_slots_pfail
        redis_cluster_slots_fail
    """,
    "the dashboard of cluster details for Valkey by Percona": """
        redis_cluster_slots_ok
        redis_cluster_slots_fail
        redis_cluster_slots_pfail
        redis_cluster_state
        redis_cluster_messages_sent_total
        redis_cluster_messages_received_total
        redis_cluster_connections
        redis_cluster_known_nodes
        redis_instance_info role
        redis_master_repl_offset < redis_connected_slave_offset_bytes slave_ip slave_port
        redis_connected_slaves
        redis_replica_resyncs_full
        redis_replica_partial_resync_accepted
        redis_replica_partial_resync_denied
        redis_replication_backlog_bytes
        redis_repl_backlog_first_byte_offset
        redis_repl_backlog_history_bytes
    """,
}

# What stays empty with the original as well, and why.
EMPTY = {
    "redis_master_repl_offset / redis_slave_repl_offset":
        "only one of them has the labels of the master",
    "redis_slave_resync_total": "it has gone from redis_exporter",
}

Use = collections.namedtuple("Use", "text metric labels matchers relation partner chosen")


def parse(line):
    """A line of USES; `chosen` are the matchers of the partner."""
    left, relation, right = re.fullmatch(r"([^/&<]+?)(?: ([/&<]) (.+))?", line.strip()).groups()
    parts = []
    for words in left.split(), (right or "-").split():
        matchers = [word for word in words[1:] if "=" in word]
        parts.append((words[0], [w for w in words[1:] if w not in matchers], ", ".join(matchers)))
    (metric, labels, matchers), (partner, more, chosen) = parts
    return Use(line.strip(), metric, labels + more, matchers, relation, partner, chosen)


def vector(metric, job, matchers):
    selector = f'{metric}{{{", ".join(filter(None, [f"job={json.dumps(job)}", matchers]))}}}'
    return f"rate({selector}[10s])" if metric.endswith("_total") else selector


def query(use, job):
    """What a panel asks, with the labels that matter kept apart."""
    expr = vector(use.metric, job, use.matchers)
    partner = use.partner != "-" and vector(use.partner, job, use.chosen)
    expr += {None: "", "/": f" / {partner}", "&": f" and on (instance) {partner}",
             "<": f" - on (instance) group_right {partner}"}[use.relation]
    return f"count by (instance, {', '.join(use.labels)}) ({expr})"


class ThreeJobs(Prometheus):
    """Scrapes the nodes by the original, by ours in its place, and as one page in the dialect.

    The page has all nodes, so its series are given the node as their instance.
    """

    def __init__(self, nodes, rival, ours, page):
        self.port, where = free_port(), temp_dir()
        config = os.path.join(where, "prometheus.yml")
        jobs = [{"job_name": name, "metrics_path": "/scrape",
                 "static_configs": [{"targets": nodes}],
                 "relabel_configs": [
                     {"source_labels": ["__address__"], "target_label": "__param_target"},
                     {"source_labels": ["__param_target"], "target_label": "instance"},
                     {"target_label": "__address__", "replacement": f"127.0.0.1:{port}"}]}
                for name, port in (("original", rival.port), ("ours", ours.port))]
        jobs.append({"job_name": "page",
                     "static_configs": [{"targets": [f"127.0.0.1:{page.port}"]}],
                     "metric_relabel_configs": [
                         {"source_labels": ["redis_node"], "regex": "(.+)",
                          "target_label": "instance"}]})
        with open(config, "w", encoding="utf-8") as f:
            json.dump({"global": {"scrape_interval": "1s", "scrape_timeout": "1s"},
                       "scrape_configs": jobs}, f)
        Process.__init__(self, ["prometheus", f"--config.file={config}",
                                f"--storage.tsdb.path={where}/data",
                                f"--web.listen-address=127.0.0.1:{self.port}"],
                         os.path.join(where, "prometheus.log"))

    def rows(self, use, job):
        """{(instance, value of each label)}"""
        found = {tuple(labels.get(name, "") for name in ("instance", *use.labels))
                 for labels, _ in self.query(query(use, job))}
        # Each exporter leaves its own commands in the statistics.
        return {row for row in found if "|" not in row[-1]}


def test_what_other_dashboards_select_is_there():
    cluster = Cluster()
    nodes = cluster.addrs
    rival = Rival(flags=["-include-system-metrics"])
    ours = Exporter(cluster.addrs[0], "--include-system-metrics")
    page = Exporter(cluster.addrs[0], "--metrics.dialect=redis_exporter")
    prometheus = ThreeJobs(nodes, rival, ours, page)
    Load(cluster.nodes)
    uses = {use.text: use
            for lines in USES.values() for use in map(parse, lines.strip().split("\n"))}
    assert len(uses) > 50

    def lacks():
        """{use: {job: what it has not}}"""
        found = {}
        for text, use in uses.items():
            theirs = prometheus.rows(use, "original")
            for job in "ours", "page":
                rows = prometheus.rows(use, job)
                if theirs - rows or (not rows) != (text in EMPTY):
                    found.setdefault(text, {})[job] = theirs - rows or "is empty or is not"
            if text in EMPTY and theirs:
                found[text] = "not empty"
        return found

    wait(lambda: len(prometheus.query("rate(redis_commands_total{cmd='set'}[10s]) > 0")) > 15,
         "three jobs have rates")
    try:
        wait(lambda: not lacks(), "all is there", 15)
    except AssertionError as e:
        raise AssertionError(json.dumps(lacks(), default=sorted, indent=1)) from e


test_what_other_dashboards_select_is_there.seconds = 12
