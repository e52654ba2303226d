"""The reference of the metrics is what the program says and what the page has."""

import os
import re

import harness
from harness import (Exporter, REPO, RedisNode, ReferenceCluster, cluster_exporter, fake_cluster,
                     run, shared, wait)


def printed():
    return run(harness.EXPORTER, "--print-metrics").stdout


def documented():
    return set(re.findall(r"\b(?:redis|process)_[a-z0-9_]+", printed()))


def test_the_reference_is_not_stale():
    with open(os.path.join(REPO, "docs", "metrics.md"), encoding="utf-8") as f:
        assert f.read() == printed()


def test_the_table_of_flags_is_that_of_the_help_text():
    with open(os.path.join(REPO, "docs", "configuration.md"), encoding="utf-8") as f:
        rows = [line.split("|")[1:4] for line in f if line.startswith("| `--")]
    # only what stands in backquotes is a literal: the default of some flags is told in words
    table = {tuple("".join(re.findall("`(.*)`", cell)) for cell in row) for row in rows}
    text = run(harness.EXPORTER, "--help").stdout.split("\nThese flags of redis_exporter")[0]
    shown = set(re.findall(
        r"^  (--[\w.-]+)\S*(?: +\((\w+)\))?(?: +default (\S+))?$", text, re.M))
    shown -= {("--help", "", ""), ("--version", "", "")}
    assert len(shown) > 10 and table == shown, table ^ shown


def test_every_metric_on_the_page_is_in_the_reference():
    exporter = cluster_exporter()
    wait(lambda: exporter.scrape().check_all_up(shared(ReferenceCluster).addrs), "all are up")
    nodes = fake_cluster(2)
    broken = Exporter(nodes[0].addr)
    wait(lambda: len(broken.scrape().up()) == 2, "all are known")
    nodes[1].close()
    single = RedisNode(cluster=False).ready()
    pages = [exporter.scrape(), broken.scrape(), Exporter(single.addr).scrape()]
    for page in pages:
        missing = set(page.types) - documented()
        assert not missing, missing
