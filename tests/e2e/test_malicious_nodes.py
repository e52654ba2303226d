"""One node of a cluster is an attacker's: the page stays valid, and right about all others."""

import random
import re
import time

from harness import (FULL, INFO, Exporter, FakeNode, FakePeer, bulk, fake_cluster, parse_info,
                     node_line, wait)

ALL = ["--collector.latency-histogram", "--collector.config-all", "--collector.client-list",
       "--collector.clients", "--collector.modules"]
FORGED = 'x"} 1\nredis_forged{a="b'  # would be a series of its own
NASTY = ['"', "\\", '\\"', "}", "{", "#", "\t", "\x00", "\x7f", "\x1b[2J", "\u202e", "é",
         "a" * 100000, 'x"} 1', 'x",redis_node="other"']


def items(value):
    """A reply in wire format: lists, numbers, texts and bytes."""
    if isinstance(value, list):
        return b"*%d\r\n" % len(value) + b"".join(items(v) for v in value)
    if isinstance(value, int):
        return b":%d\r\n" % value
    data = value if isinstance(value, bytes) else value.encode()
    return b"$%d\r\n%s\r\n" % (len(data), data)


def info(node, *lines):
    return items(INFO.format(port=node.port, clients=1).encode() + b"\r\n".join(
        line if isinstance(line, bytes) else line.encode() for line in lines) + b"\r\n")


def good_and_bad(*flags):
    good, bad = fake_cluster(2)
    exporter = Exporter(good.addr, *flags)
    page = wait(lambda: len(exporter.scrape().up()) == 2 and exporter.scrape(), "both are known")
    page.check_all_up([good.addr, bad.addr])
    return good, bad, exporter, page


def series_of(page, node):
    """Without what another one can say about its address: it may well differ from ours."""
    return {key for key in page.samples if ("redis_node", node.addr) in key[1]
            and key[0] != "redis_cluster_node_address_mismatch"}


def check_good(page, good, before):
    """Every series that the good node had is there, and it has no others."""
    assert page.up()[good.addr] == 1
    assert series_of(page, good) == series_of(before, good), \
        series_of(page, good) ^ series_of(before, good)
    assert page.get("redis_connected_clients", redis_node=good.addr) == good.clients
    assert not [name for name, _ in page.samples if "forged" in name]
    assert page.samples.keys() & {("redis_up", (("redis_node", "other"),))} == set()


def test_hostile_texts_stay_inside_their_labels():
    good, bad, exporter, before = good_and_bad(*ALL)
    lines = []
    for i, text in enumerate([*NASTY, FORGED.replace("\n", " ")]):
        lines += [f"cmdstat_{text}:calls=1,usec=1,usec_per_call=1.00",
                  f"errorstat_{text}:count=1", f"latency_percentiles_usec_{text}:p50=1",
                  f"slave{i}:ip={text},port={i},state={text},offset=1,lag=0",
                  f"module:name={text}{i},ver=1,api=1,filters=0,usedby=[{text}],using=[],options=[]"]
    lines += [b"errorstat_\xff\xfe\xc3\x28:count=1", b"cmdstat_\xed\xa0\x80:calls=1",
              "maxmemory_policy:" + FORGED.replace("\n", " "), "redis_version:7.0.15\x1b[2J"]
    clients = "".join(f"id={i} addr={t}:1 name={t} age=1 idle=1 flags=N db=0 user={t} resp=2\n"
                      for i, t in enumerate(NASTY))
    bad.replies.update({
        "INFO": info(bad, *lines), "CLIENT LIST": items(clients),
        "CONFIG GET": items([x for t in [*NASTY, FORGED] for x in (t, "1")]
                            + [x for t in NASTY for x in ("save", t)]),
        "LATENCY LATEST": items([[t, 1, 2, 3] for t in [*NASTY, FORGED]]),
        "LATENCY HISTOGRAM": items([x for t in [*NASTY, FORGED] for x in (
            t, ["calls", 1, "histogram_usec", [1, 1]])]),
        "SLOWLOG GET": items([[1, 1, 1, [FORGED], FORGED, FORGED]])})
    for _ in range(2):
        page = exporter.scrape()  # strictly parsed
        check_good(page, good, before)
        assert page.up()[bad.addr] == 1 and page.coverage() == FULL
    longest = max(len(value) for _, pairs in page.samples for _, value in pairs)
    assert longest < 300, longest
    report = exporter.get("/api/v1/clusters").text
    assert "\x1b" not in report
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f]", exporter.output())


def test_hostile_host_names_and_ids_go_nowhere():
    good, bad, exporter, before = good_and_bad()
    for name in [*NASTY, "$(reboot)", "-oProxyCommand=x", "a b", "`x`", ";x", "a/b"]:
        for text in (good.topology().replace(f"@{good.port + 10000}",
                                             f"@{good.port + 10000},{name}"),
                     good.topology().replace("127.0.0.1", name)):
            lines = [line.replace("myself,", "") for line in text.splitlines(True)]
            bad.replies["CLUSTER NODES"] = bulk("".join(
                line.replace(" master", " myself,master") if line.startswith(bad.id) else line
                for line in lines))
            page = exporter.scrape()
            check_good(page, good, before)
            report = exporter.get("/api/v1/clusters").text
            assert name == "é" or len(name) < 2 or name not in report, name
    strange = "".join(f"{t} 127.0.0.1:1@2 master - 0 0 1 connected\n" for t in NASTY[:9])
    bad.replies["CLUSTER NODES"] = bulk(bad.topology() + strange)
    check_good(exporter.scrape(), good, before)


def test_a_node_that_makes_its_part_explode_is_cut_and_the_rest_is_there():
    good, bad, exporter, before = good_and_bad(*ALL, "--redis.timeout=20s", "--scrape.timeout=60s")
    many = range(20000)
    bad.replies.update({
        "INFO": info(bad, *(line for i in many for line in (
            f"cmdstat_c{i}:calls=1,usec=1,usec_per_call=1,rejected_calls=1,failed_calls=1",
            f"errorstat_E{i}:count=1", f"latency_percentiles_usec_c{i}:p50=1,p99=2,p99.9=3",
            f"db{i}:keys=1,expires=1,avg_ttl=1",
            f"slave{i}:ip=10.0.0.1,port={i},state=online,offset=1,lag=1",
            f"module:name=m{i},ver=1"))),
        "CLUSTER INFO": bulk("cluster_state:ok\r\n" + "".join(
            f"cluster_stats_messages_m{i}_sent:1\r\n" for i in many)),
        "CLIENT LIST": bulk("".join(f"id={i} addr=1.1.1.1:{i} name={'n' * 400}{i} age=1 idle=1 "
                                    "flags=N db=0\n" for i in many)),
        "CONFIG GET": items([x for i in many for x in (f"c{i}", "1")]),
        "LATENCY LATEST": items([[f"e{i}", 1, 2, 3] for i in many]),
        "LATENCY HISTOGRAM": items([x for i in many for x in (
            f"c{i}", ["calls", 1, "histogram_usec", [1, 1]])])})
    page = exporter.scrape(limit=60)
    check_good(page, good, before)
    assert page.up()[bad.addr] == 1
    assert len(series_of(page, bad)) < 200000 and len(page.response.body) < 40 << 20, \
        (len(series_of(page, bad)), len(page.response.body))
    del bad.replies["INFO"], bad.replies["CONFIG GET"], bad.replies["LATENCY HISTOGRAM"]
    exporter.scrape(limit=60)
    wait(lambda: exporter.scrape(limit=60) and exporter.rss() < 64 << 20, "memory is given back")


def test_numbers_and_clocks_that_jump_do_no_harm_to_what_is_merged():
    good, bad, exporter, before = good_and_bad("--redis.timeout=2s")
    numbers = ["nan", "inf", "-inf", "0x7f", "1e999", "-1", "9" * 40, "18446744073709551616", "",
               " 1", "1 ", "+1", "1,5", "-9223372036854775808", "9223372036854775807", "1e308"]
    fields = ["uptime_in_seconds", "server_time_usec", "used_memory", "maxmemory",
              "connected_clients", "total_commands_processed", "expired_keys", "sync_full",
              "master_repl_offset", "repl_backlog_size", "repl_backlog_first_byte_offset",
              "second_repl_offset", "rdb_last_save_time", "loading_start_time", "evicted_keys"]
    kept = {}
    for i in range(60):
        lines = [f"{field}:{random.choice(numbers)}" for field in fields]
        lines += [f"server_time_usec:{random.choice([0, 1, int(time.time() * 1e6), 1 << 62])}",
                  f"uptime_in_seconds:{random.choice([0, 100, 1 << 40])}"]
        random.shuffle(lines)
        bad.replies["INFO"] = info(bad, *lines)
        page = exporter.scrape()
        check_good(page, good, before)
        for (name, pairs), value in page.samples.items():
            if page.types.get(name) == "counter" and ("redis_node", bad.addr) not in pairs:
                assert value >= kept.get((name, pairs), 0), (i, name, pairs, value)
                kept[name, pairs] = value
    assert exporter.get("/api/v1/clusters").status == 200
    assert parse_info(bad.replies["INFO"].decode())  # it was said


class Counted(FakePeer):
    """Takes connections; remembers what it was told."""

    def __init__(self):
        self.heard = []
        super().__init__(self.hear)

    def hear(self, connection):
        connection.settimeout(5)
        self.heard.append(connection.recv(65536))
        connection.sendall(b"-ERR no\r\n" * 4)


def named_by(bad, lines):
    bad.replies["CLUSTER NODES"] = bulk(bad.topology() + "".join(lines))


def test_ten_thousand_nodes_that_are_made_up_are_not_all_asked():
    good, bad, exporter, _ = good_and_bad("--redis.timeout=2s", "--cluster.max-nodes=50")
    victim = Counted()
    named_by(bad, (node_line("%040x" % (1 << 100 | i), victim.addr, "master")
                   for i in range(10000)))
    page = exporter.scrape()
    assert page.up()[good.addr] == page.up()[bad.addr] == 1 and page.coverage() == FULL
    assert len(page.up()) == 50 and victim.accepted <= 2 * 48, (len(page.up()), victim.accepted)
    assert "--cluster.max-nodes" in exporter.output()
    del bad.replies["CLUSTER NODES"]
    wait(lambda: exporter.scrape().up() == {good.addr: 1, bad.addr: 1}, "they are forgotten")


def test_nodes_at_addresses_that_are_not_allowed_are_not_asked_and_hear_no_password():
    good, bad = fake_cluster(2)
    victim = Counted()
    named_by(bad, [node_line("%040x" % 77, victim.addr, "master")])
    exporter = Exporter(good.addr, f"--cluster.allow-nodes=127.0.0.1:{good.port},"
                        f"127.0.0.1:{bad.port}", env={"REDIS_PASSWORD": "hush-hush"})
    for _ in range(3):
        page = exporter.scrape()
        assert page.up() == {good.addr: 1, bad.addr: 1} and page.coverage() == FULL
    assert victim.accepted == 0
    log = exporter.output()
    assert log.count("--cluster.allow-nodes") == 1 and victim.addr in log, log
    exporter.stop()
    Exporter(good.addr, env={"REDIS_PASSWORD": "hush-hush"}).scrape()
    assert victim.accepted and b"hush-hush" in b"".join(victim.heard), "as the documents warn"
