"""Keys and streams: what is told of them, by which node, and what asking for it costs."""

import subprocess

import harness
from harness import (Cluster, Exporter, FakeNode, RedisError, RedisNode, Resp, SLOTS, bulk,
                     fake_cluster, shared, wait)
from test_dialect import Rival, RxPage, normal, series

HYPERLOGLOG = "hll"
WRITES = [
    ("SET", "s:int", 42),
    ("SET", "s:float", "-1.5e3"),
    ("SET", "s:text", 'say "hi"\n\\'),
    ("SET", "s:empty", ""),
    ("SET", "s:256", "y" * 256),
    ("SET", "s:257", "z" * 257),
    ("SET", "s:number:257", "1" * 257),
    ("SET", "s:magic", "HYLL is how a HyperLogLog begins"),
    ("PFADD", HYPERLOGLOG, *range(1000)),
    ("RPUSH", "list", *range(5)),
    ("SADD", "set", *range(6)),
    ("ZADD", "zset", 1, "a", 2, "b"),
    ("HSET", "hash", "a", 1, "b", 2, "c", 3),
    ("XADD", "stream", "5-1", "field", "value"),
    ("XADD", "stream", "9-3", "field", "value"),
    ("SET", "a,b=c %", "escaped"),
]
SIZES = {"s:int": 2, "s:float": 6, "s:text": 10, "s:empty": 0, "s:256": 256, "s:257": 257,
         "s:number:257": 257, "s:magic": 32, "list": 5, "set": 6, "zset": 2, "hash": 3,
         "stream": 2, "a,b=c %": 7}
OF_KEYS = ("redis_key_", "redis_keys_count", "redis_matching_keys", "redis_stream_")
# Series that move on between two scrapes.
MOVING = ("redis_stream_group_consumer_idle_seconds",)
# Families that 1.45 does not have yet; and a key that is not there, of which it says that it is
# empty, as if it was.
NEWER = ("redis_key_memory_usage_bytes", "redis_stream_entries_added_total",
         "redis_stream_first_entry_id", "redis_stream_last_entry_id",
         "redis_stream_max_deleted_entry_id", "redis_stream_group_entries_read",
         "redis_stream_group_lag")
ABSENT = "redis_key_size", ('db="db0', 'key="absent')


def fill(node_of):
    for command, key, *rest in WRITES:
        node_of(key).command(command, key, *rest)
    for args in (("XGROUP", "CREATE", "stream", "readers", "0"),
                 ("XGROUP", "CREATE", "stream", "idlers", "$"),
                 ("XREADGROUP", "GROUP", "readers", "one", "COUNT", 1, "STREAMS", "stream", ">"),
                 ("XGROUP", "CREATECONSUMER", "stream", "readers", "two")):
        node_of("stream").command(*args)


class Shelf(Cluster):
    """Three masters with replicas, and keys of every type."""

    def __init__(self):
        super().__init__(masters=3, replicas=1)
        fill(self.owner)
        for i in range(300):
            self.owner(f"many:{i}").command("SET", f"many:{i}", i)

    def owner(self, key):
        slot = self.nodes[0].command("CLUSTER", "KEYSLOT", key)
        return next(node for i, node in enumerate(self.nodes[:self.masters])
                    if slot < SLOTS * (i + 1) // self.masters)


def single():
    node = RedisNode(cluster=False, databases=4).ready()
    fill(lambda key: node)
    return node


def keys(page, family="redis_key_size", **labels):
    """{key: (node, value)}; each key is there once over all nodes."""
    found = {}
    for pairs, value in page.all(family, **labels):
        assert pairs["key"] not in found, (family, pairs)
        found[pairs["key"]] = pairs.get("redis_node"), value
    return found


def sizes(page, **labels):
    return {key: value for key, (_, value) in keys(page, **labels).items()}


def failed(page):
    return {(labels["redis_node"], labels["collector"])
            for labels, _ in page.all("redis_exporter_collector_failed")
            if labels["collector"] in ("keys", "streams")}


def errors(nodes):
    """What each node has counted as errors, by kind."""
    return [{key: value for key, value in node.info().items()
             if key.startswith(("errorstat_", "total_error_replies"))} for node in nodes]


# ---- on a cluster -------------------------------------------------------------------------------


def test_each_key_is_told_once_by_the_node_that_owns_it():
    shelf = shared(Shelf)
    exporter = Exporter(shelf.addrs[0], "--check-keys=s:*,list,*[sz]et,hash,stream",
                        "--check-single-keys=hll,a%2Cb%3Dc+%25,list,many:7,absent")
    for _ in range(3):
        page = exporter.scrape()
    hll = shelf.owner(HYPERLOGLOG).command("PFCOUNT", HYPERLOGLOG)
    expected = dict(SIZES, **{HYPERLOGLOG: hll, "many:7": 1})
    assert sizes(page) == expected, set(sizes(page).items()) ^ set(expected.items())
    memory = keys(page, "redis_key_memory_usage_bytes")
    for key, (node, _) in keys(page).items():
        assert node == shelf.owner(key).addr, key
        assert memory[key] == (node, shelf.owner(key).command("MEMORY", "USAGE", key)), key
    assert {labels["db"] for labels, _ in page.all("redis_key_size")} == {"db0"}
    assert not failed(page) and page.check_all_up(shelf.addrs)


def test_each_key_is_told_though_only_some_of_many_nodes_tell_the_topology():
    nodes = fake_cluster(24)
    for node in nodes:
        node.replies = {"TYPE": b"+list\r\n", "LLEN": b":3\r\n", "MEMORY": b":70\r\n"}
    names = [f"key{i}" for i in range(60)]
    exporter = Exporter(nodes[0].addr, "--cluster.full-views=10",
                        "--check-single-keys=" + ",".join(names))
    for _ in range(8):
        page = exporter.scrape()
        assert sizes(page) == dict.fromkeys(names, 3) and not failed(page)


def test_values_are_numbers_or_texts_and_long_ones_are_left_out():
    shelf = shared(Shelf)
    exporter = Exporter(shelf.addrs[0], "--check-keys=s:*,hll,list")
    page = exporter.scrape()
    values = {key: value for key, (_, value) in keys(page, "redis_key_value").items()}
    assert values == {"s:int": 42, "s:float": -1500}
    texts = {labels["key"]: labels["val"]
             for labels, value in page.all("redis_key_value_as_string") if value == 1}
    assert texts == {"s:text": 'say "hi"\n\\', "s:empty": "", "s:256": "y" * 256,
                     "s:magic": "HYLL is how a HyperLogLog begins"}
    bare = Exporter(shelf.addrs[0], "--check-keys=s:*,hll,list",
                    "--disable-exporting-key-values").scrape()
    assert sizes(bare) == sizes(page)
    assert not bare.all("redis_key_value") and not bare.all("redis_key_value_as_string")
    leaks = [line for line in bare.text.splitlines() if "say " in line or "HYLL" in line]
    assert not leaks, leaks


def test_counts_of_the_nodes_add_up_to_the_truth():
    shelf = shared(Shelf)
    exporter = Exporter(shelf.addrs[0], "--count-keys=many:*,many:1?,*,absent*,list")
    page = exporter.scrape()
    for pattern, count in (("many:*", 300), ("many:1?", 10), ("*", 300 + len(SIZES) + 1),
                           ("absent*", 0), ("list", 1)):
        found = page.all("redis_matching_keys", key=pattern, db="db0")
        assert {labels["redis_node"] for labels, _ in found} == set(shelf.addrs[:3])
        assert sum(value for _, value in found) == count, (pattern, found)
    assert not page.all("redis_key_size")


def entry_time(entry):
    return int((entry[0] if isinstance(entry, list) else entry).split("-")[0])


def test_streams_are_told_with_their_groups_and_consumers():
    shelf = shared(Shelf)
    flags = "--check-streams=st*,list,s:*", "--check-single-streams=hash,absent"
    page = Exporter(shelf.addrs[0], *flags).scrape()
    owner = shelf.owner("stream")
    told = owner.command("XINFO", "STREAM", "stream")
    told = dict(zip(told[::2], told[1::2]))
    labels = {"redis_node": owner.addr, "db": "db0", "stream": "stream"}
    for name, value in (
            ("length", 2), ("groups", 2), ("radix_tree_keys", told["radix-tree-keys"]),
            ("radix_tree_nodes", told["radix-tree-nodes"]), ("last_generated_id", 9),
            ("max_deleted_entry_id", 0), ("first_entry_id", 5), ("last_entry_id", 9),
            ("entries_added_total", 2)):
        found = page.all(f"redis_stream_{name}")
        assert found == [({**labels, "redis_cluster": shelf.addrs[0]}, value)], (name, found)
    for group, consumers, pending, delivered, read, lag in (("readers", 2, 1, 5, 1, 1),
                                                            ("idlers", 0, 0, 9, None, 0)):
        where = dict(labels, group=group)
        assert page.get("redis_stream_group_consumers", **where) == consumers
        assert page.get("redis_stream_group_messages_pending", **where) == pending
        assert page.get("redis_stream_group_last_delivered_id", **where) == delivered
        for name, value in ("entries_read", read), ("lag", lag):
            found = [v for _, v in page.all(f"redis_stream_group_{name}", **where)]
            assert found == ([] if value is None else [value]), (group, name, found)
    for consumer, pending in ("one", 1), ("two", 0):
        where = dict(labels, group="readers", consumer=consumer)
        assert page.get("redis_stream_group_consumer_messages_pending", **where) == pending
        assert 0 <= page.get("redis_stream_group_consumer_idle_seconds", **where) < 1000
    assert not page.all("redis_key_size") and not failed(page)
    short = Exporter(shelf.addrs[0], *flags, "--streams-exclude-consumer-metrics").scrape()
    assert short.get("redis_stream_group_consumers", group="readers") == 2
    assert not short.all("redis_stream_group_consumer_messages_pending")
    assert not short.all("redis_stream_group_consumer_idle_seconds")


def test_many_scrapes_add_no_errors_to_the_servers():
    shelf = shared(Shelf)
    before = errors(shelf.nodes)
    exporter = Exporter(
        shelf.addrs[0], "--check-keys=*", "--count-keys=*", "--check-streams=*",
        "--check-single-keys=hll,absent,many:7,changing", "--check-single-streams=list,absent")
    for i in range(10):
        shelf.owner("changing").command("DEL", "changing")
        exporter.scrape()
        shelf.owner("changing").command(*[("SET", "changing", 1), ("RPUSH", "changing", 1),
                                          ("XADD", "changing", "*", "a", 1)][i % 3])
        page = exporter.scrape()
        assert len(sizes(page)) == 300 + len(SIZES) + 2
    shelf.owner("changing").command("DEL", "changing")
    assert errors(shelf.nodes) == before


def test_a_slot_on_its_way_adds_no_errors_and_no_key_twice():
    cluster = Cluster(masters=2, replicas=0)
    old, new = cluster.nodes
    slot = old.command("CLUSTER", "KEYSLOT", "{a}")
    assert slot >= SLOTS // 2, "it is the second node's"
    old, new = new, old
    for key in "{a}1", "{a}2":
        old.command("SET", key, 1)
    exporter = Exporter(old.addr, "--check-keys={a}*", "--count-keys={a}*")
    new.command("CLUSTER", "SETSLOT", slot, "IMPORTING", old.id())
    old.command("CLUSTER", "SETSLOT", slot, "MIGRATING", new.id())
    old.command("MIGRATE", new.host, new.port, "{a}1", 0, 5000)
    before = errors(cluster.nodes)
    for _ in range(3):
        page = exporter.scrape()
        assert keys(page)["{a}2"] == (old.addr, 1)
        assert page.total("redis_matching_keys") == 2
    assert errors(cluster.nodes) == before
    old.command("MIGRATE", new.host, new.port, "{a}2", 0, 5000)
    for node in new, old:
        node.command("CLUSTER", "SETSLOT", slot, "NODE", new.id())
    wait(lambda: set(keys(exporter.scrape()).values()) == {(new.addr, 1)}, "the slot has moved")
    assert errors(cluster.nodes) == before


def test_a_page_may_ask_for_other_keys():
    shelf = shared(Shelf)
    owner = shelf.owner("list")
    replica = next(n for n in shelf.nodes[3:] if n.info()["master_port"] == str(owner.port))
    other = next(node for node in shelf.nodes[:3] if node is not owner)
    exporter = Exporter(shelf.addrs[0], "--check-single-keys=hash", "--count-keys=many:*")

    def ask(node, query=""):
        got = exporter.get(f"/scrape?target={node.addr}{query}")
        assert got.status == 200, got.text
        return RxPage(got)
    hash_owner = shelf.owner("hash")
    assert sizes(ask(hash_owner)) == {"hash": 3}
    page = ask(owner, "&check-single-keys=list,hash&check-single-streams=stream")
    assert "list" in sizes(page) and ("hash" in sizes(page)) == (hash_owner is owner)
    assert page.all("redis_keys_count", key="many:*"), "what is not named is as configured"
    page = ask(owner, "&count-keys=li*")
    assert [labels["key"] for labels, _ in page.all("redis_keys_count")] == ["li*"]
    assert not sizes(ask(other, "&check-single-keys=list"))
    for query in "&check-keys=*", "&check-single-keys=list", "&check-streams=*", "&count-keys=*":
        page = ask(replica, query)
        assert page.all("redis_up") == [({}, 1)]
        assert not [name for name, _ in page.samples
                    if name.startswith(OF_KEYS)]
    for query in "check-keys=a=b=c", "check-keys=%25", "count-keys=dbx=a", "check-streams=db1=":
        got = exporter.get(f"/scrape?target={owner.addr}&{query}")
        assert got.status == 400 and query.split("=", maxsplit=1)[0] in got.text, got.text
        assert got.text.count("\n") == 1
    got = exporter.get(f"/scrape?target={owner.addr}&check-keys=" + ",".join("abcdefghij" * 101))
    assert got.status == 400 and "1000" in got.text


def test_keys_that_requests_name_are_refused_on_request():
    shelf = shared(Shelf)
    owner = shelf.owner("list")
    exporter = Exporter(owner.addr, "--check-single-keys=list", "--scrape.refuse-keys")
    path = f"/scrape?target={owner.addr}"
    for query in "check-keys=*", "check-single-keys=list", "check-streams=*", "count-keys=*":
        got = exporter.get(f"{path}&{query}")
        assert got.status == 403 and "--scrape.refuse-keys" in got.text, got.text
    assert "list" in sizes(RxPage(exporter.get(path))), "those of the configuration are looked at"


# ---- databases ----------------------------------------------------------------------------------


def test_databases_are_looked_into_and_those_that_are_missing_cost_one_error():
    node = single()
    other = Resp(node.host, node.port)
    other.call("SELECT", 1)
    other.call("SET", "list", "in another database")
    other.call("SET", "only", 1)
    before = errors([node])[0]
    exporter = Exporter(node.addr, "--check-keys=zs*,db1=*,db9=*", "--check-single-keys=set,"
                        "db1=list,db9=list,db3=absent", "--count-keys=db1=*,db9=*,db2=*")
    for _ in range(5):
        page = exporter.scrape()
        assert sizes(page, db="db0") == {"zset": 2, "set": 6}
        assert sizes(page, db="db1") == {"list": 19, "only": 1}
        assert keys(page, "redis_key_value") == {"only": (node.addr, 1)}
        assert {labels["db"]: value for labels, value in page.all("redis_matching_keys")} == \
            {"db1": 2, "db2": 0}
        assert not page.all("redis_key_size", db="db9")
        assert failed(page) == {(node.addr, "keys")}
    after = errors([node])[0]
    grown = int(after["total_error_replies"]) - int(before["total_error_replies"])
    assert 1 <= grown <= 3, "for the first scrape alone"
    assert exporter.scrape().up() == {node.addr: 1}
    assert int(errors([node])[0]["total_error_replies"]) == int(after["total_error_replies"])
    other.close()


def standalone(**replies):
    """A scripted server without cluster mode."""
    info = harness.INFO.replace("cluster", "standalone", 1).replace("_enabled:1", "_enabled:0")
    node = FakeNode(replies=replies)
    node.replies["INFO"] = bulk(info.format(port=node.port, clients=1))
    return node


def test_a_database_that_cannot_be_had_for_a_moment_is_asked_for_again():
    node = standalone(TYPE=b"+list\r\n", LLEN=b":3\r\n", MEMORY=b":70\r\n",
                      SELECT=b"-BUSY Redis is busy running a script.\r\n")
    exporter = Exporter(node.addr, "--check-single-keys=db1=a")
    page = exporter.scrape()
    assert not sizes(page) and failed(page) == {(node.addr, "keys")}
    node.replies["SELECT"] = b"+OK\r\n"
    page = exporter.scrape()
    assert sizes(page, db="db1") == {"a": 3} and not failed(page)


def test_a_cluster_has_one_database():
    shelf = shared(Shelf)
    before = errors(shelf.nodes)
    page = Exporter(shelf.addrs[0], "--check-single-keys=db1=list,list").scrape()
    assert sizes(page) == {"list": 5}
    assert failed(page) == {(addr, "keys") for addr in shelf.addrs[:3]}
    assert errors(shelf.nodes) == before


# ---- beside the original ------------------------------------------------------------------------


def about_keys(found):
    return {normal(key): value for key, value in found.items() if key.startswith(OF_KEYS)}


def test_keys_and_streams_are_told_as_the_original_does():
    node = single()
    exporter, rival = Exporter(node.addr), Rival()
    for query in ("check-keys=s:int,s:f*,list,set,zset,hash,stream,hll",
                  "check-single-keys=s:text,s:empty,s:256,hll,db0=list,absent",
                  "count-keys=s:*,db1=*,db0=h???", "check-streams=st*", "check-single-streams="
                  "stream", "check-keys=db0=s:i*&check-streams=db0=*&count-keys=*"):
        theirs = about_keys(rival.scrape(f"{node.addr}&{query}"))
        ours = about_keys(series(exporter.get(
            f"/scrape?target=redis://{node.addr}&{query}").text))
        assert theirs.pop(ABSENT, 0) == 0 and ABSENT not in ours
        wrong = [(key, theirs.get(key), ours.get(key)) for key in set(theirs) | set(ours)
                 if theirs.get(key) != ours.get(key) and key[0] not in MOVING + NEWER
                 and 'val=' not in key[1]]  # of empty values 1.69 says nothing
        assert not wrong, (query, sorted(wrong))
        assert {key[0] for key in theirs} <= {key[0] for key in ours}, query


# ---- what it costs ------------------------------------------------------------------------------

MANY = 300000


def crowd():
    node = RedisNode(cluster=False).ready()
    node.command("DEBUG", "POPULATE", MANY)
    return node


def test_a_large_keyspace_is_walked_over_in_several_scrapes():
    node = crowd()
    default = set(Exporter(node.addr).scrape().types)
    exporter = Exporter(node.addr, "--count-keys=*", "--check-keys=key:77??",
                        "--check-keys-batch-size=50")
    scrapes = 0
    while True:
        page = exporter.scrape()
        scrapes += 1
        assert page.response.seconds < 5 and page.up() == {node.addr: 1}
        assert default <= set(page.types) | {"redis_errors_total"}, default - set(page.types)
        if not failed(page):
            break
        assert failed(page) == {(node.addr, "keys")}
        assert not page.all("redis_matching_keys") and not page.all("redis_key_size")
        assert scrapes < 50
    assert scrapes > 3
    for _ in range(3):  # the next walk is under way
        assert page.get("redis_matching_keys", key="*", db="db0") == MANY
        assert set(keys(page)) == {f"key:{i}" for i in range(7700, 7800)}
        assert not failed(page)
        page = exporter.scrape()


def test_a_restart_in_the_middle_of_a_walk_begins_it_anew():
    node = crowd()
    exporter = Exporter(node.addr, "--count-keys=*", "--check-keys=key:*",
                        "--check-keys-batch-size=50")
    for _ in range(2):
        assert failed(exporter.scrape()) == {(node.addr, "keys")}
    node.restart()
    node.ready().command("SET", "new", 1)
    page = exporter.scrape()
    assert page.up() == {node.addr: 1}
    assert page.get("redis_matching_keys", key="*") == 1
    assert not sizes(page) and not failed(page)


def test_no_more_keys_are_looked_at_than_the_limit():
    node = RedisNode(cluster=False).ready()
    node.command("DEBUG", "POPULATE", 12000)
    page = Exporter(node.addr, "--check-keys=key:*", "--count-keys=key:*").scrape()
    assert len(sizes(page)) == 10000
    assert page.all("redis_exporter_collector_failed", collector="keys")  # it tells of the others
    assert page.get("redis_matching_keys") == 12000


# One key of the lower half of the slots, one of the upper.
ALL_FOUND = b"*2\r\n$1\r\n0\r\n*2\r\n$1\r\na\r\n$1\r\nb\r\n"
TWO_SECONDS = {"X-Prometheus-Scrape-Timeout-Seconds": "2"}


def test_a_node_that_hangs_in_the_middle_of_the_checks_keeps_its_page():
    for command in "SCAN", "TYPE", "LLEN", "MEMORY":
        nodes = fake_cluster(2)
        for node in nodes:
            node.replies = {"SCAN": ALL_FOUND, "TYPE": b"+list\r\n", "LLEN": b":3\r\n",
                            "MEMORY": b":70\r\n"}
        nodes[1].replies[command] = b""
        exporter = Exporter([node.addr for node in nodes], "--redis.timeout=0.4s",
                            "--check-keys=a*")
        for _ in range(2):
            page = exporter.scrape()
            assert page.up() == {node.addr: 1 for node in nodes}, command
            assert page.by_node("redis_connected_clients") == {node.addr: 1 for node in nodes}
            assert page.coverage() == harness.FULL
            assert failed(page) == {(nodes[1].addr, "keys")}, command
            assert page.get("redis_key_size", redis_node=nodes[0].addr) == 3
            assert page.response.seconds < 2
        exporter.stop()


def test_a_node_that_ends_in_the_middle_of_the_checks_keeps_its_page():
    node = FakeNode()

    def hang_up():
        node.hang_up = True
        return b""
    node.replies = {"SCAN": hang_up}
    exporter = Exporter(node.addr, "--check-keys=a*", "--check-single-streams=b")
    for _ in range(3):
        page = exporter.scrape()
        assert page.up() == {node.addr: 1}
        assert failed(page) == {(node.addr, "keys"), (node.addr, "streams")}
        assert page.get("redis_connected_clients") == 1


def test_the_checks_keep_the_time_limit_of_the_page():
    node = FakeNode()
    gate = harness.threading.Event()

    def slowly():
        gate.wait(0.05)
        return b"*2\r\n$1\r\n7\r\n*0\r\n"
    node.replies = {"SCAN": slowly}
    exporter = Exporter(node.addr, "--check-keys=a*", "--redis.timeout=10s")
    page = exporter.scrape(TWO_SECONDS)
    assert 0.5 < page.response.seconds < 1.5, "about half of the time is for walks"
    assert page.up() == {node.addr: 1} and failed(page) == {(node.addr, "keys")}
    node.replies = {"SCAN": b""}
    page = exporter.scrape(TWO_SECONDS)
    assert page.response.seconds < 2, page.response.seconds
    assert page.up() == {node.addr: 1} and failed(page) == {(node.addr, "keys")}


def test_broken_replies_to_the_checks_harm_nothing():
    odd = [b"+OK\r\n", b":1\r\n", b"$-1\r\n", b"*0\r\n", b"*1\r\n$1\r\n0\r\n",
           b"*2\r\n$1\r\nx\r\n*0\r\n", b"*2\r\n$1\r\n0\r\n$1\r\na\r\n", b"*2\r\n:0\r\n*0\r\n",
           b"*2\r\n$1\r\n0\r\n*2\r\n:1\r\n*0\r\n", bulk("stream"), b"-ERR no\r\n", b"*-1\r\n",
           b"*2\r\n$24\r\n999999999999999999999999\r\n*0\r\n", b"+stream\r\n",
           b"*2\r\n$4\r\nname\r\n$-1\r\n", b"*2\r\n*0\r\n*1\r\n*1\r\n$1\r\na\r\n"]
    commands = ("SCAN", "TYPE", "MEMORY", "LLEN", "GETRANGE", "STRLEN", "XINFO STREAM",
                "XINFO GROUPS", "XINFO CONSUMERS")
    node = FakeNode()
    exporter = Exporter(node.addr, "--check-keys=a*", "--check-streams=b*", "--count-keys=c*")
    good = {"SCAN": b"*2\r\n$1\r\n0\r\n*1\r\n$1\r\na\r\n", "TYPE": b"+string\r\n",
            "GETRANGE": bulk("x"), "STRLEN": b":1\r\n", "MEMORY": b":70\r\n",
            "XINFO GROUPS": b"*1\r\n*2\r\n$4\r\nname\r\n$1\r\ng\r\n"}
    for kind in b"+string\r\n", b"+list\r\n", b"+stream\r\n":
        for command in commands:
            for reply in odd:
                node.replies = {**good, "TYPE": kind, command: reply}
                page = exporter.scrape()  # the parser refuses a broken page
                assert page.up() == {node.addr: 1}, (command, reply)
                assert page.get("redis_connected_clients") == 1


# ---- rights -------------------------------------------------------------------------------------


def test_the_printed_rights_are_enough_for_keys_and_streams():
    shelf = shared(Shelf)
    flags = ("--check-keys=s:*,l*,hll,set,zset,hash,stream", "--check-streams=st*",
             "--count-keys=many:*")
    line = subprocess.run([harness.EXPORTER, "--print-acl", harness.acl_version(), *flags], check=True,
                          stdout=subprocess.PIPE, text=True).stdout.split()
    for node in shelf.nodes:
        node.command(*(word.replace("PASSWORD", "pw") for word in line))
    before = errors(shelf.nodes)
    whole = Exporter(shelf.addrs[0], *flags).scrape()
    exporter = Exporter(shelf.addrs[0], *flags, "--redis.user=exporter",
                        env={"REDIS_PASSWORD": "pw"})
    for _ in range(2):
        limited = exporter.scrape()
        for name in {n for n, _ in whole.samples if n.startswith(OF_KEYS)}:
            told, wanted = (sorted(page.all(name), key=str) for page in (limited, whole))
            assert len(told) == len(wanted) and (name in MOVING or told == wanted), name
    assert not failed(limited) and "refuses" not in exporter.output()
    assert errors(shelf.nodes) == before
    for node in shelf.nodes:
        node.command("ACL", "DELUSER", "exporter")


def denials(node):
    return int(node.info().get("errorstat_NOPERM", "count=0").split("=")[1])


def test_keys_that_the_user_may_not_see_are_left_out_and_asked_for_once():
    node = single()
    node.command("SET", "app:1", 1)
    node.command("RPUSH", "app:2", 1, 2)
    node.command("ACL", "SETUSER", "few", "reset", "on", ">pw", "+@all", "~app:*")
    exporter = Exporter(node.addr, "--check-keys=*", "--check-single-keys=list,app:1",
                        "--check-single-streams=stream,app:2", "--redis.user=few",
                        env={"REDIS_PASSWORD": "pw"})
    for _ in range(2):
        page = exporter.scrape()
        assert sizes(page) == {"app:1": 1, "app:2": 2}
        assert not page.all("redis_stream_length")
        assert failed(page) >= {(node.addr, "keys")}
    told = denials(node)
    assert told <= len(SIZES) + 2, "once for each key"
    for _ in range(5):
        page = exporter.scrape()
    assert denials(node) == told
    node.command("SET", "other", 1)
    exporter.scrape()
    assert denials(node) == told + 1
    node.command("ACL", "SETUSER", "few", "~*")
    node.command("CLIENT", "KILL", "USER", "few")  # a refusal is for a connection's life
    page = wait(lambda: len(sizes(exporter.scrape())) > 2 and exporter.scrape(), "all are seen")
    assert sizes(page)["list"] == 5 and page.all("redis_stream_length")
    assert not failed(page)


def test_a_user_that_may_not_walk_is_told_the_single_keys():
    node = single()
    node.command("ACL", "SETUSER", "few", "reset", "on", ">pw", "+@all", "-scan", "-memory", "~*")
    exporter = Exporter(node.addr, "--check-keys=*", "--check-single-keys=list",
                        "--redis.user=few", env={"REDIS_PASSWORD": "pw"})
    for _ in range(2):
        page = exporter.scrape()
        assert sizes(page) == {"list": 5} and failed(page) == {(node.addr, "keys"),
                                                               (node.addr, "streams")}
        assert not page.all("redis_key_memory_usage_bytes")
    before = denials(node)
    for _ in range(3):
        exporter.scrape()
    assert denials(node) == before


def test_the_right_to_read_keys_is_enough():
    node = single()
    node.command("ACL", "SETUSER", "reader", "reset", "on", ">pw", "+@all", "%R~*")
    exporter = Exporter(node.addr, "--check-keys=*", "--redis.user=reader",
                        env={"REDIS_PASSWORD": "pw"})
    for _ in range(3):
        assert set(sizes(exporter.scrape())) == {HYPERLOGLOG, *SIZES}
    assert denials(node) == 0
