"""A real Kafka of three nodes, each broker and controller in one, with all that can be done to a node.

Each node has a listener that nobody disturbs (for the reader, the publisher and the admin), and for each name in `ways`
one more whose advertised port is a proxy's: clients that start from that proxy are told to stay with proxies.
"""
import logging
import os
import random
import re
import shutil
import signal
import socket
import struct

import harness
from proxy import Proxy

NODES = 3
# Quick to notice what is gone, so that a campaign sees many faults and their ends; small, so that three nodes fit.
SETTINGS = """\
message.max.bytes=1048576
broker.session.timeout.ms=4000
broker.heartbeat.interval.ms=1000
replica.lag.time.max.ms=6000
controller.quorum.election.timeout.ms=1500
controller.quorum.fetch.timeout.ms=3000
num.network.threads=1
num.io.threads=2
num.partitions=12
replica.fetch.wait.max.ms=200
unclean.leader.election.enable=false
"""


_ports = set()
_quiet = logging.getLogger("confluent-kafka")  # its clients tell at length of each broker that goes
_quiet.addHandler(logging.NullHandler())
_quiet.propagate = False


def lasting_port():
    """A free port outside the range from which outgoing connections get theirs: still free when its server starts anew."""
    with open("/proc/sys/net/ipv4/ip_local_port_range") as file:
        top = int(file.read().split()[0])
    while True:
        port = random.randrange(max(top // 2, 1024), top)
        with socket.socket() as s:
            try:
                s.bind(("127.0.0.1", port))
            except OSError:
                continue
        if port not in _ports:
            _ports.add(port)
            return port


class Cluster(harness.Kafka):
    """harness.Kafka with nodes 1 to 3. A node is stopped, killed, frozen and started by its number."""

    def __init__(self, ways=(), heap="256m", usual=0.0):
        """usual: seconds that a way takes in each direction, undisturbed."""
        super().__init__(start=False, extra=SETTINGS)
        self.environment["KAFKA_HEAP"] = heap
        self.environment["KAFKA_EXTRA"] = SETTINGS
        self.ports = [lasting_port() for _ in range(NODES)]
        self.controllers = [lasting_port() for _ in range(NODES)]
        self.bootstrap = ",".join(f"127.0.0.1:{port}" for port in self.ports)
        self.proxies = {way: [] for way in ways}  # name -> a proxy per node
        self.inner = {}
        for way in ways:
            self.inner[way] = [lasting_port() for _ in range(NODES)]
            self.proxies[way] = [Proxy(port, usual) for port in self.inner[way]]
        self.nodes, self._admin = {}, None
        for number in range(1, NODES + 1):
            self.launch(number)
        for number in range(1, NODES + 1):
            self.wait(number)

    def way(self, name):
        """bootstrap.servers for a client that goes through the proxies of that name."""
        return ",".join(f"127.0.0.1:{proxy.port}" for proxy in self.proxies[name])

    # ---- nodes ----

    def log(self, number):
        return os.path.join(self.folder, f"node-{number}", "log")

    def launch(self, number):
        if os.path.exists(self.log(number)):  # kafka.sh begins a new one
            shutil.copyfileobj(open(self.log(number), "rb"), open(self.log(number) + ".before", "ab"))
            os.remove(self.log(number))
        listeners = " ".join(f"{way.upper()}:PLAINTEXT:{self.inner[way][number - 1]}:{self.proxies[way][number - 1].port}"
                             for way in self.proxies)
        self.nodes[number] = harness.spawn(
            ["bash", harness.KAFKA_SH, "run", self.folder, ",".join(map(str, self.ports)),
             ",".join(map(str, self.controllers)), str(number)],
            env=dict(self.environment, KAFKA_LISTENERS=listeners), stdout=harness.subprocess.DEVNULL,
            stderr=open(os.path.join(self.folder, f"start-{number}.log"), "ab"))

    def is_up(self, number):
        return self.nodes[number].poll() is None and os.path.exists(self.log(number)) and \
            "Kafka Server started" in open(self.log(number), errors="replace").read()

    def wait(self, number, timeout=120):
        def up():
            if self.nodes[number].poll() is not None:
                raise AssertionError(f"node {number} ended by itself:\n{harness.tail(self.log(number))}"
                                     f"{harness.tail(os.path.join(self.folder, f'start-{number}.log'))}")
            return self.is_up(number)
        harness.until(up, f"node {number} is up", timeout, pause=0.2)

    def start_node(self, number):
        self.launch(number)
        self.wait(number)

    def kill_node(self, number):
        self.nodes[number].kill()
        self.nodes[number].wait(30)

    def stop_node(self, number, timeout=60):
        """An orderly end: leaders move first."""
        self.nodes[number].terminate()
        self.nodes[number].wait(timeout)

    def freeze_node(self, number):
        self.nodes[number].send_signal(signal.SIGSTOP)

    def thaw_node(self, number):
        self.nodes[number].send_signal(signal.SIGCONT)

    # ---- who does what ----

    def admin(self):
        """The one admin client: a future of one that is gone never comes."""
        from confluent_kafka.admin import AdminClient
        if self._admin is None:
            self._admin = AdminClient({"bootstrap.servers": self.bootstrap, "logger": _quiet})
        return self._admin

    def create(self, *topics, partitions=1, config=None):
        from confluent_kafka.admin import NewTopic
        new = [NewTopic(t, num_partitions=partitions, replication_factor=NODES, config=config or {}) for t in topics]
        for future in self.admin().create_topics(new).values():
            future.result(60)
        for port in self.ports:
            harness.until(lambda: self._knows(port, topics), f"the broker at {port} knows {topics}", 30, pause=0.2)

    def _knows(self, port, topics):
        """A fresh client asks the one broker that it was told of."""
        from confluent_kafka.admin import AdminClient
        known = AdminClient({"bootstrap.servers": f"127.0.0.1:{port}", "logger": _quiet}).list_topics(timeout=20).topics
        return all(t in known and known[t].partitions and all(p.leader > 0 for p in known[t].partitions.values())
                   for t in topics)

    def leader(self, topic, partition):
        """The node that leads the partition; None when nobody says."""
        from confluent_kafka import KafkaException
        try:
            found = self.admin().list_topics(topic, 10).topics[topic]
            leader = found.partitions[partition].leader
        except (KafkaException, KeyError):
            return None
        return leader if leader in self.nodes else None

    def group_coordinator(self, group):
        return self.leader("__consumer_offsets", _java_hash(group) % 4)

    def transaction_coordinator(self, transactional_id):
        return self.leader("__transaction_state", _java_hash(transactional_id) % 4)

    def controller_node(self):
        """The quorum's leader, which no Python client tells; asked by hand (DescribeQuorum, KIP-595)."""
        topic = b"__cluster_metadata"
        body = b"\x02" + bytes([len(topic) + 1]) + topic + b"\x02" + struct.pack(">i", 0) + b"\x00\x00\x00"
        request = struct.pack(">hhi", 55, 0, 1) + struct.pack(">h", -1) + b"\x00" + body
        for port in self.ports:
            try:
                with socket.create_connection(("127.0.0.1", port), 3) as s:
                    s.settimeout(5)
                    s.sendall(struct.pack(">i", len(request)) + request)
                    answer = _exactly(s, struct.unpack(">i", _exactly(s, 4))[0])
            except OSError:
                continue
            at = answer.find(topic)
            if at < 0:
                continue
            at += len(topic) + 1 + 4  # the count of partitions, the partition
            error, leader = struct.unpack_from(">hi", answer, at)
            if not error and leader in self.nodes:
                return leader
        return None

    def warnings(self, number, lines=30):
        """The end of what a node said, without the chatter."""
        return "".join(re.sub(r"^", "    ", line) for line in harness.tail(self.log(number), lines).splitlines(True))


def _exactly(s, size):
    data = b""
    while len(data) < size:
        more = s.recv(size - len(data))
        if not more:
            raise OSError("closed")
        data += more
    return data


def _java_hash(text):
    """String.hashCode made positive as Kafka's Utils.abs does."""
    value = 0
    for char in text:
        value = (value * 31 + ord(char)) & 0xffffffff
    return 0 if value == 0x80000000 else abs(value - (1 << 32) if value & 0x80000000 else value)
