"""Passwords in every place that takes one, and nothing of them in anything that comes out."""

import base64
import json
import os
import resource
import signal
import subprocess
import urllib.parse

import harness
from harness import (EXPORTER, Exporter, FakeNode, FakePeer, at_end, clean_env, free_port, http_get, run,
                     temp_dir, wait)
from web_tools import LOCAL, Authority, WebExporter, bcrypt

SECRET = "Canary/7+q%Zx&w"  # differs when it is escaped
ESCAPED = urllib.parse.quote(SECRET, safe="")
PATHS = ["/", "/metrics", "/scrape?target={addr}", "/cluster?target={addr}",
         "/scrape?target=redis://u:{escaped}@{addr}", "/scrape?target=redis://u:{escaped}@{addr}x",
         "/scrape?target=redis://u:{escaped}@127.0.0.9:1", "/discover-cluster-nodes",
         "/discover-cluster-nodes?cluster={escaped}", "/api/v1/clusters", "/-/healthy",
         "/-/ready", "/health", "/-/reload", "/nowhere/{escaped}"]
ACCEPTS = [None, "application/openmetrics-text; version=1.0.0"]


def forms(secret):
    """How it might be spelt."""
    plain = base64.b64encode(secret.encode()).decode()
    return {secret, urllib.parse.quote(secret), urllib.parse.quote(secret, safe=""),
            plain, plain.rstrip("="), base64.urlsafe_b64encode(secret.encode()).decode(),
            json.dumps(secret)[1:-1], secret[:8]}


def assert_clean(text, where, secret=SECRET):
    for form in forms(secret):
        assert form not in text, (where, form, text[max(0, text.find(form) - 200):][:500])


def echo(connection):
    """A server that refuses everything and repeats what it was told."""
    with connection.makefile("rb") as stream:
        while line := stream.readline():
            args = [stream.read(int(stream.readline()[1:]) + 2)[:-2].decode()
                    for _ in range(int(line[1:]))]
            connection.sendall(f"-WRONGPASS you said {' '.join(args)}\r\n".encode())


def write(name, text):
    path = os.path.join(temp_dir(), name)
    with open(path, "w") as f:
        f.write(text)
    os.chmod(path, 0o600)
    return path


def places(addr):
    """Flags, variables and the means to break what they name, for each place of a password."""
    plain = write("password", SECRET + "\n")
    other = write("password", SECRET)
    folder = os.path.dirname(write("redis_password", SECRET))
    keyed = write("map.json", json.dumps({f"redis://{addr}": SECRET}))
    by_file = write("one.yml", json.dumps({"clusters": [
        {"name": "it", "seeds": [addr], "password_file": other}]}))
    by_url = write("two.yml", json.dumps({"clusters": [
        {"name": "it", "seeds": [f"redis://u:{ESCAPED}@{addr}"]}]}))
    url = f"redis://u:{ESCAPED}@{addr}"
    seed = f"--redis.addr={addr}"
    return {
        "flag": ([seed, f"--redis.password={SECRET}"], {}, None),
        "two arguments": ([seed, "--redis.password", SECRET], {}, None),
        "variable": ([seed], {"REDIS_PASSWORD": SECRET}, None),
        "file": ([seed, f"--redis.password-file={plain}"], {}, plain),
        "map": ([seed], {"REDIS_PASSWORD_FILE": keyed}, keyed),
        "credential": ([seed], {"CREDENTIALS_DIRECTORY": folder}, folder + "/redis_password"),
        "url": ([f"--redis.addr={url}"], {}, None),
        "url variable": ([], {"REDIS_ADDR": url}, None),
        "url file": ([], {"REDIS_ADDR_FILE": write("addr", url + "\n")}, None),
        "file of the configuration": ([f"--config.file={by_file}"], {}, other),
        "url of the configuration": ([f"--config.file={by_url}"], {}, by_url),
    }


def everything_over_http(port, addr):
    text = ""
    for path in PATHS:
        for method in "GET", "POST", "HEAD":
            for accept in ACCEPTS:
                got = http_get(port, path.format(addr=addr, escaped=ESCAPED),
                               {"Accept": accept} if accept else {}, method)
                text += f"{got.status} {got.headers}{got.body.decode()}"
    return text


def command_line(pid):
    with open(f"/proc/{pid}/cmdline", encoding="utf-8") as f:
        return f.read()


def test_no_password_comes_out_of_anything():
    peer = FakePeer(echo)
    logged_in = 0
    for place, (flags, env, breakable) in places(peer.addr).items():
        before = peer.accepted
        exporter = Exporter(None, "--log.level=debug", f"--scrape.allow={peer.host}:*", *flags,
                            env=env)
        assert_clean(everything_over_http(exporter.port, peer.addr), place)
        if breakable:
            with open(breakable, "w") as f:
                f.write("{" + f'"clusters": ["{SECRET}", "redis://x:{ESCAPED}@y": [')
            got = exporter.get("/-/reload", method="POST")
            assert got.status == 500, (place, got.text)
            assert_clean(got.text, place)
            exporter.signal(signal.SIGHUP)
            wait(lambda: exporter.output().count("was not reloaded") > 1, "SIGHUP was heard")
        assert_clean(command_line(exporter.pid), place)
        assert_clean(exporter.output(), place)
        assert "auth" in exporter.output(), place
        logged_in += peer.accepted > before
        done = run(EXPORTER, "--config.check", *flags, env=clean_env(env), check=False)
        assert_clean(done.stdout + done.stderr, place)
        exporter.stop()
    assert logged_in == len(places(peer.addr))


def test_no_password_comes_out_of_a_bad_start():
    url = f"redis://u:{ESCAPED}@h:x"
    key = write("key.pem", f"-----BEGIN PRIVATE KEY-----\n{SECRET}\n-----END PRIVATE KEY-----\n")
    bad_yaml = write("bad.yml", f"clusters:\n- seeds: 'redis://u:{ESCAPED}@h:x'\n")
    no_yaml = write("no.yml", f"clusters: [{{seeds: \"redis://u:{ESCAPED}@h\n{SECRET}: [\n")
    key_in_yaml = write("key.yml", f"clusters:\n- seeds: h:1\n  password: {SECRET}\n")
    for flags, env in (
            ([f"--redis.addr={url}"], {}),
            ([f"--check={url}"], {}),
            ([], {"REDIS_ADDR": url}),
            (["--redis.password", SECRET, SECRET], {}),
            ([f"--redis.timeout={SECRET}"], {}),
            ([f"--redis.node-label={SECRET}"], {}),
            ([f"--redis.address-map={SECRET}"], {}),
            ([f"--redis.password-file={write('empty', SECRET + chr(10) + chr(0))}"], {}),
            ([f"--redis.password-file={write('map', '{' + chr(34) + SECRET)}"], {}),
            ([f"--redis.tls-cert-file={key}", f"--redis.tls-key-file={key}",
              "--config.check"], {}),
            ([f"--config.file={bad_yaml}"], {}),
            ([f"--config.file={no_yaml}"], {}),
            ([f"--config.file={key_in_yaml}"], {})):
        for extra in ["--config.check"], []:
            done = run(EXPORTER, *flags, *extra, env=clean_env(env), check=False)
            assert done.returncode == 2, (flags, done)
            assert_clean(done.stdout + done.stderr, flags)


def test_nothing_of_users_and_keys_of_the_server_comes_out():
    known = bcrypt(SECRET)
    authority = Authority()
    pair = authority.issue("server", LOCAL)
    with open(pair[1], encoding="utf-8") as f:
        key = "".join(line for line in f if "-----" not in line).replace("\n", "")
    web = ("tls_server_config: {{cert_file: {}, key_file: {}}}\n"
           "basic_auth_users: {{alice: {}}}\n")
    exporter = WebExporter("127.0.0.1:1", web.format(*pair, known), authority,
                           user=("alice", SECRET))
    text = ""
    for user in ("alice", SECRET), ("alice", SECRET + "x"), (SECRET, "x"):
        for path in "/metrics", "/", "/api/v1/clusters", f"/nowhere/{ESCAPED}":
            got = exporter.ask(path, user)
            text += f"{got.status} {got.headers}{got.body.decode()}"
    garbled = write("key.pem", f"-----BEGIN PRIVATE KEY-----\n{SECRET}\n")
    for broken in (web.format(*pair, known[:-1]), web.format(pair[0], garbled, known),
                   web.format(*pair, known) + f"basic_auth_user: {{bob: {SECRET}}}\n",
                   web.format(*pair, known) + f"{{ {SECRET}: '{known}\n"):
        exporter.write(broken)
        got = exporter.ask("/-/reload", method="POST")
        assert got.status == 500, (broken, got.text)
        text += got.text
        done = run(EXPORTER, f"--web.config.file={exporter.config}", "--config.check",
                   env=clean_env(), check=False)
        assert done.returncode == 2, (broken, done)
        text += done.stdout + done.stderr
    text += exporter.output() + command_line(exporter.pid)
    assert_clean(text, "password")
    assert_clean(text, "hash", known)
    assert_clean(text, "hash", known[7:])
    assert_clean(text, "key", key)


def copies(pid, secret):
    """How often it is in the memory of a process; only root can tell."""
    found = 0
    with open(f"/proc/{pid}/maps", encoding="utf-8") as maps, \
            open(f"/proc/{pid}/mem", "rb", 0) as memory:
        for line in maps:
            place, rights = line.split()[:2]
            first, last = (int(end, 16) for end in place.split("-"))
            if rights.startswith("rw"):
                memory.seek(first)
                found += memory.read(last - first).count(secret.encode())
    return found


def test_no_copy_of_a_password_stays_in_memory():
    if os.geteuid() != 0:
        return
    secret = "canary" * 40  # with it the first commands are more than a small buffer takes
    password = write("password", secret)
    node = FakeNode()
    for config in ({"seeds": [node.addr], "password_file": password, "user": "somebody"},
                   {"seeds": [f"redis://:{secret}@{node.addr}"]}):
        path = write("clusters.yml", json.dumps({"clusters": [dict(config, name="it")]}))
        exporter = Exporter(None, f"--config.file={path}")
        known = copies(exporter.pid, secret)
        assert 1 <= known <= 2, "it has to log in"
        for _ in range(4):
            assert exporter.scrape().up() == {node.addr: 1}
            assert exporter.get("/-/reload", method="POST").status == 200
            node.close()
            assert exporter.scrape().up() == {node.addr: 0}
            node.listen()
        assert exporter.scrape().up() == {node.addr: 1}
        assert copies(exporter.pid, secret) == known


def test_a_crash_leaves_no_core():
    where = temp_dir()

    def limits():
        harness.end_with_parent()
        resource.setrlimit(resource.RLIMIT_CORE, (resource.RLIM_INFINITY,) * 2)

    def crash(argv, ready):
        with subprocess.Popen(argv, cwd=where, preexec_fn=limits, env=clean_env(),
                              stderr=subprocess.DEVNULL) as process:
            at_end(process.kill)
            wait(ready, "it runs")
            os.kill(process.pid, signal.SIGABRT)
            status = os.waitpid(process.pid, 0)[1]
            process.returncode = -signal.SIGABRT
        assert os.WTERMSIG(status) == signal.SIGABRT
        return os.WCOREDUMP(status)

    port = free_port()
    assert crash(["sleep", "60"], lambda: True), "others leave one here"
    assert not crash([EXPORTER, f"--web.listen-address=127.0.0.1:{port}"],
                     lambda: http_get(port, "/-/healthy").status == 200)
