"""Good and bad files of --web.config.file, judged by promtool and by us."""

import os
import re
import textwrap

from harness import run, temp_dir
from web_tools import LOCAL, Authority, openssl, start_with

HASH = "$2y$10$X0h1gDsPszWURQaxFh.zoubFi6DXncSjhoQNJgRrnGs7EsimhC7zG"
TLS = "tls_server_config: {cert_file: cert.pem, key_file: key.pem%s}\n"


def tls(more):
    return TLS % (", " + more)


def user(value):
    return f"basic_auth_users: {{alice: {value}}}\n"


def header(text):
    return "http_server_config: {headers: {%s}}\n" % text


def inline(directory):
    def block(name):
        with open(os.path.join(directory, name), encoding="utf-8") as f:
            return textwrap.indent(f.read(), "    ")
    return ("tls_server_config:\n  cert: |\n" + block("cert.pem") + "  key: |\n" + block("key.pem")
            + "  client_ca: |\n" + block("cert.pem")
            + "  client_auth_type: RequireAndVerifyClientCert\n")


SUITES = ["TLS_AES_128_GCM_SHA256", "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
          "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256", "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA"]

GOOD = [
    "", "# nothing\n", "{}\n", "---\n", "\ufeff{}\n",
    TLS % "", "tls_server_config:\n", "tls_server_config: {}\n",
    "tls_server_config: {min_version: TLS13}\n",
    "tls_server_config: {<<: {cert_file: cert.pem}, key_file: key.pem}\n",
    "tls_server_config:\n  cert_file: 'cert.pem'\n  key_file: \"key.pem\"\n",
    *(tls(f"client_auth_type: {name}") for name in
      ("NoClientCert", "RequestClientCert", "RequireAnyClientCert", "RequireClientCert",
       "VerifyClientCertIfGiven", "RequireAndVerifyClientCert", '""', "~")),
    tls("client_ca_file: cert.pem, client_auth_type: RequireAndVerifyClientCert"),
    *(tls(f"min_version: {name}") for name in ("TLS10", "TLS11", "TLS12", "TLS13", "~")),
    tls("min_version: TLS12, max_version: TLS12"),
    tls("cipher_suites: []"), tls("cipher_suites: [~]"), tls("cipher_suites: ~"),
    *(tls(f"cipher_suites: [{name}]") for name in SUITES),
    tls(f"cipher_suites: [{', '.join(SUITES)}]"),
    *(tls(f"prefer_server_cipher_suites: {word}")
      for word in ("true", "false", "yes", "No", "ON", "y")),
    *(tls(f"curve_preferences: [{names}]") for names in
      ("CurveP256", "CurveP384", "CurveP521", "X25519", "X25519, CurveP256")),
    "http_server_config:\n", "http_server_config: {http2: false}\n",
    "http_server_config: {http2: true, headers: {}}\n",
    *(header(text) for text in
      ("X-Frame-Options: deny", "X-Frame-Options: sameorigin", "X-Content-Type-Options: nosniff",
       "X-XSS-Protection: '1; mode=block'", "X-XSS-Protection: ", "X-XSS-Protection: 0",
       "Content-Security-Policy: \"default-src 'self'\"",
       "Strict-Transport-Security: max-age=31536000")),
    "basic_auth_users:\n", "basic_auth_users: {}\n", user(HASH), user(f"'{HASH}'"),
    *(user(HASH.replace("$2y", kind)) for kind in ("$2a", "$2b", "$2x")),
    user(HASH.replace("$10$", "$04$")), user(HASH.replace("$10$", "$16$")),
    f"basic_auth_users: {{1: {HASH}}}\n", f"basic_auth_users: {{a: &h {HASH}, b: *h}}\n",
    f"basic_auth_users: {{a: !!str {HASH}}}\n",
]

BAD = [
    "- a\n", "a\n", "{\n", "\tfoo: 1\n", "\0", "foo: 1\n", "foo: ~\n", "TLS_server_config: {}\n",
    "basic_auth_users: {}\nbasic_auth_users: {}\n", "tls_server_config: []\n",
    "tls_server_config: x\n",
    tls("cert_fil: x"), tls("foo: ~"), tls("cert_file: cert.pem"),
    "tls_server_config: {cert_file: cert.pem}\n", "tls_server_config: {key_file: key.pem}\n",
    "tls_server_config: {cert_file: ~, key_file: key.pem}\n",
    "tls_server_config: {cert_file: '', key_file: key.pem}\n",
    "tls_server_config: {cert_file: [a], key_file: key.pem}\n",
    "tls_server_config: {cert_file: none.pem, key_file: key.pem}\n",
    "tls_server_config: {cert_file: cert.pem, key_file: none.pem}\n",
    "tls_server_config: {cert_file: cert.pem, key_file: other.pem}\n",
    "tls_server_config: {cert_file: nonsense.pem, key_file: key.pem}\n",
    "tls_server_config: {cert_file: key.pem, key_file: cert.pem}\n",
    "tls_server_config: {client_auth_type: NoClientCert}\n",
    "tls_server_config: {client_ca_file: cert.pem}\n",
    tls("client_ca_file: cert.pem"), tls("client_ca_file: cert.pem, client_auth_type: NoClientCert"),
    tls("client_ca_file: none.pem, client_auth_type: RequireAndVerifyClientCert"),
    *(tls(f"client_auth_type: {name}") for name in
      ("requireanyclientcert", "RequireAndVerify", "true", "[NoClientCert]")),
    *(tls(f"{key}: {name}") for key in ("min_version", "max_version")
      for name in ("TLS14", "tls12", "1.2", '""', "[TLS12]")),
    *(tls(f"cipher_suites: [{name}]") for name in
      ("TLS_ECDHE_RSA_WITH_RC4_128_SHA", "TLS_RSA_WITH_3DES_EDE_CBC_SHA", "AES128-GCM-SHA256",
       "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305", "''", "[a]")),
    tls("cipher_suites: TLS_AES_128_GCM_SHA256"),
    *(tls(f"prefer_server_cipher_suites: {word}") for word in ("maybe", "'true'", "oN", "1", "[]")),
    *(tls(f"curve_preferences: {names}") for names in
      ("[X448]", "[curvep256]", "[CurveP256, foo]", "X25519", "[[]]")),
    "http_server_config: {http3: true}\n", "http_server_config: {http2: 'yes'}\n",
    "http_server_config: {headers: []}\n",
    *(header(text) for text in
      ("X-Frame-Options: DENY", "X-Frame-Options: ", "X-Frame-Options: ''", "Server: x",
       "X-Content-Type-Options: sniff", "x-frame-options: deny", "X-XSS-Protection: [a]",
       "true: deny", "X-XSS-Protection: a, X-XSS-Protection: b")),
    "basic_auth_users: [a]\n", "basic_auth_users: x\n",
    f"basic_auth_users: {{a: {HASH}, a: {HASH}}}\n", f"basic_auth_users: {{[a]: {HASH}}}\n",
    *(user(value) for value in
      ("plain", "", "''", f"[{HASH}]", "$1$abc$def", HASH[:50], HASH.replace("$2y", "$3y"),
       HASH.replace("$10$", "$03$"), HASH.replace("$10$", "$32$"), HASH.replace("$10$", "$1x$"))),
]

# What promtools of different age judge differently: here it is as the newest do, which neither that of
# Debian 12 (2.42) nor that of Debian 13 (2.53, made by Go 1.24) is.
NEWER_GOOD = [
    inline,
    "rate_limit:\n", "rate_limit: {interval: 0, burst: 0}\n",
    "rate_limit: {interval: 1s, burst: 20}\n", "rate_limit: {interval: 1m30s, burst: 1}\n",
    tls("client_auth_type: RequireAnyClientCert, client_allowed_sans: [a, 10.0.0.1]"),
]
NEWER_BAD = [
    "rate_limit: {interval: x, burst: 1}\n", "rate_limit: {interval: 1s, burst: many}\n",
    "rate_limit: {interval: 1s, burst: 1, foo: 1}\n",
    tls("client_auth_type: RequireAnyClientCert, client_allowed_sans: a"),
    tls("client_auth_type: VerifyClientCertIfGiven, client_ca_file: cert.pem, "
        "client_allowed_sans: [a]"),
    tls("client_allowed_sans: [a]"),
    tls("cipher_suites: [TLS_RSA_WITH_AES_128_GCM_SHA256]"),  # without forward secrecy: Go 1.22
]

# Good to promtool, refused here, and why.
STRICTER = [
    ("{}\n---\nfoo: 1\n", "a second document would be passed over"),
    (tls("client_ca_file: nonsense.pem, client_auth_type: RequireAndVerifyClientCert"),
     "without any CA nobody could connect"),
    (tls("min_version: TLS13, max_version: TLS12"), "nobody could connect"),
    (user(HASH[:-1]), "no password fits it"),
    (user(HASH + "x"), "no password fits it"),
    (user(HASH.replace(".", "!")), "no password fits it"),
    (user(HASH.replace("$2y", "$2z")), "crypt(3) does not know it"),
    (user(HASH.replace("$2y", "$2")), "crypt(3) does not know it"),
    (user(HASH.replace("$10$", "$17$")), "each attempt would take many seconds"),
    (f"basic_auth_users: {{'a:b': {HASH}}}\n", "a colon ends the name: nobody could log in"),
    (f"basic_auth_users: {{'': {HASH}}}\n", "a user needs a name"),
    (header('Content-Security-Policy: "a\\r\\nb: c"'), "it would be two headers"),
]


class Files:
    """A directory with certificates, keys and the file to be judged."""

    def __init__(self):
        self.dir = temp_dir()
        authority = Authority()
        cert, key = authority.issue("localhost", LOCAL)
        os.rename(cert, self.path("cert.pem"))
        os.rename(key, self.path("key.pem"))
        openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256",
                "-out", self.path("other.pem"))
        with open(self.path("nonsense.pem"), "w", encoding="utf-8") as f:
            f.write("nonsense\n")

    def path(self, name):
        return os.path.join(self.dir, name)

    def write(self, case, name="web.yml"):
        text = case(self.dir) if callable(case) else case
        with open(self.path(name), "w", encoding="utf-8") as f:
            f.write(text)

    def promtool(self, cases):
        """The cases that it calls good; it starts slowly, so it gets all at once."""
        names = [f"case-{i}.yml" for i in range(len(cases))]
        for case, name in zip(cases, names):
            self.write(case, name)
        done = run("promtool", "check", "web-config", *map(self.path, names), check=False)
        good = set(re.findall(r"case-(\d+)\.yml SUCCESS", done.stdout + done.stderr))
        assert good, done
        return {case for i, case in enumerate(cases) if str(i) in good}

    def ours(self):
        """Whether it is taken. If not, there is one line that names the file, and nothing secret."""
        done = start_with(self.path("web.yml"))
        assert done.returncode in (1, 2), done
        if done.returncode == 2:
            lines = done.stderr.splitlines()
            assert len(lines) == 1 and self.path("web.yml") in lines[0], done.stderr
            assert HASH[8:40] not in done.stderr, done.stderr
        else:
            assert "cannot listen" in done.stderr, done.stderr
        return done.returncode == 1


def test_files_are_judged_as_promtool_judges_them():
    files = Files()
    assert files.promtool(GOOD + BAD) == set(GOOD)
    wrong = []
    for case, good in [(case, True) for case in GOOD] + [(case, False) for case in BAD]:
        files.write(case)
        if files.ours() != good:
            wrong.append((case, good))
    assert not wrong, wrong


def test_what_newer_toolkits_know_is_known():
    files = Files()
    for case, good in [(c, True) for c in NEWER_GOOD] + [(c, False) for c in NEWER_BAD]:
        files.write(case)
        assert files.ours() == good, (case, good)


def test_files_that_could_not_work_are_refused_though_promtool_takes_them():
    files = Files()
    assert files.promtool([case for case, _ in STRICTER]) == {case for case, _ in STRICTER}
    for case, why in STRICTER:
        files.write(case)
        assert not files.ours(), (case, why)


def test_problems_name_file_line_and_what_was_meant():
    files = Files()
    for case, expected in (
            ("\ntls_server_config:\n  cert_fil: x\n", r":3: cert_fil: .*did you mean cert_file\?"),
            ("tls_sever_config: {}\n", r":1: tls_sever_config: .*did you mean tls_server_config\?"),
            ("basic_auth_users:\n  a: x\n", r":2: a: must be a bcrypt hash"),
            (TLS.replace("key.pem", "none.pem") % "", r"key_file .*none\.pem: No such file"),
            (TLS.replace("key.pem", "other.pem") % "", r"cert.*key.*mat?ch")):
        files.write(case)
        done = start_with(files.path("web.yml"))
        assert re.search(expected, done.stderr), done.stderr
    assert start_with("/nonexistent.yml").returncode == 2
