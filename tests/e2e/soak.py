#!/usr/bin/python3
"""Random faults on a real cluster of six nodes, while scrapers look at every answer.

usage: soak.py [--exporter PATH] [--seed N] [MINUTES]

The nodes have a port for TLS beside the plain one, and the exporter's configuration has them as two
clusters, one by each; among themselves the nodes speak with TLS.

Every answer has to come in time and be valid, no counter may fall unless its server was started
anew, memory and descriptors have to stay flat, the log may hold nothing that is not expected, and
after each fault the page has to tell a healthy cluster again. Ends with a table.
"""

import argparse
import collections
import contextlib
import gzip
import json
import os
import random
import re
import signal
import socket
import statistics
import sys
import threading
import time

from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_openmetrics
from prometheus_client.parser import text_string_to_metric_families as read_text

import harness
from certificates import Authority
from harness import (FULL, OPENMETRICS, BadPage, Cluster, Exporter, Resp, parse_strict, redis_cli,
                     wait)

OWN_NAME = "redis_cluster_exporter"  # what the exporter's connections are called
INTERVAL = 1  # seconds between two scrapes of one scraper
PATIENCE = 2.0  # what a scraper says that it waits
LATE = PATIENCE + 1.5  # from then on an answer is late, which a busy machine excuses now and then
HEAL_LIMIT = 90
WARM_UP = 0.1  # of the run: the first share of it, in which memory may grow

# What the exporter may say about faults that are made on purpose; at the level error the last.
EXPECTED = re.compile(
    r"listening|stopping|node found|node has left|node cannot be read|node can be read again|"
    r"node refuses a command|reading the configuration again|the configuration was reloaded|"
    r"a server refused the password, and its file holds another one now|"
    r"the configuration was not reloaded; the old one stays")
BROKEN_FILE = "the configuration was not reloaded"


class Counters:
    """The counters of one scraper's pages, by series; a falling one is told with its page."""

    def __init__(self):
        self.last = {}  # series -> (value, start of its server)
        self.resets, self.series = 0, set()

    def take(self, counters, starts):
        """`counters`: {(name, labels): value}; `starts`: {node: start time in seconds}."""
        fallen = []
        for key, value in counters.items():
            node = dict(key[1]).get("redis_node")
            start = starts.get(node) if node else None
            before, start_before = self.last.get(key, (value, start))
            if value < before and node and restarted(start_before, start):
                self.resets += 1
            elif value < before:
                fallen.append((key, before, value, start_before, start))
            self.last[key] = value, start
        self.series.update(counters)
        return fallen


def restarted(before, after):
    """Start times are told in whole seconds, from an uptime in whole seconds."""
    return before is not None and after is not None and after > before + 0.5


def content(path):
    with open(path, encoding="utf-8") as f:
        return f.read()


def is_counter_sample(name, kind):
    return kind == "counter" or (kind in ("histogram", "summary") and name.endswith(
        ("_bucket", "_count", "_sum")))


def families_of(families):
    """What prometheus_client has parsed, as ({family: type}, {(name, labels): value})."""
    types, samples = {}, {}
    for family in families:
        if family.name in types:
            raise BadPage(f"family twice: {family.name}")
        types[family.name] = family.type
        for sample in family.samples:
            key = sample.name, tuple(sorted(sample.labels.items()))
            if key in samples:
                raise BadPage(f"sample twice: {key}")
            samples[key] = sample.value, family.type
    return samples


def native_text(body):
    types, samples = parse_strict(body)

    def kind(name):
        base = re.sub(r"_(bucket|count|sum)$", "", name)
        return types.get(name) or types.get(base)
    return {key: (value, kind(key[0])) for key, value in samples.items()}


def openmetrics(body):
    if not body.endswith("# EOF\n"):
        raise BadPage("no EOF")
    return families_of(read_openmetrics(body))


class Scraper(threading.Thread):
    """Asks for one page each second and looks at every answer."""

    def __init__(self, soak, name, path, headers, read):
        super().__init__(daemon=True)
        self.soak, self.name, self.read = soak, name, read
        self.path, self.counters = path, Counters()
        self.headers = {"X-Prometheus-Scrape-Timeout-Seconds": str(PATIENCE), **headers}
        self.answers, self.late, self.longest, self.samples = 0, 0, 0.0, 0

    def run(self):
        while not self.soak.over.wait(INTERVAL):
            path = self.path() if callable(self.path) else self.path
            try:
                self.look_at(self.soak.exporter.get(path, self.headers))
            except Exception as e:  # pylint: disable=broad-except
                self.soak.complain(f"{self.name} {path}: {type(e).__name__}: {str(e)[:500]}")

    def look_at(self, answer):
        body = answer.body
        if answer.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        if answer.status != 200:
            raise BadPage(f"status {answer.status}: {body[:200]}")
        samples = self.read(body.decode())
        self.answers += 1
        self.samples += len(samples)
        self.longest = max(self.longest, answer.seconds)
        self.late += answer.seconds > LATE
        self.follow(samples)

    def follow(self, samples):
        starts = {dict(labels).get("redis_node"): value
                  for (name, labels), (value, _) in samples.items()
                  if name == "redis_start_time_seconds"}
        counters = {key: value for key, (value, kind) in samples.items()
                    if is_counter_sample(key[0], kind)}
        for key, before, value, start_before, start in self.counters.take(counters, starts):
            self.soak.complain(f"{self.name}: {key} fell from {before} to {value}; its server's "
                               f"start: {start_before}, then {start}")


class Dialect(Scraper):
    """Single nodes by /scrape?target=; without the label redis_node, so each node by itself."""

    def __init__(self, soak):
        self.node = None
        super().__init__(soak, "dialect", self.next_node, {},
                         lambda body: families_of(read_text(body)))

    def next_node(self):
        node = self.soak.random.choice(self.soak.cluster.nodes)
        scheme, self.node = self.soak.random.choice([
            ("redis", node.addr), ("rediss", node.tls_addr)])
        return f"/scrape?target={scheme}://{self.node}"

    def follow(self, samples):
        # How long the scrape took: of this one alone, as redis_exporter has it.
        named = {(name, (*labels, ("redis_node", self.node))): entry
                 for (name, labels), entry in samples.items()
                 if not name.startswith("redis_exporter_scrape_duration_seconds")}
        super().follow(named)


class Soak:
    """One run."""

    def __init__(self, minutes, seed, flags=()):
        self.seconds, self.random = minutes * 60, random.Random(seed)
        self.over, self.lock = threading.Event(), threading.Lock()
        self.complaints, self.faults = [], collections.Counter()
        self.memory, self.descriptors = [], []
        self.healed, self.longest_heal = 0, 0.0
        self.connected = set()  # (process, client) of each connection of ours with TLS
        self.passwords = ["s3cret-soak-0"]
        self.dir = harness.temp_dir()
        self.write("password", self.password)
        self.make_certificates()
        self.cluster = Cluster(
            password=self.password, cluster_node_timeout=2000, both_ports=True, tls_cluster="yes",
            tls_replication="yes", tls_ca_cert_file=os.path.join(self.dir, "both.pem"),
            **self.certificate())
        self.configure()
        self.exporter = Exporter(None, "--config.file=" + os.path.join(self.dir, "soak.yml"),
                                 *flags)
        self.scrapers = [
            Scraper(self, "native", "/metrics", {"Accept-Encoding": "gzip"}, native_text),
            Scraper(self, "openmetrics", "/metrics", {"Accept": OPENMETRICS}, openmetrics),
            Dialect(self)]

    @property
    def password(self):
        return self.passwords[-1]

    def write(self, name, text):
        """All at once, as an operator's tool would."""
        path = os.path.join(self.dir, name)
        with open(path + ".new", "w", encoding="utf-8", opener=lambda p, f: os.open(p, f, 0o600)) as f:
            f.write(text)
        os.rename(path + ".new", path)

    def make_certificates(self):
        """The exporter trusts one authority at a time; the servers both, and either may sign."""
        self.authorities = [Authority(f"soak {i}") for i in range(2)]
        self.write("both.pem", "".join(content(a.cert) for a in self.authorities))
        self.write("ca.pem", content(self.authorities[0].cert))
        self.renew_own()

    def renew_own(self):
        """Another certificate for the exporter, in one file with its key."""
        pair = self.authorities[0].issue(name="exporter")
        self.write("own.pem", content(pair.cert) + content(pair.key))

    def certificate(self):
        """One for a server, of the authority that is now in use."""
        pair = self.authorities[0].issue("IP:127.0.0.1")
        return {"tls_cert_file": pair.cert, "tls_key_file": pair.key}

    def configure(self, seeds=(0, 1), **changed):
        """JSON is YAML."""
        nodes = [self.cluster.nodes[i] for i in seeds]
        plain = {"name": "soak", "seeds": [n.addr for n in nodes], "one_host": True,
                 "timeout": "1s", "password_file": "password",
                 "collectors": {"latency-histogram": True, "client-list": True}, **changed}
        tls = {**plain, "name": "soak-tls", "seeds": ["rediss://" + n.tls_addr for n in nodes],
               "tls": {"ca_file": "ca.pem", "cert_file": "own.pem", "key_file": "own.pem"}}
        self.write("soak.yml", json.dumps({"clusters": [plain, tls]}))

    def complain(self, text):
        with self.lock:
            if len(self.complaints) < 50:
                print(f"# WRONG: {text}", file=sys.stderr, flush=True)
            self.complaints.append(text)

    # --- faults: each returns what mends it, or None ---

    def kill(self, node):
        """A server dies, and is started again."""
        node.kill()
        return node.start

    def orderly(self, node):
        """A server is shut down, and started again."""
        node.stop()
        return node.start

    def hang(self, node):
        """A server stops, and goes on."""
        node.sigstop()
        return node.sigcont

    def pause(self, node):
        """A server does nothing for longer than the exporter waits."""
        with contextlib.closing(Resp(node.host, node.port, self.password)) as client:
            client.sock.sendall(harness.encode(["DEBUG", "SLEEP", "1.5"]))

    def hang_up(self, node):
        """A server closes all its connections."""
        node.command("CLIENT", "KILL", "TYPE", "normal")

    def cut_tls(self, node):
        """A server closes its connections with TLS, and perhaps speaks another version of it."""
        versions = self.random.choice(["TLSv1.2", "TLSv1.2 TLSv1.3"])
        node.command("CONFIG", "SET", "tls-protocols", versions)
        node.command("CLIENT", "KILL", "TYPE", "normal", "LADDR", node.tls_addr)

    def show_certificate(self, node):
        """A server gets another one, which its new connections show."""
        new = {key.replace("_", "-"): path for key, path in self.certificate().items()}
        node.config.update(new)
        node.command("CONFIG", "SET", *(word for pair in new.items() for word in pair))

    def renew(self, node):
        """A server and the exporter get new certificates."""
        self.show_certificate(node)
        node.command("CLIENT", "KILL", "TYPE", "normal", "LADDR", node.tls_addr)
        self.renew_own()
        return self.configure_again

    def distrust(self, _):
        """All servers get certificates of an authority that the exporter does not trust yet."""
        self.authorities.reverse()
        for node in self.cluster.nodes:
            self.show_certificate(node)
            if self.random.random() < 0.5:
                node.command("CLIENT", "KILL", "TYPE", "normal", "LADDR", node.tls_addr)

        def mend():
            self.write("ca.pem", content(self.authorities[0].cert))
            self.configure_again()
        return mend

    def fail_over(self, _):
        """A replica takes over."""
        replicas = [n for n in self.cluster.nodes if n.info()["role"] == "slave"]
        self.random.choice(replicas).command("CLUSTER", "FAILOVER")

    def reshard(self, _):
        """Slots move from one master to another."""
        masters = [n for n in self.cluster.nodes if n.info()["role"] == "master"]
        source, target = self.random.sample(masters, 2)
        try:
            self.redis_cli("reshard", source, "--cluster-from", source.id(), "--cluster-to",
                           target.id(), "--cluster-slots", str(self.random.randint(1, 20)))
        except AssertionError:  # slots are open since an earlier one that met another fault
            self.tidy()

    def redis_cli(self, command, node, *args):
        """With TLS, since the nodes hand over keys at the ports that it knows them by."""
        own = os.path.join(self.dir, "own.pem")
        redis_cli(node, "--cluster", command, node.tls_addr, *args, "--tls", "--cacert",
                  os.path.join(self.dir, "both.pem"), "--cert", own, "--key", own)

    def work(self, node):
        """Commands that nobody has sent before, keys, and errors."""
        with contextlib.closing(Resp(node.host, node.port, self.password)) as client:
            for i in range(200):
                words = self.random.choice([
                    ("SET", f"key{i}", "x" * i), ("GET", f"key{i}"), ("LPUSH", "key1", i),
                    ("HSET", f"hash{i}", "a", i), ("PING",), ("DBSIZE",), ("NOSUCH",),
                    ("OBJECT", "HELP"), ("CLIENT", "SETNAME", f"client-{i}"), ("EVAL", "return 1", 0)])
                with contextlib.suppress(harness.RedisError):
                    client.call(*words)

    def impatient(self, _):
        """Clients that go away before the answer, never ask, or not to the end."""
        request = b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"
        for length in [0, len(request)] * 15 + [self.random.randrange(len(request))]:
            client = socket.create_connection(("127.0.0.1", self.exporter.port))
            client.sendall(request[:length])
            client.close()

    def ask_all(self, _):
        """The paths that scrapers do not use."""
        for path in ("/", "/-/healthy", "/-/ready", "/api/v1/clusters", "/discover-cluster-nodes",
                     "/nosuch", "/scrape", "/scrape?target=127.0.0.1:1"):
            answer = self.exporter.get(path)
            if answer.status >= 500 and path not in ("/-/ready", "/discover-cluster-nodes"):
                self.complain(f"{path}: {answer.status}")
            if path.startswith("/api") and answer.status == 200:
                json.loads(answer.text)

    def ask_for_reload(self, status=200):
        if self.random.random() < 0.3 and status == 200:
            self.exporter.signal(signal.SIGHUP)
            return
        answer = self.exporter.get("/-/reload", method="POST")
        if answer.status != status:
            self.complain(f"/-/reload: {answer.status} {answer.text}")

    def reload(self, _):
        """The configuration is read again, the same or another, or broken."""
        kind = self.random.choice(["same", "seeds", "collectors", "checks", "broken"])
        if kind == "broken":
            self.write("soak.yml", "clusters: [{nmae: x}]\n")
            self.ask_for_reload(500)
        else:
            self.configure(**{
                "seeds": {"seeds": self.random.sample(range(len(self.cluster.nodes)), 3)},
                "collectors": {"collectors": {"clients": True, "latency-histogram": True}},
                "checks": {"check_keys": ["key1*"], "count_keys": ["hash*"]}}.get(kind, {}))
            self.ask_for_reload()
        return self.configure_again

    def configure_again(self):
        self.configure()
        self.ask_for_reload()

    def rotate(self, _):
        """The servers' password changes, and all clients have to log in anew."""
        old, new = self.password, f"s3cret-soak-{len(self.passwords)}"
        for name in "masterauth", "requirepass":
            for node in self.cluster.nodes:
                node.command("CONFIG", "SET", name, new)
                node.config[name], node.password = new, new
        self.passwords.append(new)
        for node in self.cluster.nodes:
            if self.random.random() < 0.5:
                node.command("CLIENT", "KILL", "TYPE", "normal")
        assert old != new
        return lambda: self.write("password", new)

    FAULTS = {"reload": 4, "rotate": 1, "kill": 4, "orderly": 2, "hang": 4, "pause": 2,
              "hang_up": 2, "cut_tls": 4, "renew": 2, "distrust": 1, "fail_over": 3, "reshard": 2,
              "work": 3, "impatient": 2, "ask_all": 1}
    ALONE = {"fail_over", "reshard", "rotate", "distrust"}  # they need all others well

    def draw(self):
        """One fault, or two at once."""
        names = self.random.choices(list(self.FAULTS), self.FAULTS.values(),
                                    k=self.random.choice([1, 1, 1, 2]))
        return names[:1] if set(names) & self.ALONE else names

    def break_something(self, names):
        """What was broken is mended after a while."""
        mend = []
        for name, node in zip(names, self.random.sample(self.cluster.nodes, len(names))):
            self.faults[name] += 1
            mend.append(getattr(self, name)(node))
        self.over.wait(self.random.uniform(0.5, 5))
        for function in mend:
            if function:
                function()

    def page_is_well(self):
        page = self.exporter.scrape()
        nodes = self.cluster.nodes
        assert page.up() == {addr: 1 for n in nodes for addr in (n.addr, n.tls_addr)}, page.errors()
        covered = [value for _, value in page.all("redis_cluster_slots_covered")]
        assert covered == [FULL[0]] * 2, covered
        return True

    def fix(self, began):
        """A failover just after a resharding can lose a slot, which only an operator gets back."""
        if time.monotonic() - began > 20:
            self.tidy()

    def tidy(self):
        with contextlib.suppress(AssertionError):
            self.redis_cli("fix", self.cluster.nodes[0])
            self.faults["fixed by hand"] += 1

    def heal(self, names):
        began = time.monotonic()
        try:
            wait(lambda: self.cluster.agreed() or self.fix(began), "the cluster is well again",
                 HEAL_LIMIT)
            wait(self.page_is_well, "the page tells it", HEAL_LIMIT)
        except AssertionError as e:
            self.complain(f"after {names}: {e}")
        self.note_connections()
        self.healed += 1
        self.longest_heal = max(self.longest_heal, time.monotonic() - began)

    def note_connections(self):
        for node in self.cluster.living():
            with contextlib.suppress(OSError, harness.RedisError):
                for client in node.command("CLIENT", "LIST").splitlines():
                    if f" laddr={node.tls_addr} " in client and f" name={OWN_NAME} " in client:
                        self.connected.add((node.process.pid, client.split()[0]))

    # --- watching ---

    def measure(self):
        while not self.over.wait(INTERVAL):
            with contextlib.suppress(OSError, IndexError):
                self.memory.append(self.exporter.rss())
                self.descriptors.append(len(os.listdir(f"/proc/{self.exporter.pid}/fd")))

    def check_flat(self, what, values, slack):
        """The last quarter may not lie above the first one after warming up."""
        values = values[int(len(values) * WARM_UP):]
        quarter = max(1, len(values) // 4)
        first, last = statistics.median(values[:quarter]), statistics.median(values[-quarter:])
        if last > first + slack:
            self.complain(f"{what} grew from {first} to {last}")
        return first, last

    def check_connections(self):
        """Each node has had one, and another one for each time that they were cut."""
        least = len(self.cluster.nodes) + self.faults["cut_tls"] + self.faults["renew"]
        if len(self.connected) < least:
            self.complain(f"{len(self.connected)} connections with TLS, not {least}")

    def check_log(self):
        levels = collections.Counter()
        for line in self.exporter.log_lines():
            level = re.search(r"level=(\w+)", line)
            levels[level[1] if level else "none"] += 1
            if not level or not EXPECTED.search(line) or (
                    level[1] == "error" and BROKEN_FILE not in line):
                self.complain(f"in the log: {line[:300]}")
            if "s3cret-soak" in line:
                self.complain("the log has the password")
        return levels

    def run(self):
        watch = threading.Thread(target=self.measure, daemon=True)
        wait(self.page_is_well, "all are up")
        self.note_connections()
        for thread in [watch, *self.scrapers]:
            thread.start()
        end = time.monotonic() + self.seconds
        names = ["cut_tls"]  # in each run, however short
        while time.monotonic() < end:
            self.break_something(names)
            self.heal(names)
            names = self.draw()
            if not self.exporter.alive():
                self.complain("the exporter has ended")
                break
            self.over.wait(self.random.uniform(0, 3))
        self.over.set()
        for thread in [watch, *self.scrapers]:
            thread.join()
        return self.table()

    def table(self):
        memory = self.check_flat("memory", self.memory, 2 << 20)
        descriptors = self.check_flat(
            "descriptors", self.descriptors, 4 * len(self.cluster.nodes))  # of targets too
        levels = self.check_log()
        self.exporter.stop()
        for scraper in self.scrapers:
            if scraper.answers == 0:
                self.complain(f"{scraper.name}: no answer")
            if scraper.late > 1 + scraper.answers // 100:
                self.complain(f"{scraper.name}: {scraper.late} late answers")
        self.check_connections()
        rows = [("minutes", f"{self.seconds / 60:.1f}"), ("seed", str(self.seed))]
        for scraper in self.scrapers:
            counters = scraper.counters
            rows.append((f"answers, {scraper.name}",
                         f"{scraper.answers} ({scraper.samples} samples), slowest "
                         f"{scraper.longest:.2f} s, {scraper.late} late"))
            rows.append((f"counters, {scraper.name}",
                         f"{len(counters.series)} followed, {counters.resets} set back by "
                         "restarts of their server"))
        rows += [
            ("faults", ", ".join(f"{n} {name}" for name, n in sorted(self.faults.items()))),
            ("connections with TLS", str(len(self.connected))),
            ("healed", f"{self.healed} times, slowest {self.longest_heal:.1f} s"),
            ("memory, first and last quarter", f"{memory[0] / 1e6:.2f} and {memory[1] / 1e6:.2f} MB"),
            ("descriptors, first and last quarter", f"{descriptors[0]:g} and {descriptors[1]:g}"),
            ("log lines", ", ".join(f"{n} {level}" for level, n in sorted(levels.items()))),
            ("wrong", str(len(self.complaints)))]
        width = max(len(name) for name, _ in rows)
        return "\n".join(f"{name:{width}}  {text}" for name, text in rows)


def soak(minutes, seed=None, flags=()):
    """Gives what was wrong, and the table."""
    seed = seed if seed is not None else random.randrange(1 << 32)
    print(f"# seed {seed}", file=sys.stderr, flush=True)
    run = Soak(minutes, seed, flags)
    run.seed = seed
    text = run.run()
    return run.complaints, text


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--exporter", default=harness.EXPORTER)
    parser.add_argument("--seed", type=int)
    parser.add_argument("minutes", type=float, nargs="?", default=60)
    options = parser.parse_args()
    harness.EXPORTER = os.path.abspath(options.exporter)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    with harness.scope():
        complaints, text = soak(options.minutes, options.seed)
        print(text)
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
