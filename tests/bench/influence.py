"""What being scraped every second costs the nodes and their clients."""

import binascii
import statistics
import threading
import time

import harness
from programs import beside_exporter, cpu_seconds

PER_SECOND = 2000  # requests of the client
SECONDS = 8  # of a phase
ROUNDS = 3  # of two phases, without the exporter and with it


def key_of(first, last):
    """A key whose slot is among these."""
    number = 0
    while not first <= binascii.crc_hqx(str(number).encode(), 0) % harness.SLOTS <= last:
        number += 1
    return str(number)


def probe(nodes):
    """The waits of a client of the first node, which it makes the busiest one, in microseconds."""
    host, port = nodes.addrs[0].split(":")
    key = key_of(0, harness.SLOTS // nodes.masters - 1)
    done = harness.run(beside_exporter("bench_prober"), host, port, key, str(PER_SECOND),
                       str(SECONDS), limit=SECONDS * 5)
    return dict(zip(("count", "p50", "p99", "p999", "max"), map(int, done.stdout.split())))


class Scraping:
    """Scrapes once a second until it is left."""

    def __init__(self, exporter):
        self.exporter, self.passes, self.over = exporter, 0, threading.Event()
        self.thread = threading.Thread(target=self.run)

    def run(self):
        due = time.monotonic()
        while not self.over.is_set():
            self.exporter.get("/metrics")
            self.passes += 1
            due += 1
            self.over.wait(max(0, due - time.monotonic()))

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.thread.join()


def phase(nodes, exporter):
    """The client's waits, and the CPU seconds of all nodes and of the busiest in a second."""
    before, began = [cpu_seconds(pid) for pid in nodes.pids], time.monotonic()
    if exporter is None:
        waits, passes = probe(nodes), 0
    else:
        with Scraping(exporter) as scraping:
            waits = probe(nodes)
        passes = scraping.passes
    seconds = time.monotonic() - began
    used = [cpu_seconds(pid) - cpu for pid, cpu in zip(nodes.pids, before)]
    return dict(waits, cpu=statistics.median(used[1:]) / seconds, busiest=used[0] / seconds,
                passes=passes / seconds)


def measure_influence(nodes, exporter):
    """The median phase without the exporter, and with it, figure by figure."""
    exporter.get("/metrics")
    found = {"without": [], "with": []}
    for _ in range(ROUNDS):
        found["without"].append(phase(nodes, None))
        found["with"].append(phase(nodes, exporter))
    return {name: {figure: statistics.median(p[figure] for p in phases) for figure in phases[0]}
            for name, phases in found.items()}


def count_scrapes_of_two(nodes, exporter):
    """How many times the last node is asked for INFO when two clients ask for the page at once."""
    def asked():
        text = nodes.call(len(nodes.pids) - 1, "INFO", "commandstats")
        return int(text.split("cmdstat_info:calls=")[1].split(",")[0])
    exporter.get("/metrics")
    before = asked()
    harness.threads(2, lambda _: exporter.get("/metrics"))
    return asked() - before - 1  # this is one of them
