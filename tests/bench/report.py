"""Turns what was measured into docs/benchmarks.md and docs/scaling.md."""

import os
import platform
import re
import shutil
import statistics
import subprocess

import harness
from influence import PER_SECOND, SECONDS
from programs import CLIENTS, DEADLINE, RIVAL
from quick import IDLE_LIMIT

HERE = os.path.dirname(os.path.abspath(__file__))
OWN = "exporter, gzip"
THEIRS = "redis_exporter, gzip"
SIMULATED = (10, 100, 1000, 2000)
INTERVAL = 15  # seconds between scrapes, for the cost model


def median(program, figure):
    return statistics.median(result[figure] for result in program["results"])


def number(value):
    """Three digits that mean something."""
    if value >= 100:
        return f"{value:.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def spread(program, figure):
    values = [result[figure] * 1000 for result in program["results"]]
    return (f"{number(statistics.median(values))} "
            f"({number(min(values))} - {number(max(values))})")


def table(head, rows):
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(map(str, row)) + " |" for row in lines) + "\n"


# ---- the programs at one size -------------------------------------------------------------------

HEAD = ["program", "passes", "CPU ms", "against floor", "against exporter, gzip", "CPU µs a node",
        "CPU µs a sample", "wall ms", "wall against floor", "peak MB", "MB sent",
        "samples", "nodes up", "system calls", "page faults"]


def known(value):
    return "" if value is None else str(value)


def program_row(measured, name):
    programs, program = measured["programs"], measured["programs"][name]
    floor = programs["floor, histograms" if "histograms" in name else "floor"]
    cpu, samples = median(program, "cpu"), program["samples"]
    return [name, len(program["results"]), spread(program, "cpu"),
            number(cpu / median(floor, "cpu")) + " x",
            number(cpu / median(programs[OWN], "cpu")) + " x",
            number(cpu / measured["nodes"] * 1e6), number(cpu * 1e6 / samples) if samples else "",
            spread(program, "wall"), number(median(program, "wall") / median(floor, "wall")) + " x",
            number(program["peak"]), number(median(program, "bytes") / 1e6), known(samples), known(program["up"]),
            known(program["calls"]), f"{median(program, 'faults'):.0f}"]


def size_section(size, measured):
    title = f"{size} nodes" if "real" in str(size) else f"{size} simulated nodes"
    rows = [program_row(measured, name) for name in measured["programs"]]
    return f"## {title}\n\n{table(HEAD, rows)}"


# ---- what the nodes feel ------------------------------------------------------------------------


def influence_section(measured):
    found = measured["200 real"]["influence"]
    without, scraped = found["without"], found["with"]
    rows = [[name, f"{f['cpu'] * 1000:.2f}", f"{f['busiest'] * 1000:.1f}", f"{f['p50']:.0f}",
             f"{f['p99']:.0f}", f"{f['p999']:.0f}", f"{f['passes']:.2f}"]
            for name, f in (("without the exporter", without), ("scraped", scraped))]
    added = scraped["cpu"] - without["cpu"]
    head = ["", "CPU ms a second, median node", "busiest node", "GET p50 µs", "p99 µs", "p99.9 µs",
            "scrapes a second"]
    return (
        "## What the nodes feel\n\n"
        f"The 200 real nodes, scraped once a second, and left alone, in turn for {SECONDS} s each; a "
        f"client asks one of them for a key {PER_SECOND} times a second. Its waits count from when a "
        f"request was due. Nodes, exporter and client share the cores.\n\n{table(head, rows)}\n"
        f"A scrape a second takes {added * 1000:.2f} ms of CPU a second of a node, "
        f"{added * 100:.2f} % of a core.\n")


# ---- the budgets --------------------------------------------------------------------------------


def cpu_of_1000_samples(measured, size):
    program = measured[size]["programs"][OWN]
    return median(program, "cpu") * 1000 * 1000 / program["samples"]


def ratio(measured, size, name, figure, other=OWN):
    programs = measured[size]["programs"]
    return median(programs[name], figure) / median(programs[other], figure)


def budget_rows(measured, growth, idle, hung):
    """(what, budget, measured as text, whether it is met)"""
    for size in "200 real", 1000:
        value = cpu_of_1000_samples(measured, size)
        yield f"CPU of 1000 samples, gzip, {title_of(size)}", "0.25 ms", f"{value:.3f} ms", \
            value <= 0.25
    for size in "6 real", "200 real", 1000:
        if THEIRS in measured[size]["programs"]:
            value = ratio(measured, size, THEIRS, "cpu")
            yield f"CPU against redis_exporter 1.45, gzip, {title_of(size)}", "1/15", \
                f"1/{value:.1f}", value >= 15
    value = ratio(measured, "200 real", OWN, "wall", "floor")
    yield "wall time against the floor, 200 real nodes", "1.3 x", f"{value:.2f} x", value <= 1.3
    per_node = [median(measured[size]["programs"][OWN], "cpu") / size for size in SIMULATED]
    value = max(per_node) / min(per_node)
    yield "CPU of a node, the dearest to the cheapest size of 10 to 2000", "1.3 x", \
        f"{value:.2f} x", value <= 1.3
    for size, budget in ("6 real", 8), (1000, 128):
        program = measured[size]["programs"][OWN]
        yield f"peak resident memory, gzip, {title_of(size)}", f"{budget} MB", \
            f"{program['peak']:.1f} MB, {program['its own']:.1f} of it no file's", \
            program["peak"] <= budget
    scrapes, before, after, counts = growth
    yield (f"growth over {scrapes} scrapes of 20 nodes that fail, fail over, leave and join "
           f"({counts['redis_cluster_failovers_total']:.0f} failovers seen)"), "none", \
        f"{before:.1f} MB, then {after:.1f} MB", after <= before * 1.1
    peak, left = idle
    yield "resident memory after 30 s without a scrape, 1000 nodes", "given back", \
        f"{left:.0f} MB of {peak:.0f} MB", left < peak * IDLE_LIMIT
    value = measured["200 real"]["scrapes of two"]
    yield "scrapes for two requests at once", "1", value, value == 1
    for nodes, silent, allowed, (wall, up, part) in hung:
        yield f"{silent} hung of {nodes} nodes, {allowed} s allowed", \
            "on time, all others complete", \
            f"{wall:.2f} s, {up} nodes with at least {part:.0%} of the samples", \
            wall < allowed and up == nodes - silent and part > 0.95


def title_of(size):
    return f"{size} nodes" if "real" in str(size) else f"{size} simulated nodes"


def budget_section(measured, growth, idle, hung):
    rows = [[what, budget, value, "yes" if met else "**no**"]
            for what, budget, value, met in budget_rows(measured, growth, idle, hung)]
    return "## Budgets\n\n" + table(["figure", "budget", "measured", "met"], rows)


# ---- the cost model -----------------------------------------------------------------------------


def model_of(measured):
    """What a node costs, from 1000 simulated ones; views of the cluster are counted apart."""
    nodes = measured[1000]["nodes"]
    programs = measured[1000]["programs"]

    def figures(name):
        program = programs[name]
        return {"samples": program["samples"] / nodes, "cpu": median(program, "cpu") / nodes,
                "bytes": median(program, "bytes") / nodes}
    small = measured[10]["programs"]
    view_line = (median(programs["floor"], "bytes") / 1000
                 - median(small["floor"], "bytes") / 10) / 50
    return {
        "page": figures(OWN), "plain": figures("exporter, plain"),
        "base": figures("exporter, base collectors, gzip"),
        "histograms": figures("exporter, histograms, gzip"),
        "request": figures("exporter, a request a node, gzip"),
        "memory": (programs[OWN]["peak"] - small[OWN]["peak"]) / 990,
        "plain memory": (programs["exporter, plain"]["peak"]
                         - small["exporter, plain"]["peak"]) / 990,
        "fixed memory": small[OWN]["peak"], "view line": view_line,
        "replies": median(small["floor"], "bytes") / 10}


def node_table(model):
    rows = [[what, f"{f['samples']:.0f}", f"{f['cpu'] * 1e6:.0f}", f"{f['bytes'] / 1000:.1f}"]
            for what, f in (
                ("`/metrics`, gzip", model["page"]), ("`/metrics`, not compressed", model["plain"]),
                ("`/metrics` of the base collectors, gzip", model["base"]),
                ("`/metrics` with latency histograms, gzip", model["histograms"]),
                ("`/scrape?target=` without histograms, gzip", model["request"]))]
    return table(["a scrape of a node by", "samples", "exporter's CPU, µs", "page, KB"], rows)


def cluster_table(model):
    rows = []
    for nodes in 100, 1000, 2000, 5000, 10000, 100000:
        page, request = model["page"], model["request"]
        views = min(nodes, 50 if nodes > 100 else nodes) * nodes * model["view line"]
        from_nodes = nodes * model["replies"] + views
        memory = model["fixed memory"] + nodes * model["memory"]
        fits = nodes <= 5000
        rows.append([
            nodes, f"{nodes * page['samples'] / INTERVAL:,.0f}",
            f"{nodes * page['cpu'] / INTERVAL:.2f}" if fits else "",
            f"{memory:,.0f}" if fits else "",
            f"{nodes * page['bytes'] / 1e6:.1f} / {nodes * model['plain']['bytes'] / 1e6:,.0f}"
            if fits else "",
            f"{from_nodes * 8 / INTERVAL / 1e6:,.1f}" if fits else "",
            f"{nodes * request['cpu'] / INTERVAL:.2f}",
            f"{nodes * model['replies'] * 8 / INTERVAL / 1e6:,.1f}"])
    return table(["nodes", "samples a second", "one page: cores", "memory, MB",
                  "page, MB (gzip / plain)", "from the nodes, Mbit/s",
                  "a request a node: cores, all exporters together",
                  "from the nodes, Mbit/s"], rows)


# ---- the documents ------------------------------------------------------------------------------


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


def machine(load_before):
    with open("/proc/meminfo", encoding="ascii") as f:
        memory = int(f.readline().split()[1]) / (1 << 20)
    return {
        "cpu": cpu_model(), "cores": os.cpu_count(), "memory": f"{memory:.0f}",
        "kernel": platform.release(), "compiler": first_line("gcc", "--version"),
        "redis": package_version("redis-server"), "rival": package_version(RIVAL),
        "exporter": first_line(harness.EXPORTER, "--version"),
        "load_before": load_before, "load_after": load(), "clients": CLIENTS,
        "deadline": DEADLINE}


def fill(name, values):
    with open(os.path.join(HERE, name + ".in"), encoding="utf-8") as f:
        text = f.read()
    for key, value in values.items():
        text = text.replace(f"@{key}@", str(value))
    left = re.search(r"@[a-z_]+@", text)
    assert not left, (name, left)
    with open(os.path.join(harness.REPO, "docs", name), "w", encoding="utf-8") as f:
        f.write(text)


def stages_section(stages):
    """Where the instructions of a scrape go, at each size."""
    if not stages:
        return "valgrind is not installed: not measured.\n"
    totals = {size: sum(count for _, count in found) for size, found in stages.items()}
    names = [name for name, _ in next(iter(stages.values()))]
    rows = [[name, *(f"{dict(found)[name] / totals[size]:.1%}" for size, found in stages.items())]
            for name in names]
    rows.append(["all, millions", *(number(total / 1e6) for total in totals.values())])
    return table(["stage", *(f"{str(size).replace(' real', '')} "
                             f"{'real' if 'real' in str(size) else 'simulated'} nodes"
                             for size in stages)], rows)


def write_docs(measured, growth, idle, hung, stages, load_before):
    values = machine(load_before)
    sections = [size_section(size, found) for size, found in measured.items()]
    sections.append(influence_section(measured))
    budgets = budget_section(measured, growth, idle, hung)
    fill("benchmarks.md", dict(values, budgets=budgets.rstrip(),
                               stages=stages_section(stages).rstrip(),
                               sections="\n".join(sections).rstrip()))
    write_scaling(measured, values)


def write_scaling(measured, values):
    model = model_of(measured)
    page, plain = model["page"], model["plain"]
    fill("scaling.md", dict(
        values, interval=INTERVAL, node_table=node_table(model).rstrip(),
        cluster_table=cluster_table(model).rstrip(),
        replies=f"{model['replies'] / 1000:.0f}", view_line=f"{model['view line']:.0f}",
        memory=f"{model['memory'] * 1000:.0f}", plain_memory=f"{model['plain memory'] * 1000:.0f}",
        fixed_memory=f"{model['fixed memory']:.0f}",
        samples_1000=f"{page['samples'] * 1000:,.0f}",
        sample_limit=f"{round(page['samples'] * 1000 * 1.5, -5):,.0f}".replace(",", ""),
        plain_1000=f"{plain['bytes'] / 1000:.0f}",
        body_limit=f"{round(plain['bytes'] / 1000 * 1.5, -1):.0f}",
        node_samples=f"{page['samples']:.0f}", node_plain=f"{plain['bytes'] / 1000:.0f}"))
