"""Scrapes of a cluster that keeps changing, and the memory that they leave behind."""

import gzip
import re

from programs import start_exporter, status_mb
from simulator import Simulator

NODES = 20
SHARDS = NODES // 2
WARM_UP = 500  # scrapes until the heap has found its size
SETTLED = 200  # and of those at the end whose median counts


class Churn:
    """Each shard but the first fails over, loses a node, leaves, and comes back with new ids."""

    def __init__(self):
        self.simulator = Simulator(NODES)
        self.exporter = start_exporter(self.simulator.addrs, True)
        self.turn = 0

    def change(self):
        """One change of one shard, the next one each time."""
        shard, step = 1 + self.turn % (SHARDS - 1), self.turn // (SHARDS - 1) % 5
        what, number = (("FAILOVER", shard), ("DOWN", shard), ("UP", shard), ("LEAVE", shard),
                        ("JOIN", shard))[step]
        self.simulator.change(what, number)
        self.turn += 1

    def scrape(self):
        """A change, a page, and how much memory is left in use."""
        self.change()
        self.page = self.exporter.get("/metrics")
        return status_mb(self.exporter.pid, "VmRSS")

    def counts(self):
        """What the exporter has seen happen: that the changes have arrived."""
        page = gzip.decompress(self.page)
        return {name: sum(float(value) for value in re.findall(
            rb"^%s(?:\{[^}]*\})? (\S+)$" % name.encode(), page, re.M))
                for name in ("redis_cluster_failovers_total", "redis_cluster_slot_moves_total")}


def median(values):
    return sorted(values)[len(values) // 2]


def measure_growth(scrapes, warm_up=WARM_UP, settled=SETTLED):
    """Resident megabytes after the warm-up, and at the end; and what happened meanwhile."""
    churn = Churn()
    for _ in range(warm_up):
        churn.scrape()
    sizes = [churn.scrape() for _ in range(scrapes)]
    return median(sizes[:settled]), median(sizes[-settled:]), churn.counts()
