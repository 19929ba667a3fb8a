"""A campaign of faults against real workers, and the verdict: each ad exactly one record or one dead letter, and the right one.

    campaign.py [--ads N] [--seed N] [--minutes M] [--faults KIND,...] [--gap S] [--alone] [--encoder light|minilm]
                [--schedule FILE] [--report FILE] [--keep DIR]

Everything drawn by chance is drawn from the seed before it begins and printed: the same options give the same schedule, and
--schedule FILE (the printed lines) gives it again, or an edited one. README.md says what is done and how it is judged.
"""
import argparse
import json
import os
import random
import shutil
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "support"), os.path.join(HERE, "..", "trainer")]

import harness  # noqa: E402

os.environ.setdefault("SKILLSTREAM_TINY_MODEL",
                      os.path.join(os.path.dirname(harness.BIN), "tests", "trainer", "trainer_tiny_model"))
for _package in ("confluent_kafka", "google.protobuf"):
    try:
        harness.need_package(_package)
    except harness.Skip as _reason:
        print(f"SKIP: {_reason}")
        sys.exit(77)

import faults  # noqa: E402
import judge  # noqa: E402
import oracle as oracles  # noqa: E402
import pupil as pupils  # noqa: E402
from cluster import Cluster, lasting_port  # noqa: E402
from fleet import GUESTS, SLOTS, Fleet  # noqa: E402
from proxy import Proxy  # noqa: E402
from world import LIGHT, REAL, Ads, Releases  # noqa: E402

RECOVERY_S = 240  # after the last fault, for everything
USUAL_S = 0.004   # of the network each way: a transaction takes long enough to be hit
BURST_S = 0.25    # from a burst of ads to the fault: the workers are at it
QUIET_S = 8       # in which something late would show itself
PARTITIONS = 12


def options():
    parser = argparse.ArgumentParser(description="Faults against real workers; see README.md.")
    parser.add_argument("--ads", type=int, default=10000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=2.0, help="how long faults are injected")
    parser.add_argument("--gap", type=float, default=0.0, help="seconds between faults; default: each kind once in --minutes, at most 12")
    parser.add_argument("--alone", action="store_true", help="a fault waits until the one before has recovered: its own recovery time")
    parser.add_argument("--faults", default="all", help="kinds, separated by commas; -KIND leaves one out; --faults list names them")
    parser.add_argument("--encoder", choices=(LIGHT, REAL), default=LIGHT)
    parser.add_argument("--schedule", help="a file of schedule lines to replay")
    parser.add_argument("--report", help="where the table goes (Markdown) beside the output")
    parser.add_argument("--keep", help="where logs go when the verdict is bad; default: chaos-SEED beside the programs")
    return parser.parse_args()


def kinds_of(text):
    names = [name for name in text.split(",") if name]
    unknown = [name for name in names if name.lstrip("-") not in faults.KINDS and name != "all"]
    if unknown:
        sys.exit(f"unknown fault {unknown[0]}; known: {', '.join(faults.KINDS)}")
    left_out = {name[1:] for name in names if name.startswith("-")}
    named = [name for name in names if not name.startswith("-") and name != "all"]
    return [kind for kind in named or faults.KINDS if kind not in left_out]


class World:
    """Everything that runs, for faults to reach into."""

    def __init__(self, given, kinds):
        self.cluster = Cluster(ways=[*(f"w{slot}" for slot in SLOTS), GUESTS], usual=USUAL_S)
        self.topics = self.cluster.create_all(partitions=PARTITIONS)
        self.redis = harness.Redis(port=lasting_port())
        self.redis_proxy = Proxy(self.redis.port)
        self.releases = Releases(given.encoder)
        self.releases.push(self.redis)
        self.ads = Ads(given.seed, self.releases.labels)
        self.fleet = Fleet(self.cluster, self.topics, self.redis_proxy.port, self.releases)
        self.pupil = pupils.Pupil(self.cluster) if "trainer-disk" in kinds else None
        for slot in SLOTS:
            self.fleet.start(slot)
        harness.until(self.fleet.all_ready, "all workers are ready", 90)


class Happening:
    """One fault of the schedule on its way."""

    def __init__(self, line):
        self.at, self.kind, self.lasts, self.slot, self.partition = line
        self.fault = self.burst = self.injected = self.heal_at = self.healed = self.over = self.recovered = self.mark = None


class Campaign:
    def __init__(self, given, kinds, lines):
        self.given, self.lines = given, lines
        self.world = World(given, kinds)
        self.feed = oracles.Feed(self.world.cluster.bootstrap, self.world.topics.ads, self.world.ads, given.ads,
                                 max(line[0] + line[2] for line in lines))
        self.oracle = oracles.Oracle(self.world.cluster.bootstrap, self.world.topics.records, self.world.topics.letters)
        self.waiting = [Happening(line) for line in lines]
        self.happenings = []
        self.burst = given.ads // 2 // max(len(lines), 1)
        self.problems = []

    def say(self, text):
        print(f"{time.monotonic() - self.start:7.1f} s  {text}", flush=True)

    def run(self):
        self.start = time.monotonic()
        self.oracle.start()
        self.feed.start()
        while self.waiting or any(h.over is None for h in self.happenings):
            self._step()
        self.say(f"no more faults; {self.oracle.low} ads of {self.given.ads} are complete, {self.feed.sent} sent")
        self.feed.all()
        self._finish()

    def _step(self):
        now = time.monotonic()
        busy = {claim for h in self.happenings if h.over is None for claim in h.fault.taken()}
        for h in list(self.waiting):
            if now - self.start < h.at or (self.given.alone and any(o.recovered is None for o in self.happenings)):
                break
            fault = faults.KINDS[h.kind](self.world, h.slot, h.partition)
            if fault.taken() & busy:
                continue  # comes when what it needs is free
            self.waiting.remove(h)
            self.happenings.append(h)
            h.fault, h.burst = fault, now
            self.feed.burst(self.burst)
            busy |= fault.taken()
        for h in self.happenings:
            self._follow(h)
        self.world.fleet.watch(now)
        time.sleep(0.05)

    def _inject(self, h):
        h.injected = time.monotonic()
        h.heal_at = h.injected + h.lasts
        h.fault.inject()
        self.say(f"{h.kind} of {sorted(h.fault.taken())} {h.fault.note}")

    def _follow(self, h):
        now = time.monotonic()
        if h.injected is None:
            if now >= h.burst + BURST_S:
                self._inject(h)
            return
        if h.healed is None:
            if now < h.heal_at:
                h.fault.tick()
                return
            h.fault.heal()
            h.healed = time.monotonic()
        if h.over is None and h.fault.healed():
            h.over, h.mark = time.monotonic(), self.feed.sent
        if h.over is None and now - h.healed > 150:
            h.fault.problem = h.fault.problem or "not healed within 150 s"
            h.over, h.mark = now, self.feed.sent
        if h.over is not None and h.recovered is None and self.oracle.low >= h.mark:
            h.recovered = time.monotonic()
            self.say(f"    {h.kind} is over: lasted {h.over - h.injected:.1f} s, all {h.mark} ads so far complete "
                     f"{h.recovered - h.over:.1f} s later {h.fault.problem}")

    def _finish(self):
        """Until all is there, then a while longer for what should not come."""
        end = time.monotonic() + RECOVERY_S
        while time.monotonic() < end and (self.oracle.low < self.given.ads or self.feed.is_alive()):
            self._rest()
        if self.oracle.low < self.given.ads:
            self.problems.append(f"not all ads are complete {RECOVERY_S} s after the last fault")
        self.oracle_seconds = time.monotonic() - self.start
        self.say(f"{self.oracle.low} ads of {self.given.ads} are complete")
        end = time.monotonic() + QUIET_S
        while time.monotonic() < end:
            self._rest()
        self.problems += judge.lag(self.world.cluster, self.world.fleet, self.world.topics)
        for slot in SLOTS:
            self.world.fleet.stop(slot)
        harness.until(lambda: self.world.fleet.watch(time.monotonic()) or not self.world.fleet.leaving, "all workers have ended", 60)
        time.sleep(1)
        self.oracle.stop()

    def _rest(self):
        for h in self.happenings:
            self._follow(h)
        self.world.fleet.watch(time.monotonic())
        time.sleep(0.1)


def main():
    given = options()
    if given.faults == "list":
        for kind, fault in faults.KINDS.items():
            print(f"{kind:26} {fault.__doc__.strip()}")
        return 0
    kinds = kinds_of(given.faults)
    reason = pupils.why_not() if "trainer-disk" in kinds else ""
    if reason:
        kinds.remove("trainer-disk")
        print(f"left out: trainer-disk, which needs a mount namespace: {reason}")
    seconds = given.minutes * 60
    gap = given.gap or min(12.0, seconds / len(kinds))
    lines = faults.schedule(random.Random(given.seed), kinds, seconds, gap)
    if given.schedule:
        with open(given.schedule, encoding="utf-8") as file:
            lines = [tuple(json.loads(line)) for line in file if line.startswith("[")]
    print(f"seed {given.seed}, {given.ads} ads, {len(lines)} faults; the schedule (second, kind, lasts, worker, partition):")
    for line in lines:
        print(json.dumps(line))
    sys.stdout.flush()
    campaign = Campaign(given, kinds, lines)
    campaign.run()
    verdict = judge.Verdict(campaign)
    text = verdict.text()
    print(text, flush=True)
    if given.report:
        with open(given.report, "w", encoding="utf-8") as file:
            file.write(text)
    if verdict.problems:
        keep = given.keep or os.path.join(os.path.dirname(harness.BIN), f"chaos-{given.seed}")
        shutil.rmtree(keep, ignore_errors=True)
        os.makedirs(keep)
        judge.keep_logs(campaign, keep)
        print(f"logs of workers and brokers, and all that is known of each ad in question: {keep}")
        verdict.show_evidence(keep)
    return 1 if verdict.problems else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except harness.Skip as skipped:
        print(f"SKIP: {skipped}", flush=True)
        sys.exit(77)
