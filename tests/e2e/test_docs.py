"""The reference of the metrics is what the program says and what the page has."""

import glob
import os
import re

import harness
from harness import (Exporter, REPO, RedisNode, ReferenceCluster, cluster_exporter, fake_cluster,
                     run, shared, temp_dir, wait)
from test_packaging import all_flags


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


def test_documents_name_flags_and_variables_that_there_are():
    text = run(harness.EXPORTER, "--help").stdout
    files = [path for pattern in ("*.md", "docs/*.md", "dashboards/**/*.md", "packaging/**/*")
             for path in glob.glob(os.path.join(REPO, pattern), recursive=True)
             if os.path.isfile(path)]
    known_flags = all_flags()
    sections = "|".join({flag.split(".")[0] for flag in known_flags if "." in flag})
    assert len(files) > 90
    for name in files:
        with open(name, encoding="utf-8") as f:
            written = f.read()
        for flag in re.findall(rf"--((?:{sections})\.[a-z.-]*[a-z])\b", written):
            assert flag in known_flags, (name, flag)
        for variable in re.findall(r"\bREDIS_EXPORTER_(?!COLLECTOR_)[A-Z_]*[A-Z]\b", written):
            assert f"({variable})" in text, (name, variable)


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


def check_config(path):
    """--config.check of a copy, beside which the files are that it names."""
    with open(path, encoding="utf-8") as f:
        text = f.read()
    folder = temp_dir()
    for name in re.findall(r"^[^#\n]*password_file: (\S+)", text, re.M):
        assert "/" not in name, name
        with open(os.path.join(folder, name), "w", encoding="utf-8") as f:
            f.write("{}" if name.endswith(".json") else "secret\n")
        os.chmod(os.path.join(folder, name), 0o600)
    copy = os.path.join(folder, "clusters.yml")
    with open(copy, "w", encoding="utf-8") as f:
        f.write(text)
    done = run(harness.EXPORTER, f"--config.file={copy}", "--config.check", check=False,
               env=harness.clean_env())
    assert (done.returncode, done.stderr) == (0, ""), done


def write(text):
    path = os.path.join(temp_dir(), "text.yml")
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)
    return path


def test_the_examples_of_the_configuration_file_are_right():
    with open(os.path.join(REPO, "docs", "configuration.md"), encoding="utf-8") as f:
        blocks = re.findall(r"```yaml\n(.*?)```", f.read(), re.S)
    clusters = [block for block in blocks if "clusters:" in block]
    assert len(clusters) == 1
    check_config(write(clusters[0]))
    example = os.path.join(REPO, "packaging", "redis_cluster_exporter.yml")
    check_config(example)
    # What is commented out is right as well, but for the files that are not there.
    with open(example, encoding="utf-8") as f:
        everything = "".join(re.sub(r"^( *)# ( *[\w-]+:)", r"\1\2", line) for line in f
                             if not re.search("_file:", line))
    keys = set(re.findall(r"([a-z_]+):", everything))
    assert {"listen_address", "expect", "tls", "address_map", "collectors"} <= keys
    check_config(write(everything))
