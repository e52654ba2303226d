"""Hundreds of real nodes of one cluster, quickly: each finds the whole cluster in its nodes.conf."""

import concurrent.futures
import os

import harness

MADE_AT_ONCE = 16


class RealNodes:
    """Half masters, half replicas, one of each master, of redis-server."""

    def __init__(self, count):
        self.ports = [harness.free_port() for _ in range(count)]
        self.addrs = [harness.address("127.0.0.1", port) for port in self.ports]
        self.masters = count // 2
        self.dir = harness.temp_dir()
        self.processes = [self.start(i) for i in range(count)]
        self.clients = [None] * count
        harness.wait(lambda: self.all_are(self.is_ready), "the nodes call the cluster ok", 120)

    @property
    def pids(self):
        return [process.pid for process in self.processes]

    @staticmethod
    def ident(node):
        return f"{node + 1:040x}"

    def line(self, node, myself):
        flags = ("myself," if node == myself else "") + (
            "master" if node < self.masters else "slave")
        master = "-" if node < self.masters else self.ident(node - self.masters)
        first, last = (harness.SLOTS * n // self.masters for n in (node, node + 1))
        slots = f" {first}-{last - 1}" if node < self.masters else ""
        port, epoch = self.ports[node], node % self.masters + 1
        return (f"{self.ident(node)} 127.0.0.1:{port}@{port + 10000} {flags} {master} 0 0 {epoch} "
                f"connected{slots}\n")

    def start(self, node):
        where = os.path.join(self.dir, str(node))
        os.mkdir(where)
        with open(os.path.join(where, "nodes.conf"), "w", encoding="ascii") as f:
            f.writelines(self.line(other, node) for other in range(len(self.ports)))
            f.write(f"vars currentEpoch {self.masters} lastVoteEpoch 0\n")
        config = {"port": self.ports[node], "bind": "127.0.0.1", "dir": where, "save": "",
                  "appendonly": "no", "cluster-enabled": "yes", "cluster-node-timeout": 60000,
                  "repl-diskless-sync-delay": 0}
        argv = ["redis-server"]
        for name, value in config.items():
            argv += ["--" + name, str(value)]
        return harness.Process(argv, os.path.join(where, "redis.log"), cwd=where)

    def call(self, node, *command):
        if self.clients[node] is None:
            client = harness.Resp("127.0.0.1", self.ports[node])
            harness.at_end(client.close)
            self.clients[node] = client
        return self.clients[node].call(*command)

    def is_ready(self, node):
        info = harness.parse_info(self.call(node, "CLUSTER", "INFO"))
        if info["cluster_state"] != "ok" or int(info["cluster_known_nodes"]) != len(self.ports):
            return False
        return node < self.masters or "master_link_status:up" in self.call(node, "INFO",
                                                                           "replication")

    def all_are(self, test):
        with concurrent.futures.ThreadPoolExecutor(MADE_AT_ONCE) as pool:
            return all(pool.map(test, range(len(self.ports))))
