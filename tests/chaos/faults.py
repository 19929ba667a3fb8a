"""The faults of a campaign, one class each.

A fault is injected, lasts, is healed, and is over when healed() says so; then it has recovered when the oracle has seen every
ad that had been sent by the time of heal(). None of its methods waits: the campaign's loop calls tick() meanwhile.

    needs       how many seconds it lasts: (least, most)
    claims      what no other fault may touch at the same time; "slot" stands for the worker slot it was drawn for
    inject, tick, heal, healed
    problem     what went wrong that has nothing to do with ads ("" = nothing)
"""
import time

import harness
from fleet import GROUP, SESSION_MS, SLOTS

SESSION = SESSION_MS / 1000


class Fault:
    needs, claims = (3, 8), ("slot",)

    def __init__(self, world, slot, partition):
        self.world, self.slot, self.partition = world, slot, partition
        self.problem, self.note = "", ""

    def taken(self):
        return {f"worker {self.slot}" if claim == "slot" else f"way {self.slot}" if claim == "way" else claim
                for claim in self.claims}

    def inject(self):
        raise NotImplementedError

    def tick(self):
        pass

    def heal(self):
        raise NotImplementedError

    def healed(self):
        return True


# ---- workers ----

class WorkerKill(Fault):
    """kill -9; another one of the same name some seconds later."""
    needs = (0, 5)

    def inject(self):
        self.world.fleet.kill(self.slot)

    def heal(self):
        self.world.fleet.start(self.slot)


class WorkerTerm(Fault):
    """SIGTERM: must end with 0 within 25 s."""
    needs = (0, 3)

    def inject(self):
        self.old = self.world.fleet.slots[self.slot]
        self.world.fleet.stop(self.slot)

    def heal(self):
        self.begun = False

    def healed(self):
        if not self.begun and self.world.fleet.has_left(self.old):
            self.world.fleet.start(self.slot)
            self.begun = True
        return self.begun


class WorkerFreeze(Fault):
    """SIGSTOP until the group has given its partitions away, then it goes on: a zombie."""
    needs = (SESSION + 2, SESSION + 6)

    def inject(self):
        self.world.fleet.freeze(self.slot)

    def heal(self):
        self.world.fleet.thaw(self.slot)


class WorkerFreezeLong(WorkerFreeze):
    """The same, for longer than its transaction may take (20 s)."""
    needs = (23, 27)


class WorkerTwin(Fault):
    """Frozen, replaced by one of the same name, and then awake again: two of one name, one of which is fenced."""
    needs = (SESSION + 2, SESSION + 5)
    AWAKE = 5

    def inject(self):
        self.zombie = self.world.fleet.slots[self.slot]
        self.world.fleet.freeze(self.slot)
        self.at, self.awake = time.monotonic(), 0

    def tick(self):
        if self.zombie is self.world.fleet.slots[self.slot] and time.monotonic() - self.at > 2:
            self.world.fleet.start(self.slot)

    def heal(self):
        self.zombie.process.send_signal(harness.signal.SIGCONT)
        self.awake = time.monotonic()

    def healed(self):
        """The zombie was awake for a while; then it is ended, like a node that came back and is told to stop."""
        if self.awake and time.monotonic() - self.awake > self.AWAKE:
            code = self.zombie.process.poll()
            self.note = "the zombie went on until SIGTERM" if code is None else f"the zombie ended with {code}"
            self.world.fleet.leave(self.zombie, codes=(0, 78))  # 78: fenced for the third time while it ends
            self.awake = 0
        return not self.awake and self.world.fleet.has_left(self.zombie)


class RebalanceStorm(Fault):
    """Workers that join and leave every two seconds, orderly or killed."""
    needs, claims = (14, 20), ("storm",)

    def inject(self):
        self.guests, self.next, self.count = [], 0.0, 0

    def tick(self):
        now = time.monotonic()
        if now < self.next:
            return
        self.next = now + 2
        if len(self.guests) >= 2:
            guest = self.guests.pop(0)
            self.count += 1
            guest.kill() if self.count % 3 == 0 else self.world.fleet.leave(guest)
        self.guests.append(self.world.fleet.worker(instance=f"guest-{self.slot}-{self.count % 4}-{int(now)}"))

    def heal(self):
        self.all = list(self.guests)
        for guest in self.guests:
            self.world.fleet.leave(guest)

    def healed(self):
        return all(self.world.fleet.has_left(guest) for guest in self.all)


# ---- brokers ----

class BrokerKill(Fault):
    """kill -9 of a node chosen by what it does; started again some seconds later."""
    needs, claims, role = (4, 9), ("node",), "leader"

    def inject(self):
        cluster = self.world.cluster
        self.node = {"leader": lambda: cluster.leader(self.world.topics.records, self.partition),
                     "coordinator": lambda: cluster.group_coordinator(GROUP),
                     "transactions": lambda: cluster.transaction_coordinator(f"{GROUP}-chaos-{self.slot}"),
                     "controller": cluster.controller_node}[self.role]() or self.partition % 3 + 1
        self.note = f"node {self.node}"
        self.down()

    def down(self):
        self.world.cluster.kill_node(self.node)

    def heal(self):
        self.world.cluster.launch(self.node)

    def healed(self):
        if self.world.cluster.nodes[self.node].poll() is not None:
            self.problem = f"node {self.node} does not start: {harness.tail(self.world.cluster.log(self.node))}"
            return True
        return self.world.cluster.is_up(self.node)


class CoordinatorKill(BrokerKill):
    """The same, of the group's coordinator."""
    role = "coordinator"


class TransactionsKill(BrokerKill):
    """The same, of a worker's transaction coordinator."""
    role = "transactions"


class ControllerKill(BrokerKill):
    """The same, of the quorum's leader."""
    role = "controller"


class BrokerRestart(BrokerKill):
    """An orderly end (leaders move first) and a new start."""
    def down(self):
        self.world.cluster.nodes[self.node].terminate()
        self.begun = False

    def heal(self):
        pass

    def healed(self):
        if not self.begun and self.world.cluster.nodes[self.node].poll() is not None:
            self.world.cluster.launch(self.node)
            self.begun = True
        return self.begun and super().healed()


class BrokerFreeze(BrokerKill):
    """SIGSTOP: its connections stay, it answers nothing; others take over, then it goes on."""
    needs = (6, 10)

    def down(self):
        self.world.cluster.freeze_node(self.node)

    def heal(self):
        self.world.cluster.thaw_node(self.node)


# ---- the network between workers and brokers ----

class NetCut(Fault):
    """One worker's connections to all brokers are reset, new ones too."""
    needs, claims = (3, 10), ("way",)

    def proxies(self):
        return self.world.cluster.proxies[f"w{self.slot}"]

    def inject(self):
        for proxy in self.proxies():
            proxy.cut()

    def heal(self):
        for proxy in self.proxies():
            proxy.heal()


class NetCutOne(NetCut):
    """The same to one broker only."""
    def proxies(self):
        return [self.world.cluster.proxies[f"w{self.slot}"][self.partition % 3]]


class NetHold(NetCut):
    """Nothing gets through for longer than the session, then all of it arrives late."""
    needs = (SESSION + 2, SESSION + 6)

    def inject(self):
        for proxy in self.proxies():
            proxy.hold()


class NetDelay(NetCut):
    """0.1 to 0.5 s more each way for one worker."""
    needs = (6, 12)

    def inject(self):
        for proxy in self.proxies():
            proxy.delay(0.1 + 0.4 * (self.partition / 12))


# ---- Redis ----

class RedisKill(Fault):
    """kill -9; started again, empty, and the releases are pushed again."""
    needs, claims = (2, 8), ("redis",)

    def inject(self):
        self.world.redis.kill()

    def heal(self):
        self.world.redis.start()
        self.world.releases.push(self.world.redis)


class RedisFlush(RedisKill):
    """FLUSHALL: releases and sentences are gone; the releases are pushed again."""
    def inject(self):
        self.world.redis.cli("FLUSHALL")

    def heal(self):
        self.world.releases.push(self.world.redis)


class RedisFull(RedisKill):
    """Memory is full: it answers, and refuses what is written."""
    def inject(self):
        self.world.redis.cli("CONFIG", "SET", "maxmemory", "1mb")

    def heal(self):
        self.world.redis.cli("CONFIG", "SET", "maxmemory", "0")


class RedisSlow(RedisKill):
    """Each answer takes 0.3 s longer, each question too."""
    needs = (5, 10)

    def inject(self):
        self.world.redis_proxy.delay(0.3)

    def heal(self):
        self.world.redis_proxy.heal()


class RedisHold(RedisKill):
    """Redis is there and answers nothing."""
    needs = (5, 10)

    def inject(self):
        self.world.redis_proxy.hold()

    def heal(self):
        self.world.redis_proxy.heal()


class ReleaseSwap(Fault):
    """Another release is put to use."""
    needs, claims = (0, 1), ("redis",)

    def inject(self):
        self.note = self.world.releases.other()
        self.world.releases.use(self.world.redis, self.note)

    def heal(self):
        pass


# ---- the trainer ----

class TrainerDisk(Fault):
    """The trainer's disk is full while pairs come and it trains; then there is room again, and no pair may be missing."""
    needs, claims = (6, 10), ("trainer",)

    def inject(self):
        self.world.pupil.fill()
        self.world.pupil.publish(60)

    def heal(self):
        self.world.pupil.empty()

    def healed(self):
        if self.world.pupil.has_ended():
            self.problem = f"the trainer ended: {harness.tail(self.world.pupil.trainer.log)}"
            return True
        return self.world.pupil.has_all()


KINDS = {
    "worker-kill": WorkerKill, "worker-term": WorkerTerm, "worker-freeze": WorkerFreeze,
    "worker-freeze-long": WorkerFreezeLong, "worker-twin": WorkerTwin, "rebalance-storm": RebalanceStorm,
    "broker-kill-leader": BrokerKill, "broker-kill-coordinator": CoordinatorKill,
    "broker-kill-transactions": TransactionsKill, "broker-kill-controller": ControllerKill,
    "broker-restart": BrokerRestart, "broker-freeze": BrokerFreeze,
    "net-cut": NetCut, "net-cut-one": NetCutOne, "net-hold": NetHold, "net-delay": NetDelay,
    "redis-kill": RedisKill, "redis-flush": RedisFlush, "redis-full": RedisFull, "redis-slow": RedisSlow,
    "redis-hold": RedisHold, "release-swap": ReleaseSwap, "trainer-disk": TrainerDisk,
}


def schedule(chance, kinds, seconds, gap):
    """[(second, kind, lasts, slot, partition)]: rounds of all kinds in a drawn order, about `gap` seconds apart."""
    out, at = [], 2.0
    while at < seconds:
        order = list(kinds)
        chance.shuffle(order)
        for kind in order:
            least, most = KINDS[kind].needs
            out.append((round(at, 1), kind, round(chance.uniform(least, most), 1), chance.choice(SLOTS),
                        chance.randrange(12)))
            at += chance.uniform(0.5, 1.5) * gap
    return out
