#!/usr/bin/python3
"""A healthy cluster under load for minutes, with the rules as they are shipped: nobody is called.

usage: quiet.py [--exporter PATH] [--minutes N]

Six nodes with the server's own timeouts; a real Prometheus with the intervals of packaging/compose
and every `for` in full length; in it a planned CLUSTER FAILOVER and back, and a resharding of a
thousand slots with their keys and back, by redis-cli. Fails if any warning or critical alert fires,
or if one is still about to when everything has calmed down.
"""

import argparse
import os
import sys
import time

import harness
from harness import Cluster, Exporter, redis_cli, wait
from stage import INFO, Load, RulesPrometheus, fill

SLOTS_MOVED = 1000


def say(text, began):
    print(f"# {time.monotonic() - began:4.0f} s: {text}", flush=True)


def serious(alerts):
    return {alert for found in alerts.values() for alert in found if alert[1] != INFO}


def reshard(source, target):
    """By redis-cli, as an operator does it; gives the number of keys that moved."""
    before = target.command("DBSIZE")
    redis_cli(source, "--cluster", "reshard", source.addr, "--cluster-from", source.id(),
              "--cluster-to", target.id(), "--cluster-slots", str(SLOTS_MOVED))
    moved = target.command("DBSIZE") - before
    assert moved > SLOTS_MOVED, moved
    return f"{moved} keys in {SLOTS_MOVED} slots"


def events(nodes):
    """[(share of the time, what happens, how)]"""
    return [
        (0.15, "planned failover", lambda: nodes[3].command("CLUSTER", "FAILOVER")),
        (0.3, "resharding", lambda: reshard(nodes[1], nodes[2])),
        (0.5, "resharding back", lambda: reshard(nodes[2], nodes[1])),
        (0.6, "failover back", lambda: nodes[0].command("CLUSTER", "FAILOVER")),
    ]


def quiet(minutes):
    began = time.monotonic()
    cluster = Cluster(cluster_node_timeout=15000, appendonly="yes")
    nodes = cluster.nodes
    fill(nodes[:3], 30000)
    exporter = Exporter(cluster.addrs[0], "--redis.cluster-name=quiet", "--cluster.one-host")
    prometheus = RulesPrometheus([exporter], {}, interval="15s", evaluation="15s")
    load = Load(nodes, keys=300, rate=500)
    wait(lambda: prometheus.query("redis_cluster_slots_covered == 16384"), "it is scraped", 60)
    say(f"a healthy cluster under load, for {minutes:g} minutes", began)
    start, todo = time.monotonic(), events(nodes)
    while time.monotonic() - start < minutes * 60:
        if todo and time.monotonic() - start > todo[0][0] * minutes * 60:
            _, what, happen = todo.pop(0)
            say(f"{what}: {happen()}", began)
        assert not serious(prometheus.firing()), prometheus.firing()
        time.sleep(1)
    fired, pending = prometheus.fired(), prometheus.fired("pending")
    still = prometheus.query('ALERTS{alertstate="pending", severity!="info"}')
    say(f"fired: {fired}; were about to: {pending}", began)
    say(f"the clients: {load.redirected} redirections, {load.failed} failed commands", began)
    assert not todo and not serious(fired), fired
    assert not still, still
    assert ("RedisClusterFailover", INFO) in fired["quiet"], "the failovers were not seen"
    assert load.redirected["MOVED"] and not load.failed, "the clients met it, and all were served"
    print(f"ok 1 - quiet for {minutes:g} minutes")


def main():
    parser = argparse.ArgumentParser(usage=__doc__.split("\n")[2].removeprefix("usage: "))
    parser.add_argument("--exporter", default=harness.EXPORTER)
    parser.add_argument("--minutes", type=float, default=8)
    options = parser.parse_args()
    harness.EXPORTER = os.path.abspath(options.exporter)
    if options.minutes < 1:
        sys.exit("quiet.py: --minutes: at least 1")
    with harness.scope():
        quiet(options.minutes)


if __name__ == "__main__":
    main()
