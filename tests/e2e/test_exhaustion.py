"""Descriptors, memory, and room for the log run out: what can be served is, and the rest is told."""

import os
import resource
import socket
import time

from harness import (Exporter, FakeNode, Page, bulk, fake_cluster, http_get, wait, INFO)

EXIT_NO_MEMORY = 71


def by_shell(command):
    """A wrapper that runs the program as `command` does, in which "$@" is the program."""
    return ["sh", "-c", command, "sh"]


def busy_seconds(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as f:
        fields = f.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_few_descriptors_cost_only_what_they_are_too_few_for():
    nodes = fake_cluster(12)
    exporter = Exporter(nodes[0].addr, wrapper=by_shell('ulimit -n 20; exec "$@"'))
    page = exporter.scrape()
    up = sum(page.up().values())
    assert 1 <= up < 12 and len(page.up()) == 12, page.up()
    assert set(page.errors().values()) == {"local_limit"}, page.errors()
    assert page.total("redis_cluster_nodes", health="unreachable") == 0
    clients = []
    for _ in range(40):
        client = socket.create_connection(("127.0.0.1", exporter.port))
        client.settimeout(20)
        clients.append(client)
    began = busy_seconds(exporter.pid)
    time.sleep(0.5)  # a loop that spins over what it cannot accept would use all of it
    assert busy_seconds(exporter.pid) - began < 0.3
    for client in clients:
        client.close()
    wait(lambda: exporter.get("/-/healthy", limit=2).status == 200, "it accepts again")
    resource.prlimit(exporter.pid, resource.RLIMIT_NOFILE, (20, 20))
    # One that is gone takes a descriptor too until it has refused.
    first, second, *others = sorted(nodes, key=lambda node: node.port)
    for node in others:
        node.close()

    def both_are_read():
        up = exporter.scrape().up()
        return up[first.addr] == 1 and up[second.addr] == 1
    wait(both_are_read, "those that are left are read")


def test_nodes_that_hang_do_not_use_up_what_the_others_need():
    nodes = sorted(fake_cluster(16), key=lambda node: node.port)
    *hung, last, seed = nodes
    for node in hung:
        node.gate.clear()
    exporter = Exporter(seed.addr, "--redis.timeout=300ms",
                        wrapper=by_shell('ulimit -n 20; exec "$@"'))

    def both_are_read():
        page = exporter.scrape()
        up = page.up()
        assert "local_limit" in page.errors().values(), page.errors()
        return len(up) == len(nodes) and up[last.addr] == 1 and up[seed.addr] == 1
    wait(both_are_read, "those that answer are read, though they come last")
    for node in last, seed:
        node.close()  # its connections too
        node.listen()
    assert both_are_read(), "they are connected to before those that failed"


def test_want_of_memory_ends_the_program_with_a_line_and_a_status():
    node = FakeNode()
    exporter = Exporter(node.addr)
    exporter.scrape()
    with open(f"/proc/{exporter.pid}/statm", encoding="ascii") as f:
        size = int(f.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    resource.prlimit(exporter.pid, resource.RLIMIT_AS, (size + (2 << 20), size + (2 << 20)))
    node.replies["INFO"] = bulk(INFO.format(port=node.port, clients=1) + "".join(
        f"cmdstat_{'c' * 150}{i}:calls=1,usec=1,usec_per_call=1,rejected_calls=1,failed_calls=1\r\n"
        for i in range(9000)))
    for _ in range(3):
        try:
            assert exporter.get("/metrics").status in (200, 503)
        except OSError:
            break
    assert exporter.wait() == EXIT_NO_MEMORY, exporter.output()
    assert "out of memory" in exporter.output().splitlines()[-1]


def check_serves(node, exporter, port):
    for _ in range(3):
        assert Page(http_get(port, "/metrics")).up() == {node.addr: 1}
    node.close()
    assert Page(http_get(port, "/metrics")).up() == {node.addr: 0}  # which is logged
    node.listen()
    wait(lambda: Page(http_get(port, "/metrics")).up() == {node.addr: 1}, "it is back")
    exporter.stop()


def test_a_log_that_cannot_be_written_stops_nothing():
    for where in "2>/dev/full", "2>&-", "<&- >&- 2>&-":
        node = FakeNode()
        said = []
        node.answer = lambda args, node=node, said=said: (
            said.append(args[0]), FakeNode.answer(node, args))[1]
        exporter = Exporter(node.addr, "--log.level=debug", wrapper=by_shell(f'exec "$@" {where}'))
        check_serves(node, exporter, exporter.port)
        assert set(said) <= {"AUTH", "CLIENT", "INFO", "CLUSTER", "CONFIG", "SLOWLOG", "LATENCY",
                             "COMMANDLOG"}, (where, said)  # no line of the log among them
