"""Nodes of one cluster, played by one process (tests/bench/simulator.c)."""

import os

import harness

CAPTURES = os.path.join(harness.REPO, "tests", "fixtures", "captures", "redis-7.0.15")


class Simulator(harness.Process):
    """`flags` ask for faults, which the last nodes have."""

    def __init__(self, nodes, *flags):
        program = os.path.join(os.path.dirname(harness.EXPORTER), "tests", "bench_simulator")
        assert os.access(program, os.X_OK), f"no {program}: build it, it belongs to the tests"
        super().__init__([program, "--captures", CAPTURES, "--nodes", str(nodes),
                          "--port", str(harness.free_port()), *map(str, flags)],
                         os.path.join(harness.temp_dir(), "simulator.log"))
        harness.wait(lambda: self.output().endswith("ready\n") or not self.alive(), "simulator")
        assert self.alive(), self.output()
        self.addrs = self.output().split("\n")[:-2]
        self.control = None

    def change(self, what, number):
        """LEAVE, JOIN or FAILOVER of a shard, DOWN or UP of a node; see tests/bench/topology.h."""
        if self.control is None:
            host, port = self.addrs[0].split(":")
            self.control = harness.Resp(host, int(port))
            harness.at_end(self.control.close)
        assert self.control.call("SIMULATE", what, number) == "OK"
