"""The programs that are measured, and what is measured of them."""

import concurrent.futures
import gzip
import http.client
import os
import re
import shutil
import signal
import subprocess
import threading
import time

import harness

RIVAL = "prometheus-redis-exporter"
CLIENTS = 4  # requests that are under way at once where each node takes one
DEADLINE = 20  # seconds, told to the exporter


def beside_exporter(name):
    return os.path.join(os.path.dirname(harness.EXPORTER), "tests", name)


def cpu_seconds(pid):
    """User and system time of all threads of a process, exact to the microsecond."""
    return time.clock_gettime((~pid << 3) | 2)  # what clock_getcpuclockid(3) gives


def page_faults(pid):
    """Pages that the kernel has handed to a process so far."""
    with open(f"/proc/{pid}/stat", encoding="ascii") as f:
        return int(f.read().rsplit(")", 1)[1].split()[7])


def status_mb(pid, field):
    """VmHWM or VmRSS, in megabytes."""
    with open(f"/proc/{pid}/status", encoding="ascii") as f:
        return int(re.search(rf"^{field}:\s*(\d+) kB", f.read(), re.M)[1]) / 1024


class Floor:
    """The floor, which makes a pass when told to."""

    def __init__(self, name, addrs, *flags):
        self.name = name
        self.popen = subprocess.Popen(  # pylint: disable=consider-using-with
            [beside_exporter("bench_floor"), *flags], stdin=subprocess.PIPE,
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
        return {"cpu": int(cpu) / 1e6, "wall": int(wall) / 1e6, "bytes": int(size),
                "faults": page_faults(self.pid) - faults}

    def look(self):
        """What is on its pages: nothing."""
        return {"samples": None, "up": None}


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
        try:
            got = self.ask(path)
        except (ConnectionError, http.client.RemoteDisconnected):
            self.local.conn.close()  # it was idle for too long while others had their turn
            got = self.ask(path)
        body = got.read()
        assert got.status == 200, (path, got.status, body[:200])
        return body

    def ask(self, path):
        if not hasattr(self.local, "conn"):
            self.local.conn = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        self.local.conn.request("GET", path, headers=self.headers)
        return self.local.conn.getresponse()

    def fetch_bodies(self):
        return list(self.pool.map(self.get, self.paths))

    def run_pass(self):
        faults = page_faults(self.pid)
        cpu, began = cpu_seconds(self.pid), time.monotonic()
        size = sum(map(len, self.fetch_bodies()))
        wall, cpu = time.monotonic() - began, cpu_seconds(self.pid) - cpu
        return {"cpu": cpu, "wall": wall, "bytes": size,
                "faults": page_faults(self.pid) - faults}

    def look(self):
        """How many samples its pages have, and how many nodes they call up."""
        samples = up = 0
        for body in self.fetch_bodies():
            page = gzip.decompress(body) if body[:2] == b"\x1f\x8b" else body
            samples += page.count(b"\n") - len(re.findall(rb"^#", page, re.M))
            up += len(re.findall(rb"^redis_up(?:\{[^}]*\})? 1$", page, re.M))
        return {"samples": samples, "up": up}


def start_exporter(addrs, compressed, name="exporter", flags=(), paths=("/metrics",)):
    exporter = harness.Exporter(addrs[0], *flags)
    return Web(name, exporter, exporter.port, list(paths), compressed)


def start_rival(addrs, compressed):
    port = harness.free_port()
    process = harness.Process(
        [RIVAL, f"-web.listen-address=127.0.0.1:{port}", f"-redis.addr=redis://{addrs[0]}"],
        os.path.join(harness.temp_dir(), "rival.log"), env=harness.clean_env())
    harness.wait(lambda: harness.http_get(port, "/health").status == 200, "the rival answers")
    paths = [f"/scrape?target=redis://{addr}" for addr in addrs]
    return Web("redis_exporter", process, port, paths, compressed)


def count_syscalls(program):
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
    program.run_pass()
    tracer.signal(signal.SIGINT)
    tracer.wait()
    with open(report, encoding="ascii") as f:
        total = re.search(r"^\s*100\.00\s+\S+\s+\S+\s+(\d+)\s.*total$", f.read(), re.M)
    return int(total[1]) if total else None


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
