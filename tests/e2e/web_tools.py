"""What the tests of --web.config.file share: certificates, an exporter with such a file, clients."""

import base64
import ctypes
import http.client
import os
import random
import ssl
import string
import textwrap
import time

from harness import EXPORTER, Exporter, Response, clean_env, run, temp_dir, wait

_crypt = ctypes.CDLL("libcrypt.so.1").crypt
_crypt.restype = ctypes.c_char_p


def bcrypt(password, cost=4):
    """A hash; with the least cost it is quick to compare."""
    salt = "".join(random.choices(string.ascii_letters + string.digits, k=22))
    return _crypt(password.encode(), f"$2b${cost:02}${salt}".encode()).decode()


def basic(user, password):
    text = base64.b64encode(f"{user}:{password}".encode()).decode()
    return {"Authorization": f"Basic {text}"}


class Authority:
    """A CA in a directory of its own; gives paths of certificates and keys."""

    def __init__(self, name="ca"):
        self.dir = temp_dir()
        self.cert, self.key = self.path("ca.pem"), self.path("ca.key")
        openssl("req", "-x509", *EC, "-nodes", "-keyout", self.key, "-out", self.cert,
                "-days", "2", "-subj", f"/CN={name}",
                "-addext", "keyUsage=critical,keyCertSign,cRLSign")

    def path(self, name):
        return os.path.join(self.dir, name)

    def issue(self, name, san="", usage="serverAuth,clientAuth", days=2, key=None):
        """A pair (certificate, key); with 0 days it has expired."""
        cert, own_key, request = (self.path(name + end) for end in (".pem", ".key", ".csr"))
        openssl("req", *(key or EC), "-nodes", "-keyout", own_key, "-out", request,
                "-subj", f"/CN={name}")
        with open(self.path(name + ".ext"), "w", encoding="utf-8") as f:
            f.write(f"extendedKeyUsage={usage}\nauthorityKeyIdentifier=keyid\n")
            f.write(f"subjectAltName={san}\n" if san else "")
        openssl("x509", "-req", "-in", request, "-CA", self.cert, "-CAkey", self.key,
                "-CAcreateserial", "-out", cert, *validity(days),
                "-extfile", self.path(name + ".ext"))
        wait(lambda: days or run("openssl", "x509", "-checkend", "-1", "-in", cert,
                                 check=False).returncode, "it has expired")
        return cert, own_key


def validity(days):
    """Flags for a certificate that ends in so many days; OpenSSL 3.5 takes no negative number."""
    version = run("openssl", "version").stdout.split()[1].split(".")
    if days > 0 or (int(version[0]), int(version[1])) < (3, 4):
        return "-days", str(days)
    return "-not_before", "20200101000000Z", "-not_after", "20200102000000Z"


EC = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256")
RSA = ("-newkey", "rsa:2048")
LOCAL = "DNS:localhost,IP:127.0.0.1"


def openssl(*args):
    return run("openssl", *args).stdout


class WebExporter(Exporter):
    """An exporter with a web configuration; `pair` is its certificate and key, if it has TLS."""

    def __init__(self, seeds, config, ca=None, *flags, ready=True, user=None, client=None):
        self.dir, self.ca, self.user, self.client = temp_dir(), ca, user, client
        self.config = os.path.join(self.dir, "web.yml")
        self.write(config)
        super().__init__(seeds, f"--web.config.file={self.config}", "--log.level=debug", *flags,
                         ready=False)
        if ready:
            wait(lambda: not self.alive() or self.ask("/-/healthy").status == 200, "healthy")
            assert self.alive(), f"exporter ended: {self.output()}"

    def write(self, config):
        """All at once, as a careful tool does."""
        fresh = self.config + ".new"
        with open(fresh, "w", encoding="utf-8") as f:
            f.write(textwrap.dedent(config))
        os.replace(fresh, self.config)

    def context(self, client=None):
        context = ssl.create_default_context(cafile=self.ca.cert)
        client = client or self.client
        if client:
            context.load_cert_chain(*client)
        return context

    def connect(self, client=None, context=None):
        if not self.ca:
            return http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        return http.client.HTTPSConnection("127.0.0.1", self.port, timeout=30,
                                           context=context or self.context(client))

    def ask(self, path, user=None, headers=None, method="GET", client=None, context=None):
        """As Exporter.get; `user` is a pair of name and password, client one of files."""
        user = user or self.user
        began = time.monotonic()
        conn = self.connect(client, context)
        try:
            conn.request(method, path, headers={**(basic(*user) if user else {}),
                                                **(headers or {})})
            got = conn.getresponse()
            return Response(got.status, got.headers, got.read(), time.monotonic() - began)
        finally:
            conn.close()

    def comparisons(self):
        """How many passwords were compared with a hash so far."""
        return self.output().count("compared a password")


def start_with(config_path, *flags):
    """Exit status and output of an exporter that cannot listen: 1 if it got that far."""
    return run(EXPORTER, f"--web.config.file={config_path}",
               "--web.listen-address=unix:/nonexistent/socket", *flags, check=False,
               env=clean_env(None))
