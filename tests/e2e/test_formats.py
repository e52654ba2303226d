"""The page in both text formats, plain and compressed, as the client asks."""

import gzip
import threading

from prometheus_client.openmetrics.parser import text_string_to_metric_families

from harness import (OPENMETRICS, Exporter, Page, Prometheus, ReferenceCluster, cluster_exporter,
                     fake_cluster, parse_strict, run, shared, threads, wait)

TEXT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
OM_TYPE = "application/openmetrics-text; version=1.0.0; charset=utf-8"

ACCEPT = [
    (None, TEXT_TYPE),
    ("", TEXT_TYPE),
    ("*/*", TEXT_TYPE),
    ("text/plain", TEXT_TYPE),
    ("text/*", TEXT_TYPE),
    ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", TEXT_TYPE),
    ("application/json", TEXT_TYPE),
    # Prometheus 2.42, 2.53 and 3.5
    ("application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;"
     "q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1", OM_TYPE),
    ("application/openmetrics-text;version=1.0.0;q=0.5,application/openmetrics-text;"
     "version=0.0.1;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2", OM_TYPE),
    ("application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"
     "application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;"
     "escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
     OM_TYPE + "; escaping=allow-utf-8"),
    # protobuf first, which is not spoken here
    ("application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;"
     "q=0.6,application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3",
     OM_TYPE),
    (OPENMETRICS, OM_TYPE),
    ("APPLICATION/OpenMetrics-Text ; Version=1.0.0", OM_TYPE),
    ('application/openmetrics-text; version="1.0.0"', OM_TYPE),
    ("application/openmetrics-text;version=1.0.0;q=0", TEXT_TYPE),
    ("application/openmetrics-text;version=1.0.0;q=0.3,text/plain;q=0.9", TEXT_TYPE),
    ("application/openmetrics-text;version=1.0.0;q=0.9,text/plain;q=0.3", OM_TYPE),
    ("text/plain;q=0.9,application/openmetrics-text;version=1.0.0", OM_TYPE),
    ("application/openmetrics-text;version=9.9.9", TEXT_TYPE),
    (";;;,,q=", TEXT_TYPE),
    ("application/openmetrics-text;version=1.0.0;q=abc", None),
    ("text/plain;q=" + "9" * 500, None),
    ("a" * 3000, TEXT_TYPE),
    ('text/plain; x="unclosed', TEXT_TYPE),
]

ENCODING = [
    (None, False),
    ("", False),
    ("identity", False),
    ("gzip", True),
    ("GZIP", True),
    ("deflate, gzip;q=0.5, br", True),
    ("gzip;q=0", False),
    ("gzip;q=0.0", False),
    ("gzip;q=0.001", True),
    ("gzip; q=1.0", True),
    ("identity;q=0, gzip", True),
    ("identity;q=0, *", True),
    ("*;q=0, gzip;q=1", True),
    ("deflate, br, zstd", False),
    ("gzipped", False),
    (";q=,,=", False),
]


def test_promtool_finds_nothing_to_say():
    page = cluster_exporter().scrape()
    done = run("promtool", "check", "metrics", input=page.text, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", ""), (done.stdout, done.stderr)


def test_promtool_finds_nothing_to_say_about_a_broken_cluster():
    nodes = fake_cluster(3)
    exporter = Exporter(nodes[0].addr)
    wait(lambda: len(exporter.scrape().up()) == 3, "all are known")
    nodes[1].close()
    page = exporter.scrape()
    assert page.errors(), "a node is down"
    done = run("promtool", "check", "metrics", input=page.text, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", ""), (done.stdout, done.stderr)


def test_openmetrics_is_valid_and_has_the_same_series():
    exporter = cluster_exporter()
    exporter.scrape()
    plain = exporter.scrape()
    got = exporter.get("/metrics", {"Accept": OPENMETRICS})
    assert got.status == 200 and got.headers["Content-Type"] == OM_TYPE
    assert got.text.endswith("\n# EOF\n")
    families = list(text_string_to_metric_families(got.text))
    series = {(s.name, tuple(sorted(s.labels.items()))) for f in families for s in f.samples}
    assert series == set(plain.samples), series ^ set(plain.samples)
    types = {f.name: f.type for f in families}
    for name, kind in plain.types.items():
        if kind == "counter":
            assert types[name.removesuffix("_total")] == "counter", name
        elif name in types:
            assert types[name] == ("unknown" if kind == "untyped" else kind), name
        else:
            assert types[name.removesuffix("_info")] == "info", name


def test_the_content_type_is_what_the_client_prefers():
    exporter = cluster_exporter()
    for accept, expected in ACCEPT:
        got = exporter.get("/metrics", {} if accept is None else {"Accept": accept})
        kind = got.headers["Content-Type"]
        assert got.status == 200, (accept, got.status)
        assert kind in ([expected] if expected else [TEXT_TYPE, OM_TYPE]), (accept, kind)
        if kind.startswith(OM_TYPE):
            assert list(text_string_to_metric_families(got.text)), accept
        else:
            assert parse_strict(got.text)[1], accept


def test_an_old_openmetrics_version_is_not_answered_with_another():
    got = cluster_exporter().get(
        "/metrics", {"Accept": "application/openmetrics-text;version=0.0.1"})
    assert got.status == 200
    assert got.headers["Content-Type"] in (TEXT_TYPE, OM_TYPE.replace("1.0.0", "0.0.1"))


def test_compression_is_what_the_client_accepts():
    exporter = cluster_exporter()
    exporter.scrape()
    plain = exporter.scrape()
    for accept, compressed in ENCODING:
        got = exporter.get("/metrics", {} if accept is None else {"Accept-Encoding": accept})
        assert got.status == 200, (accept, got.status)
        assert got.headers.get("Content-Encoding") == ("gzip" if compressed else None), accept
        assert int(got.headers["Content-Length"]) == len(got.body)
        page = Page(got)
        assert set(page.samples) == set(plain.samples), accept
        assert page.types == plain.types
        if compressed:
            assert len(got.body) < len(plain.text) / 3


def test_a_client_that_refuses_every_encoding_gets_an_answer():
    for accept in "identity;q=0", "*;q=0", "identity;q=0, gzip;q=0":
        got = cluster_exporter().get("/metrics", {"Accept-Encoding": accept})
        assert got.status in (200, 406), (accept, got.status)
        if got.status == 200:
            Page(got)


def test_both_formats_can_be_compressed_and_caches_are_told():
    exporter = cluster_exporter()
    for kind in TEXT_TYPE, OM_TYPE:
        for encoding in "gzip", "identity":
            got = exporter.get("/metrics", {"Accept": kind.split("; charset")[0],
                                            "Accept-Encoding": encoding})
            assert got.headers["Content-Type"] == kind
            vary = {v.strip().lower() for v in got.headers["Vary"].split(",")}
            assert {"accept", "accept-encoding"} <= vary, vary
            body = gzip.decompress(got.body) if encoding == "gzip" else got.body
            assert body.endswith(b"# EOF\n") == (kind == OM_TYPE)


def test_one_scrape_is_the_same_plain_and_compressed():
    nodes = fake_cluster(2)
    exporter = Exporter(nodes[0].addr)
    wait(lambda: len(exporter.scrape().up()) == 2, "all are known")

    def same_scrape():
        """Two clients that come while a scrape waits for a node share what it finds."""
        nodes[1].gate.clear()
        threading.Timer(0.2, nodes[1].gate.set).start()
        pages = threads(2, lambda i: exporter.scrape({"Accept-Encoding": ("gzip", "")[i]}))
        count = [page.get("redis_exporter_scrapes_total") for page in pages]
        return pages if count[0] == count[1] else None

    packed, plain = wait(same_scrape, "both are served by one scrape")
    assert packed.response.headers["Content-Encoding"] == "gzip"
    assert packed.text == plain.text


def test_a_page_that_stands_still_is_the_same_after_decompression():
    exporter = cluster_exporter()
    plain, packed = exporter.get("/"), exporter.get("/", {"Accept-Encoding": "gzip"})
    body = packed.body
    if packed.headers.get("Content-Encoding") == "gzip":
        body = gzip.decompress(body)
    assert plain.status == 200 and plain.body and body == plain.body


def test_a_real_prometheus_sees_six_nodes():
    exporter = cluster_exporter()
    prometheus = Prometheus(exporter.port)
    wait(lambda: [v for _, v in prometheus.query("up")] == [1], "up is 1")
    found = wait(lambda: prometheus.query("redis_up == 1"), "redis_up is there")
    assert sorted(l["redis_node"] for l, _ in found) == sorted(shared(ReferenceCluster).addrs)
    masters = prometheus.query('count(redis_cluster_node_info{role="master"})')
    assert [v for _, v in masters] == [3]
