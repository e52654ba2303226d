"""Nodes that join, leave, and return under another id."""

from harness import (FULL, Cluster, Exporter, FakeNode, RedisNode, SLOTS, bulk, fake_cluster,
                     free_port, node_line, redis_cli, wait)


def test_an_added_node_appears_and_a_deleted_one_vanishes():
    cluster = Cluster()
    exporter = Exporter(cluster.addrs[0])
    wait(lambda: exporter.scrape().check_all_up(cluster.addrs), "all are up")
    new = RedisNode().ready()
    redis_cli(cluster.nodes[0], "--cluster", "add-node", new.addr, cluster.addrs[0])
    cluster.nodes.append(new)
    cluster.masters += 1
    cluster.wait_ok()
    page = exporter.scrape()  # the very next one
    page.check_all_up(cluster.addrs)
    assert page.get("redis_cluster_node_slots", redis_node=new.addr) == 0
    assert page.roles()[new.addr] == "master"
    # the first address is that of the seed, so what remains is not remembered as a seed
    for victim in new, cluster.nodes[5]:
        redis_cli(cluster.nodes[1], "--cluster", "del-node", cluster.addrs[1], victim.id())
        cluster.nodes.remove(victim)
        cluster.masters -= victim is new
        cluster.wait_ok()
        page = exporter.scrape()
        page.check_all_up(cluster.addrs)
        assert not [s for s in page.samples if victim.addr in dict(s[1]).values()]
        assert not page.metrics_of(victim.addr)


def test_slots_that_move_are_followed():
    cluster = Cluster(replicas=0)
    exporter = Exporter(cluster.addrs)
    wait(lambda: exporter.scrape().check_all_up(cluster.addrs), "all are up")
    source, target = cluster.nodes[:2]
    before = exporter.scrape().by_node("redis_cluster_node_slots")
    for node in cluster.nodes:
        node.command("CLUSTER", "SETSLOT", 0, "NODE", target.id())
    after = dict(before)
    after[source.addr] -= 1
    after[target.addr] += 1
    wait(lambda: exporter.scrape().by_node("redis_cluster_node_slots") == after, "slot moved")
    for node in cluster.nodes:
        node.command("CLUSTER", "DELSLOTS", 0)
    wait(lambda: exporter.scrape().coverage() == (SLOTS - 1, 1, 0, 0), "slot is unassigned")


def test_a_node_wiped_and_created_again_at_its_address_is_one_node():
    cluster = Cluster(masters=3, replicas=1)
    exporter = Exporter(cluster.addrs[0])
    wait(lambda: exporter.scrape().check_all_up(cluster.addrs), "all are up")
    reborn, old = cluster.nodes[5], cluster.nodes[5].id()
    reborn.wipe()
    new = reborn.id()
    assert new != old
    for _ in range(20):  # the parser refuses doubles while the members still know the old id
        assert set(cluster.addrs[:5]) <= set(exporter.scrape().up())
    cluster.nodes[1].command("CLUSTER", "MEET", reborn.host, reborn.port)

    def joined():
        page = exporter.scrape()
        ids = [labels["node_id"] for labels, _ in page.all("redis_cluster_node_info")]
        return new in ids and page.up()[reborn.addr] == 1

    wait(joined, "the new node is on the page")
    for node in cluster.nodes[:5]:
        node.command("CLUSTER", "FORGET", old)
    wait(lambda: exporter.scrape().check_all_up(cluster.addrs), "only the new node is left")


def test_two_ids_at_one_address_give_no_series_twice():
    first, second = fake_cluster(2)
    stale = [node_line("%040x" % 7, second.addr, flags, master=master)
             for flags, master in (("master,fail", "-"), ("slave", first.id), ("master", "-"),
                                   ("handshake", "-"), ("master,fail?", "-"))]
    exporter = Exporter(first.addr)
    for i, line in enumerate(stale):
        for text in line + first.topology(), first.topology() + line:
            first.replies["CLUSTER NODES"] = bulk(text)
            page = exporter.scrape()  # the parser refuses doubles
            assert page.up()[first.addr] == 1, i
            assert page.up()[second.addr] == 1, (i, page.up(), page.errors())
            assert page.coverage() == FULL


def test_a_node_that_loses_its_address_stays_on_the_page():
    first, second = fake_cluster(2)
    exporter = Exporter(first.addr)
    lost, addr = "%040x" % 9, f"127.0.0.1:{free_port()}"
    for place, flags, health in (addr, "slave", "unreachable"), (":0", "slave,noaddr", "noaddr"):
        for node in first, second:
            node.replies["CLUSTER NODES"] = lambda n=node, p=place, f=flags: bulk(
                node_line(lost, p, f, master=first.id) + n.topology())
        wait(lambda: len(exporter.scrape().up()) == 3, f"{place}: three nodes")
        page = exporter.scrape()
        assert page.get("redis_cluster_nodes", role="replica", health=health) == 1, place
        assert page.get("redis_up", redis_node=addr) == 0


def test_a_node_that_announces_an_address_of_its_own_is_read_where_it_answers():
    node = RedisNode(cluster_announce_ip="127.9.9.9").ready()
    node.command("CLUSTER", "ADDSLOTSRANGE", 0, SLOTS - 1)
    exporter = Exporter(node.addr)
    label = f"127.9.9.9:{node.port}"
    wait(lambda: exporter.scrape().check_all_up([label]), "it is read")
    node.command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
    for _ in range(3):
        exporter.scrape().check_all_up([label])
    node.kill()
    assert exporter.scrape().up() == {label: 0}
    node.start()
    node.ready()
    exporter.scrape().check_all_up([label])


def test_nodes_that_all_come_back_elsewhere_are_found_in_one_scrape():
    before, after = fake_cluster(3), [FakeNode() for _ in range(3)]
    service = FakeNode()
    for old, new in zip(before, after):
        new.id, new.peers = old.id, [other for other in after if other is not new]
    service.id, service.topology = before[0].id, before[0].topology
    exporter = Exporter(service.addr)
    wait(lambda: exporter.scrape().check_all_up([n.addr for n in before]), "all are up")
    for old in before:
        old.close()
    service.close()
    service.topology = after[0].topology
    service.listen()
    for _ in range(2):
        exporter.scrape().check_all_up([n.addr for n in after])


def test_a_node_that_comes_back_elsewhere_is_asked_there_at_once():
    nodes, new = fake_cluster(3), FakeNode()
    exporter = Exporter(nodes[0].addr)
    wait(lambda: sum(exporter.scrape().up().values()) == 3, "all are up")
    new.id, new.peers = nodes[2].id, nodes[:2]
    nodes[2].close()
    for node in nodes[:2]:
        node.peers = [other for other in [*nodes[:2], new] if other is not node]
    exporter.scrape().check_all_up([nodes[0].addr, nodes[1].addr, new.addr])


def test_a_seed_on_its_own_does_not_lock_out_the_others():
    lone, (first, second) = FakeNode(), fake_cluster(2)
    lone.topology = lambda: node_line(lone.id, lone.addr, "myself,master")
    first.close()
    second.close()
    exporter = Exporter([lone.addr, first.addr])
    assert exporter.scrape().up() == {lone.addr: 1}
    first.listen()
    second.listen()
    for _ in range(2):
        exporter.scrape().check_all_up([lone.addr, first.addr, second.addr])


def test_a_server_with_two_addresses_is_one_node():
    for cluster in False, True:
        node = RedisNode(cluster=cluster).ready()
        exporter = Exporter([node.addr, f"localhost:{node.port}"])
        for _ in range(2):
            up = exporter.scrape().up()
            assert up in ({node.addr: 1}, {f"localhost:{node.port}": 1}), up
        clients = node.info()["total_connections_received"]
        exporter.scrape()
        assert node.info()["total_connections_received"] == clients, "the other one is left alone"
