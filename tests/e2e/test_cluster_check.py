"""--check: a look at a cluster for people, deploy gates and Nagios."""

import harness
from harness import Cluster, RedisNode, free_port, shared, wait

SECRET = "s3cr3t-w0rd"


def secret_cluster():
    return Cluster(replicas=0, password=SECRET, cluster_node_timeout=1500)


def check(url, *flags, **kwargs):
    """(exit status, codes, text) of a run; the password is never shown."""
    done = harness.check(url, "--cluster.one-host", *flags, **kwargs)
    assert SECRET not in done.stdout + done.stderr, done
    lines = [line.split() for line in done.stdout.splitlines()]
    worded = [line for line in lines if line and line[0] in ("critical", "warning", "info")]
    order = [("critical", "warning", "info").index(line[0]) for line in worded]
    assert order == sorted(order), done.stdout  # the worst first
    return done.returncode, {line[1].rstrip(":") for line in worded}, done.stdout


def test_the_exit_status_says_how_bad_it_is():
    cluster = shared(secret_cluster)
    url = f"redis://:{SECRET}@{cluster.addrs[0]}"
    status, codes, text = check(url)
    assert (status, codes) == (1, {"master_without_replica"})
    assert text.splitlines()[-1] == (
        f"{cluster.addrs[0]}: 3 nodes, 16384 of 16384 slots covered, 3 voting masters, "
        "survives the loss of 0 nodes")
    whole = Cluster(masters=1, cluster_node_timeout=1500)
    status, codes, text = check(whole.addrs[1])
    assert (status, codes) == (0, {"no_automatic_failover"}) and "2 nodes" in text
    cluster.nodes[2].kill()
    wait(lambda: check(url)[:2] == (2, {
        "slots_owner_failed", "master_failed", "cluster_state_fail", "quorum_at_risk",
        "master_without_replica"}), "it is critical")
    assert f"try: redis-cli -h {cluster.nodes[2].host} -p {cluster.nodes[2].port} ping" \
        in check(url)[2]
    cluster.restart()
    assert check(url)[0] == 1


def test_a_password_is_never_shown():
    cluster = shared(secret_cluster)
    for url, flags, env in (
            (f"redis://:{SECRET}@{cluster.addrs[0]}", [], {}),
            (cluster.addrs[0], [], {"REDIS_PASSWORD": SECRET}),
            (cluster.addrs[0], ["--redis.password", SECRET], {})):
        assert check(url, *flags, env=env)[0] == 1, url
    nobody = f"127.0.0.1:{free_port()}"
    for url in (f"redis://u:{SECRET}@{cluster.addrs[0]}", f"redis://:{SECRET}x@{cluster.addrs[0]}",
                cluster.addrs[0], f"redis://:{SECRET}@{nobody}"):
        status, codes, text = check(url)
        assert status == 2 and "discovery_down" in codes, (url, text)
    assert "refused" in check(nobody)[2]


def test_a_server_without_cluster_mode_is_healthy():
    node = RedisNode(cluster=False).ready()
    status, codes, text = check(node.addr)
    assert (status, codes) == (0, set()) and node.addr in text, text
    node.command("CONFIG", "SET", "maxmemory", int(int(node.info()["used_memory"]) * 1.02))
    status, codes, _ = check(node.addr)
    assert (status, codes) == (1, {"memory_nearly_full"})
