"""What the security tests share: a real broker with guarded listeners, secrets, programs that must be refused."""
import json
import os
import re
import time

import certificates
import harness

# Distinctive, so that a leak is found by searching; with the characters that quoting and URLs stumble over.
PASSWORD, WRONG = "kafka-Pw;7%/@x", "kafka-Wr0ng;%/@x"
REDIS_PASSWORD, REDIS_WRONG = "redis-Pw:7%/@x", "redis-Wr0ng:%/@x"
LLM_KEY = "sk-security-8712345"
SECRETS = (PASSWORD, WRONG, REDIS_PASSWORD, REDIS_WRONG, LLM_KEY, "redis-Pw", "redis-Wr0ng", "kafka-Pw", "kafka-Wr0ng")
PROGRAM = {name: os.path.join(harness.BIN, name)
           for name in ("skillstream", "skillstream-worker", "skillstream-trainer", "skillstream-producer")}
KAFKA_CASES = ("good", "expired", "elsewhere", "stranger")


class Broker(harness.Kafka):
    """A listener for each certificate, once with SCRAM (SASL_SSL) and once without (SSL); one that asks for a client's
    certificate. User "app" may do all, user "guest" nothing."""

    def __init__(self):
        self.authority, self.shown = certificates.servers()
        names = [("sasl" + c, "SASL_SSL", c) for c in KAFKA_CASES] + [("tls" + c, "SSL", c) for c in KAFKA_CASES]
        names.append(("mutual", "SSL", "good"))
        self.ports = {name: harness.free_port() for name, _, _ in names}
        extra = ["sasl.enabled.mechanisms=SCRAM-SHA-256,SCRAM-SHA-512,PLAIN", "ssl.truststore.type=PEM",
                 f"ssl.truststore.location={self.authority.file}",
                 "authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer",
                 "super.users=User:ANONYMOUS;User:app;User:CN=client"]
        for name, protocol, case in names:
            prefix = f"listener.name.{name}."
            extra += [prefix + "ssl.keystore.type=PEM", prefix + "ssl.keystore.location=" + self.shown[case].both]
            if protocol == "SASL_SSL":
                extra += [f"{prefix}{m}.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;"
                          for m in ("scram-sha-256", "scram-sha-512")]
                extra.append(f"{prefix}plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule "
                             f'required user_app="{PASSWORD}" user_guest="{PASSWORD}";')
        extra.append("listener.name.mutual.ssl.client.auth=required")
        users = [f"SCRAM-SHA-{bits}=[name={user},password={PASSWORD}]" for bits in (256, 512) for user in ("app", "guest")]
        super().__init__(extra="\n".join(extra), scram="\n".join(users),
                         listeners=" ".join(f"{name.upper()}:{protocol}:{self.ports[name]}" for name, protocol, _ in names))

    def at(self, name):
        return f"127.0.0.1:{self.ports[name]}"

    def settings(self, password=PASSWORD, user="app", mechanism="PLAIN", protocol="SASL_SSL", ca=True):
        """librdkafka settings of a client."""
        found = [f"security.protocol={protocol}"]
        if ca:
            found.append("ssl.ca.location=" + self.authority.file)
        if protocol == "SASL_SSL":
            found += [f"sasl.mechanism={mechanism}", f"sasl.username={user}", f"sasl.password={password}"]
        return found


def config_file(name, **keys):
    """A configuration file; a list gives its key several times."""
    path = os.path.join(harness.scratch(), name)
    with open(path, "w") as out:
        os.fchmod(out.fileno(), 0o600)
        for key, value in keys.items():
            for one in value if isinstance(value, list) else [value]:
                print(f'{key.replace("_", "-")} = "{one}"', file=out)
    return path


def environment(**more):
    """The environment without what tests/run exports for the tests."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("SKILLSTREAM_")}
    return {**own, **more}


def librdkafka_version():
    """Of the library that the programs find, as a tuple."""
    text = harness.skillstream("--version").stdout
    return tuple(map(int, re.search(r"librdkafka (\d+)\.(\d+)\.(\d+)", text).groups()))


def scram_environment():
    """Variables with which the programs find a librdkafka that can do SCRAM with Kafka 4. Before 2.6.1 (Debian 12) it
    cannot, and the one of the Python client, from the same maker and of the same ABI, takes its place."""
    if librdkafka_version() >= (2, 6, 1):
        return {}
    import confluent_kafka
    libraries = os.path.join(os.path.dirname(os.path.dirname(confluent_kafka.__file__)), "confluent_kafka.libs")
    folder = os.path.join(harness.scratch(), "librdkafka")
    if not os.path.isdir(folder):
        os.makedirs(folder)
        for name in os.listdir(libraries):
            os.symlink(os.path.join(libraries, name), os.path.join(folder, name))
        (own,) = [name for name in os.listdir(libraries) if name.startswith("librdkafka-")]
        os.symlink(os.path.join(libraries, own), os.path.join(folder, "librdkafka.so.1"))
    return {"LD_LIBRARY_PATH": folder}


def no_secret(text, where):
    for secret in SECRETS:
        assert secret not in text, f"{where} holds the secret {secret!r}:\n{text[-2000:]}"


def refused(command, words, code=1, limit=30, env=None):
    """Runs a program that must end by itself with `code` and one line that holds `words`; returns the line."""
    start = time.monotonic()
    log = os.path.join(harness.scratch(), "refused.log")
    with open(log, "wb") as out:
        process = harness.spawn(command, stdout=out, stderr=out, env=env or environment())
        try:
            found = process.wait(limit)
        except Exception:
            process.kill()
            raise AssertionError(f"{command[0]}: still running after {limit} s\n{harness.tail(log)}") from None
    seconds, text = time.monotonic() - start, open(log, errors="replace").read()
    assert found == code, f"{command}: exit code {found}, not {code}\n{text}"
    no_secret(text, command[0])
    lines = [line for line in text.splitlines() if all(re.search(word, line, re.I) for word in words)]
    assert lines, f"{command[0]}: no line with {words}\n{text}"
    name = os.path.basename(command[0]) + (" " + command[1] if command[0].endswith("/skillstream") else "")
    print(f"        {name}: exit {found} after {seconds:.1f} s: {as_text(lines[-1])}", flush=True)
    return lines[-1]


def as_text(line):
    try:
        event = json.loads(line)
        return event.get("why") or event["message"]
    except ValueError:
        return line


def nothing_leaks(worker, spared=()):
    """Log, HTTP pages and process title of a running harness.Worker."""
    for path in ("/metrics", "/ready", "/live"):
        no_secret(worker.get(path)[1], path)
    no_secret(open(worker.log, errors="replace").read(), worker.log)
    with open(f"/proc/{worker.process.pid}/cmdline", "rb") as file:
        title = file.read().decode()
    no_secret(title, "the process title")
    limits = open(f"/proc/{worker.process.pid}/limits").read()
    assert re.search(r"Max core file size +0 +0 ", limits), limits


class Daemon(harness.Worker):
    """Another program that serves /metrics, with a core limit as a careless administrator sets it."""

    def __init__(self, name, *options, env=None):
        harness.Worker.count += 1
        self.log, self.port = os.path.join(harness.scratch(), f"{name}-{harness.Worker.count}.log"), harness.free_port()
        self.command = ["sh", "-c", 'ulimit -c unlimited 2>/dev/null; exec "$@"', "sh", PROGRAM[name], "--http",
                        f"127.0.0.1:{self.port}", "--log-format", "json", *map(str, options)]
        self.file = open(self.log, "wb")
        self.process = harness.spawn(self.command, stdout=self.file, stderr=self.file, env=environment(**(env or {})))
