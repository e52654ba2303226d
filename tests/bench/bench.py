#!/usr/bin/python3
"""Measures the exporter against the least that a scrape can cost, and against redis_exporter.

usage: bench.py --exporter PATH [--quick | --growth SCRAPES]

Alone it writes docs/benchmarks.md and docs/scaling.md. With --quick it checks ratios and reports in
TAP; with --growth it only tells whether memory grows over so many scrapes of a changing cluster.
"""

import argparse
import contextlib
import os
import shutil
import signal
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(os.path.dirname(HERE), "e2e"), HERE]
# pylint: disable=wrong-import-position
import harness
import quick
import report
from churn import measure_growth
from influence import count_scrapes_of_two, measure_influence
from programs import (RIVAL, Floor, count_syscalls, measure_in_turn, start_exporter,
                      start_rival, status_mb)
from real_nodes import RealNodes
from simulator import Simulator
from stages import measure_stages

SIZES = ("6 real", "200 real", 10, 100, 1000, 2000)
PASSES = {"6 real": (40, 20), "200 real": (12, 4), 10: (40, 20), 100: (20, 6), 1000: (8, 3),
          2000: (6, 2)}  # of each program, and of redis_exporter
STAGES_AT = ("6 real", 1000)
GROWTH_SCRAPES = 10000
LARGE = 1000  # nodes; beyond, what costs a page of several hundred megabytes is left out
HISTOGRAM = "--collector.latency-histogram"


def start_nodes(size):
    if size == "6 real":
        return harness.Cluster()
    return RealNodes(200) if size == "200 real" else Simulator(size)


def start_programs(addrs):
    programs = [Floor("floor", addrs)]
    programs += [start_exporter(addrs, compressed) for compressed in (True, False)]
    programs += [start_exporter(addrs, True, "exporter, base collectors",
                                ["--collector.disable-defaults"])]
    if len(addrs) <= LARGE:
        programs += [Floor("floor, histograms", addrs, "--latency-histogram")]
        programs += [start_exporter(addrs, compressed, "exporter, histograms", [HISTOGRAM])
                     for compressed in (True, False)]
        programs += [start_exporter(
            addrs, True, "exporter, a request a node",
            ["--web.max-scrape-rate=0", "--no-collector.latency-histogram"],
            [f"/scrape?target=redis://{addr}" for addr in addrs])]
    if shutil.which(RIVAL):
        programs += [start_rival(addrs, compressed) for compressed in (True, False)]
    return programs


def measure_programs(addrs, passes):
    """{name of a program: its figures}."""
    programs = start_programs(addrs)
    own, rival = passes
    results = measure_in_turn(
        {p: rival if p.name.startswith("redis_exporter") else own for p in programs})
    return {p.name: {
        "results": results[p], "calls": count_syscalls(p), "peak": status_mb(p.pid, "VmHWM"),
        "its own": status_mb(p.pid, "RssAnon"), **p.look()} for p in programs}


def measure_size(size):
    """The figures of all programs, and at 200 real nodes what they do to the nodes."""
    with harness.scope():
        nodes = start_nodes(size)
        extra = {}
        if size == "200 real":
            with harness.scope():  # alone with the nodes
                exporter = start_exporter(nodes.addrs, True)
                extra = {"influence": measure_influence(nodes, exporter),
                         "scrapes of two": count_scrapes_of_two(nodes, exporter)}
        return dict(extra, nodes=len(nodes.addrs),
                    programs=measure_programs(nodes.addrs, PASSES[size]))


def measure_idle():
    """Megabytes at the peak and when idle, of an exporter with 1000 nodes."""
    with harness.scope():
        exporter = quick.large_exporter()
        peak = status_mb(exporter.pid, "VmHWM")
        with contextlib.suppress(AssertionError):
            harness.wait(lambda: status_mb(exporter.pid, "VmRSS") < peak / 2, "", quick.PATIENCE)
        return peak, status_mb(exporter.pid, "VmRSS")


def measure_hung():
    """[(nodes, hung, allowed, what was measured)]"""
    found = []
    for nodes, hung, allowed in (200, 1, 3), (1000, 20, 5):
        with harness.scope():
            found.append((nodes, hung, allowed, quick.measure_hung(nodes, hung, allowed)))
    return found


def measure_all_stages():
    """{size: the stages of a scrape}; empty without valgrind."""
    found = {}
    for size in STAGES_AT:
        with harness.scope():
            stages = measure_stages(start_nodes(size).addrs)
            if stages:
                found[size] = stages
    return found


def run_full():
    load_before, measured = report.load(), {}
    for size in SIZES:
        measured[size] = measure_size(size)
        print(report.size_section(size, measured[size]), flush=True)
    with harness.scope():
        growth = (GROWTH_SCRAPES, *measure_growth(GROWTH_SCRAPES))
    report.write_docs(measured, growth, measure_idle(), measure_hung(), measure_all_stages(),
                      load_before)


def run_growth(scrapes):
    before, after, counts = measure_growth(scrapes)
    print(f"{before:.1f} MB resident after the warm-up, {after:.1f} MB {scrapes} scrapes later; "
          f"seen: {counts}")
    return 0 if after < before * quick.GROWTH_LIMIT else 1


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--exporter", required=True)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--growth", type=int, metavar="SCRAPES")
    args = parser.parse_args()
    harness.EXPORTER = os.path.abspath(args.exporter)
    if args.quick:
        return 1 if quick.run() else 0
    if args.growth:
        return run_growth(args.growth)
    run_full()
    return 0


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what was started ends
    sys.exit(main())
