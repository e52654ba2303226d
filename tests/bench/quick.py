"""The checks of scripts/bench.sh --quick: ratios with a wide margin, so that only a mistake that
costs a factor fails. The best of several passes is compared, so that a busy machine does not
matter."""

import contextlib
import re
import time

import harness
from churn import measure_growth
from programs import Floor, measure_in_turn, start_exporter, status_mb
from simulator import Simulator

SAMPLES_LIMIT = 80  # CPU of 1000 samples against the floor's CPU of one node, 100 nodes
SCALE_LIMIT = 1.6  # CPU of a node, 500 nodes against 10
GROWTH_LIMIT = 1.25  # resident memory over the scrapes of a changing cluster
PATIENCE = 60  # seconds; the exporter waits half of that for the next scrape
IDLE_LIMIT = 0.6  # resident memory between scrapes against the peak, 1000 nodes


def best(results, figure):
    return min(result[figure] for result in results)


def check_cost_of_samples():
    """the CPU time of 1000 samples is in proportion to fetching a node's replies"""
    addrs = Simulator(100).addrs
    floor, exporter = Floor("floor", addrs), start_exporter(addrs, True)
    results = measure_in_turn({floor: 20, exporter: 20})
    sample = best(results[exporter], "cpu") / exporter.look()["samples"]
    ratio = 1000 * sample / (best(results[floor], "cpu") / len(addrs))
    return ratio <= SAMPLES_LIMIT, (
        f"{ratio:.0f} x the floor's time for a node, at most {SAMPLES_LIMIT}")


def check_scale():
    """a node of a large cluster costs what a node of a small one does"""
    small, large = (start_exporter(Simulator(nodes).addrs, True) for nodes in (10, 500))
    results = measure_in_turn({small: 12, large: 12})
    ratio = (best(results[large], "cpu") / 500) / (best(results[small], "cpu") / 10)
    return ratio <= SCALE_LIMIT, f"{ratio:.2f} x from 10 to 500 nodes, at most {SCALE_LIMIT}"


def check_growth():
    """memory does not grow while nodes come and go, fail and fail over"""
    before, after, counts = measure_growth(400, warm_up=150, settled=50)
    happened = all(count > 0 for count in counts.values())
    return happened and after / before < GROWTH_LIMIT, (
        f"{before:.1f} MB, {after:.1f} MB 400 scrapes later; {counts}")


def large_exporter():
    """An exporter that has been scraped, with 1000 nodes, and is then left alone."""
    exporter = start_exporter(Simulator(1000).addrs, True)
    for _ in range(3):
        exporter.get("/metrics")
    return exporter


def check_idle_memory():
    """a process that has scraped 1000 nodes, and idles, has given memory back"""
    exporter = harness.shared(large_exporter)
    peak = status_mb(exporter.pid, "VmHWM")
    with contextlib.suppress(AssertionError):
        harness.wait(lambda: status_mb(exporter.pid, "VmRSS") <= peak * IDLE_LIMIT, "", PATIENCE)
    idle = status_mb(exporter.pid, "VmRSS")
    return idle <= peak * IDLE_LIMIT, (
        f"{idle:.0f} MB of {peak:.0f} MB, at most {IDLE_LIMIT} x")


def samples_by_node(page):
    counts = {}
    for node in re.findall(rb'redis_node="([^"]*)"', page):
        counts[node] = counts.get(node, 0) + 1
    return counts


def measure_hung(nodes, hung, allowed):
    """The longest of three answers in seconds, how many nodes are up, and the fewest samples of one
    of these as a part of the most."""
    exporter = start_exporter(Simulator(nodes, "--silent", hung).addrs, False,
                              flags=["--redis.timeout=1m"])
    exporter.headers["X-Prometheus-Scrape-Timeout-Seconds"] = str(allowed)
    walls = []
    for _ in range(3):
        began = time.monotonic()
        page = exporter.get("/metrics")
        walls.append(time.monotonic() - began)
    up = len(re.findall(rb"^redis_up\{[^}]*\} 1$", page, re.M))
    counts = sorted(samples_by_node(page).values())
    return max(walls[1:]), up, counts[hung] / counts[-1]


def check_silent_node():
    """one silent node of 100 costs neither the answer nor the other nodes"""
    wall, up, part = measure_hung(100, 1, 2)
    return wall < 2 and up == 99 and part > 0.9, (
        f"answers within {wall:.2f} s of 2, {up} nodes up, with {part:.0%} of the samples at least")


CHECKS = (check_cost_of_samples, check_scale, check_growth, check_silent_node, check_idle_memory)


def run():
    """Reports in TAP; gives the number of checks that failed."""
    failed = 0
    harness.shared(large_exporter)  # so that it idles meanwhile
    for check in CHECKS:
        with contextlib.suppress(BrokenPipeError), harness.scope():
            try:
                passed, detail = check()
            except Exception as error:  # pylint: disable=broad-except
                passed, detail = False, repr(error)
        failed += not passed
        print(f"{'ok' if passed else 'not ok'} - bench: {check.__doc__} ({detail})", flush=True)
    print(f"1..{len(CHECKS)}")
    return failed
