"""What the tests of `skillstream inspect` share: the program, requests byte for byte, and a release with hostile labels."""
import csv
import http.client
import json
import os
import re

import harness as h

EVIL = '<script>window.hit = 1</script><img src=x onerror="window.hit = 1">'
EVIL_SKILLS = [("http://example.org/one", EVIL), ("javascript:window.hit=1", "scripted address"),
               ("http://example.org/\"onmouseover=\"x", "weld <b>steel</b>"), ("http://example.org/two", "project management")]


def evil_release():
    """A release whose taxonomy tries to be markup."""
    path = os.path.join(h.scratch(), "evil.release")
    if not os.path.exists(path):
        h.release("a")  # skips when the encoder is missing
        skills = os.path.join(h.scratch(), "evil.csv")
        with open(skills, "w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(["id", "label", "type"])
            writer.writerows((uri, label, EVIL) for uri, label in EVIL_SKILLS)
        h.skillstream("index", "--encoder", h.MODEL, "--taxonomy", skills, "--name", EVIL[:60], "--out", path, "--threads", 1)
    return path


class Inspector:
    """A `skillstream inspect` on a free port. self.errors holds what it says on stderr."""
    count = 0

    def __init__(self, *options):
        Inspector.count += 1
        self.errors = os.path.join(h.scratch(), f"inspect-{Inspector.count}.err")
        out = os.path.join(h.scratch(), f"inspect-{Inspector.count}.out")
        with open(out, "wb") as stdout, open(self.errors, "wb") as stderr:
            self.process = h.spawn([os.path.join(h.BIN, "skillstream"), "inspect", "--http", "127.0.0.1:0", "--threads", "1",
                                    *map(str, options)], stdout=stdout, stderr=stderr)

        def says_where():
            if self.process.poll() is not None:
                raise AssertionError(f"it ended with {self.process.returncode}:\n{h.tail(self.errors)}")
            return re.search(r"^http://127\.0\.0\.1:(\d+)/$", open(out).read(), re.M)
        self.port = int(h.until(says_where, "it says where its page is", 60).group(1))
        self.url = f"http://127.0.0.1:{self.port}/"

    def ask(self, method, path, body=None, headers=None):
        """(status, headers, text); headers as given, with Host and Content-Length added where they are not."""
        given = dict(headers or {})
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.putrequest(method, path, skip_host="Host" in given, skip_accept_encoding=True)
        if body is not None and "Content-Length" not in given:
            given["Content-Length"] = str(len(body))
        for name, value in given.items():
            connection.putheader(name, value)
        try:
            connection.endheaders(body)
        except (BrokenPipeError, ConnectionResetError):
            pass  # it may refuse before it has read all
        answer = connection.getresponse()
        text = answer.read().decode()
        connection.close()
        return answer.status, dict(answer.getheaders()), text

    def get(self, path):
        status, _, text = self.ask("GET", path)
        assert status == 200, (path, status, text)
        return json.loads(text)

    def post(self, ad):
        """(status, text)."""
        body = ad if isinstance(ad, bytes) else json.dumps(ad).encode()
        status, _, text = self.ask("POST", "/api/extract", body, {"Content-Type": "application/json"})
        return status, text

    def records(self, ad):
        """What each release found."""
        status, text = self.post(ad)
        assert status == 200, (status, text)
        return [result["record"] for result in json.loads(text)["results"]]

    def end(self):
        """SIGTERM; the exit code."""
        self.process.terminate()
        return self.process.wait(30)


def evil_record(number=1):
    """A SkillRecord whose every text tries to be markup, as bytes."""
    record = h.protos()[1].SkillRecord(ad_id=f"{EVIL}{number}", title=f"{EVIL} title {number}", release="ab" * 32,
                                       sentence_count=1, employer=EVIL, location=EVIL)
    for uri, label in EVIL_SKILLS:
        record.mentions.add(skill_uri=uri, label=label, score=0.5, probability=0.75, skill_type=EVIL)
    return record.SerializeToString()
