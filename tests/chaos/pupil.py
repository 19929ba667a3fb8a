"""The trainer of a campaign: skillstream-trainer with its state on a small disk of its own that can be filled.

The disk is a tmpfs in a mount namespace that only the trainer is in; it is reached through /proc/PID/root.
"""
import os
import subprocess

import harness
import tiny
import trainer

DISK = 8 << 20
RECIPE = tiny.RECIPE.replace("epochs = 30", "epochs = 60")
INSIDE = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c",
          f'mount -t tmpfs -o size={DISK} none "$0" && exec setpriv --pdeathsig KILL "$@"']


def why_not():
    """Why this machine cannot give the trainer a disk of its own; "" = it can."""
    try:
        done = subprocess.run(["unshare", "--user", "--map-root-user", "--mount", "mount", "-t", "tmpfs", "none", "/mnt"],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=20)
    except (OSError, subprocess.TimeoutExpired) as failure:
        return str(failure)
    return done.stderr.strip() if done.returncode else ""


class Pupil:
    def __init__(self, cluster):
        self.cluster = cluster
        self.world = tiny.World(os.path.join(harness.scratch(), "pupil"), seed=3, recipe=RECIPE)
        trainer.create_topics(cluster, "p-")
        self.lines, self.published = self.world.lines(), 0
        state = self.world.path("state")
        os.makedirs(state)
        self.trainer = trainer.Trainer(self.world, cluster, state,
                                       ["--train-after", "60", "--threads", "1", "--keep-runs", "1"], prefix="p-",
                                       inside=[*INSIDE, state])
        self.trainer.ready(60)
        self.state = f"/proc/{self.trainer.process.pid}/root{state}"

    def fill(self):
        with open(os.path.join(self.state, "filler"), "wb", buffering=0) as file:
            try:
                while True:
                    file.write(bytes(4096))
            except OSError:
                pass

    def empty(self):
        os.remove(os.path.join(self.state, "filler"))

    def publish(self, count):
        more = self.lines[self.published:self.published + count]
        self.cluster.publish("p-" + trainer.IN, trainer.messages(more))
        self.published += len(more)

    def has_ended(self):
        return self.trainer.process.poll() is not None

    def has_all(self):
        status, _ = self.trainer.get("/metrics")
        return status == 200 and self.trainer.metrics().get("skillstream_pair_log_pairs", 0) >= self.published

    def verdict(self):
        """Problems: every pair once, in order, in the log."""
        if self.has_ended():
            return [f"the trainer ended with {self.trainer.process.returncode}: {harness.tail(self.trainer.log)}"]
        stored = trainer.pairs_of_log(self.state)
        wanted = [sentence for _, sentence in self.world.examples][:self.published]
        told = "ENOSPC" in open(self.trainer.log).read() or "No space" in open(self.trainer.log).read()
        out = [] if stored == wanted else [f"the trainer's log has {len(stored)} pairs ({len(set(stored))} distinct) of {len(wanted)}"]
        return out + ([] if told or not self.published else ["the trainer never told of its full disk"])
