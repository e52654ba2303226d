"""What is wrong with single nodes, with the fleet, or with the addresses given."""

import contextlib
import os
import shutil

from harness import (Cluster, Exporter, FULL, RedisError, Resp, cluster_check, shared, temp_dir,
                     wait)


def small_cluster():
    """A master and its replica; settings that only tests change can be changed."""
    return Cluster(masters=1, cluster_node_timeout=5000, enable_protected_configs="yes",
                   loading_process_events_interval_bytes=1024)


BASE = {"no_automatic_failover"}  # what is found with one master


def start(*flags, **kwargs):
    cluster = shared(small_cluster)
    exporter = Exporter(cluster.addrs, "--cluster.one-host", *flags, **kwargs)
    healthy(exporter)
    return (*cluster.nodes, exporter)


def healthy(exporter):
    wait(lambda: exporter.codes() == BASE, "nothing else is wrong")


def found(exporter, code, *nodes):
    """Just this is wrong, at these nodes."""
    def just_this():
        problems = exporter.problems()
        assert set(problems) == BASE | {code}, set(problems)
        return set(problems[code]["nodes"]) == {node.addr for node in nodes}

    wait(just_this, f"{code} is found")


def setting(node, name, value):
    node.command("CONFIG", "SET", name, value)


def test_two_clusters_behind_the_addresses_given_are_told():
    mine, other = shared(small_cluster), Cluster(masters=1)
    alone = Exporter(mine.addrs[0], "--cluster.one-host")
    assert alone.scrape().get("redis_cluster_seed_groups") == 1
    assert alone.codes() == BASE
    exporter = Exporter([mine.addrs[0], other.addrs[0]], "--cluster.one-host")
    for _ in range(2):
        page, problems = exporter.scrape(), exporter.problems()
        assert page.get("redis_cluster_seed_groups") == 2
        assert problems["seeds_differ"]["severity"] == "critical"
        assert page.up() == dict.fromkeys(mine.addrs + other.addrs, 1)
    assert cluster_check(mine.addrs[0]) == (set(), 0)  # which sees one of them


def test_settings_that_differ_are_named():
    master, replica, exporter = start()
    mismatch = "redis_cluster_config_mismatch"
    assert exporter.scrape().total(mismatch) == 0
    for name, value in (("maxmemory-policy", "allkeys-lru"), ("repl-backlog-size", 2 << 20),
                        ("cluster-require-full-coverage", "no"), ("save", "3600 1")):
        before = replica.command("CONFIG", "GET", name)[1]
        setting(replica, name, value)
        found(exporter, "config_differs")
        assert name in exporter.problems()["config_differs"]["message"]
        page = exporter.scrape()
        assert page.get(mismatch, parameter=name) == 1 and page.total(mismatch) == 1
        setting(replica, name, before)
        healthy(exporter)


def test_settings_that_may_not_be_read_are_not_judged():
    cluster = shared(small_cluster)
    for node in cluster.nodes:
        node.command("ACL", "SETUSER", "watcher", "on", ">w4tch", "+@all", "-config")
    exporter = Exporter(cluster.addrs, "--cluster.one-host",
                        env={"REDIS_USER": "watcher", "REDIS_PASSWORD": "w4tch"})
    setting(cluster.nodes[1], "maxmemory-policy", "allkeys-lru")
    page = exporter.scrape()
    assert exporter.codes() == BASE and page.coverage() == FULL
    assert not page.all("redis_cluster_config_mismatch")
    assert page.by_node("redis_exporter_collector_failed", collector="config") == dict.fromkeys(
        cluster.addrs, 1)
    setting(cluster.nodes[1], "maxmemory-policy", "noeviction")


def test_nodes_that_write_the_same_files_are_told():
    master, replica, exporter = start()
    sharing = "redis_cluster_nodes_sharing_data_files"
    assert exporter.scrape().get(sharing) == 0
    setting(replica, "dir", master.dir)
    found(exporter, "shared_data_files", master, replica)
    assert exporter.scrape().get(sharing) == 2
    setting(replica, "dbfilename", "other.rdb")
    healthy(exporter)
    setting(replica, "dbfilename", "dump.rdb")
    setting(replica, "dir", replica.dir)
    healthy(exporter)


def test_saves_that_fail_are_told():
    master, replica, exporter = start()
    gone = temp_dir()
    setting(replica, "dir", gone)
    shutil.rmtree(gone)
    replica.command("BGSAVE")
    found(exporter, "rdb_save_failed", replica)
    assert exporter.scrape().by_node("redis_rdb_last_bgsave_status") == {
        master.addr: 1, replica.addr: 0}
    setting(replica, "dir", replica.dir)
    replica.command("BGSAVE")
    healthy(exporter)

    os.mkdir(gone)
    setting(replica, "dir", gone)
    shutil.rmtree(gone)
    with contextlib.suppress(RedisError):  # it fails at once
        replica.command("BGREWRITEAOF")
    found(exporter, "aof_failed", replica)
    assert exporter.scrape().by_node("redis_aof_last_bgrewrite_status") == {
        master.addr: 1, replica.addr: 0}
    setting(replica, "dir", replica.dir)
    replica.command("BGREWRITEAOF")
    healthy(exporter)


def test_memory_that_is_nearly_full_is_told():
    *nodes, exporter = start()
    for node in nodes:  # the same limit, so that nothing else is found
        setting(node, "maxmemory", 100 << 20)
    healthy(exporter)
    limit = int(max(int(node.info()["used_memory"]) for node in nodes) * 1.05)
    for node in nodes:
        setting(node, "maxmemory", limit)
    wait(lambda: "memory_nearly_full" in exporter.codes() and exporter.problems()[
        "memory_nearly_full"]["nodes"], "it is nearly full")
    assert exporter.scrape().get("redis_cluster_memory_max_bytes") == limit
    for node in nodes:
        setting(node, "maxmemory", 0)
    healthy(exporter)
    assert not exporter.scrape().all("redis_cluster_memory_max_bytes")


def test_a_node_that_loads_its_data_is_told():
    *nodes, exporter = start()
    for i in range(400):
        nodes[0].command("SET", f"key{i}", "x" * 1000)
    wait(lambda: nodes[1].command("DBSIZE") == 400, "the replica has the keys")
    for node, role, code in zip(nodes, ("master", "replica"), ("master_loading", "node_loading")):
        setting(node, "key-load-delay", 5000)  # microseconds
        loader = Resp(node.host, node.port)
        loader.sock.sendall(b"DEBUG RELOAD\r\n")

        def loading(which=node, what=role, expected=code):
            page, problems = exporter.scrape(), exporter.problems()
            assert problems[expected]["nodes"] == [which.addr]
            assert page.get("redis_loading_dump_file", redis_node=which.addr) == 1
            assert page.get("redis_up", redis_node=which.addr) == 1
            return page.get("redis_cluster_nodes", role=what, health="loading") == 1

        wait(loading, "it loads")
        wait(lambda n=node: set_delay(n, 0), "the server answers")
        assert loader.reply() == "OK"
        loader.close()
        healthy(exporter)
    nodes[0].command("FLUSHALL")


def set_delay(node, delay):
    with contextlib.suppress(RedisError):  # LOADING
        setting(node, "key-load-delay", delay)
        return True
    return False


def test_a_node_that_tells_a_wrong_address_of_its_own_is_told():
    master, replica, exporter = start()
    mismatch = "redis_cluster_node_address_mismatch"
    assert exporter.scrape().by_node(mismatch) == {master.addr: 0, replica.addr: 0}
    right, wrong = f" {replica.host}:{replica.port}@", f" 127.0.0.9:{replica.port}@"
    for old, new in (right, wrong), (wrong, right):
        replica.stop()
        path = os.path.join(replica.dir, "nodes.conf")
        with open(path, encoding="utf-8") as f:
            text = f.read()
        assert old in text
        with open(path, "w", encoding="utf-8") as f:
            f.write(text.replace(old, new))
        replica.start()
        replica.ready()
        if new is wrong:
            found(exporter, "address_mismatch", replica)
            page = exporter.scrape()
            assert page.by_node(mismatch) == {master.addr: 0, replica.addr: 1}
            assert page.up() == {master.addr: 1, replica.addr: 1}
    healthy(exporter)


def test_a_node_that_announces_an_address_where_it_is_not_cannot_be_read():
    cluster = Cluster(masters=1, cluster_node_timeout=1500)
    master, replica = cluster.nodes
    exporter = Exporter(master.addr, "--cluster.one-host")
    healthy(exporter)
    setting(replica, "cluster-announce-ip", "127.0.0.9")
    found(exporter, "address_mismatch", replica)  # until the others believe it
    found(exporter, "links_down", master)
    nowhere = f"127.0.0.9:{replica.port}"
    assert exporter.scrape().up() == {master.addr: 1, nowhere: 1}  # by the connection from before
    late = Exporter(master.addr, "--cluster.one-host")
    assert late.scrape().errors() == {nowhere: "refused"}
    problems = late.problems()
    assert set(problems) == BASE | {"links_down", "node_unreadable"}
    assert problems["node_unreadable"]["nodes"] == [nowhere]
    setting(replica, "cluster-announce-ip", replica.host)
    healthy(late)
    healthy(exporter)


def test_what_differs_from_the_expectations_is_told():
    cluster = shared(small_cluster)
    expected = {
        "--expect.nodes=3": "nodes_fewer_than_expected",
        "--expect.nodes=1": "nodes_more_than_expected",
        "--expect.masters=3": "masters_fewer_than_expected",
        "--expect.replicas=2": "replicas_fewer_than_expected",
    }
    names = "redis_cluster_expected_"
    cluster.wait_ok()
    for flag, code in expected.items():
        exporter = Exporter(cluster.addrs, "--cluster.one-host", flag)
        wait(lambda: exporter.codes() == BASE | {code}, f"{flag} leads to {code}")
        assert [value for (name, _), value in exporter.scrape().samples.items()
                if name.startswith(names)] == [int(flag[-1])]
    start("--expect.nodes=2", "--expect.masters=1", "--expect.replicas=1")
