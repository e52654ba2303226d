"""What the page says about a healthy cluster is what the nodes say."""

import contextlib
import math
import os
import re

from harness import (Cluster, Exporter, REPO, RedisError, RedisNode, ReferenceCluster, SLOTS,
                     cluster_exporter, run, server, shared, wait)

FAMILIES = """
redis_up redis_exporter_node_scrape_duration_seconds redis_exporter_scrapes_total
redis_exporter_last_scrape_duration_seconds redis_exporter_build_info
process_cpu_seconds_total process_resident_memory_bytes process_open_fds
process_start_time_seconds redis_cluster_node_info redis_cluster_discovery_up
redis_cluster_nodes redis_cluster_slots_covered redis_cluster_slots_uncovered
redis_cluster_slots_unreachable redis_cluster_node_slots redis_cluster_state
redis_cluster_slots_assigned redis_cluster_slots_ok redis_cluster_slots_pfail
redis_cluster_slots_fail redis_cluster_known_nodes redis_cluster_size
redis_cluster_current_epoch redis_cluster_my_epoch redis_cluster_messages_sent_total
redis_cluster_messages_received_total redis_cluster_bus_messages_total
redis_cluster_links_buffer_limit_exceeded_total redis_master_link_up redis_master_repl_offset
redis_slave_repl_offset redis_connected_slaves redis_connected_slave_offset_bytes
redis_replica_lag_bytes redis_memory_used_bytes redis_memory_max_bytes redis_connected_clients
redis_connections_received_total redis_commands_processed_total redis_uptime_in_seconds
redis_cpu_sys_seconds_total redis_rdb_changes_since_last_save redis_aof_enabled
""".split()

# What is about the exporter and not about one cluster.
OF_THE_EXPORTER = ("redis_exporter_build_info", "redis_target_scrape_request_errors_total",
                   "redis_exporter_requests_refused_total",
                   "redis_exporter_config_last_reload_successful",
                   "redis_exporter_config_last_reload_success_timestamp_seconds")

# INFO or CLUSTER INFO field, its metric, and the factor to the metric's unit if there is one.
FIELDS = """
uptime_in_seconds redis_uptime_in_seconds
process_id redis_process_id
io_threads_active redis_io_threads_active
connected_clients redis_connected_clients
cluster_connections redis_cluster_connections
maxclients redis_max_clients
client_recent_max_input_buffer redis_client_recent_max_input_buffer_bytes
client_recent_max_output_buffer redis_client_recent_max_output_buffer_bytes
blocked_clients redis_blocked_clients
tracking_clients redis_tracking_clients
clients_in_timeout_table redis_clients_in_timeout_table
used_memory redis_memory_used_bytes
used_memory_rss redis_memory_used_rss_bytes
used_memory_peak redis_memory_used_peak_bytes
used_memory_overhead redis_memory_used_overhead_bytes
used_memory_startup redis_memory_used_startup_bytes
used_memory_dataset redis_memory_used_dataset_bytes
used_memory_lua redis_memory_used_lua_bytes
used_memory_vm_eval redis_memory_used_vm_eval_bytes
used_memory_scripts_eval redis_memory_used_scripts_eval_bytes
number_of_cached_scripts redis_number_of_cached_scripts
number_of_functions redis_number_of_functions
number_of_libraries redis_number_of_libraries
used_memory_vm_functions redis_memory_used_vm_functions_bytes
used_memory_vm_total redis_memory_used_vm_bytes
used_memory_functions redis_memory_used_functions_bytes
used_memory_scripts redis_memory_used_scripts_bytes
maxmemory redis_memory_max_bytes
total_system_memory redis_total_system_memory_bytes
allocator_allocated redis_allocator_allocated_bytes
allocator_active redis_allocator_active_bytes
allocator_resident redis_allocator_resident_bytes
mem_fragmentation_ratio redis_mem_fragmentation_ratio
mem_not_counted_for_evict redis_mem_not_counted_for_eviction_bytes
mem_replication_backlog redis_mem_replication_backlog_bytes
mem_total_replication_buffers redis_mem_total_replication_buffers_bytes
mem_clients_slaves redis_mem_clients_slaves
mem_clients_normal redis_mem_clients_normal
mem_cluster_links redis_mem_cluster_links_bytes
mem_aof_buffer redis_mem_aof_buffer_bytes
active_defrag_running redis_active_defrag_running
lazyfree_pending_objects redis_lazyfree_pending_objects
lazyfreed_objects redis_lazyfreed_objects_total
loading redis_loading_dump_file
async_loading redis_async_loading
rdb_changes_since_last_save redis_rdb_changes_since_last_save
rdb_bgsave_in_progress redis_rdb_bgsave_in_progress
rdb_last_save_time redis_rdb_last_save_timestamp_seconds
rdb_last_bgsave_status redis_rdb_last_bgsave_status
rdb_last_bgsave_time_sec redis_rdb_last_bgsave_duration_seconds
rdb_current_bgsave_time_sec redis_rdb_current_bgsave_duration_seconds
rdb_saves redis_rdb_saves_total
rdb_last_cow_size redis_rdb_last_cow_size_bytes
rdb_last_load_keys_expired redis_rdb_last_load_expired_keys
rdb_last_load_keys_loaded redis_rdb_last_load_loaded_keys
aof_enabled redis_aof_enabled
aof_rewrite_in_progress redis_aof_rewrite_in_progress
aof_rewrite_scheduled redis_aof_rewrite_scheduled
aof_last_rewrite_time_sec redis_aof_last_rewrite_duration_seconds
aof_current_rewrite_time_sec redis_aof_current_rewrite_duration_seconds
aof_last_bgrewrite_status redis_aof_last_bgrewrite_status
aof_last_write_status redis_aof_last_write_status
aof_last_cow_size redis_aof_last_cow_size_bytes
aof_current_size redis_aof_current_size_bytes
aof_base_size redis_aof_base_size_bytes
aof_pending_rewrite redis_aof_pending_rewrite
aof_buffer_length redis_aof_buffer_length
aof_pending_bio_fsync redis_aof_pending_bio_fsync
aof_delayed_fsync redis_aof_delayed_fsync_total
module_fork_in_progress redis_module_fork_in_progress
module_fork_last_cow_size redis_module_fork_last_cow_size_bytes
total_connections_received redis_connections_received_total
total_commands_processed redis_commands_processed_total
total_net_input_bytes redis_net_input_bytes_total
total_net_output_bytes redis_net_output_bytes_total
total_net_repl_input_bytes redis_net_repl_input_bytes_total
total_net_repl_output_bytes redis_net_repl_output_bytes_total
rejected_connections redis_rejected_connections_total
sync_full redis_replica_resyncs_full_total
sync_partial_ok redis_replica_partial_resync_accepted_total
sync_partial_err redis_replica_partial_resync_denied_total
expired_keys redis_expired_keys_total
expired_stale_perc redis_expired_stale_percentage
expired_time_cap_reached_count redis_expired_time_cap_reached_total
evicted_keys redis_evicted_keys_total
evicted_clients redis_evicted_clients_total
keyspace_hits redis_keyspace_hits_total
keyspace_misses redis_keyspace_misses_total
pubsub_channels redis_pubsub_channels
pubsub_patterns redis_pubsub_patterns
pubsubshard_channels redis_pubsubshard_channels
total_forks redis_forks_total
migrate_cached_sockets redis_migrate_cached_sockets
slave_expires_tracked_keys redis_slave_expires_tracked_keys
active_defrag_hits redis_defrag_hits_total
active_defrag_misses redis_defrag_misses_total
active_defrag_key_hits redis_defrag_key_hits_total
active_defrag_key_misses redis_defrag_key_misses_total
tracking_total_keys redis_tracking_total_keys
tracking_total_items redis_tracking_total_items
tracking_total_prefixes redis_tracking_total_prefixes
unexpected_error_replies redis_unexpected_error_replies_total
total_error_replies redis_error_replies_total
dump_payload_sanitizations redis_dump_payload_sanitizations_total
total_reads_processed redis_reads_processed_total
total_writes_processed redis_writes_processed_total
io_threaded_reads_processed redis_io_threaded_reads_processed_total
io_threaded_writes_processed redis_io_threaded_writes_processed_total
master_link_status redis_master_link_up
master_sync_in_progress redis_master_sync_in_progress
master_last_io_seconds_ago redis_master_last_io_seconds_ago
slave_repl_offset redis_slave_repl_offset
slave_priority redis_slave_priority
slave_read_only redis_slave_read_only
connected_slaves redis_connected_slaves
master_repl_offset redis_master_repl_offset
second_repl_offset redis_second_repl_offset
repl_backlog_active redis_repl_backlog_is_active
repl_backlog_size redis_replication_backlog_bytes
repl_backlog_first_byte_offset redis_repl_backlog_first_byte_offset
repl_backlog_histlen redis_repl_backlog_history_bytes
used_cpu_sys redis_cpu_sys_seconds_total
used_cpu_user redis_cpu_user_seconds_total
used_cpu_sys_children redis_cpu_sys_children_seconds_total
used_cpu_user_children redis_cpu_user_children_seconds_total
used_cpu_sys_main_thread redis_cpu_sys_main_thread_seconds_total
used_cpu_user_main_thread redis_cpu_user_main_thread_seconds_total
cluster_enabled redis_cluster_enabled
cluster_state redis_cluster_state
cluster_slots_assigned redis_cluster_slots_assigned
cluster_slots_ok redis_cluster_slots_ok
cluster_slots_pfail redis_cluster_slots_pfail
cluster_slots_fail redis_cluster_slots_fail
cluster_known_nodes redis_cluster_known_nodes
cluster_size redis_cluster_size
cluster_current_epoch redis_cluster_current_epoch
cluster_my_epoch redis_cluster_my_epoch
cluster_stats_messages_sent redis_cluster_messages_sent_total
cluster_stats_messages_received redis_cluster_messages_received_total
total_cluster_links_buffer_limit_exceeded redis_cluster_links_buffer_limit_exceeded_total
hz redis_hz
configured_hz redis_configured_hz
allocator_frag_ratio redis_allocator_frag_ratio
allocator_frag_bytes redis_allocator_frag_bytes
allocator_rss_ratio redis_allocator_rss_ratio
allocator_rss_bytes redis_allocator_rss_bytes
rss_overhead_ratio redis_rss_overhead_ratio
rss_overhead_bytes redis_rss_overhead_bytes
mem_fragmentation_bytes redis_mem_fragmentation_bytes
current_cow_peak redis_current_cow_peak_bytes
current_cow_size redis_current_cow_size_bytes
current_save_keys_processed redis_current_save_keys_processed
current_save_keys_total redis_current_save_keys
aof_rewrites redis_aof_rewrites_total
aof_rewrites_consecutive_failures redis_aof_rewrites_consecutive_failures
reply_buffer_shrinks redis_reply_buffer_shrinks_total
reply_buffer_expands redis_reply_buffer_expands_total
slave_read_repl_offset redis_slave_read_repl_offset
replica_announced redis_replica_announced
latest_fork_usec redis_latest_fork_seconds 1e-6
expire_cycle_cpu_milliseconds redis_expire_cycle_cpu_seconds_total 1e-3
total_eviction_exceeded_time redis_eviction_exceeded_seconds_total 1e-3
current_eviction_exceeded_time redis_current_eviction_exceeded_seconds 1e-3
total_active_defrag_time redis_defrag_seconds_total 1e-3
current_active_defrag_time redis_defrag_current_seconds 1e-3
""".strip().splitlines()


def number(field, value, factor):
    """A field as the page shows it; None where it says "never"."""
    if value.isalpha():
        return float(value in ("ok", "up"))
    return None if field.endswith("_time_sec") and value == "-1" else float(value) * factor


def write_to(nodes):
    """Some of these keys belong to each of the masters; half of them expire."""
    for node in nodes:
        for i in range(200):
            with contextlib.suppress(RedisError):  # MOVED
                node.command("SET", f"key{i}", "x" * 100, *(["EX", 3600] if i % 2 else []))


def test_six_nodes_are_up_and_all_slots_are_covered():
    page = cluster_exporter().scrape()
    page.check_all_up(shared(ReferenceCluster).addrs)
    assert page.get("redis_cluster_discovery_up") == 1
    assert page.get("redis_cluster_slots_unreachable") == 0
    assert page.get("redis_cluster_nodes", role="master", health="ok") == 3
    assert page.get("redis_cluster_nodes", role="replica", health="ok") == 3
    assert page.total("redis_cluster_nodes") == 6
    assert not page.errors()


OWN = "redis_exporter_build_info", "redis_target_scrape_request_errors_total"


def test_every_family_is_there_and_names_the_cluster():
    cluster, exporter = shared(ReferenceCluster), cluster_exporter()
    write_to(cluster.nodes)  # before the first byte of the stream there is no lag to tell
    wait(lambda: len(exporter.scrape().by_node("redis_replica_lag_bytes")) == 3, "lag is known")
    page = exporter.scrape()
    missing = [name for name in FAMILIES if not page.all(name)]
    assert not missing, missing
    for name, labels in page.samples:
        if name.startswith("redis_") and name not in OF_THE_EXPORTER:
            assert dict(labels).get("redis_cluster") == cluster.addrs[0], (name, labels)
    for addr in cluster.addrs:
        assert page.all("redis_connected_slaves", redis_node=addr), addr


def compared_fields(cluster, exporter):
    """Those that were the same before and after a scrape, and so in it; the others at least show
    a value, of a counter one between these."""
    before = [{**n.info(), **n.cluster_info()} for n in cluster.nodes]
    page = exporter.scrape()
    after = [{**n.info(), **n.cluster_info()} for n in cluster.nodes]
    wrong, compared = [], set()
    for node, old, new in zip(cluster.nodes, before, after):
        for line in FIELDS:
            field, metric, *factor = line.split()
            if field not in old:
                assert metric not in page.metrics_of(node.addr), (node.addr, metric)
                continue
            low, high = (number(field, info[field], float(*factor or [1])) for info in (old, new))
            value = page.by_node(metric).get(node.addr)
            if low == high:
                compared.add(field)
                fine = value == low or value is not None and math.isclose(value, low)
            else:
                fine = value is not None and (
                    low <= value <= high or not metric.endswith("_total"))
            if not fine:
                wrong.append((node.addr, field, metric, low, value, high))
    assert not wrong, wrong
    return compared


def test_every_field_equals_its_metric():
    cluster, exporter = shared(ReferenceCluster), cluster_exporter()
    cluster.nodes[0].disconnect()
    write_to(cluster.nodes)
    # again where a gauge was another for a moment, as the buffers of the cluster's bus may be
    compared = wait(lambda: compared_fields(cluster, exporter), "every field equals its metric")
    never = {line.split()[0] for line in FIELDS} - compared
    assert len(never) < len(FIELDS) / 4, f"fields never compared: {sorted(never)}"


def test_keys_are_counted_per_database():
    cluster = shared(ReferenceCluster)
    node = cluster.nodes[0]
    write_to(cluster.nodes)
    page = cluster_exporter().scrape()
    keys = dict(part.split("=") for part in node.info()["db0"].split(","))
    assert int(keys["keys"]) > int(keys["expires"]) > 0
    assert page.get("redis_db_keys", redis_node=node.addr, db="db0") == int(keys["keys"])
    assert page.get("redis_db_keys_expiring", redis_node=node.addr, db="db0") \
        == int(keys["expires"])


def test_the_topology_is_that_of_cluster_nodes():
    cluster, page = shared(ReferenceCluster), cluster_exporter().scrape()
    for member in cluster.nodes[0].cluster_nodes():
        info = page.all("redis_cluster_node_info", redis_node=member["addr"])
        assert len(info) == 1 and info[0][1] == 1, info
        labels = info[0][0]
        assert labels["node_id"] == member["id"]
        assert labels["address"] == member["addr"]
        assert labels["hostname"] == ""
        assert labels["role"] == ("master" if "master" in member["flags"] else "replica")
        assert labels["master_id"] == member["master"].replace("-", "")
        info = cluster.nodes[0].info()
        assert labels["flavor"] == server()[0]
        assert labels["version"] == info.get("valkey_version", info["redis_version"])
        assert page.get("redis_cluster_node_slots", redis_node=member["addr"]) == member["slots"]
    assert page.total("redis_cluster_node_slots") == SLOTS


def test_replication_is_shown_on_both_sides():
    cluster, exporter = shared(ReferenceCluster), cluster_exporter()
    write_to(cluster.nodes)
    wait(lambda: list(exporter.scrape().by_node("redis_replica_lag_bytes").values()) == [0] * 3,
         "all replicas have acknowledged all")
    page = exporter.scrape()
    for node in cluster.nodes:
        info = node.info()
        if info["role"] == "master":
            assert page.get("redis_connected_slaves", redis_node=node.addr) == 1
            labels = page.all("redis_connected_slave_offset_bytes", redis_node=node.addr)[0][0]
            assert address_of(labels) in cluster.addrs
            assert node.addr not in page.by_node("redis_master_link_up")
            assert node.addr not in page.by_node("redis_replica_lag_bytes")
        else:
            assert page.get("redis_master_link_up", redis_node=node.addr) == 1
            assert 0 <= page.get("redis_replica_lag_bytes", redis_node=node.addr) < 100
            assert page.get("redis_slave_repl_offset", redis_node=node.addr) > 0


def address_of(labels):
    return f"{labels['slave_ip']}:{labels['slave_port']}"


def test_a_replica_that_hangs_falls_behind():
    cluster = Cluster(masters=2, replicas=1, cluster_node_timeout=15000)
    exporter = Exporter(cluster.addrs, "--redis.timeout=0.5s")
    write_to(cluster.nodes)
    lag = "redis_replica_lag_bytes"
    wait(lambda: list(exporter.scrape().by_node(lag).values()) == [0, 0], "no lag")
    wait(lambda: ",offset=0," not in cluster.nodes[0].info()["slave0"], "it has acknowledged")
    cluster.nodes[2].sigstop()
    for _ in range(10):
        write_to(cluster.nodes[:1])
    written = cluster.nodes[0].info()
    behind = int(written["master_repl_offset"]) - int(
        dict(part.split("=") for part in written["slave0"].split(","))["offset"])
    assert behind > 10000, behind
    page = exporter.scrape()
    assert page.errors() == {cluster.addrs[2]: "timeout"}
    assert behind <= page.get(lag, redis_node=cluster.addrs[2]) < behind + 1000
    assert page.get(lag, redis_node=cluster.addrs[3]) < 1000
    cluster.nodes[2].sigcont()
    wait(lambda: list(exporter.scrape().by_node(lag).values()) == [0, 0], "it has caught up")


def test_bus_messages_are_split_by_type_and_direction():
    cluster, exporter = shared(ReferenceCluster), cluster_exporter()
    node = cluster.nodes[0]
    before, page, after = node.cluster_info(), exporter.scrape(), node.cluster_info()
    checked = 0
    for field, value in before.items():
        *kind, direction = field.removeprefix("cluster_stats_messages_").rsplit("_", 1)
        if field.startswith("cluster_stats_messages_") and kind:
            got = page.get("redis_cluster_bus_messages_total", redis_node=node.addr,
                           type=kind[0].replace("-", "_"), direction=direction)
            assert int(value) <= got <= int(after[field]), (field, value, got)
            checked += 1
    assert checked >= 4, before


def test_the_default_page_keeps_to_the_documented_number_of_samples():
    with open(os.path.join(REPO, "docs", "metrics.md"), encoding="utf-8") as f:
        text = f.read().replace("\n", " ")
    a_node, others = (int(re.search(pattern, text).group(1)) for pattern in
                      (r"at most (\d+) samples a node", r"at most (\d+) that are not about a node"))
    page = cluster_exporter().scrape()
    count = sum("redis_node" in dict(labels) for _, labels in page.samples)
    assert 200 * 6 < count <= a_node * 6, count
    assert len(page.samples) - count <= others, len(page.samples) - count


def test_counters_that_matter_from_the_first_event_on_begin_at_zero():
    cluster = Cluster(masters=2, replicas=0)
    exporter = Exporter(cluster.addrs)
    page = exporter.scrape()
    for addr in cluster.addrs:
        for err in "MOVED", "ASK", "TRYAGAIN", "CLUSTERDOWN":
            assert page.get("redis_errors_total", redis_node=addr, err=err) == 0
        assert page.get("redis_cluster_bus_messages_total", redis_node=addr, type="auth-req",
                        direction="received") == 0
    answers = {node: run("redis-cli", "-p", str(node.port), "GET", "x").stdout
               for node in cluster.nodes}
    moved = next(node for node, answer in answers.items() if answer.startswith("MOVED"))
    page = exporter.scrape()
    assert page.get("redis_errors_total", redis_node=moved.addr, err="MOVED") == 1
    alone = Exporter(RedisNode(cluster=False).ready().addr).scrape()
    assert not alone.all("redis_errors_total", err="MOVED")


def test_the_version_of_a_node_is_known_while_it_is_down():
    cluster = Cluster(masters=2, replicas=0)
    exporter = Exporter(cluster.addrs)
    known = exporter.scrape().all("redis_cluster_node_info", redis_node=cluster.addrs[1])
    flavor, version = server()
    assert known[0][0]["version"].startswith("%d.%d." % version)
    assert known[0][0]["flavor"] == flavor
    cluster.nodes[1].kill()
    page = exporter.scrape()
    assert page.get("redis_up", redis_node=cluster.addrs[1]) == 0
    assert page.all("redis_cluster_node_info", redis_node=cluster.addrs[1]) == known
