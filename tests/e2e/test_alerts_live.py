"""What the operator expects, and what the exporter tells of itself, by the rules as shipped.

Two exporters for one cluster, a real Prometheus, and all times of the rules a hundredth.
"""

import json
import os
import threading

from harness import Exporter, ReferenceCluster, at_end, shared, temp_dir, wait
from stage import WARNING, RulesPrometheus

OURS = {"RedisClusterNodesMissing", "RedisClusterMastersMissing", "RedisClusterReplicasMissing",
        "RedisClusterExporterReloadFailed", "RedisClusterExporterRequestsRefused"}


def write(path, cluster, **expect):
    """A file of one cluster; JSON is YAML."""
    seed = f"redis://:{cluster.nodes[0].password}@{cluster.nodes[0].addr}"
    with open(path, "w", encoding="utf-8") as f:
        json.dump({"clusters": [{"name": "shop", "seeds": [seed], "expect": expect}]}, f)
    os.chmod(path, 0o600)


def start(path):
    return Exporter(None, f"--config.file={path}", "--web.max-cluster-rate=1")


def reload(exporter):
    return exporter.get("/-/reload", method="POST").status


class Asker:
    """Asks for the nodes more often than the exporter allows, until it is stopped."""

    def __init__(self, exporter):
        self.exporter, self.stopped = exporter, threading.Event()
        self.thread = threading.Thread(target=self.work, daemon=True)
        self.thread.start()
        at_end(self.stop)

    def work(self):
        while not self.stopped.wait(0.2):
            self.exporter.get("/discover-cluster-nodes")

    def stop(self):
        self.stopped.set()
        self.thread.join()


def told(prometheus):
    """The summaries of those alerts that fire."""
    found = [alert for alert in prometheus.api("alerts")["alerts"]
             if alert["state"] == "firing" and alert["labels"]["alertname"] in OURS]
    assert all(alert["labels"]["severity"] == WARNING for alert in found)
    return sorted(alert["annotations"]["summary"] for alert in found)


def test_what_is_missing_and_what_is_wrong_with_an_exporter_is_told_until_it_is_mended():
    cluster, path = shared(ReferenceCluster), os.path.join(temp_dir(), "clusters.yml")
    write(path, cluster, nodes=8, masters=4, replicas=2)
    pair = [start(path), start(path)]
    prometheus = RulesPrometheus(pair, {"forScale": 0.01})
    asker = Asker(pair[0])
    write(path, cluster, nodes="many")
    assert reload(pair[1]) == 500
    wanted = [  # what is of the whole cluster once, though both exporters say it
        "shop: 2 of the nodes expected are not in the cluster",
        "shop: 1 of the masters expected own no slots",
        f"127.0.0.1:{pair[0].port}: requests are refused by the limit cluster_rate",
        f"127.0.0.1:{pair[1].port}: the configuration was not taken"]
    masters = [node.addr for node in cluster.nodes if node.command("ROLE")[0] == "master"]
    wanted += [f"shop, {addr}: this master has 1 healthy replicas, fewer than expected"
               for addr in masters for _ in pair]
    wait(lambda: told(prometheus) == sorted(wanted), "all are told")
    write(path, cluster, nodes=6, masters=3, replicas=1)
    asker.stop()
    assert [reload(exporter) for exporter in pair] == [200, 200]
    wait(lambda: not told(prometheus), "nothing is told any more")


test_what_is_missing_and_what_is_wrong_with_an_exporter_is_told_until_it_is_mended.seconds = 25
