"""The workers of a campaign: three slots, each with its own way to the brokers, and a supervisor as an orchestrator is.

All of it is called from the main thread: a process ends with the thread that started it (see harness.spawn).
"""
import signal
import time

import harness

SLOTS = (1, 2, 3)
GUESTS = "guests"  # the way of those that come and go
SESSION_MS = 6000
GROUP = "chaos"


class Address:
    """A Redis's URL, through its proxy."""

    def __init__(self, port):
        self.url = f"redis://127.0.0.1:{port}/0"


class Fleet:
    def __init__(self, cluster, topics, redis_port, releases, options=()):
        self.cluster, self.topics, self.releases = cluster, topics, releases
        self.redis = Address(redis_port)
        self.options = list(options)
        self.slots = {}
        self.down = set()     # slots that a fault keeps down
        self.retry_at = {}
        self.ended = []       # (when, instance, exit code, log) of workers that ended by themselves
        self.leaving = []     # (worker, since, exit codes that are right) of those that got SIGTERM
        self.problems = []
        self.started = 0

    def instance(self, slot):
        return f"chaos-{slot}"

    def worker(self, slot=None, instance=None):
        """Starts one: for a slot, or a further one."""
        self.started += 1
        options = ["--group", GROUP, "--batch-ads", 8, "--linger", "20ms", "--poll-release", "500ms",
                   "--cache-memory", "256K", "--kafka", f"session.timeout.ms={SESSION_MS}",
                   "--kafka", "heartbeat.interval.ms=1500", "--kafka", "socket.timeout.ms=10000", *self.options]
        if slot in (None, 1):  # the others need Redis to start
            options += ["--release", self.releases.files[self.releases.current]]
        return harness.Worker(self.cluster, self.topics, options, redis=self.redis,
                              instance=instance or self.instance(slot),
                              bootstrap=self.cluster.way(f"w{slot}" if slot else GUESTS))

    def start(self, slot):
        self.slots[slot] = self.worker(slot)
        self.down.discard(slot)

    def kill(self, slot):
        self.down.add(slot)
        self.slots[slot].kill()

    def stop(self, slot):
        """SIGTERM; the slot stays down, the worker is watched until it has ended."""
        self.down.add(slot)
        self.leave(self.slots[slot])

    def leave(self, worker, codes=(0,)):
        """SIGTERM; codes: the exit codes that are right."""
        if worker.process.poll() is None:
            worker.process.terminate()
            self.leaving.append((worker, time.monotonic(), codes))

    def signal(self, slot, number):
        if self.slots[slot].process.poll() is None:
            self.slots[slot].process.send_signal(number)

    def freeze(self, slot):
        self.signal(slot, signal.SIGSTOP)

    def thaw(self, slot):
        self.signal(slot, signal.SIGCONT)

    def has_left(self, worker):
        return all(worker is not w for w, *_ in self.leaving)

    def watch(self, now):
        """Starts again what ended by itself; judges what was asked to end."""
        for entry in list(self.leaving):
            worker, since, codes = entry
            code = worker.process.poll()
            if code is None and now - since < 40:
                continue
            self.leaving.remove(entry)
            if code not in codes or now - since > 26:
                self.problems.append(f"SIGTERM: exit code {code} after {now - since:.1f} s: {worker.log}")
            if code is None:
                worker.kill()
        for slot, worker in list(self.slots.items()):
            if slot in self.down or worker.process.poll() is None:
                continue
            if slot not in self.retry_at:
                self.ended.append((now, self.instance(slot), worker.process.returncode, worker.log))
                self.retry_at[slot] = now + 1
            elif now >= self.retry_at[slot]:
                del self.retry_at[slot]
                self.start(slot)

    def all_ready(self):
        return all(worker.process.poll() is None and worker.get("/ready")[0] == 200 for worker in self.slots.values())
