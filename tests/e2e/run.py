#!/usr/bin/python3
"""Runs the end-to-end tests and reports in TAP.

usage: run.py [--exporter PATH] [--redis-server PROGRAM] [--jobs N] [SUBSTRING...]

Takes every function called test_* in the files test_*.py beside it, or those whose name
`file.function` contains one of the substrings. The tests are spread over processes that each run
one test at a time. A test with the attribute `own_network` runs in a network namespace of its own,
where that can be had.
"""

import argparse
import glob
import importlib
import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
import traceback

import harness


def discover(substrings):
    """The names of the wanted tests, the longest ones first."""
    found = []
    here = os.path.dirname(os.path.abspath(__file__))
    for path in sorted(glob.glob(os.path.join(here, "test_*.py"))):
        module = importlib.import_module(os.path.basename(path)[:-3])
        for name, value in vars(module).items():
            full = f"{module.__name__}.{name}"
            if (name.startswith("test_") and value.__module__ == module.__name__
                    and (not substrings or any(s in full for s in substrings))):
                found.append((-getattr(value, "seconds", 0), full))
    return [full for _, full in sorted(found, key=lambda entry: entry[0])]


def unshare():
    """The command that gives a program a network of its own, or None."""
    for command in ["unshare", "--net"], ["unshare", "--user", "--map-root-user", "--net"]:
        if harness.run(*command, "true", check=False).returncode == 0:
            return command
    return None


def worker_command():
    return [sys.executable, os.path.abspath(__file__), "--worker", "--exporter", harness.EXPORTER,
            "--redis-server", harness.REDIS_SERVER]


def run_elsewhere(full, command):
    """Runs one test in a network of its own."""
    done = subprocess.run([*command, *worker_command(), "--own-network"], input=full + "\n",
                          stdout=subprocess.PIPE, text=True,
                          preexec_fn=harness.end_with_parent, check=True)
    return json.loads(done.stdout)


def run_test(full):
    """Runs one test; gives its time and, if it failed, what went wrong."""
    module, name = full.split(".")
    function = getattr(importlib.import_module(module), name)
    if getattr(function, "own_network", False) and not harness.own_network:
        command = unshare()
        if command:
            return run_elsewhere(full, command)
        print(f"# {full}: no network of its own can be had here", file=sys.stderr)
    began, failure = time.monotonic(), None
    try:
        with harness.scope():
            try:
                function()
            except Exception:  # pylint: disable=broad-except
                failure = traceback.format_exc()
                for exporter in harness.exporters:
                    failure += f"last lines of the exporter at port {exporter.port}:\n"
                    failure += "\n".join(exporter.log_lines()[-15:]) + "\n"
    except Exception:  # pylint: disable=broad-except
        failure = failure or "while ending:\n" + traceback.format_exc()
    return {"name": full, "seconds": time.monotonic() - began, "failure": failure}


def worker():
    """Reads names of tests from stdin, writes a line of JSON for each."""
    def leave(*_):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        sys.exit(1)

    signal.signal(signal.SIGTERM, leave)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        for line in sys.stdin:
            print(json.dumps(run_test(line.strip())), flush=True)
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        harness.worker_scope.close()


class Runner:
    """Feeds the workers and prints what they report."""

    def __init__(self, options):
        self.options, self.lock, self.todo = options, threading.Lock(), queue.SimpleQueue()
        self.number, self.failed, self.workers = 0, 0, []

    def report(self, result):
        with self.lock:
            self.number += 1
            if not result["failure"]:
                print(f"ok {self.number} - {result['name']} ({result['seconds']:.1f}s)", flush=True)
                return
            self.failed += 1
            lines = [f"not ok {self.number} - {result['name']}"]
            lines += ["# " + line for line in result["failure"].splitlines()]
            print("\n".join(lines), flush=True)

    def feed(self, process):
        while True:
            try:
                name = self.todo.get_nowait()
            except queue.Empty:
                process.stdin.close()
                return
            try:
                process.stdin.write(name + "\n")
                process.stdin.flush()
                self.report(json.loads(process.stdout.readline()))
            except (OSError, ValueError):
                self.report({"name": name, "failure": "the test process ended"})
                return

    def run(self, names):
        print(f"1..{len(names)}", flush=True)
        for name in names:
            self.todo.put(name)
        for _ in range(min(self.options.jobs, len(names))):
            self.workers.append(subprocess.Popen(
                worker_command(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                start_new_session=True, preexec_fn=lambda: harness.end_with_parent(signal.SIGTERM)))
        feeders = [threading.Thread(target=self.feed, args=(w,), daemon=True)
                   for w in self.workers]
        for feeder in feeders:
            feeder.start()
        try:
            for feeder in feeders:
                feeder.join()
        finally:
            for process in self.workers:
                if self.number < len(names):
                    process.terminate()
                process.wait()
        return 1 if self.failed or self.number < len(names) else 0


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--exporter", default=harness.EXPORTER)
    parser.add_argument("--redis-server", default=harness.REDIS_SERVER)
    parser.add_argument("--jobs", type=int, default=3)
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--own-network", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("substrings", nargs="*")
    options = parser.parse_args()
    options.exporter = harness.EXPORTER = os.path.abspath(options.exporter)
    harness.REDIS_SERVER = options.redis_server
    if options.own_network:
        harness.run("ip", "link", "set", "lo", "up")
        harness.own_network = True
    if options.worker:
        return worker()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    if not os.access(options.exporter, os.X_OK):
        sys.exit(f"no program at {options.exporter}")
    names = discover(options.substrings)
    if not names:
        sys.exit("no such test")
    return Runner(options).run(names)


if __name__ == "__main__":
    sys.exit(main())
