"""The command line, the environment, and the log."""

import json
import os
import re
import subprocess

import harness
from harness import (Exporter, FakeNode, clean_env, fake_cluster, free_port, run, temp_dir, wait)

FLAGS = """
--redis.addr --redis.cluster-name --redis.user --redis.password-file --redis.password
--redis.timeout --redis.connect-timeout --redis.node-label --scrape.timeout --web.listen-address
--web.telemetry-path --web.timeout-offset --log.level --log.format --version --help
--print-metrics --print-acl --scrape.allow --metrics.dialect --collector.disable-defaults
--check-keys --check-single-keys --count-keys --check-streams --check-single-streams
--check-keys-batch-size --disable-exporting-key-values --streams-exclude-consumer-metrics
--check-search-indexes --export-client-port --include-sentinel-peer-info
--cluster.full-views --cluster.one-host --cluster.max-nodes --cluster.allow-nodes
--web.max-connections --web.max-requests --web.max-scrape-rate --web.max-cluster-rate
--web.max-page-size --web.max-sending-size --web.send-timeout
""".split()

PAIR = re.compile(r'([a-z_]+)=((?:[^\s"=\\]+)|"(?:[^"\\]|\\.)*")(?: |$)')


def program(*flags, env=None, timeout=20):
    """Runs the exporter to its end without wanting anything of it."""
    return subprocess.run([harness.EXPORTER, *flags], capture_output=True, text=True,
                          timeout=timeout, env=clean_env(env), check=False)


def test_bad_flags_end_with_status_2_and_one_line_that_names_the_flag():
    table = [
        ("--no.such-flag", ["--no.such-flag"]),
        ("--no.such-flag", ["--no.such-flag=1"]),
        ("-x", ["-x"]),
        ("argument 1", ["stray"]),
        ("--redis.timeout", ["--redis.timeout"]),
        ("--log.level", ["--log.level"]),
        ("--log.level", ["--log.level=loud"]),
        ("--log.level", ["--log.level", "loud"]),
        ("--log.level", ["--log.level="]),
        ("--log.format", ["--log.format=xml"]),
        ("--redis.node-label", ["--redis.node-label=name"]),
        ("--web.telemetry-path", ["--web.telemetry-path=metrics"]),
        ("--web.telemetry-path", ["--web.telemetry-path="]),
        ("--web.listen-address", ["--web.listen-address=nonsense"]),
        ("--web.listen-address", ["--web.listen-address=:99999"]),
        ("--web.listen-address", ["--web.listen-address=127.0.0.1:-1"]),
        ("--web.listen-address", ["--web.listen-address="]),
        ("--redis.password-file", ["--redis.password-file=/no/such/file"]),
        ("--redis.password-file", ["--redis.password-file=/"]),
    ]
    for flag in "--redis.timeout", "--redis.connect-timeout", "--scrape.timeout", \
            "--web.timeout-offset":
        table += [(flag, [f"{flag}={value}"]) for value in
                  ("", "fast", "-1s", "2 parsecs", "1e400s", "nan", "s", "2ss")]
    table += [("--redis.addr", [f"--redis.addr={value}"]) for value in
              ("http://127.0.0.1:1", "redis://", "redis://:1", "127.0.0.1:0", "127.0.0.1:65536",
               "127.0.0.1:x", "[::1:6379", "::1:6379:", "redis://a:b@c:d@e:1:2", "a b:1", ",",
               "redis://:pw%zz@127.0.0.1:1")]
    for flag, argv in table:
        done = program(*argv)
        lines = done.stderr.splitlines()
        assert done.returncode == 2, (argv, done.returncode, done.stderr)
        assert len(lines) == 1 and flag in lines[0], (argv, done.stderr)
        assert done.stdout == "", (argv, done.stdout)


def test_bad_values_in_the_environment_are_told_in_the_same_way():
    for name, value in ("REDIS_ADDR", "127.0.0.1:x"), ("REDIS_PASSWORD_FILE", "/no/such/file"):
        done = program(env={name: value})
        assert done.returncode == 2 and len(done.stderr.splitlines()) == 1, done
        assert name in done.stderr or name.lower().replace("_", "-")[6:] in done.stderr, done


def test_a_password_in_a_bad_address_is_not_shown():
    for addr in "redis://:hush@127.0.0.1:x", "redis://u:hush@", "redis://:hush@[::1:1", \
            "redis://:hush%zz@127.0.0.1:1", "hush@:::", "redis://hush@a:b@c:d":
        done = program("--redis.addr=" + addr)
        assert done.returncode == 2 and "hush" not in done.stderr + done.stdout, (addr, done)


def test_help_and_version_are_printed_on_stdout():
    done = program("--help")
    assert done.returncode == 0 and not done.stderr
    missing = [flag for flag in FLAGS if not re.search(re.escape(flag) + r"\b", done.stdout)]
    assert not missing, missing
    for line in done.stdout.splitlines():
        assert len(line) <= 100 and line == line.rstrip(), line
    done = program("--version")
    assert done.returncode == 0 and not done.stderr and len(done.stdout.splitlines()) == 1
    version = re.search(r"\d+\.\d+\.\d+", done.stdout)[0]
    assert "redis_cluster_exporter" in done.stdout
    page = Exporter(fake_cluster(1)[0].addr).scrape()
    assert page.all("redis_exporter_build_info")[0][0]["version"] == version


def test_a_listen_port_that_is_taken_ends_with_status_1():
    peer = FakeNode()
    done = program(f"--redis.addr={peer.addr}", f"--web.listen-address={peer.addr}")
    assert done.returncode == 1, done
    assert len(done.stderr.splitlines()) == 1 and str(peer.port) in done.stderr, done.stderr


def test_a_second_listen_address_that_is_taken_ends_the_program_too():
    peer, port = FakeNode(), free_port()
    done = program(f"--redis.addr={peer.addr}", f"--web.listen-address=127.0.0.1:{port}",
                   f"--web.listen-address={peer.addr}")
    assert done.returncode == 1, done
    assert f"cannot listen at {peer.addr}" in done.stderr.splitlines()[-1], done.stderr


def variables():
    """{flag: environment variable} as --help tells."""
    found = {}
    for flag in FLAGS:
        text = re.search(re.escape(flag) + r"\b(?![-.])(.*?)(?=\n\s*--|\Z)",
                         program("--help").stdout, re.S)
        names = re.findall(r"\b[A-Z]+(?:_[A-Z]+)+\b", text[1])
        if names:
            found[flag] = names[0]
    return found


def test_every_flag_has_a_variable_and_the_flag_wins():
    names = variables()
    without = set(FLAGS) - set(names) - {"--help", "--version", "--print-metrics", "--print-acl"}
    assert not without, f"no variable: {without}"
    assert names["--redis.addr"] == "REDIS_ADDR" and names["--redis.user"] == "REDIS_USER"
    assert names["--redis.password"] == "REDIS_PASSWORD"
    for flag in "--log.level", "--log.format", "--redis.timeout", "--redis.connect-timeout", \
            "--scrape.timeout", "--web.timeout-offset", "--redis.node-label":
        done = program(env={names[flag]: "nonsense"})
        assert done.returncode == 2 and len(done.stderr.splitlines()) == 1, (flag, done)
        assert flag in done.stderr or names[flag] in done.stderr, done.stderr
    first, second = fake_cluster(1)[0], fake_cluster(1)[0]
    port = free_port()
    env = {names["--redis.addr"]: first.addr, names["--redis.cluster-name"]: "mine",
           names["--web.telemetry-path"]: "/env", names["--log.format"]: "json"}
    one = Exporter("", env=env)
    page = one.scrape(path="/env")
    assert page.all("redis_up") == [({"redis_cluster": "mine", "redis_node": first.addr}, 1)]
    json.loads(one.log_lines()[0])
    two = Exporter(second.addr, "--redis.cluster-name", "flag", "--web.telemetry-path=/flag",
                   "--log.format", "logfmt", env=env)
    page = two.scrape(path="/flag")
    assert page.all("redis_up") == [({"redis_cluster": "flag", "redis_node": second.addr}, 1)]
    assert two.log_lines()[0].startswith("ts=")
    listening = Exporter(first.addr, env={names["--web.listen-address"]: f"127.0.0.1:{port}"})
    listening.scrape()
    assert program(f"--redis.addr={first.addr}", env={
        names["--web.listen-address"]: first.addr}).returncode == 1, "the variable is used"


def logged(form):
    """The log of an exporter that has seen good and bad things."""
    good, bad = fake_cluster(2)
    exporter = Exporter(good.addr, f"--log.format={form}", "--log.level=debug",
                        "--redis.timeout=0.5s")
    wait(lambda: sum(exporter.scrape().up().values()) == 2, "all are up")
    bad.replies["INFO"] = b"-ERR \"quoted\" \\back = \xff\x01 \xe2\x82 slash\r\n"
    exporter.scrape()
    bad.replies["INFO"] = b"\x1b[31m\xff\"\\garbage\r\n"
    exporter.scrape()
    good.close()
    bad.close()
    exporter.scrape()
    exporter.stop()
    with open(exporter.log, "rb") as f:
        return f.read()


def test_the_log_is_logfmt_line_by_line():
    for line in logged("logfmt").decode(errors="replace").splitlines():
        pairs = PAIR.findall(line)
        assert PAIR.sub("", line) == "", line
        keys = [key for key, _ in pairs]
        assert keys[:3] == ["ts", "level", "msg"] and len(set(keys)) == len(keys), line
        assert dict(pairs)["level"] in ("debug", "info", "warn", "error"), line
        assert all(char >= " " for char in line), line


def test_the_log_is_json_line_by_line():
    lines = logged("json").split(b"\n")
    assert lines.pop() == b"" and len(lines) > 3
    for line in lines:
        entry = json.loads(line.decode())  # which has to be UTF-8
        assert {"ts", "level", "msg"} <= set(entry), line
        assert entry["level"] in ("debug", "info", "warn", "error")


def test_the_log_level_hides_what_is_below():
    for level, allowed in ("error", {"error"}), ("warn", {"warn", "error"}), \
            ("info", {"info", "warn", "error"}):
        node = fake_cluster(1)[0]
        exporter = Exporter(node.addr, f"--log.level={level}")
        exporter.scrape()
        node.close()
        exporter.scrape()
        levels = set(re.findall(r" level=(\w+) ", exporter.output()))
        assert levels <= allowed, levels
        assert level != "info" or "info" in levels


def test_healthy_scrapes_are_not_logged():
    nodes = fake_cluster(3)
    exporter = Exporter(nodes[0].addr)
    wait(lambda: sum(exporter.scrape().up().values()) == 3, "all are up")
    before = exporter.log_lines()
    for _ in range(10):
        exporter.scrape()
    assert exporter.log_lines() == before, exporter.log_lines()[len(before):]


def test_a_value_may_follow_its_flag_as_a_word_of_its_own():
    node = fake_cluster(1)[0]
    exporter = Exporter("", "--redis.addr", node.addr, "--redis.timeout", "1500ms",
                        "--scrape.timeout", "1m", "--web.timeout-offset", "0s")
    assert exporter.scrape().up() == {node.addr: 1}


def test_a_password_file_that_is_unreadable_is_named():
    path = os.path.join(temp_dir(), "absent")
    done = program("--redis.password-file", path)
    assert done.returncode == 2 and path in done.stderr, done


def test_print_metrics_needs_no_server():
    done = program("--print-metrics")
    assert done.returncode == 0 and "redis_up" in done.stdout and not done.stderr
    assert run(harness.EXPORTER, "--print-metrics").stdout == done.stdout
