"""Certificates for tests, made by openssl: authorities of their own, and server certificates that are right or wrong."""
import os
import shutil

import harness

CONFIG = """\
[ca]
default_ca = here
[here]
database = {folder}/index.txt
new_certs_dir = {folder}
serial = {folder}/serial
default_md = sha256
policy = any
unique_subject = no
[any]
commonName = supplied
"""


class Authority:
    """A certificate authority. `file` is its certificate, to be trusted."""

    def __init__(self, name):
        if not shutil.which("openssl"):
            raise harness.Skip("openssl is missing; compose/install installs it")
        self.name, self.folder = name, os.path.join(harness.scratch(), "ca-" + name)
        os.makedirs(self.folder)
        self.file, self.key = self.path("ca.pem"), self.path("ca.key")
        self.write("ca.cnf", CONFIG.format(folder=self.folder))
        self.write("index.txt", "")
        self.write("serial", "01\n")
        harness.run("openssl", "req", "-x509", *self.new_key(self.key), "-days", "3", "-subj", f"/CN=test authority {name}",
                    "-addext", "keyUsage=critical,keyCertSign,cRLSign", "-out", self.file)

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, text):
        with open(self.path(name), "w") as out:
            out.write(text)
        return self.path(name)

    @staticmethod
    def new_key(path):
        return ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", path]

    def issue(self, name, names="IP:127.0.0.1,DNS:localhost", expired=False):
        """A certificate for `names`; returns it."""
        certificate = Certificate(self, name)
        extensions = self.write(name + ".ext", f"subjectAltName={names}\nbasicConstraints=CA:FALSE\n")
        dates = ["-startdate", "20200101000000Z", "-enddate", "20200201000000Z"] if expired else ["-days", "2"]
        request = self.path(name + ".csr")
        harness.run("openssl", "req", "-new", *self.new_key(certificate.key), "-subj", f"/CN={name}", "-out", request)
        harness.run("openssl", "ca", "-batch", "-notext", "-config", self.path("ca.cnf"), "-cert", self.file, "-keyfile",
                    self.key, "-extfile", extensions, *dates, "-in", request, "-out", certificate.file)
        with open(certificate.key) as key, open(certificate.file) as chain, open(certificate.both, "w") as out:
            out.write(key.read() + chain.read())
        return certificate


class Certificate:
    """Files: `file`, `key`, and `both` in one, as Kafka's PEM key stores are."""

    def __init__(self, authority, name):
        self.authority, self.name = authority, name
        self.file, self.key, self.both = (authority.path(name + end) for end in (".pem", ".key", ".both.pem"))


def servers(name=""):
    """What a server may show: (the authority that clients trust, {case: certificate}). `name` tells several apart."""
    ours, other = Authority(name + "ours"), Authority(name + "other")
    return ours, {
        "good": ours.issue("good"),
        "expired": ours.issue("expired", expired=True),
        "elsewhere": ours.issue("elsewhere", names="DNS:other.example,IP:192.0.2.1"),
        "stranger": other.issue("stranger"),
    }
