"""Each client connection (--collector.client-list), by itself and beside the original."""

import os
import re
import time

from harness import (Exporter, FakeNode, Process, RedisNode, Resp, bulk, clean_env, free_port,
                     http_get, parse_info, shared, temp_dir, wait)
from test_dialect import RxPage, series

# family -> field of CLIENT LIST; the times are told in seconds before now
FAMILIES = {
    "redis_connected_client_output_buffer_memory_usage_bytes": "omem",
    "redis_connected_client_total_memory_consumed_bytes": "tot-mem",
    "redis_connected_client_created_at_timestamp": "age",
    "redis_connected_client_idle_since_timestamp": "idle",
    "redis_connected_client_channel_subscriptions_count": "sub",
    "redis_connected_client_pattern_matching_subscriptions_count": "psub",
    "redis_connected_client_shard_channel_subscriptions_count": "ssub",
    "redis_connected_client_shard_channel_watched_keys": "watch",
    "redis_connected_client_query_buffer_length_bytes": "qbuf",
    "redis_connected_client_query_buffer_free_space_bytes": "qbuf-free",
    "redis_connected_client_output_buffer_length_bytes": "obl",
    "redis_connected_client_output_list_length": "oll",
}
INFO_FAMILY = "redis_connected_client_info"
OWN = "redis_cluster_exporter"


class Busy:
    """A server with clients of several kinds, whose names hold whatever is allowed."""

    def __init__(self):
        self.node = RedisNode(cluster=False).ready()
        self.node.command("ACL", "SETUSER", "alice", "on", "nopass", "+@all", "~*", "&*")
        self.clients = {name: Resp(self.node.host, self.node.port)
                        for name in ("plain", "a=b=c", 'quo"te\\', "", "alice")}
        for name, client in self.clients.items():
            if name:
                client.call("CLIENT", "SETNAME", name)
        self.clients["alice"].call("AUTH", "alice", "any")
        self.clients["plain"].call("SELECT", 3)
        for pattern in "1*", "2*":
            self.clients["a=b=c"].call("PSUBSCRIBE", pattern)
        self.clients["a=b=c"].call("SUBSCRIBE", "channel")

    def told(self):
        """{name: fields} of CLIENT LIST, without the exporters and this test's own."""
        lines = self.node.command("CLIENT", "LIST").splitlines()
        clients = [dict(field.split("=", 1) for field in line.split(" ")) for line in lines]
        return {client["name"]: client for client in clients
                if client["name"] in self.clients and client["cmd"] != "client|list"}


def value_of(field, fields, now):
    return now - int(fields[field]) if field in ("age", "idle") else int(fields[field])


def sizes(told):
    """All but the times."""
    return {name: {key: value for key, value in fields.items() if key not in ("age", "idle")}
            for name, fields in told.items()}


def scraped(exporter, busy):
    """A page, what CLIENT LIST told before it, and when. The same was told after it: the server
    shrinks the buffers of idle clients by and by."""
    def attempt():
        told, now = busy.told(), time.time()
        page = unescaped(RxPage(exporter.get(f"/scrape?target={busy.node.addr}")))
        return (page, told, now) if sizes(told) == sizes(busy.told()) else None
    return wait(attempt, "the clients stay as they are during a scrape")


def check_page(page, told, now, port=False):
    for name, fields in told.items():
        for family, field in FAMILIES.items():
            found = page.all(family, id=fields["id"])
            if field not in fields:
                assert not found, (family, name)
                continue
            (labels, value), = found
            assert labels["name"] == name and abs(value - value_of(field, fields, now)) <= \
                (3 if field in ("age", "idle") else 0), (family, name, value)
        (labels, value), = page.all(INFO_FAMILY, id=fields["id"])
        host, number = fields["addr"].rsplit(":", 1)
        expected = {"id": fields["id"], "name": name, "flags": fields["flags"], "db": fields["db"],
                    "host": host, "user": fields["user"], "resp": fields["resp"],
                    **({"port": number} if port else {})}
        assert value == 1 and expected.items() <= labels.items(), (labels, expected)
        assert port or "port" not in labels


def unescaped(page):
    """A page in the dialect with the labels' escapes undone."""
    page.samples = {(name, tuple((k, re.sub(r"\\(.)", r"\1", v)) for k, v in labels)): value
                    for (name, labels), value in page.samples.items()}
    return page


def test_each_client_has_each_family():
    busy = shared(Busy)
    exporter = Exporter(busy.node.addr, "--collector.client-list")
    page, told, now = scraped(exporter, busy)
    assert set(told) == set(busy.clients)
    check_page(page, told, now)
    page = exporter.scrape()
    own = [value for labels, value in page.all(INFO_FAMILY) if labels["name"] == OWN]
    assert own == [1, 1], "of both pages"
    flags = {labels["name"]: labels["flags"] for labels, _ in page.all(INFO_FAMILY)}
    assert flags["a=b=c"] == "P" and flags["plain"] == "N"
    assert len(FAMILIES) + 1 == 13


def test_the_port_is_a_label_on_request():
    busy = shared(Busy)
    exporter = Exporter(busy.node.addr, "--collector.client-list", "--export-client-port")
    page, told, now = scraped(exporter, busy)
    check_page(page, told, now, port=True)
    assert not [name for name, labels in page.samples
                if "port" in dict(labels) and name.startswith("redis_connected_client_")
                and name != INFO_FAMILY]


FIGURES = {"created_at": "redis_connected_client_created_at_timestamp",
           "idle_since": "redis_connected_client_idle_since_timestamp",
           "omem": "redis_connected_client_output_buffer_memory_usage_bytes"}


def details(port):
    """{name: labels} of the clients that the original tells of.

    Up to 1.45 everything is a label of one family; later versions have figures apart, which are
    put to the labels here.
    """
    found, apart = [], {}
    for key, value in series(http_get(port, "/metrics").text).items():
        labels = dict(re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', key))
        family = key.partition("{")[0]
        if family in ("redis_connected_clients_details", INFO_FAMILY):
            found.append(labels)
        elif family in FIGURES.values():
            apart.setdefault(labels["id"], {})[family] = value
    for labels in found:
        for name, family in FIGURES.items():
            if name not in labels:
                labels[name] = apart[labels["id"]][family]
    return {labels["name"]: labels for labels in found}


def test_the_original_tells_the_same_in_one_family():
    busy, port = shared(Busy), free_port()
    Process(["prometheus-redis-exporter", "-redis.addr", busy.node.addr, "-export-client-list",
             "-export-client-port", "-web.listen-address", f"127.0.0.1:{port}"],
            os.path.join(temp_dir(), "rival.log"), env=clean_env())
    wait(lambda: http_get(port, "/health").status == 200, "the original answers")
    exporter = Exporter(busy.node.addr, "--collector.client-list", "--export-client-port")
    page, theirs = RxPage(exporter.get(f"/scrape?target={busy.node.addr}")), details(port)
    checked = 0
    for labels, _ in page.all(INFO_FAMILY):
        other = theirs.get(labels["name"])
        if labels["name"] in ("", OWN) or other is None:
            continue  # it drops clients whose names hold a =
        checked += 1
        for name in "flags", "db", "host", "port":
            assert labels[name] == other[name], (labels, other)
        for name, family in FIGURES.items():
            value = page.get(family, id=labels["id"])
            assert abs(value - float(other[name])) <= 3, (family, labels)
    assert checked == 3, theirs


def test_nothing_is_told_without_the_collector():
    busy = shared(Busy)
    page = Exporter(busy.node.addr, "--collector.clients").scrape()
    assert page.all("redis_clients")
    assert not [name for name, _ in page.samples if name.startswith("redis_connected_client_")]


LINE = "id={0} addr=10.0.0.1:{0} name=n{0} age=10 idle=5 flags=N db=0 sub=0 psub=0 qbuf=0 watch=7\n"


def scripted(text):
    return FakeNode(replies={"CLIENT LIST": bulk(text)})


def test_a_thousand_clients_are_told_and_all_are_summed_up():
    node = scripted("".join(map(LINE.format, range(1, 1501))))
    page = Exporter(node.addr, "--collector.client-list", "--collector.clients").scrape()
    assert len(page.all(INFO_FAMILY)) == 1000
    assert len(page.all("redis_connected_client_idle_since_timestamp_seconds")) == 1000
    assert page.get("redis_clients", kind="normal") == 1500


def test_old_new_and_odd_lines_are_understood():
    node = scripted(LINE.format(1)
                    + "id=2 addr=[::1]:55 fd=8 name= age=1 idle=1 flags=S db=0\n"
                    + "id=3 addr=/run/redis.sock:0 name=unix age=x idle= flags=U db=0 omem=-\n"
                    + "\r\n\nnothing\n" + LINE.format(1).replace("age=10", "age=99")
                    + "id=4 addr=nowhere name=\xe9\t flags=N user=me resp=3 lib-name=x watch=2\n")
    exporter = Exporter(node.addr, "--collector.client-list", "--export-client-port")
    page = exporter.scrape()
    hosts = {labels["id"]: (labels["host"], labels["port"])
             for labels, _ in page.all(INFO_FAMILY)}
    assert set(hosts) == {"1", "2", "3", "4"}, "a line without an id is no client"
    assert hosts["1"] == ("10.0.0.1", "1") and hosts["2"] == ("[::1]", "55")
    assert hosts["3"] == ("/run/redis.sock", "0") and hosts["4"] == ("nowhere", "")
    watched = {labels["id"]: value
               for labels, value in page.all("redis_connected_client_watched_keys")}
    assert watched == {"1": 7, "4": 2}
    assert not page.all("redis_connected_client_created_timestamp_seconds", id="3")
    assert abs(page.get("redis_connected_client_created_timestamp_seconds", id="1")
               - time.time() + 10) < 5, "the first of two lines counts"
    for reply in b"+OK\r\n", b":1\r\n", b"*1\r\n$1\r\na\r\n", b"$-1\r\n", b"-ERR no\r\n":
        node.replies["CLIENT LIST"] = reply
        page = exporter.scrape()
        assert page.up() == {node.addr: 1} and not page.all(INFO_FAMILY)


def test_it_costs_no_errors():
    busy = shared(Busy)
    exporter = Exporter(busy.node.addr, "--collector.client-list", "--collector.clients")
    before = parse_info(busy.node.command("INFO", "all"))["total_error_replies"]
    for _ in range(5):
        exporter.scrape()
    assert parse_info(busy.node.command("INFO", "all"))["total_error_replies"] == before
