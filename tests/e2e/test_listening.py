"""Where it listens: Unix sockets, sockets of systemd."""

import http.client
import os
import signal
import socket
import stat
import sys

from harness import EXPORTER, Exporter, clean_env, http_get, listening_socket, free_port, run, \
    temp_dir, wait

NOBODY = "127.0.0.1:1"

# Gives its listening sockets to the program as systemd does: from descriptor 3 on.
LAUNCHER = """
import os, socket, sys
kinds, wrong_pid, argv = sys.argv[1].split(","), sys.argv[2] == "wrong", sys.argv[3:]
for i, kind in enumerate(kinds):
    where, _, rest = kind.partition(":")
    if where == "unix":
        s = socket.socket(socket.AF_UNIX)
        s.bind(rest)
    else:
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM if where == "udp" else
                          socket.SOCK_STREAM)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.bind(("127.0.0.1", int(rest)))
    if where in ("unix", "tcp"):
        s.listen(8)
    fd = s.detach()
    if fd != 3 + i:
        os.dup2(fd, 3 + i)
    os.set_inheritable(3 + i, True)
os.environ.update(LISTEN_FDS=str(len(kinds)), LISTEN_FDNAMES="x",
                  LISTEN_PID=str(os.getpid() + (1 if wrong_pid else 0)))
os.execv(argv[0], argv)
"""


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=30)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


def get(path, page="/-/healthy"):
    conn = UnixConnection(path)
    try:
        conn.request("GET", page)
        return conn.getresponse().read()
    finally:
        conn.close()


def socket_path():
    return os.path.join(temp_dir(), "exporter.sock")


def start(path, *more):
    return run(EXPORTER, f"--web.listen-address=unix:{path}", *more, check=False,
               env=clean_env(None))


def test_a_unix_socket_serves_and_goes_with_the_program():
    path = socket_path()
    one = Exporter(NOBODY, f"--web.listen-address=unix:{path}")
    assert get(path) == b"ok\n" == one.get("/-/healthy").body, "both addresses"
    assert b"redis_up" in get(path, "/metrics")
    assert stat.S_ISSOCK(os.stat(path).st_mode)
    assert run("curl", "-sS", "--unix-socket", path, "http://x/-/healthy").stdout == "ok\n"
    one.stop()
    assert not os.path.exists(path)


def test_the_umask_rules_over_a_unix_socket():
    path = socket_path()
    Exporter(NOBODY, f"--web.listen-address=unix:{path}",
             wrapper=["sh", "-c", 'umask 117 && exec "$@"', "sh"])
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o660


def test_a_socket_left_behind_is_replaced():
    path = socket_path()
    one = Exporter(NOBODY, f"--web.listen-address=unix:{path}")
    one.stopped = True
    one.kill()
    assert os.path.exists(path)
    two = Exporter(NOBODY, f"--web.listen-address=unix:{path}")
    assert get(path) == b"ok\n"
    two.stop()
    assert not os.path.exists(path)


def test_what_is_somebody_else_s_stays():
    path = socket_path()
    Exporter(NOBODY, f"--web.listen-address=unix:{path}")
    done = start(path)
    assert done.returncode == 1 and "another program listens there" in done.stderr, done
    assert get(path) == b"ok\n"
    file = os.path.join(temp_dir(), "file")
    with open(file, "w", encoding="utf-8") as f:
        f.write("mine")
    done = start(file)
    assert done.returncode == 1 and "no socket" in done.stderr, done
    with open(file, encoding="utf-8") as f:
        assert f.read() == "mine"
    for bad, why in (("/" + "x" * 200, "too long"), ("/nonexistent/x", "No such file")):
        done = start(bad)
        assert done.returncode == 1 and why in done.stderr and "\n" not in done.stderr.strip(), done
    assert run(EXPORTER, "--web.listen-address=unix:relative", check=False,
               env=clean_env(None)).returncode == 2


def test_a_socket_that_was_replaced_is_left_alone_at_the_end():
    path = socket_path()
    one = Exporter(NOBODY, f"--web.listen-address=unix:{path}")
    os.unlink(path)
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(path)
        one.stop()
        assert os.path.exists(path)


def activated(kinds, pid="right", **kwargs):
    return Exporter(NOBODY, "--web.systemd-socket",
                    wrapper=[sys.executable, "-c", LAUNCHER, ",".join(kinds), pid],
                    ready=False, **kwargs)


def test_it_serves_at_the_sockets_that_systemd_passes():
    path, port = socket_path(), free_port()
    one = activated([f"tcp:{port}", f"unix:{path}"])
    wait(lambda: http_get(port, "/-/healthy").status == 200, "the first one")
    assert get(path) == b"ok\n"
    assert f"address=127.0.0.1:{port}" in one.output() and f"unix:{path}" in one.output()
    listening_socket("127.0.0.1", one.port).close()  # --web.listen-address is left alone
    one.signal(signal.SIGTERM)
    one.stopped = True
    assert one.wait() == 0
    assert os.path.exists(path), "it is systemd's"


def test_what_systemd_does_not_pass_is_told():
    port = free_port()
    for kinds, pid, expected in (([f"tcp:{port}"], "wrong", "passed no socket"),
                                 ([f"udp:{port}"], "right", "no listening stream socket"),
                                 ([f"bound:{port}"], "right", "no listening stream socket")):
        one = activated(kinds, pid)
        one.stopped = True
        assert one.wait() == 1
        assert expected in one.output(), one.output()
    done = run(EXPORTER, "--web.systemd-socket", check=False, env=clean_env(None))
    assert done.returncode == 1 and "passed no socket" in done.stderr
