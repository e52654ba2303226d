"""Building blocks of the end-to-end tests: processes, clients, fakes, a strict page parser.

Whatever a test starts registers itself in the current scope; run.py closes the scope after the
test, so a test needs no clean-up code of its own. Everything listens on loopback only.
"""

import atexit
import contextlib
import ctypes
import functools
import gzip
import http.client
import json
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
import urllib.parse
import urllib.request

REPO = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
EXPORTER = os.path.join(REPO, "build", "redis_cluster_exporter")
REDIS_SERVER = "redis-server"  # or valkey-server
LIMIT = 30  # seconds until a condition that should come true counts as failed
SLOTS = 16384
FULL = (SLOTS, 0, 0, 0)  # Page.coverage() when every slot is served
OPENMETRICS = "application/openmetrics-text; version=1.0.0"
own_network = False  # whether this process is in a network namespace that run.py made for it

# ---- scopes and waiting -------------------------------------------------------------------------

worker_scope = contextlib.ExitStack()  # lives as long as the test process
atexit.register(worker_scope.close)
_test_scope = worker_scope
exporters = []  # those of the running test, for diagnostics
_shared = {}


@contextlib.contextmanager
def scope():
    """What is started inside is closed at the end."""
    global _test_scope
    outer, _test_scope = _test_scope, contextlib.ExitStack()
    exporters.clear()
    try:
        yield
    finally:
        inner, _test_scope = _test_scope, outer
        inner.close()


def at_end(function):
    _test_scope.callback(function)


def shared(factory):
    """One object per test process, made at its first use and closed with the process."""
    global _test_scope
    if factory not in _shared:
        outer, _test_scope = _test_scope, worker_scope
        try:
            _shared[factory] = factory()
        finally:
            _test_scope = outer
    return _shared[factory]


def wait(condition, what, limit=LIMIT):
    """Polls until condition() is true and returns its value; errors count as false.

    But an exporter that has ended by itself ends the test.
    """
    end, last = time.monotonic() + limit, None
    while True:
        try:
            last = condition()
            if last:
                return last
        except (AssertionError, LookupError, OSError, RedisError, http.client.HTTPException) as e:
            last = e
        for exporter in exporters:
            assert exporter.stopped or exporter.alive(), "an exporter has ended"
        if time.monotonic() > end:
            raise AssertionError(f"not within {limit} s: {what}; last: {last!r}")
        time.sleep(0.02)


def temp_dir():
    path = tempfile.mkdtemp(prefix="redis-exporter-e2e-")
    at_end(lambda: shutil.rmtree(path, ignore_errors=True))
    return path


def free_port(host="127.0.0.1"):
    """A port that nobody uses, and nobody its cluster bus port, below the ephemeral range.

    The abstract socket keeps it ours among all runs of these tests on the machine.
    """
    while True:
        port = random.randrange(11000, 21000)
        claim = socket.socket(socket.AF_UNIX)
        try:
            claim.bind(f"\0redis-exporter-e2e-{port}")
            for number in port, port + 10000:
                with listening_socket(host, number):
                    pass
        except OSError:
            claim.close()
            continue
        at_end(claim.close)
        return port


def listening_socket(host, port):
    s = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    try:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.bind((host, port))
        s.listen(128)
    except OSError:
        s.close()
        raise
    return s


def address(host, port):
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


# ---- processes ----------------------------------------------------------------------------------

_libc = ctypes.CDLL(None, use_errno=True)


def end_with_parent(number=signal.SIGKILL):
    """For preexec_fn: this process gets a signal when its parent is gone."""
    _libc.prctl(1, number)  # PR_SET_PDEATHSIG


class Process:
    """A child with its output in a file, killed at the end of the scope, or of the one given."""

    def __init__(self, argv, log, env=None, cwd=None, of=None):
        self.log = log
        with open(log, "ab") as out:
            self.popen = subprocess.Popen(
                argv, stdin=subprocess.DEVNULL, stdout=out, stderr=out, env=env, cwd=cwd,
                start_new_session=True, preexec_fn=end_with_parent)
        self.pid = self.popen.pid
        (of or _test_scope).callback(self.kill)

    def kill(self):
        if self.popen.poll() is None:
            self.popen.kill()
        return self.popen.wait()

    def signal(self, number):
        self.popen.send_signal(number)

    def wait(self, limit=LIMIT):
        return self.popen.wait(limit)

    def alive(self):
        return self.popen.poll() is None

    def output(self):
        with open(self.log, encoding="utf-8", errors="surrogateescape") as f:
            return f.read()


def run(*argv, check=True, limit=LIMIT, **kwargs):
    """Runs a program to its end; gives exit status, stdout and stderr."""
    done = subprocess.run(argv, capture_output=True, text=True, timeout=limit, **kwargs)
    if check and done.returncode:
        raise AssertionError(f"{argv[0]} ended with {done.returncode}: {done.stdout}{done.stderr}")
    return done


# ---- Redis --------------------------------------------------------------------------------------


class RedisError(Exception):
    """An error reply."""


class Resp:
    """A RESP2 client: one connection, one command at a time."""

    def __init__(self, host, port, password=None, user=None, tls=None):
        self.sock = socket.create_connection((host, port), timeout=5)
        if tls:
            self.sock = tls.wrap_socket(self.sock)
        self.file = self.sock.makefile("rb")
        if password:
            self.call("AUTH", *([user] if user else []), password)

    def call(self, *args):
        self.sock.sendall(encode(args))
        return self.reply()

    def reply(self):
        line = self.file.readline()
        if not line.endswith(b"\r\n"):
            raise ConnectionError("connection closed")
        kind, rest = line[:1], line[1:-2].decode()
        if kind == b"-":
            raise RedisError(rest)
        if kind == b"+":
            return rest
        if kind == b":":
            return int(rest)
        if kind == b"$":
            return None if rest == "-1" else self.file.read(int(rest) + 2)[:-2].decode()
        if kind == b"*":
            return [self.reply() for _ in range(int(rest))]
        raise ValueError(line)

    def close(self):
        self.file.close()
        self.sock.close()


def encode(args):
    parts = [str(a).encode() for a in args]
    return b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(p), p) for p in parts)


def parse_info(text):
    """INFO or CLUSTER INFO as a dictionary."""
    lines = (line.split(":", 1) for line in text.splitlines() if ":" in line and line[0] != "#")
    return {key: value for key, value in lines}


def parse_nodes(text):
    """CLUSTER NODES as a list of dictionaries."""
    nodes = []
    for line in text.splitlines():
        ident, addr, flags, master, _, _, _, link, *slots = line.split(" ")
        ranges = [s.split("-") for s in slots if not s.startswith("[")]
        nodes.append({
            "id": ident, "addr": addr.split(",")[0].split("@")[0], "flags": flags.split(","),
            "master": master, "link": link,
            "slots": sum(int(r[-1]) - int(r[0]) + 1 for r in ranges)})
    return nodes


class Side:
    """A network namespace with one address, which reaches others through this one as its router."""

    count = 0

    def __init__(self):
        Side.count += 1
        self.host, router, name = f"10.77.{Side.count}.2", f"10.77.{Side.count}.1", f"s{Side.count}"
        holder = Process(["unshare", "--net", "sleep", "infinity"], os.devnull)
        namespace, own = f"/proc/{holder.pid}/ns/net", os.readlink("/proc/self/ns/net")
        wait(lambda: os.readlink(namespace) != own, "there is another network")
        self.inside = ["nsenter", f"--net={namespace}", "--"]
        for command in (
                f"ip link add {name} type veth peer name eth0 netns {holder.pid}",
                f"ip addr add {router}/24 dev {name}", f"ip link set {name} up"):
            run(*command.split())
        for command in (f"ip addr add {self.host}/24 dev eth0", "ip link set eth0 up",
                        "ip link set lo up", f"ip route add default via {router}"):
            run(*self.inside, *command.split())

    @staticmethod
    def route(on):
        """Whether this namespace carries packets from side to side; they are lost otherwise."""
        with open("/proc/sys/net/ipv4/ip_forward", "w") as f:
            f.write("1" if on else "0")


@functools.cache
def server():
    """What the tests run with: ("redis" or "valkey", (major, minor))."""
    words = run(REDIS_SERVER, "--version").stdout
    flavor, major, minor = re.match(r"(\w+) server v=(\d+)\.(\d+)", words).groups()
    return flavor.lower(), (int(major), int(minor))


def server_has(redis=None, valkey=None):
    """Whether it is of that version, (major, minor), or a later one; None: no version has it."""
    flavor, version = server()
    since = {"redis": redis, "valkey": valkey}[flavor]
    return since is not None and version >= since


def acl_version():
    """Its version as --print-acl wants it."""
    flavor, version = server()
    return ("valkey-" if flavor == "valkey" else "") + "%d.%d" % version


def spreads_forgetting():
    """Whether the nodes tell each other whom to forget, and then shun it for a minute."""
    return server_has(redis=(7, 2), valkey=(7, 2))


class RedisNode:
    """One redis-server with a data directory and a port of its own, perhaps on one side.

    With `tls`, an SSL context, that port is for TLS alone and this object's own client uses it;
    with `both_ports` there is another one for TLS, which the nodes use with `tls_cluster`.
    """

    def __init__(self, host="127.0.0.1", password=None, cluster=True, side=None, tls=None,
                 both_ports=False, **config):
        self.host, self.side = side.host if side else host, side
        host, self.port, self.dir = self.host, free_port("127.0.0.1" if side else host), temp_dir()
        self.tls_port, self.bus_port = self.port, self.port + 10000
        self.password, self.process, self.tls, self._resp = password, None, tls, None
        self.scope = _test_scope  # its server lives as long, also when a later test restarts it
        self.config = {
            "port": self.port, "bind": host, "dir": self.dir, "daemonize": "no", "save": "",
            "appendonly": "no", "repl-diskless-sync-delay": 0, "enable-debug-command": "yes"}
        if tls:
            self.config.update({"port": 0, "tls-port": self.port, "tls-replication": "yes",
                                "tls-cluster": "yes"})
        if both_ports:
            self.tls_port = self.config["tls-port"] = free_port(host)
        if cluster:
            self.config.update({"cluster-enabled": "yes", "cluster-node-timeout": 1000})
        if password:
            self.config.update({"requirepass": password, "masterauth": password})
        self.config.update({key.replace("_", "-"): value for key, value in config.items()})
        if both_ports and self.config.get("tls-cluster") == "yes":
            self.bus_port = self.tls_port + 10000
        self.start()

    @property
    def addr(self):
        return address(self.host, self.port)

    @property
    def tls_addr(self):
        return address(self.host, self.tls_port)

    def start(self):
        argv = [*(self.side.inside if self.side else []), REDIS_SERVER]
        for key, value in self.config.items():
            argv += ["--" + key, *(value if isinstance(value, list) else [str(value)])]
        self.process = Process(argv, os.path.join(self.dir, "redis.log"), cwd=self.dir,
                               of=self.scope)

    def ready(self):
        wait(lambda: not self.alive() or self.command("PING") == "PONG", f"{self.addr} answers")
        assert self.alive(), f"redis-server ended: {self.process.output()}"
        return self

    def command(self, *args):
        """Sends a command on this object's own connection, which stays open between calls."""
        if not self._resp:
            self._resp = Resp(self.host, self.port, self.password, tls=self.tls)
        try:
            return self._resp.call(*args)
        except OSError:
            self.disconnect()
            raise

    def disconnect(self):
        if self._resp:
            self._resp.close()
        self._resp = None

    def kill(self):
        self.disconnect()
        self.process.kill()

    def stop(self):
        """Orderly shutdown."""
        self.disconnect()
        self.process.signal(signal.SIGTERM)
        self.process.wait()

    def restart(self):
        self.kill()
        self.start()

    def wipe(self):
        """Comes back at the same port as a new, empty node."""
        self.kill()
        for name in os.listdir(self.dir):
            if name.endswith(".conf"):
                os.unlink(os.path.join(self.dir, name))
        self.start()
        return self.ready()

    def sigstop(self):
        self.process.signal(signal.SIGSTOP)
        stat = f"/proc/{self.process.pid}/stat"
        wait(lambda: open(stat).read().rsplit(")", 1)[1].split()[0] == "T", "node is stopped")

    def sigcont(self):
        self.process.signal(signal.SIGCONT)

    def alive(self):
        return self.process.alive()

    def id(self):
        return self.command("CLUSTER", "MYID")

    def info(self):
        return parse_info(self.command("INFO", "everything"))

    def cluster_info(self):
        return parse_info(self.command("CLUSTER", "INFO"))

    def cluster_nodes(self):
        return parse_nodes(self.command("CLUSTER", "NODES"))


class Cluster:
    """Masters first, then their replicas in the same order.

    `hosts` are those of the nodes, or `sides`.
    """

    def __init__(self, masters=3, replicas=1, hosts=None, sides=None, **config):
        count = masters * (1 + replicas)
        self.nodes = [RedisNode(host=host, bind_source_addr=host, protected_mode="no", **config)
                      for host in hosts or ()]
        self.nodes += [RedisNode(side=side, protected_mode="no", **config) for side in sides or ()]
        self.nodes += [RedisNode(**config) for _ in range(count - len(self.nodes))]
        self.masters = masters
        self.create()
        self.wait_ok()

    def create(self):
        nodes, n = self.nodes, self.masters
        for i, node in enumerate(nodes):
            node.ready().command("CLUSTER", "SET-CONFIG-EPOCH", i + 1)
        for i, node in enumerate(nodes[:n]):
            first, last = SLOTS * i // n, SLOTS * (i + 1) // n - 1
            node.command("CLUSTER", "ADDSLOTSRANGE", first, last)
        wait(self.meet, "the nodes know each other")
        for i, node in enumerate(nodes[n:]):
            node.command("CLUSTER", "REPLICATE", nodes[i % n].id())

    def meet(self):
        """Introduces the nodes to each other, anew where that got lost; true when it is done."""
        views = [node.cluster_nodes() for node in self.nodes]
        for i, (node, view) in enumerate(zip(self.nodes, views)):
            known = [int(m["addr"].rsplit(":", 1)[1]) for m in view]
            for other in self.nodes[:i]:
                if other.port not in known:
                    node.command("CLUSTER", "MEET", other.host, other.port, other.bus_port)
        return all(len(view) == len(self.nodes) and "handshake" not in str(view) for view in views)

    @property
    def addrs(self):
        return [node.addr for node in self.nodes]

    def living(self):
        return [node for node in self.nodes if node.alive()]

    def agreed(self):
        """True if every living node sees all members well and all replicas in sync."""
        for node in self.living():
            view = node.cluster_nodes()
            if (len(view) != len(self.nodes) or sum(m["slots"] for m in view) != SLOTS
                    or any(set(m["flags"]) - {"myself", "master", "slave"} for m in view)
                    or any(m["link"] != "connected" for m in view)
                    or len([m for m in view if "slave" in m["flags"]])
                    != len(self.nodes) - self.masters
                    or node.cluster_info()["cluster_state"] != "ok"
                    or node.info().get("master_link_status", "up") != "up"):
                return False
        return True

    def wait_ok(self):
        wait(self.agreed, "all nodes call the cluster ok")
        return self

    def fail_over(self, heir):
        """CLUSTER FAILOVER, which a master ignores until it has heard who its replicas are."""
        self.wait_ok()
        heir.command("CLUSTER", "FAILOVER")

    def config(self, name, value):
        for node in self.living():
            node.command("CONFIG", "SET", name, value)

    def restart(self):
        """Brings back the nodes that are down."""
        for node in self.nodes:
            if not node.alive():
                node.start()
        return self.wait_ok()


class ReferenceCluster(Cluster):
    """Six nodes the way the Redis manual makes them."""

    def __init__(self):
        super().__init__(password="s3cret", appendonly="yes", cluster_node_timeout=5000)

    def create(self):
        for node in self.nodes:
            node.ready()
        redis_cli(self.nodes[0], "--cluster", "create", *self.addrs, "--cluster-replicas", "1")


def redis_cli(node, *args):
    """redis-cli --cluster ..., with the node's password."""
    env = dict(os.environ, **({"REDISCLI_AUTH": node.password} if node.password else {}))
    return run("redis-cli", *args, "--cluster-yes", env=env, limit=60).stdout


def cluster_check(addr):
    """What `redis-cli --cluster check` finds: "views", "open", "uncovered", and its exit status."""
    done = run("redis-cli", "--cluster", "check", addr, check=False)
    signs = {"views": "don't agree about configuration", "uncovered": "slots are covered by nodes",
             "open": r"slots in (?:migrating|importing) state"}
    errors = "\n".join(re.findall(r"\[(?:ERR|WARNING)\].*", done.stdout))
    found = {name for name, text in signs.items() if re.search(text, errors)}
    return found, done.returncode


# Which findings of ours say what redis-cli finds.
SAYS = {"views": {"views_disagree"},
        "open": {"slots_open", "slots_open_stuck"},
        "uncovered": {"slots_unassigned", "slots_owner_failed", "slots_owner_suspected",
                      "slots_unreachable"}}


# ---- HTTP and the exporter ----------------------------------------------------------------------


class Response:
    def __init__(self, status, headers, body, seconds):
        self.status, self.headers, self.body, self.seconds = status, headers, body, seconds

    @property
    def text(self):
        return self.body.decode()


def http_get(port, path, headers=None, method="GET", limit=LIMIT):
    """One request over one connection; no header that the caller did not ask for but Host."""
    began = time.monotonic()
    conn = http.client.HTTPConnection("127.0.0.1", port, timeout=limit)
    try:
        conn.putrequest(method, path, skip_accept_encoding=True)
        for name, value in (headers or {}).items():
            conn.putheader(name, value)
        conn.endheaders()
        got = conn.getresponse()
        body = got.read()
        return Response(got.status, got.headers, body, time.monotonic() - began)
    finally:
        conn.close()


class Exporter(Process):
    """The program under test, started with a list of seeds and further flags."""

    def __init__(self, seeds, *flags, env=None, wrapper=(), ready=True):
        self.port = free_port()
        argv = [*wrapper, EXPORTER, f"--web.listen-address=127.0.0.1:{self.port}"]
        if seeds:
            argv.append("--redis.addr=" + (seeds if isinstance(seeds, str) else ",".join(seeds)))
        super().__init__([*argv, *flags], os.path.join(temp_dir(), "exporter.log"),
                         env=clean_env(env))
        exporters.append(self)
        self.stopped = False
        at_end(self.stop)
        if ready:
            wait(lambda: not self.alive() or self.get("/-/healthy").status == 200, "healthy")
            assert self.alive(), f"exporter ended: {self.output()}"

    def get(self, path, headers=None, method="GET", limit=LIMIT):
        return http_get(self.port, path, headers, method, limit)

    def scrape(self, headers=None, path="/metrics", limit=LIMIT):
        got = self.get(path, headers, limit=limit)
        _require(got.status == 200, (got.status, got.body[:500]))
        return Page(got)

    def problems(self):
        """What is wrong with the first cluster, by code."""
        got = self.get("/api/v1/clusters")
        _require(got.status == 200, (got.status, got.body[:500]))
        found = json.loads(got.text)["clusters"][0]["problems"]
        _require(len({p["code"] for p in found}) == len(found), found)
        return {problem["code"]: problem for problem in found}

    def codes(self):
        return set(self.problems())

    def finds_all_of_redis_cli(self, addr, *expected):
        """redis-cli finds this at addr, and so does the exporter, twice: running, and by --check.

        Slots on their way are no fault to us, so they alone do not fail --check.
        """
        found, status = cluster_check(addr)
        assert found == set(expected) and status == (1 if found else 0), (found, status)
        own = check(addr, "--cluster.one-host")
        for name in found:
            for text in self.codes(), set(re.findall(r"^\w+ +(\w+): ", own.stdout, re.M)):
                assert text & SAYS[name], (name, text)
        assert own.returncode > 0 or found <= {"open"}, own
        return True

    def wait(self, limit=LIMIT):
        self.stopped = True
        return super().wait(limit)

    def stop(self):
        """SIGTERM; every exporter has to end with status 0, whatever the test did to it."""
        if not self.stopped:
            self.signal(signal.SIGTERM)
            status = self.wait()
            assert status == 0, f"exporter ended with {status}: {self.output()[-2000:]}"

    def rss(self):
        """Resident memory in bytes."""
        with open(f"/proc/{self.pid}/statm") as f:
            return int(f.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def log_lines(self):
        return self.output().splitlines()


def check(url, *flags, env=None):
    """A run of --check to its end."""
    return run(EXPORTER, "--check", url, *flags, check=False, env=clean_env(env))


def clean_env(extra=None):
    env = {k: v for k, v in os.environ.items()
           if not k.startswith(("REDIS", "WEB_", "LOG_", "SCRAPE_"))}
    return dict(env, **(extra or {}))


def cluster_exporter():
    """The exporter of the shared cluster."""
    cluster = shared(ReferenceCluster)
    return Exporter(cluster.addrs[0], env={"REDIS_PASSWORD": cluster.nodes[0].password})


class Prometheus(Process):
    """A real Prometheus that scrapes one exporter every second, or is configured by `files`."""

    def __init__(self, target_port=None, files=None):
        self.port, where = free_port(), temp_dir()
        config = os.path.join(where, "prometheus.yml")
        files = files or {"prometheus.yml": json.dumps(
            {"global": {"scrape_interval": "1s", "scrape_timeout": "1s"},
             "scrape_configs": [{"job_name": "redis", "static_configs": [
                 {"targets": [f"127.0.0.1:{target_port}"]}]}]})}
        for name, text in files.items():
            with open(os.path.join(where, name), "w", encoding="utf-8") as f:
                f.write(text)
        super().__init__(["prometheus", f"--config.file={config}",
                          f"--storage.tsdb.path={where}/data",
                          f"--web.listen-address=127.0.0.1:{self.port}"],
                         os.path.join(where, "prometheus.log"))

    def api(self, path, **parameters):
        got = http_get(self.port, f"/api/v1/{path}?" + urllib.parse.urlencode(parameters))
        assert got.status == 200, got.body
        return json.loads(got.body)["data"]

    def query(self, expression):
        """The samples of an instant query, as (labels, value)."""
        return [(r["metric"], float(r["value"][1]))
                for r in self.api("query", query=expression)["result"]]


# ---- pages --------------------------------------------------------------------------------------

_NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
_LABEL = r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"'
_META = re.compile(rf"# (HELP|TYPE) ({_NAME}) (.*)")
_SAMPLE = re.compile(rf"({_NAME})(?:\{{({_LABEL}(?:,{_LABEL})*)\}})? (\S+)")
_VALUE = re.compile(r"[+-]?(?:\d+(?:\.\d*)?(?:[eE][+-]?\d+)?|Inf)|NaN")
_SUFFIXES = {"histogram": ("_bucket", "_sum", "_count"), "summary": ("", "_sum", "_count")}


class BadPage(Exception):
    """The page breaks a rule that holds at any time; wait() does not try again."""


def _require(condition, message):
    if not condition:
        raise BadPage(message)


def parse_strict(text):
    """Text format 0.0.4 -> ({family: type}, {(name, ((label, value), ...)): value}).

    Stricter than the format: every family has one HELP and one TYPE, in front of its samples and
    in one block with them; no sample twice; no timestamps; a counter is called ..._total.
    """
    _require(text.endswith("\n"), "no newline at the end")
    helps, types, samples, family = set(), {}, {}, None
    for line in text[:-1].split("\n"):
        meta = _META.fullmatch(line)
        if meta:
            kind, name, rest = meta.groups()
            if kind == "HELP":
                _require(name not in helps, f"second HELP or split family: {line}")
                _require(re.fullmatch(r"(?:[^\\]|\\[\\n])+", rest), f"bad HELP text: {line}")
                helps.add(name)
            else:
                _require(name in helps and name == family, f"TYPE not behind its HELP: {line}")
                _require(name not in types, f"second TYPE: {line}")
                _require(rest in ("counter", "gauge", "untyped", *_SUFFIXES), f"bad type: {line}")
                _require(rest != "counter" or name.endswith("_total"), f"bad counter name: {line}")
                types[name] = rest
            family = name
            continue
        match = _SAMPLE.fullmatch(line)
        _require(match, f"not a sample: {line!r}")
        name, labels, value = match[1], match[2] or "", match[match.lastindex]
        _require(family in types, f"sample without HELP and TYPE: {line}")
        names = [family + suffix for suffix in _SUFFIXES.get(types[family], ("",))]
        _require(name in names, f"sample outside of its family's block: {line}")
        _require(_VALUE.fullmatch(value), f"bad value: {line}")
        pairs = tuple(sorted(re.findall(_LABEL, labels)))
        _require(len(dict(pairs)) == len(pairs), f"label twice: {line}")
        pairs = tuple((k, re.sub(r"\\(.)", lambda m: "\n" if m[1] == "n" else m[1], v))
                      for k, v in pairs)
        _require((name, pairs) not in samples, f"sample twice: {line}")
        samples[name, pairs] = float(value)
        _require(types[family] != "counter" or samples[name, pairs] >= 0, f"bad counter: {line}")
    return types, samples


class Page:
    """A scraped page in text format: strictly parsed, with lookups."""

    def __init__(self, response):
        self.response = response
        body = response.body
        if response.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        self.text = body.decode()
        self.types, self.samples = parse_strict(self.text)

    def all(self, name, **labels):
        """[(labels, value)] of the samples called name that have these labels."""
        return [(dict(pairs), value) for (n, pairs), value in self.samples.items()
                if n == name and labels.items() <= dict(pairs).items()]

    def get(self, name, **labels):
        found = self.all(name, **labels)
        assert len(found) == 1, f"{name}{labels}: {found}"
        return found[0][1]

    def total(self, name, **labels):
        return sum(value for _, value in self.all(name, **labels))

    def by_node(self, name, **labels):
        return {found["redis_node"]: value for found, value in self.all(name, **labels)}

    def up(self):
        return self.by_node("redis_up")

    def errors(self):
        """{node: err} of the nodes that failed."""
        return {labels["redis_node"]: labels["err"]
                for labels, value in self.all("redis_exporter_last_scrape_error") if value}

    def roles(self):
        return {labels["redis_node"]: labels["role"]
                for labels, _ in self.all("redis_cluster_node_info")}

    def coverage(self):
        """Slots (covered, unassigned, owner_fail, owner_pfail); together all there are."""
        found = (self.get("redis_cluster_slots_covered"),
                 *(self.get("redis_cluster_slots_uncovered", reason=reason)
                   for reason in ("unassigned", "owner_fail", "owner_pfail")))
        _require(sum(found) == SLOTS, f"covered, unassigned, owner_fail, owner_pfail: {found}")
        return found

    def metrics_of(self, node):
        """Names of the samples of one node."""
        return {n for n, pairs in self.samples if ("redis_node", node) in pairs}

    def check_all_up(self, addrs):
        assert self.up() == {a: 1 for a in addrs}, (self.up(), self.errors())
        assert self.coverage() == FULL
        return True


# ---- fakes --------------------------------------------------------------------------------------


class FakePeer:
    """A TCP server that gives every connection to handler(connection) in a thread of its own."""

    def __init__(self, handler, host="127.0.0.1"):
        self.host, self.port, self.handler = host, free_port(host), handler
        self.listener, self.connections, self.accepted = None, set(), 0
        self.listen()
        at_end(self.close)

    def listen(self):
        """Begins, or begins again after close()."""
        self.listener = listening_socket(self.host, self.port)
        threading.Thread(target=self._accept, args=(self.listener,), daemon=True).start()

    @property
    def addr(self):
        return address(self.host, self.port)

    def _accept(self, listener):
        with contextlib.suppress(OSError):
            while True:
                connection = listener.accept()[0]
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self.connections.add(connection)
                self.accepted += 1
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        with contextlib.suppress(OSError), connection:
            self.handler(connection)
        self.connections.discard(connection)

    def send_all(self, data):
        """Sends bytes nobody asked for on every open connection."""
        for connection in list(self.connections):
            connection.sendall(data)

    def close(self):
        for s in [self.listener, *self.connections]:
            with contextlib.suppress(OSError):
                s.shutdown(socket.SHUT_RDWR)
            s.close()


def bulk(text):
    return b"$%d\r\n%s\r\n" % (len(text.encode()), text.encode())


INFO = """# Server\r
redis_version:7.0.15\r
redis_mode:cluster\r
tcp_port:{port}\r
uptime_in_seconds:100\r
# Clients\r
connected_clients:{clients}\r
# Memory\r
used_memory:1000000\r
maxmemory:0\r
# Replication\r
role:master\r
connected_slaves:0\r
master_repl_offset:0\r
# Cluster\r
cluster_enabled:1\r
# Keyspace\r
db0:keys=3,expires=1,avg_ttl=0\r
"""


class FakeNode(FakePeer):
    """A scripted cluster member; `peers` are the others, `replies` override its answers.

    Until `gate` is set (it is from the start) the node reads commands but does not answer.
    """

    def __init__(self, host="127.0.0.1", replies=None):
        super().__init__(self.talk, host)
        self.id = "%040x" % random.getrandbits(160)
        self.peers, self.replies, self.clients = [], replies or {}, 1
        self.hang_up = False  # once, instead of the next reply
        self.asked, self.gate = threading.Event(), threading.Event()
        self.gate.set()

    def talk(self, connection):
        with connection.makefile("rb") as stream:
            while line := stream.readline():
                args = [stream.read(int(stream.readline()[1:]) + 2)[:-2].decode()
                        for _ in range(int(line[1:]))]
                reply = self.answer([a.upper() for a in args])
                self.asked.set()
                self.gate.wait(LIMIT)
                if self.hang_up:
                    self.hang_up = False
                    return
                connection.sendall(reply)

    def answer(self, args):
        for key in " ".join(args[:2]), args[0]:
            if key in self.replies:
                reply = self.replies[key]
                return reply() if callable(reply) else reply
        if args[0] in ("AUTH", "CLIENT", "READONLY", "SELECT"):
            return b"+OK\r\n"
        if args[0] == "INFO":
            return bulk(INFO.format(port=self.port, clients=self.clients))
        if args == ["CLUSTER", "INFO"]:
            n = len(self.peers) + 1
            return bulk("cluster_state:ok\r\ncluster_slots_assigned:16384\r\n"
                        "cluster_slots_ok:16384\r\ncluster_slots_pfail:0\r\n"
                        f"cluster_slots_fail:0\r\ncluster_known_nodes:{n}\r\n"
                        f"cluster_size:{n}\r\ncluster_current_epoch:1\r\ncluster_my_epoch:1\r\n")
        if args == ["CLUSTER", "NODES"]:
            return bulk(self.topology())
        return b"-ERR unknown command\r\n"

    def topology(self):
        members = sorted([self, *self.peers], key=lambda m: m.port)
        return "".join(
            node_line(m.id, m.addr, ("myself," if m is self else "") + "master",
                      f"{SLOTS * i // len(members)}-{SLOTS * (i + 1) // len(members) - 1}")
            for i, m in enumerate(members))


def node_line(ident, addr, flags, slots="", master="-"):
    """One line of CLUSTER NODES."""
    bus = int(addr.rsplit(":", 1)[1]) + 10000
    return f"{ident} {addr}@{bus} {flags} {master} 0 0 1 connected {slots}".rstrip() + "\n"


def fake_cluster(count):
    """Scripted masters that share the slots."""
    nodes = [FakeNode() for _ in range(count)]
    for node in nodes:
        node.peers = [other for other in nodes if other is not node]
    return nodes


def threads(count, function):
    """Runs function(i) in as many threads at once and returns the results in order."""
    results = [None] * count

    def call(i):
        try:
            results[i] = function(i)
        except Exception as e:  # pylint: disable=broad-except
            results[i] = e

    running = [threading.Thread(target=call, args=(i,)) for i in range(count)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    for result in results:
        if isinstance(result, Exception):
            raise result
    return results
