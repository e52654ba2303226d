"""IPv6, announced host names, and how nodes are labelled."""

from harness import Cluster, Exporter, FULL, shared, wait


def named():
    return Cluster(replicas=0, cluster_announce_hostname="localhost", cluster_node_timeout=15000)


def named_apart():
    """Every node has a host name of its own, which need not resolve: the address is known."""
    cluster = Cluster(replicas=0, cluster_node_timeout=15000)
    for i, node in enumerate(cluster.nodes):
        node.command("CONFIG", "SET", "cluster-announce-hostname", f"redis-{i}.invalid")
    for node in cluster.nodes:
        wait(lambda n=node: n.command("CLUSTER", "NODES").count(".invalid ") == 3, "names")
    return cluster


def test_nodes_on_ipv6_have_brackets_in_their_labels():
    cluster = Cluster(host="::1", replicas=1)
    for seeds in cluster.addrs[0], "redis://" + cluster.addrs[0]:
        exporter = Exporter(seeds)
        wait(lambda e=exporter: e.scrape().check_all_up(cluster.addrs), "all are up")
        page = exporter.scrape()
        assert all(addr.startswith("[::1]:") for addr in page.up())
        assert all(labels["address"] in cluster.addrs
                   for labels, _ in page.all("redis_cluster_node_info"))
        assert all(labels["redis_cluster"] == cluster.addrs[0]
                   for labels, _ in page.all("redis_up"))


def check_labels(cluster, label, hostnames, labels):
    """The page calls the nodes so, and nothing else."""
    exporter = Exporter(cluster.addrs[0], *([f"--redis.node-label={label}"] if label else []))
    wait(lambda: exporter.scrape().up() == dict.fromkeys(labels, 1), f"{label}: {labels}")
    page = exporter.scrape()
    assert page.coverage() == FULL
    for name, hostname, node in zip(labels, hostnames, cluster.nodes):
        info = page.all("redis_cluster_node_info", redis_node=name)[0][0]
        assert info["address"] == node.addr and info["node_id"] == node.id(), info
        assert info["hostname"] == hostname, info
    assert {dict(pairs)["redis_node"] for _, pairs in page.samples
            if "redis_node" in dict(pairs)} == set(labels)


def test_an_announced_host_name_with_port_is_the_label_by_default():
    cluster = shared(named)
    names = [f"localhost:{node.port}" for node in cluster.nodes]
    check_labels(cluster, "", ["localhost"] * 3, names)
    check_labels(cluster, "auto", ["localhost"] * 3, names)
    cluster, hosts = shared(named_apart), [f"redis-{i}.invalid" for i in range(3)]
    check_labels(cluster, "auto", hosts,
                 [f"{host}:{node.port}" for host, node in zip(hosts, cluster.nodes)])


def test_the_label_can_be_the_host_name_alone():
    hosts = [f"redis-{i}.invalid" for i in range(3)]
    check_labels(shared(named_apart), "hostname", hosts, hosts)


def test_one_host_name_of_several_nodes_does_not_mix_their_series():
    cluster = shared(named)
    exporter = Exporter(cluster.addrs[0], "--redis.node-label=hostname")
    wait(lambda: len(exporter.scrape().up()) == 3, "three nodes")
    for _ in range(3):
        infos = exporter.scrape().all("redis_cluster_node_info")
        assert {i["redis_node"]: i["address"] for i, _ in infos} == {
            f"localhost:{node.port}": node.addr for node in cluster.nodes}


def test_the_label_can_be_the_address():
    check_labels(shared(named), "address", ["localhost"] * 3, shared(named).addrs)


def test_the_label_can_be_the_node_id():
    cluster = shared(named)
    check_labels(cluster, "id", ["localhost"] * 3, [node.id() for node in cluster.nodes])


def test_without_announced_name_the_hostname_label_is_the_address():
    cluster = Cluster(masters=1, replicas=0)
    exporter = Exporter(cluster.addrs[0], "--redis.node-label=hostname")
    wait(lambda: exporter.scrape().check_all_up(cluster.addrs), "all are up")


def test_a_seed_can_be_a_host_name():
    cluster = shared(named)
    exporter = Exporter(f"localhost:{cluster.nodes[1].port}", "--redis.node-label=address",
                        "--redis.cluster-name=my \"own\"\\name")
    wait(lambda: exporter.scrape().check_all_up(cluster.addrs), "all are up")
    assert {labels["redis_cluster"] for labels, _ in exporter.scrape().all("redis_up")} \
        == {'my "own"\\name'}


def test_a_seed_whose_name_does_not_resolve_is_told():
    exporter = Exporter("no-such-host.invalid:6379")
    page = exporter.scrape()
    assert page.up() == {"no-such-host.invalid:6379": 0}
    assert page.errors() == {"no-such-host.invalid:6379": "resolve"}
    assert page.get("redis_cluster_discovery_up") == 0
