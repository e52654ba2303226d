"""Passwords that are wrong, missing, too weak, changed; and that are never shown."""

import json
import os
import urllib.parse

from harness import (Cluster, Exporter, OPENMETRICS, Page, RedisNode, fake_cluster, shared,
                     temp_dir, wait)
from test_dialect import RxPage
from test_targets import listener, target

SECRET = "pä@ss:w/rd%4é#?&+ x"
QUOTED = urllib.parse.quote(SECRET, safe="")


def guarded():
    return Cluster(replicas=0, password="right", cluster_node_timeout=15000)


def password_file(content):
    path = os.path.join(temp_dir(), "password")
    with open(path, "w", encoding="utf-8") as f:
        f.write(content)
    return path


def complaints(exporter, addr):
    """Log lines of level warn or error about a node."""
    return [line for line in exporter.log_lines()
            if f"node={addr} " in line and ("level=warn" in line or "level=error" in line)]


def refusals(exporter, addr, command):
    """How often the log says that a node refuses a command."""
    return len([line for line in complaints(exporter, addr) if f'command="{command}"' in line])


def check_failing(exporter, addrs, err):
    """Five scrapes show the error, the log has it once per node."""
    for _ in range(5):
        page = exporter.scrape()
        assert page.up() == dict.fromkeys(addrs, 0), page.up()
        assert page.errors() == dict.fromkeys(addrs, err), page.errors()
    for addr in addrs:
        lines = complaints(exporter, addr)
        assert len(lines) == 1 and err in lines[0], (err, lines)


def test_a_wrong_or_missing_password_is_told_once():
    cluster = shared(guarded)
    for env in {"REDIS_PASSWORD": "wrong"}, {}, {"REDIS_USER": "nobody", "REDIS_PASSWORD": "right"}:
        exporter = Exporter(cluster.addrs, env=env)
        check_failing(exporter, cluster.addrs, "auth")
        assert exporter.scrape().get("redis_cluster_discovery_up") == 0


def test_a_user_without_enough_rights_is_denied():
    cluster = shared(guarded)
    rights = {
        "noinfo": ["+@all", "-info"],
        "nothing": ["-@all", "+ping"],
    }
    for user, acl in rights.items():
        for node in cluster.nodes:
            node.command("ACL", "SETUSER", user, "reset", "on", ">pw", "~*", "&*", *acl)
        exporter = Exporter(cluster.addrs, f"--redis.user={user}", env={"REDIS_PASSWORD": "pw"})
        check_failing(exporter, cluster.addrs, "denied")
        for node in cluster.nodes:  # recovery by a change of rights
            node.command("ACL", "SETUSER", user, "+info", "+cluster")
        wait(lambda e=exporter: e.scrape().check_all_up(cluster.addrs), f"{user} has the rights")


def test_the_smallest_useful_rights_are_enough():
    cluster = shared(guarded)
    for node in cluster.nodes:
        node.command("ACL", "SETUSER", "least", "reset", "on", ">pw", "-@all", "+info",
                     "+cluster|info", "+cluster|nodes")
    exporter = Exporter(cluster.addrs[0], "--redis.user=least", env={"REDIS_PASSWORD": "pw"})
    wait(lambda: exporter.scrape().check_all_up(cluster.addrs), "all are up")
    page = exporter.scrape()
    for addr in cluster.addrs:
        assert page.get("redis_cluster_state", redis_node=addr) == 1
        for command in "INFO", "CLUSTER INFO", "CLUSTER NODES":
            assert refusals(exporter, addr, command) == 0


def test_what_an_optional_command_would_tell_is_missing_until_it_is_allowed():
    cluster = shared(guarded)
    for refused in "CLUSTER INFO", "CLUSTER NODES":
        user, allowed = refused.lower().replace(" ", ""), {"CLUSTER INFO", "CLUSTER NODES"}
        (other,) = allowed - {refused}
        for node in cluster.nodes:
            node.command("ACL", "SETUSER", user, "reset", "on", ">pw", "-@all", "+info",
                         "+" + other.lower().replace(" ", "|"))
        exporter = Exporter(cluster.addrs, f"--redis.user={user}", env={"REDIS_PASSWORD": "pw"})
        for _ in range(5):
            page = exporter.scrape()
        assert page.up() == dict.fromkeys(cluster.addrs, 1)
        known = refused == "CLUSTER INFO"
        assert bool(page.all("redis_cluster_slots_covered")) == known
        assert page.get("redis_cluster_discovery_up") == known
        assert bool(page.all("redis_cluster_state")) != known
        for addr in cluster.addrs:
            assert refusals(exporter, addr, refused) == 1, complaints(exporter, addr)
            assert refusals(exporter, addr, other) == 0
        for node in cluster.nodes:
            node.command("ACL", "SETUSER", user, "+cluster")
            node.command("CLIENT", "KILL", "USER", user)  # a refusal is for a connection's life
        wait(lambda e=exporter: e.scrape().check_all_up(cluster.addrs)
             and len(e.scrape().by_node("redis_cluster_state")) == 3, f"{refused} is allowed", 10)


def test_a_changed_password_is_told_once_and_recovered_from():
    cluster = Cluster(replicas=0, password="right", cluster_node_timeout=15000)
    exporter = Exporter(cluster.addrs[0], env={"REDIS_PASSWORD": "right"})
    wait(lambda: exporter.scrape().check_all_up(cluster.addrs), "all are up")
    for node in cluster.nodes:
        node.command("CONFIG", "SET", "requirepass", "other")
        node.command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
    check_failing(exporter, cluster.addrs, "auth")
    for node in cluster.nodes:
        node.command("CONFIG", "SET", "requirepass", "right")
    wait(lambda: exporter.scrape().check_all_up(cluster.addrs), "the old password is back")
    for addr in cluster.addrs:
        assert len(complaints(exporter, addr)) == 1


def test_a_password_file_may_end_in_a_newline():
    cluster = Cluster(masters=1, replicas=0, password="right")
    for content in "right", "right\n", "right\r\n":
        exporter = Exporter(cluster.addrs, "--redis.password-file=" + password_file(content))
        exporter.scrape().check_all_up(cluster.addrs)
    for content in "right\n\n", "right ", " right":
        exporter = Exporter(cluster.addrs, "--redis.password-file=" + password_file(content))
        assert exporter.scrape().errors() == {cluster.addrs[0]: "auth"}, repr(content)


def test_a_password_file_that_others_can_read_is_told():
    """Not one that is another user's and read by its group, as by systemd's LoadCredential or in a
    pod of Kubernetes."""
    somebody = 12345
    for owner, mode, told in ((None, 0o600, False), (None, 0o640, True), (None, 0o604, True),
                              (somebody, 0o440, False), (somebody, 0o444, True)):
        path = password_file("right")
        os.chmod(path, mode)
        if owner is not None and os.geteuid() != 0:
            continue
        os.chown(path, os.geteuid() if owner is None else owner, -1)
        output = Exporter(None, "--redis.password-file=" + path).output()
        assert ("can be read by others" in output) == told, (owner, oct(mode), output)


def ways(addr, secret, quoted):
    """Every way to give a password: name -> (seeds, flags, environment)."""
    return {
        "url": (f"redis://:{quoted}@{addr}", [], {}),
        "url with user": (f"valkey://default:{quoted}@{addr}", [], {}),
        "url in environment": ("", [], {"REDIS_ADDR": f"redis://:{quoted}@{addr}"}),
        "environment": (addr, [], {"REDIS_PASSWORD": secret}),
        "file": (addr, ["--redis.password-file=" + password_file(secret + "\n")], {}),
        "flag": (addr, [f"--redis.password={secret}"], {}),
        "flag and value": (addr, ["--redis.password", secret], {}),
    }


def test_a_password_works_in_every_way_and_is_shown_in_none():
    cluster = Cluster(masters=2, replicas=0, password=SECRET)
    forbidden = [SECRET.encode(), QUOTED.encode(), QUOTED.lower().encode(),
                 SECRET.split("%", maxsplit=1)[0].encode(), b"rd%4"]
    for right in True, False:
        secret = SECRET if right else SECRET + "wrong"
        quoted = QUOTED if right else QUOTED + "wrong"
        for way, (seeds, flags, env) in ways(cluster.addrs[0], secret, quoted).items():
            exporter = Exporter(seeds, *flags, "--log.level=debug", env=env)
            if right:
                wait(lambda e=exporter: e.scrape().check_all_up(cluster.addrs), way)
            else:
                assert exporter.scrape().up() == {cluster.addrs[0]: 0}, way
            shown = [open(f"/proc/{exporter.pid}/cmdline", "rb").read()]
            for path in "/metrics", "/", "/-/healthy", "/-/ready", "/health", "/none":
                for headers in {}, {"Accept": OPENMETRICS}:
                    got = exporter.get(path, headers)
                    shown += [got.body, str(got.headers).encode()]
            exporter.stop()
            shown.append(exporter.output().encode(errors="surrogateescape"))
            for text in shown:
                for part in forbidden:
                    assert part not in text, (way, right, part, text[:300])


def test_a_password_that_a_server_repeats_is_not_shown():
    for secret in "hush-hush", "äöü", "a b\"c", "'x'":
        echo = f"-ERR unknown command 'AUTH', with args beginning with: '{secret}'\r\n".encode()
        node = fake_cluster(1)[0]
        node.replies = {"AUTH": echo, "INFO": echo, "CLUSTER INFO": echo, "CLUSTER NODES": echo}
        exporter = Exporter(node.addr, "--log.level=debug", env={"REDIS_PASSWORD": secret})
        page = exporter.scrape()
        assert page.up() == {node.addr: 0}
        exporter.stop()
        for text in page.text, exporter.output():
            assert secret not in text and secret.replace('"', '\\"') not in text, text


def test_the_password_flag_is_warned_about():
    node = fake_cluster(1)[0]
    exporter = Exporter(node.addr, "--redis.password=x")
    assert [line for line in exporter.log_lines() if "level=warn" in line and "password" in line]
    exporter = Exporter(node.addr, env={"REDIS_PASSWORD": "x"})
    assert not [line for line in exporter.log_lines() if "level=warn" in line]


def test_a_server_without_password_takes_a_client_that_has_one():
    cluster = Cluster(masters=1, replicas=0)
    exporter = Exporter(cluster.addrs, env={"REDIS_PASSWORD": "needless"})
    page = exporter.scrape()
    assert set(page.up()) == set(cluster.addrs)  # up or not: it is one node, and it is told
    assert page.up()[cluster.addrs[0]] or page.errors() == {cluster.addrs[0]: "auth"}


# ---- a map of URLs to passwords -----------------------------------------------------------------


def map_flag(**passwords):
    """The flag for a password file that maps URLs, whose redis:// is added here, to passwords."""
    text = json.dumps({f"redis://{url}": password for url, password in passwords.items()})
    return "--redis.password-file=" + password_file(text)


def scrape_target(exporter, addr):
    got = exporter.get(target(addr))
    assert got.status == 200, got.text
    return RxPage(got)


def test_nodes_with_passwords_of_their_own():
    cluster = Cluster(replicas=0, password="first", cluster_node_timeout=15000)
    for i, node in enumerate(cluster.nodes):
        node.command("CONFIG", "SET", "requirepass", f"hush{i}")
    passwords = {addr: f"hush{i}" for i, addr in enumerate(cluster.addrs)}
    exporter = Exporter(cluster.addrs[1], map_flag(**passwords), "--log.level=debug")
    wait(lambda: exporter.scrape().check_all_up(cluster.addrs), "all are up")
    shown = [exporter.scrape().text]
    for addr in cluster.addrs:
        page = scrape_target(exporter, addr)
        assert page.get("redis_up") == 1
        shown.append(page.text)
    del passwords[cluster.addrs[2]]  # then it gets that of the seed
    limited = Exporter(cluster.addrs[1], map_flag(**passwords))
    page = limited.scrape()
    assert page.up() == dict(zip(cluster.addrs, (1, 1, 0)))
    assert page.errors() == {cluster.addrs[2]: "auth"}
    cluster.nodes[2].command("CONFIG", "SET", "requirepass", "hush1")
    wait(lambda: limited.scrape().check_all_up(cluster.addrs), "its password is the seed's")
    exporter.stop()
    assert not [text for text in (*shown, exporter.output()) if "hush" in text]


def test_an_entry_of_the_map_may_have_a_user():
    node = RedisNode(cluster=False, password="right").ready()
    node.command("ACL", "SETUSER", "alice", "reset", "on", ">hers", "+@all")
    seen = f"alice@{node.addr}"
    for entry, flags, up in ((seen, (), 1), (node.addr, ("--redis.user=alice",), 1),
                             (seen, ("--redis.user=nobody",), 1), (node.addr, (), 0)):
        exporter = Exporter(node.addr, map_flag(**{entry: "hers"}), *flags)
        assert exporter.scrape().up() == {node.addr: up}, (entry, flags)
    users = {line.split(" user=")[1].split()[0] for line in
             node.command("CLIENT", "LIST").splitlines() if "redis_cluster_exporter" in line}
    assert users == {"alice"}


def test_any_target_may_be_asked_for_but_only_those_of_the_map_are_logged_in_to():
    own, other = (RedisNode(cluster=False, password=word).ready() for word in ("hush1", "hush2"))
    peer, heard = listener()
    named, heard_by_named = listener()
    exporter = Exporter(own.addr, "--scrape.allow=*", "--redis.timeout=0.5s", map_flag(
        **{own.addr: "hush1", other.addr: "hush2", named.addr: "hush3"}))
    assert exporter.scrape().up() == {own.addr: 1}
    assert scrape_target(exporter, other.addr).get("redis_up") == 1
    assert scrape_target(exporter, peer.addr).get("redis_up") == 0
    assert scrape_target(exporter, named.addr).get("redis_up") == 0
    told = b"".join(heard)
    assert told and b"AUTH" not in told and b"hush" not in told
    told = b"".join(heard_by_named)
    assert b"AUTH\r\n$5\r\nhush3" in told and b"hush1" not in told and b"hush2" not in told


def test_a_target_of_the_map_speaks_for_its_cluster():
    own = RedisNode(cluster=False).ready()
    cluster = Cluster(masters=2, replicas=0, password="right")
    exporter = Exporter(own.addr, "--scrape.allow=*", map_flag(**{cluster.addrs[0]: "right"}))
    page = Page(exporter.get(target(cluster.addrs[0], "/cluster")))
    page.check_all_up(cluster.addrs)
    page = Page(exporter.get(target(cluster.addrs[1], "/cluster")))
    assert page.errors() == {cluster.addrs[1]: "auth"}, "it is not in the map"


def test_an_empty_password_in_the_map_means_none():
    peer, heard = listener()
    exporter = Exporter(peer.addr, map_flag(**{peer.addr: ""}), "--redis.timeout=0.5s",
                        env={"REDIS_PASSWORD": "common"})
    exporter.scrape()
    assert heard and b"AUTH" not in b"".join(heard) and b"common" not in b"".join(heard)
