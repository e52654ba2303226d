"""Where a scrape's time goes: instructions by stage, counted by callgrind."""

import os
import re
import shutil
import signal
import subprocess

import harness
from programs import Web

SCRAPES = 2
SLOW = 60  # valgrind takes some fifty times as long, and nothing may time out by that

# stage: the functions whose instructions it is made of, with all that they call, and those to take
# off again. Each stands in a file of its own or is called back, so that it is always there.
STAGES = (
    ("ask: commands for each node, one write", ("ask_new_members",), ()),
    ("receive: read the sockets, take replies apart by RESP", ("on_ready",), ("on_reply",)),
    ("read INFO: look up each line, check each number", ("samples_read",), ()),
    ("read views: CLUSTER NODES", ("view_parse",), ()),
    ("read what else was asked: CONFIG, SLOWLOG, LATENCY", ("collect_reply",), ()),
    ("learn who is a member, and where", ("cluster_learn", "cluster_locate"), ()),
    ("merge and judge", ("snapshot_complete",), ()),
    ("write the page", ("render_page",), ("gzip_add",)),
    ("compress it", ("gzip_add", "gzip_end"), ()),
)


def start_exporter(addr, out):
    port = harness.free_port()
    process = harness.Process(
        ["valgrind", "--tool=callgrind", "--instr-atstart=no", "--callgrind-out-file=" + out,
         harness.EXPORTER, f"--web.listen-address=127.0.0.1:{port}", f"--redis.addr=redis://{addr}",
         f"--redis.timeout={SLOW}s", f"--redis.connect-timeout={SLOW}s",
         f"--scrape.timeout={SLOW}s"],
        os.path.join(harness.temp_dir(), "callgrind.log"), env=harness.clean_env())

    def answers():
        try:
            return harness.http_get(port, "/-/healthy").status == 200
        except OSError:
            return False
    harness.wait(answers, "the exporter answers under valgrind", SLOW)
    program = Web("exporter under valgrind", process, port, ["/metrics"], True)
    program.headers["X-Prometheus-Scrape-Timeout-Seconds"] = str(SLOW)
    return program


def switch(program, state):
    subprocess.run(["callgrind_control", "-i", state, str(program.pid)], check=True,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def instructions(out):
    """{function: instructions of it and what it calls}, and their total."""
    text = subprocess.run(["callgrind_annotate", "--inclusive=yes", "--threshold=100", out],
                          check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                          text=True).stdout
    total = re.search(r"^\s*([\d,]+) .*PROGRAM TOTALS", text, re.M)
    found = {}
    for count, name in re.findall(r"^\s*([\d,]+) \([^)]*\)\s+\S*?:(\w+)[ .]", text, re.M):
        found[name] = max(found.get(name, 0), int(count.replace(",", "")))
    return found, int(total[1].replace(",", ""))


def measure_stages(addrs):
    """[(stage, instructions of a scrape)], the rest last; None without valgrind."""
    if not shutil.which("valgrind"):
        return None
    out = os.path.join(harness.temp_dir(), "callgrind.out")
    program = start_exporter(addrs[0], out)
    for _ in range(2):
        program.run_pass()
    switch(program, "on")
    for _ in range(SCRAPES):
        program.run_pass()
    switch(program, "off")
    program.process.signal(signal.SIGTERM)
    program.process.wait()
    found, total = instructions(out)
    stages = []
    for stage, functions, less in STAGES:
        count = sum(found[name] for name in functions) - sum(found[name] for name in less)
        stages.append((stage, count / SCRAPES))
    rest = total / SCRAPES - sum(count for _, count in stages)
    return [*stages, ("send, wait for events, and all else", rest)]
