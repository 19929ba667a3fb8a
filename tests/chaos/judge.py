"""The verdict on a campaign: counts, an undisturbed run to compare with, the table, and the evidence when it is bad."""
import glob
import json
import os
import shutil
import statistics
import time
from collections import Counter

import harness
import oracle as oracles
from fleet import GROUP

SHOWN = 10
NEAR = 1e-4  # of scores, where the batch has a say in them


def lag(cluster, fleet, topics):
    """Problems: what the group has not committed, and what the workers themselves say of it."""
    def none_left():
        done, end = cluster.committed(GROUP, topics.ads)  # no transactions write here: no markers
        return done == end
    out = []
    try:
        harness.until(none_left, "lag 0", 30, pause=1)
    except AssertionError:
        out.append(f"lag is not 0: committed and end are {cluster.committed(GROUP, topics.ads)}")
    for slot, worker in fleet.slots.items():
        if worker.get("/metrics")[0] != 200:
            out.append(f"worker {slot} does not answer")
            continue
        lags = {name: value for name, value in worker.metrics().items()
                if name.startswith("skillstream_consumer_lag{") and value > 0}
        if lags:
            out.append(f"worker {slot} tells of a lag: {lags}")
    return out


def calm(world, name, count):
    """Number -> (is a record, value, headers) of an undisturbed run of the same ads with release `name`."""
    records, letters = f"calm-{name}-records", f"calm-{name}-letters"
    world.cluster.create(records, letters, partitions=12)
    worker = harness.Worker(world.cluster, harness.Topics(world.topics.ads, records, letters),
                            ["--group", f"calm-{name}", "--release", world.releases.files[name], "--batch-ads", 256])
    reader = oracles.Oracle(world.cluster.bootstrap, records, letters)
    reader.start()
    harness.until(lambda: reader.low >= count or worker.process.poll() is not None, "the undisturbed run", 60 + count / 100, 0.2)
    worker.terminate()
    reader.stop()
    return {number: found[0] for number, found in reader.seen.items()}


class Verdict:
    def __init__(self, campaign):
        self.campaign, self.world, self.oracle = campaign, campaign.world, campaign.oracle
        self.problems = list(campaign.problems) + list(self.world.fleet.problems)
        self.records = self.world.topics.records
        self.wrong = []
        wanted = range(campaign.given.ads)
        self.lost = [n for n in wanted if n not in self.oracle.seen]
        self.doubled = [n for n, found in self.oracle.seen.items() if len(found) > 1]
        self._count()
        self._input()
        self._later_reader()
        self._compare()
        self._others()

    def _count(self):
        if self.lost:
            self.problems.append(f"{len(self.lost)} ads are lost: {self.lost[:SHOWN]}")
        if self.doubled:
            self.problems.append(f"{len(self.doubled)} ads came more than once: {self.doubled[:SHOWN]}")
        if self.oracle.strange:
            self.problems.append(f"keys that no ad has: {self.oracle.strange[:SHOWN]}")
        kind = [n for n, found in self.oracle.seen.items()
                if (found[0].topic != self.records) != self.world.ads.is_broken(n)]
        if kind:
            self.problems.append(f"records where dead letters should be, or the reverse: {kind[:SHOWN]}")

    def _input(self):
        """The feed itself: each ad stands once in the topic."""
        found = Counter(m.key() for m in self.world.cluster.read(self.world.topics.ads, timeout=120))
        twice = [key for key, times in found.items() if times > 1]
        if len(found) != self.campaign.given.ads or twice or self.campaign.feed.failures:
            self.problems.append(f"the test's own publisher: {len(found)} ads in the topic, doubled {twice[:SHOWN]}, "
                                 f"failed {self.campaign.feed.failures[:SHOWN]}")

    def _later_reader(self):
        """What a reader sees that comes when all is over is what was seen while it happened."""
        self.hidden = 0
        for topic in (self.records, self.world.topics.letters):
            later = oracles.places(self.world.cluster.read(topic, timeout=120))
            then = oracles.seen_places(self.oracle, topic)
            if later != then:
                self.problems.append(f"{topic}: a later reader sees {len(later - then)} messages that were not seen before, "
                                     f"and misses {len(then - later)}: {sorted(later ^ then)[:SHOWN]}")
            self.hidden += oracles.count_with_aborted(self.world.cluster.bootstrap, topic) - len(later)

    def _compare(self):
        parse = harness.protos()[1].SkillRecord.FromString
        undisturbed = {name: calm(self.world, name, self.campaign.given.ads) for name in "ab"}
        self.used = Counter()
        for number, found in self.oracle.seen.items():
            seen = found[0]
            if seen.topic == self.records:
                record = parse(seen.value)
                name = self.world.releases.name_of(record.release)
                self.used[name] += 1
            else:
                record, name = None, "a"
            right = undisturbed[name].get(number) if name else None
            if right is None or not self._same(seen, right, record, parse):
                self.wrong.append((number, seen, right))
        if self.wrong:
            self.problems.append(f"{len(self.wrong)} records or letters are not those of an undisturbed run: "
                                 f"{[n for n, _, _ in self.wrong[:SHOWN]]}")

    def _same(self, seen, right, record, parse):
        if record is None:
            return right.topic.endswith("letters") and (seen.value, _plain(seen.headers)) == (right.value, _plain(right.headers))
        if not right.topic.endswith("records") or seen.headers != right.headers:
            return False
        if self.world.releases.exact:
            return seen.value == right.value
        return _close(record, parse(right.value))

    def _others(self):
        if self.oracle.error:
            self.problems.append(f"the reader: {self.oracle.error}")
        for h in self.campaign.happenings:
            if h.fault.problem:
                self.problems.append(f"{h.kind}: {h.fault.problem}")
        if self.world.pupil:
            self.problems += self.world.pupil.verdict()

    # ---- the report ----

    def _charged(self, h):
        """Ads lost or doubled while this fault was at work or being recovered from."""
        start, end = h.injected, h.recovered or float("inf")
        times = self.campaign.feed.times
        lost = sum(times.get(n, 0) <= end and times.get(n, 0) >= start - 5 for n in self.lost)
        doubled = sum(any(start <= s.when <= end for s in self.oracle.seen[n][1:]) for n in self.doubled)
        return lost, doubled

    def _row(self, kind):
        mine = [h for h in self.campaign.happenings if h.kind == kind]
        charged = [self._charged(h) for h in mine]
        took = [h.recovered - h.over for h in mine if h.recovered]
        lasted = statistics.median(h.over - h.injected for h in mine)
        never = sum(h.recovered is None for h in mine)
        recovery = f"{statistics.median(took):.1f} | {max(took):.1f}" if took else "- | -"
        return (f"| {kind} | {len(mine)} | {lasted:.1f} | {sum(l for l, _ in charged)} | {sum(d for _, d in charged)} | "
                f"{recovery}{f' ({never} never)' if never else ''} |")

    def text(self):
        c, seen = self.campaign, self.oracle.seen
        records = sum(found[0].topic == self.records for found in seen.values())
        kinds = sorted({h.kind for h in c.happenings})
        ended = [f"{who} with {code}" for _, who, code, _ in self.world.fleet.ended]
        lines = ["", "| fault | times | lasted, s (median) | lost | duplicate | recovery, s (median) | (most) |",
                 "| --- | ---: | ---: | ---: | ---: | ---: | ---: |", *(self._row(kind) for kind in kinds),
                 f"| **all** | **{len(c.happenings)}** | | **{len(self.lost)}** | **{len(self.doubled)}** | | |", "",
                 f"seed {c.given.seed}, {c.given.ads} ads in {c.oracle_seconds:.0f} s: {records} records, {len(seen) - records} dead letters; "
                 f"{self.hidden} messages of aborted transactions, none of them visible.",
                 f"Compared with an undisturbed run ({'byte for byte' if self.world.releases.exact else f'scores within {NEAR}'}): "
                 f"{len(seen) - len(self.wrong)} the same, {len(self.wrong)} not; by release: {dict(self.used)}.",
                 f"{self.world.fleet.started} workers were started; ended by themselves and started again: {', '.join(ended) or 'none'}.", ""]
        notes = Counter(f"{h.kind}: {h.fault.note}" for h in c.happenings if h.kind == "worker-twin")
        lines += [f"{note} ({times} times)" for note, times in notes.items()]
        lines += [f"PROBLEM: {problem}" for problem in self.problems]
        lines.append("VERDICT: " + ("bad" if self.problems else "every ad exactly once, and as without faults"))
        return "\n".join(lines) + "\n"

    def show_evidence(self, keep):
        """Prints what is known of the first ads in question; all of them stand in KEEP/ads.jsonl."""
        asked = self.lost + self.doubled + [n for n, _, _ in self.wrong]
        with open(os.path.join(keep, "ads.jsonl"), "w", encoding="utf-8") as out:
            for number in asked:
                out.write(json.dumps(self._known(number)) + "\n")
        for number in asked[:SHOWN]:
            print(json.dumps(self._known(number), indent=1))
        for slot, worker in self.world.fleet.slots.items():
            print(f"---- worker {slot}, {os.path.basename(worker.log)}\n{harness.tail(worker.log, 25)}")

    def _known(self, number):
        start, c = self.campaign.start, self.campaign
        partition, offset = c.feed.placed.get(number, (None, None))
        sent = c.feed.times.get(number, start) - start
        seen = [{"topic": s.topic, "partition": s.partition, "offset": s.offset, "at": round(s.when - start, 2)}
                for s in self.oracle.seen.get(number, [])]
        moments = [sent] + [s["at"] for s in seen]
        around = [{"kind": h.kind, "slot": h.slot, "note": h.fault.note, "from": round(h.injected - start, 1),
                   "to": round(h.over - start, 1)} for h in c.happenings
                  if any(h.injected - start - 5 <= at <= (h.recovered or time.monotonic()) - start + 5 for at in moments)]
        return {"ad": number, "partition": partition, "offset": offset, "sent": round(sent, 2), "seen": seen, "faults": around}


def _plain(headers):
    return sorted((name, value) for name, value in headers or [] if name != "skillstream-attempt")


def _close(one, other):
    """The same but for scores that differ little and mentions that a threshold may have let in or not."""
    def key(m):
        return (m.skill_uri, m.sentence_index, m.begin, m.end)
    ours, theirs = {key(m): m for m in one.mentions}, {key(m): m for m in other.mentions}
    bar = min((m.probability for m in [*one.mentions, *other.mentions]), default=0)
    for k in ours.keys() & theirs.keys():
        if abs(ours[k].score - theirs[k].score) > NEAR or abs(ours[k].probability - theirs[k].probability) > 10 * NEAR:
            return False
    odd = [ours.get(k) or theirs.get(k) for k in ours.keys() ^ theirs.keys()]
    return one.ad_id == other.ad_id and one.source == other.source and all(m.probability - bar < NEAR for m in odd)


def keep_logs(campaign, folder):
    for path in glob.glob(os.path.join(harness.scratch(), "*.log")):
        shutil.copy(path, folder)
    for number in campaign.world.cluster.nodes:
        for path in glob.glob(campaign.world.cluster.log(number) + "*"):
            shutil.copy(path, os.path.join(folder, f"node-{number}-{os.path.basename(path)}"))
