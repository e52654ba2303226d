"""--healthcheck: what a container asks instead of curl."""

import os
import signal

import harness
from harness import Exporter, FakePeer, clean_env, free_port, run, temp_dir
from test_web_auth import exporter as guarded_exporter
from test_web_tls import auth, exporter as secure_exporter, world


def healthcheck(*flags, env=None):
    done = run(harness.EXPORTER, *flags, check=False, env=clean_env(env))
    assert not done.stderr and done.stdout.count("\n") == 1, done
    return done.returncode, done.stdout


def test_a_running_exporter_is_healthy_by_flag_variable_and_url():
    exporter = Exporter(None)
    place = f"127.0.0.1:{exporter.port}"
    for flags, env in ((["--healthcheck", f"--web.listen-address={place}"], {}),
                       (["--healthcheck"], {"REDIS_EXPORTER_WEB_LISTEN_ADDRESS": place}),
                       (["--healthcheck", f"--web.listen-address=0.0.0.0:{exporter.port}"], {}),
                       (["--healthcheck", f"--web.listen-address=:{exporter.port}"], {}),
                       ([f"--healthcheck=http://{place}"], {}),
                       ([f"--healthcheck=http://{place}/"], {}),
                       ([f"--healthcheck=http://{place}/-/ready"], {}),
                       ([f"--healthcheck=localhost:{exporter.port}"], {})):
        status, said = healthcheck(*flags, env=env)
        assert status == 0 and said.startswith("healthy: "), (flags, said)


def test_a_configuration_that_was_broken_since_the_start_makes_nobody_unhealthy():
    exporter = Exporter(None)
    path = os.path.join(temp_dir(), "clusters.yml")
    with open(path, "w", encoding="utf-8") as f:
        f.write(f"web: {{listen_address: '127.0.0.1:{exporter.port}'}}\nclusters: [{{name: a}}]\n"
                "nonsense: 1\n")
    flags = [f"--config.file={path}", "--redis.password-file=/nonexistent"]
    status, said = healthcheck("--healthcheck", *flags)
    assert status == 0 and str(exporter.port) in said, said
    with open(path, "w", encoding="utf-8") as f:
        f.write("{")
    assert healthcheck(f"--healthcheck=127.0.0.1:{exporter.port}", *flags)[0] == 0
    assert healthcheck("--healthcheck", f"--web.listen-address=127.0.0.1:{exporter.port}",
                       *flags)[0] == 0


def test_what_does_not_answer_well_is_unhealthy_with_a_reason():
    exporter = Exporter(None)
    mute, torn, other = (FakePeer(handler) for handler in (
        lambda connection: connection.recv(4096) and connection.recv(4096),
        lambda connection: connection.recv(4096),
        lambda connection: connection.recv(4096) and connection.sendall(b"-ERR no\r\n")))
    for url, reason in ((f"127.0.0.1:{free_port()}", "Connection refused"),
                        (f"http://127.0.0.1:{exporter.port}/nothing", "the answer is not 200"),
                        (mute.addr, "no answer in time"),
                        (torn.addr, "closed without an answer"),
                        (other.addr, "is no HTTP server"),
                        ("127.0.0.1", "is no http://host:port, host:port or unix:/path"),
                        ("http://", "is no http://host:port, host:port or unix:/path")):
        status, said = healthcheck(f"--healthcheck={url}")
        assert status == 1 and said == f"unhealthy: {url}: {reason}\n", said


def test_tls_passwords_and_unix_sockets_are_no_obstacle():
    secure = secure_exporter()
    place = f"127.0.0.1:{secure.port}"
    for flag in place, f"https://{place}", f"https://{place}/-/ready":
        status, said = healthcheck(f"--healthcheck={flag}")
        assert status == 0, said
    assert healthcheck(f"--healthcheck=http://{place}")[0] == 1
    guarded = guarded_exporter()  # answers 401
    assert healthcheck(f"--healthcheck=127.0.0.1:{guarded.port}")[0] == 0
    path = os.path.join(temp_dir(), "socket")
    Exporter(None, f"--web.listen-address=unix:{path}")
    for flags in ([f"--healthcheck=unix:{path}"],
                  ["--healthcheck", f"--web.listen-address=unix:{path}"]):
        assert healthcheck(*flags)[0] == 0, flags
    status, said = healthcheck(f"--healthcheck=unix:{path}x")
    assert status == 1 and said.endswith(": No such file or directory\n"), said


def test_a_demand_for_a_client_certificate_is_a_sign_of_life_and_silence_is_none():
    for kind in "RequireAnyClientCert", "RequireAndVerifyClientCert":
        for version in "TLS12", "TLS13":
            path = os.path.join(temp_dir(), "socket")
            one = secure_exporter(auth(kind, f"max_version: {version}"), client=world().client,
                                  flags=[f"--web.listen-address=unix:{path}"])
            place = f"127.0.0.1:{one.port}"
            for url in place, f"https://{place}", f"unix:{path}":
                status, said = healthcheck(f"--healthcheck={url}")
                assert status == 0 and said.startswith(f"healthy: {url}: "), (kind, version, said)
                assert "only its handshake was seen" in said
    one.signal(signal.SIGSTOP)
    url = f"https://{place}"
    assert healthcheck(f"--healthcheck={url}") == (1, f"unhealthy: {url}: no answer in time\n")
    one.signal(signal.SIGCONT)
    optional = secure_exporter(auth("VerifyClientCertIfGiven"))
    url = f"https://127.0.0.1:{optional.port}"
    assert healthcheck(f"--healthcheck={url}") == (0, f"healthy: {url}\n"), "the page was read"
