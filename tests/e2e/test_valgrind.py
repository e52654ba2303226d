"""No leak and no bad access in a life of a hundred scrapes."""

from harness import Cluster, Exporter, OPENMETRICS, wait


def test_a_hundred_scrapes_under_valgrind_are_clean():
    cluster = Cluster(password="secret")
    exporter = Exporter(
        cluster.addrs[0], "--redis.timeout=10s", env={"REDIS_PASSWORD": "secret"},
        wrapper=["valgrind", "-q", "--leak-check=full",
                 "--errors-for-leak-kinds=definite,indirect",
                 "--show-leak-kinds=definite,indirect", "--error-exitcode=9"])
    wait(lambda: exporter.scrape().check_all_up(cluster.addrs), "all are up")
    for i in range(100):
        if i == 30:
            cluster.nodes[1].kill()
        if i == 70:
            cluster.restart()
        page = exporter.scrape({"Accept-Encoding": "gzip"} if i % 3 else {})
        assert sum(page.up().values()) == 6 - (30 <= i < 70)
        if i % 10 == 0:
            assert exporter.get("/metrics", {"Accept": OPENMETRICS}).status == 200
            assert exporter.get("/none").status == 404
    exporter.stop()  # checks the exit status
    assert "==" not in exporter.output(), exporter.output()


test_a_hundred_scrapes_under_valgrind_are_clean.seconds = 60
