"""A server that is no cluster is exported as one node."""

from harness import Exporter, RedisNode, wait


def test_a_single_server_has_its_values_but_no_slots():
    node = RedisNode(cluster=False).ready()
    node.command("SET", "a", 1)
    node.command("SELECT", 3)
    for i in range(5):
        node.command("SET", i, i, *(["EX", 1000] if i < 2 else []))
    exporter = Exporter(f"redis://{node.addr}")
    wait(lambda: exporter.scrape().up() == {node.addr: 1}, "it is up")
    for _ in range(3):
        page = exporter.scrape()
    assert page.get("redis_cluster_enabled") == 0
    assert not [n for n, _ in page.samples if n.startswith("redis_cluster_slots")]
    assert not page.all("redis_cluster_state") and not page.errors()
    assert page.get("redis_memory_used_bytes", redis_node=node.addr) > 0
    assert page.get("redis_db_keys", db="db0") == 1 and page.get("redis_db_keys", db="db3") == 5
    assert page.get("redis_db_keys_expiring", db="db3") == 2
    lines = [line for line in exporter.log_lines() if "cluster mode" in line and node.addr in line]
    assert len(lines) == 1, lines


def test_a_single_server_goes_and_comes():
    node = RedisNode(cluster=False, password="pw").ready()
    exporter = Exporter(node.addr, env={"REDIS_PASSWORD": "pw"})
    wait(lambda: exporter.scrape().up() == {node.addr: 1}, "it is up")
    node.kill()
    page = exporter.scrape()
    assert page.up() == {node.addr: 0} and page.errors()[node.addr] in ("refused", "closed")
    node.start()
    wait(lambda: exporter.scrape().up() == {node.addr: 1}, "it is back")


def test_a_single_server_with_a_replica_shows_it():
    node = RedisNode(cluster=False).ready()
    replica = RedisNode(cluster=False, replicaof=f"{node.host} {node.port}").ready()
    wait(lambda: replica.info()["master_link_status"] == "up", "the replica is in sync")
    page = Exporter(node.addr).scrape()
    assert page.up() == {node.addr: 1}
    labels = page.all("redis_connected_slave_offset_bytes", redis_node=node.addr)[0][0]
    assert labels["slave_port"] == str(replica.port)
