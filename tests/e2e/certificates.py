"""Certificate authorities and certificates for the tests of TLS, made by the openssl program."""

import os
import re
import ssl

from harness import run, temp_dir

KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")


def first_expiry(path):
    """When the first of the certificates in a file expires, in seconds of the epoch."""
    with open(path, encoding="ascii") as f:
        blocks = re.findall("-----BEGIN CERT.*?-----END CERT[^\n]*", f.read(), re.DOTALL)
    ends = [run("openssl", "x509", "-noout", "-enddate", input=block).stdout for block in blocks]
    return min(ssl.cert_time_to_seconds(end.strip().split("=")[1]) for end in ends)


class Pair:
    """The files of a certificate and of its key."""

    def __init__(self, path):
        self.cert, self.key = path + ".pem", path + ".key"


class Authority(Pair):
    def __init__(self, name="test authority"):
        self.dir, self.issued = temp_dir(), 0
        super().__init__(os.path.join(self.dir, "ca"))
        run("openssl", "req", "-x509", *KEY, "-subj", f"/CN={name}", "-days", "2",
            "-addext", "keyUsage=critical,keyCertSign,cRLSign",  # Python 3.13 insists on it
            "-keyout", self.key, "-out", self.cert)

    def issue(self, *names, days=2, name="server"):
        """A certificate for these names, such as DNS:localhost or IP:127.0.0.1."""
        self.issued += 1
        pair = Pair(os.path.join(self.dir, f"{self.issued}"))
        san = ["-addext", "subjectAltName=" + ",".join(names)] if names else []
        run("openssl", "req", "-new", *KEY, "-subj", f"/CN={name}", *san,
            "-keyout", pair.key, "-out", pair.cert + ".csr")
        run("openssl", "x509", "-req", "-in", pair.cert + ".csr", "-CA", self.cert,
            "-CAkey", self.key, "-CAcreateserial", "-copy_extensions", "copy",
            "-days", str(days), "-out", pair.cert)
        return pair

    def server_config(self, pair):
        """For RedisNode."""
        return {"tls_cert_file": pair.cert, "tls_key_file": pair.key, "tls_ca_cert_file": self.cert}

    def client(self, pair=None):
        """What the test's own client needs, as pair where the server wants one."""
        context = ssl.create_default_context(cafile=self.cert)
        context.check_hostname = False
        if pair:
            context.load_cert_chain(pair.cert, pair.key)
        return context
