#!/usr/bin/python3
"""Measures the exporter against the least that a scrape can cost, and against redis_exporter.

usage: bench.py --build DIR [--quick]

Without --quick it writes docs/benchmarks.md; with it, it checks ratios and reports in TAP.
"""

import argparse
import concurrent.futures
import contextlib
import gzip
import http.client
import os
import platform
import re
import shutil
import signal
import statistics
import subprocess
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "e2e"))
import harness  # pylint: disable=wrong-import-position

CAPTURES = os.path.join(harness.REPO, "tests", "fixtures", "captures", "redis-7.0.15")
RIVAL = "prometheus-redis-exporter"
CLIENTS = 4  # requests that are under way at once where each node takes one
DEADLINE = 20  # seconds, told to the exporter

# ---- the nodes and the programs -----------------------------------------------------------------


class Simulator(harness.Process):
    """Nodes of one cluster, played by one process."""

    def __init__(self, build, nodes, *flags):
        port = harness.free_port()
        log = os.path.join(harness.temp_dir(), "simulator.log")
        super().__init__([os.path.join(build, "tests", "bench_simulator"), "--captures", CAPTURES,
                          "--nodes", str(nodes), "--port", str(port), *flags], log)
        harness.wait(lambda: self.output().endswith("ready\n") or not self.alive(), "simulator")
        assert self.alive(), self.output()
        self.addrs = self.output().split("\n")[:-2]


def cpu_seconds(pid):
    """User and system time of all threads of a process, exact to the microsecond."""
    return time.clock_gettime((~pid << 3) | 2)  # what clock_getcpuclockid(3) gives


def page_faults(pid):
    """Pages that the kernel has handed to a process so far."""
    with open(f"/proc/{pid}/stat", encoding="ascii") as f:
        return int(f.read().rsplit(")", 1)[1].split()[7])


class Floor:
    """The floor, which makes a pass when told to."""

    name = "floor"

    def __init__(self, build, addrs):
        self.popen = subprocess.Popen(  # pylint: disable=consider-using-with
            [os.path.join(build, "tests", "bench_floor")], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, text=True, preexec_fn=harness.end_with_parent)
        self.pid = self.popen.pid
        harness.at_end(self.kill)
        self.popen.stdin.write("".join(addr + "\n" for addr in addrs) + "\n")
        self.popen.stdin.flush()

    def kill(self):
        self.popen.kill()
        self.popen.wait()

    def run_pass(self):
        faults = page_faults(self.pid)
        self.popen.stdin.write("\n")
        self.popen.stdin.flush()
        cpu, wall, size = self.popen.stdout.readline().split()
        return {"cpu": int(cpu) / 1e6, "wall": int(wall) / 1e6, "bytes": int(size), "samples": 0,
                "faults": page_faults(self.pid) - faults}


def count_samples(body):
    return sum(1 for line in body.split(b"\n") if line and line[:1] != b"#")


class Web:
    """A program that serves pages; `paths` are those of one pass over the cluster."""

    def __init__(self, name, process, port, paths, compressed):
        self.name = f"{name}, {'gzip' if compressed else 'plain'}"
        self.process, self.pid, self.port, self.paths = process, process.pid, port, paths
        self.headers = {"X-Prometheus-Scrape-Timeout-Seconds": str(DEADLINE)}
        if compressed:
            self.headers["Accept-Encoding"] = "gzip"
        self.local = threading.local()
        self.pool = concurrent.futures.ThreadPoolExecutor(min(CLIENTS, len(paths)))
        harness.at_end(self.pool.shutdown)

    def get(self, path):
        """Over a connection that stays, one for each thread, as Prometheus does it."""
        if not hasattr(self.local, "conn"):
            self.local.conn = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        self.local.conn.request("GET", path, headers=self.headers)
        got = self.local.conn.getresponse()
        body = got.read()
        assert got.status == 200, (path, got.status, body[:200])
        return body

    def fetch_bodies(self):
        return list(self.pool.map(self.get, self.paths))

    def unpack(self, bodies):
        return [gzip.decompress(b) for b in bodies] if "Accept-Encoding" in self.headers else bodies

    def fetch_pages(self):
        return self.unpack(self.fetch_bodies())

    def run_pass(self):
        faults = page_faults(self.pid)
        cpu, began = cpu_seconds(self.pid), time.monotonic()
        bodies = self.fetch_bodies()
        wall, cpu = time.monotonic() - began, cpu_seconds(self.pid) - cpu
        return {"cpu": cpu, "wall": wall, "bytes": sum(map(len, bodies)),
                "faults": page_faults(self.pid) - faults,
                "samples": sum(map(count_samples, self.unpack(bodies)))}


def start_exporter(addrs, compressed):
    exporter = harness.Exporter(addrs[0])
    return Web("exporter", exporter, exporter.port, ["/metrics"], compressed)


def start_rival(addrs, compressed):
    port = harness.free_port()
    process = harness.Process(
        [RIVAL, f"-web.listen-address=127.0.0.1:{port}", f"-redis.addr=redis://{addrs[0]}"],
        os.path.join(harness.temp_dir(), "rival.log"), env=harness.clean_env())
    harness.wait(lambda: harness.http_get(port, "/health").status == 200, "the rival answers")
    paths = [f"/scrape?target=redis://{addr}" for addr in addrs]
    return Web("redis_exporter", process, port, paths, compressed)


def status_mb(pid, field):
    """VmHWM or VmRSS, in megabytes."""
    with open(f"/proc/{pid}/status", encoding="ascii") as f:
        return int(re.search(rf"^{field}:\s*(\d+) kB", f.read(), re.M)[1]) / 1024


# ---- measuring ----------------------------------------------------------------------------------


def count_syscalls(program, passes):
    """System calls of a pass; None without strace."""
    if not shutil.which("strace"):
        return None
    report = os.path.join(harness.temp_dir(), "strace")
    tracer = harness.Process(["strace", "-c", "-f", "-o", report, "-p", str(program.pid)],
                             report + ".log")
    traced = f"TracerPid:\t{tracer.pid}\n"
    harness.wait(lambda: traced in open(f"/proc/{program.pid}/status", encoding="ascii").read()
                 or not tracer.alive(), "strace is attached")
    if not tracer.alive():
        return None
    for _ in range(passes):
        program.run_pass()
    tracer.signal(signal.SIGINT)
    tracer.wait()
    with open(report, encoding="ascii") as f:
        total = re.search(r"^\s*100\.00\s+\S+\s+\S+\s+(\d+)\s.*total$", f.read(), re.M)
    return round(int(total[1]) / passes) if total else None


def measure_in_turn(passes):
    """{program: its passes}, of {program: how many}, by turns. One more is to warm up."""
    results = {program: [] for program in passes}
    for turn in range(-1, max(passes.values())):
        for program, count in passes.items():
            if turn < count:
                result = program.run_pass()
                if turn >= 0:
                    results[program].append(result)
    return results


def median(results, figure):
    return statistics.median(result[figure] for result in results)


def best(results, figure):
    return min(result[figure] for result in results)


# ---- the full run -------------------------------------------------------------------------------

SIZES = ("6 real", 10, 100, 1000, 2000)
PASSES = {"6 real": (40, 20), 10: (40, 20), 100: (20, 8), 1000: (8, 3), 2000: (6, 2)}


def start_nodes(build, size):
    if size == "6 real":
        return harness.Cluster().addrs
    return Simulator(build, size).addrs


def count_up(program):
    """How many nodes the pages of a pass call up."""
    if isinstance(program, Floor):
        return None
    pages = program.fetch_pages()
    return sum(len(re.findall(rb"^redis_up(?:\{[^}]*\})? 1$", page, re.M)) for page in pages)


def measure_size(build, size):
    """The rows of all programs at one size of the cluster, and the number of nodes."""
    with harness.scope():
        addrs = start_nodes(build, size)
        programs = [Floor(build, addrs)]
        programs += [start_exporter(addrs, compressed) for compressed in (True, False)]
        if shutil.which(RIVAL):
            programs += [start_rival(addrs, compressed) for compressed in (True, False)]
        own, rival = PASSES[size]
        results = measure_in_turn(
            {p: rival if p.name.startswith("redis_exporter") else own for p in programs})
        return [{"name": program.name, "results": results[program],
                 "peak": status_mb(program.pid, "VmHWM"), "up": count_up(program),
                 "calls": count_syscalls(program, 1)} for program in programs], len(addrs)


def number(value):
    """Three digits that mean something."""
    if value >= 100:
        return f"{value:.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def spread(results, figure):
    values = [result[figure] * 1000 for result in results]
    return (f"{number(statistics.median(values))} "
            f"({number(min(values))} - {number(max(values))})")


def known(value):
    return "" if value is None else str(value)


def table_row(measured, row, nodes):
    results = row["results"]
    cpu, samples = median(results, "cpu"), median(results, "samples")
    floor, own = (median(measured[i]["results"], "cpu") for i in (0, 1))
    return [row["name"], str(len(results)), spread(results, "cpu"), f"{number(cpu / floor)} x",
            f"{number(cpu / own)} x", number(cpu / nodes * 1e6),
            number(cpu * 1e6 / samples) if samples else "",
            spread(results, "wall"), number(row["peak"]), number(median(results, "bytes") / 1e6),
            f"{samples:.0f}" if samples else "", known(row["up"]), known(row["calls"]),
            f"{median(results, 'faults'):.0f}"]


HEAD = ["program", "passes", "CPU ms", "against floor", "against exporter, gzip", "CPU µs a node",
        "CPU µs a sample", "wall ms", "peak MB", "MB sent", "samples",
        "nodes up", "system calls", "page faults"]


def size_section(size, measured, nodes):
    title = "6 real nodes" if size == "6 real" else f"{size} simulated nodes"
    rows = [HEAD, ["---"] * len(HEAD)] + [table_row(measured, row, nodes) for row in measured]
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    return f"## {title}\n\n" + "\n".join(lines) + "\n"


def first_line(*argv):
    if not shutil.which(argv[0]):
        return "not installed"
    done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          check=False)
    return done.stdout.strip().split("\n")[0]


def package_version(name):
    return first_line("dpkg-query", "-W", "-f", "${Version}\n", name)


def cpu_model():
    with open("/proc/cpuinfo", encoding="utf-8") as f:
        found = re.search(r"^model name\s*: (.*)", f.read(), re.M)
    return found[1] if found else platform.machine()


def load():
    return " ".join(f"{value:.1f}" for value in os.getloadavg())


def write_docs(sections, load_before):
    with open(os.path.join(HERE, "benchmarks.md.in"), encoding="utf-8") as f:
        text = f.read()
    with open("/proc/meminfo", encoding="ascii") as f:
        memory = int(f.readline().split()[1]) / (1 << 20)
    values = {
        "cpu": cpu_model(), "cores": os.cpu_count(), "memory": f"{memory:.0f}",
        "kernel": platform.release(), "compiler": first_line("gcc", "--version"),
        "redis": package_version("redis-server"), "rival": package_version(RIVAL),
        "exporter": first_line(harness.EXPORTER, "--version"),
        "load_before": load_before, "load_after": load(), "clients": CLIENTS,
        "sections": "\n".join(sections).rstrip()}
    for name, value in values.items():
        text = text.replace(f"@{name}@", str(value))
    with open(os.path.join(harness.REPO, "docs", "benchmarks.md"), "w", encoding="utf-8") as f:
        f.write(text)


def run_full(build):
    load_before, sections = load(), []
    for size in SIZES:
        measured, nodes = measure_size(build, size)
        sections.append(size_section(size, measured, nodes))
        print(sections[-1], flush=True)
    write_docs(sections, load_before)


# ---- the quick run ------------------------------------------------------------------------------

# The best of several passes is compared, so that a busy machine does not matter, and the margins
# are wide: what these checks find is a mistake that costs a factor.
SAMPLES_LIMIT = 160  # CPU of 1000 samples against the floor's CPU of one node, 100 nodes
SCALE_LIMIT = 1.6  # CPU of a node, 500 nodes against 10
GROWTH_LIMIT = 1.1  # resident memory over 300 scrapes


def check_cost_of_samples(build):
    """the CPU time of 1000 samples is in proportion to fetching a node's replies"""
    addrs = Simulator(build, 100).addrs
    floor, exporter = Floor(build, addrs), start_exporter(addrs, True)
    results = measure_in_turn({floor: 20, exporter: 20})
    sample = best(results[exporter], "cpu") / median(results[exporter], "samples")
    ratio = 1000 * sample / (best(results[floor], "cpu") / len(addrs))
    return ratio <= SAMPLES_LIMIT, (
        f"{ratio:.0f} x the floor's time for a node, at most {SAMPLES_LIMIT}")


def check_scale(build):
    """a node of a large cluster costs what a node of a small one does"""
    small, large = (start_exporter(Simulator(build, nodes).addrs, True) for nodes in (10, 500))
    results = measure_in_turn({small: 12, large: 12})
    ratio = (best(results[large], "cpu") / 500) / (best(results[small], "cpu") / 10)
    return ratio <= SCALE_LIMIT, f"{ratio:.2f} x from 10 to 500 nodes, at most {SCALE_LIMIT}"


def check_memory(build):
    """memory does not grow from scrape to scrape"""
    exporter = start_exporter(Simulator(build, 100).addrs, True)
    sizes = []
    for scrapes in (20, 300):
        for _ in range(scrapes):
            exporter.get("/metrics")
        sizes.append(status_mb(exporter.pid, "VmRSS"))
    ratio = sizes[1] / sizes[0]
    return ratio < GROWTH_LIMIT, f"{sizes[0]:.1f} MB, {sizes[1]:.1f} MB 300 scrapes later"


def samples_by_node(page):
    counts = {}
    for node in re.findall(rb'redis_node="([^"]*)"', page):
        counts[node] = counts.get(node, 0) + 1
    return counts


def check_silent_node(build):
    """one silent node of 100 costs neither the answer nor the other nodes"""
    exporter = start_exporter(Simulator(build, 100, "--silent", "1").addrs, False)
    exporter.headers["X-Prometheus-Scrape-Timeout-Seconds"] = "2"
    walls = []
    for _ in range(3):
        began = time.monotonic()
        page = exporter.get("/metrics")
        walls.append(time.monotonic() - began)
    up = len(re.findall(rb"^redis_up\{[^}]*\} 1$", page, re.M))
    counts = sorted(samples_by_node(page).values())
    complete = up == 99 and counts[1] > counts[-1] * 0.9
    return max(walls) < 2 and complete, (
        f"answers within {max(walls):.2f} s of 2, {up} nodes up, with {counts[1]} to "
        f"{counts[-1]} samples")


CHECKS = (check_cost_of_samples, check_scale, check_memory, check_silent_node)


def run_quick(build):
    failed = 0
    for check in CHECKS:
        with contextlib.suppress(BrokenPipeError), harness.scope():
            try:
                passed, detail = check(build)
            except Exception as error:  # pylint: disable=broad-except
                passed, detail = False, repr(error)
        failed += not passed
        print(f"{'ok' if passed else 'not ok'} - bench: {check.__doc__} ({detail})", flush=True)
    print(f"1..{len(CHECKS)}")
    return failed


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", required=True)
    parser.add_argument("--quick", action="store_true")
    args = parser.parse_args()
    harness.EXPORTER = os.path.join(args.build, "redis_cluster_exporter")
    if args.quick:
        return 1 if run_quick(args.build) else 0
    run_full(args.build)
    return 0


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what was started ends
    sys.exit(main())
