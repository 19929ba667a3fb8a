"""Secrets stay where they were given: not in process titles, messages, help, core dumps, or another process's view."""
import os
import signal
import subprocess

import harness
import securing
from securing import LLM_KEY, PASSWORD, PROGRAM, REDIS_PASSWORD, Daemon, environment

NOBODY_LISTENS = "127.0.0.1:1"
REDIS_URL = f"redis://worker:redis-Pw%3A7%25%2F%40x@{NOBODY_LISTENS}/0"
IN_ENVIRONMENT = {"SKILLSTREAM_KAFKA": "sasl.password=kafka-Pw", "SKILLSTREAM_REDIS": REDIS_URL, "SKILLSTREAM_LLM_KEY": LLM_KEY}


def waiting(name, *options, env=None):
    """A daemon that waits for services that are not there."""
    more = {
        "skillstream-worker": ["--redis", REDIS_URL],
        "skillstream-trainer": ["--encoder", harness.MODEL, "--taxonomy", harness.TAXONOMY, "--state",
                                os.path.join(harness.scratch(), "state"), "--redis", REDIS_URL],
        "skillstream-producer": ["--taxonomy", harness.TAXONOMY, "--llm-url", "http://" + NOBODY_LISTENS, "--llm-model", "m"],
    }[name]
    harness.need_file(os.path.join(harness.MODEL, "model.safetensors"), "the encoder all-MiniLM-L6-v2")
    return Daemon(name, "--bootstrap", NOBODY_LISTENS, *more, *options, env=env)


def title(process):
    with open(f"/proc/{process.pid}/cmdline", "rb") as file:
        return file.read().decode()


def a_command_line_hides_its_secrets():
    cases = {
        "skillstream-worker": ["--kafka", f"sasl.password={PASSWORD}", f"--kafka=ssl.key.password={PASSWORD}"],
        "skillstream-trainer": ["--kafka", f"sasl.password={PASSWORD}"],
        "skillstream-producer": ["--llm-key", LLM_KEY, "--header", f"X-Api-Key: {LLM_KEY}", "--proxy",
                                 f"http://me:kafka-Pw@{NOBODY_LISTENS}", "--kafka", f"sasl.password={PASSWORD}"],
    }
    for name, options in cases.items():
        daemon = waiting(name, *options)
        harness.until(lambda: name in title(daemon.process) and "****" in title(daemon.process), f"{name} hides its secrets")
        securing.no_secret(title(daemon.process), name)
        assert f"--bootstrap\0{NOBODY_LISTENS}\0" in title(daemon.process), title(daemon.process)
        harness.until(lambda: "starting" in open(daemon.log).read(), f"{name} has begun")
        harness.time.sleep(1)  # the first connections fail, and are logged
        daemon.kill()
        securing.no_secret(open(daemon.log, errors="replace").read(), name)


def messages_and_help_hold_none():
    folder = harness.scratch()

    def file(text):
        path = os.path.join(folder, "bad.conf")
        with open(path, "w") as out:
            out.write(text)
        return path
    worker, tool = PROGRAM["skillstream-worker"], PROGRAM["skillstream"]
    begun = [worker, "--bootstrap", NOBODY_LISTENS, "--redis", REDIS_URL]
    cases = [
        (78, begun + ["--config", file(f"sasl.password {PASSWORD}\n")]),
        (78, begun + ["--config", file(f'kafka = "{PASSWORD}"\n'), "--release", "/no/such"]),
        (78, begun + ["--config", file(f'sasl.password = "{PASSWORD}"\n')]),
        (2, begun + [f"--sasl.password={PASSWORD}"]),
        (2, begun + [f"sasl.password={PASSWORD}"]),
        (78, [tool, "release", "list", "--redis", f"http://worker:{REDIS_PASSWORD}@h"]),
        (78, [tool, "release", "list", "--redis", f"redis://worker:{REDIS_PASSWORD}@h"]),
        (78, [tool, "tail", "--bootstrap", NOBODY_LISTENS, "--kafka", PASSWORD]),
        (78, [tool, "tail", "--bootstrap", NOBODY_LISTENS, "--kafka", f"sasl.passwort={PASSWORD}"]),
        (78, [tool, "lint", file(f"sasl.password = {PASSWORD}\nkafka sasl.password={PASSWORD}\n")]),
        (0, [worker, "--help"]), (0, [worker, "--version"]), (0, [tool, "release", "--help"]), (0, [tool, "reference"]),
        (0, [PROGRAM["skillstream-producer"], "--help"]), (0, [PROGRAM["skillstream-trainer"], "--help"]),
    ]
    for code, command in cases:
        env = environment(**(IN_ENVIRONMENT if code == 0 else {}))
        done = harness.run(*command, check=False, timeout=30, env=env)
        assert done.returncode == code, (command, done)
        securing.no_secret(done.stdout + done.stderr, " ".join(command[:2]))


def no_core_is_left():
    """A crash with an unlimited core limit: the program leaves nothing, where `sleep` does."""
    def core_of(process):
        process.send_signal(signal.SIGSEGV)
        _, status = os.waitpid(process.pid, 0)
        process.returncode = -signal.SIGSEGV
        assert os.WIFSIGNALED(status), status
        return os.WCOREDUMP(status)
    control = harness.spawn(["sh", "-c", "ulimit -c unlimited; exec sleep 60"], cwd=harness.scratch())
    harness.until(lambda: title(control).startswith("sleep"), "sleep has begun")
    possible = core_of(control)
    if not possible:
        print("        this system leaves no core of `sleep` either: only the limits are looked at", flush=True)
    for name in ("skillstream-worker", "skillstream-trainer", "skillstream-producer"):
        daemon = waiting(name, env=IN_ENVIRONMENT)
        harness.until(lambda: "starting" in open(daemon.log).read(), f"{name} has begun")
        limits = open(f"/proc/{daemon.process.pid}/limits").read()
        assert securing.re.search(r"Max core file size +0 +0 ", limits), limits
        assert not core_of(daemon.process), f"{name} left a core"


def other_processes_of_the_user_cannot_look_inside():
    """/proc/PID/environ and mem are root's. Tried as another user, so only root can try."""
    if os.getuid():
        print("        not tried: needs root to start it as another user", flush=True)
        return
    command = [PROGRAM["skillstream-worker"], "--bootstrap", NOBODY_LISTENS, "--http", "off", "--instance", "n"]
    reachable = subprocess.run(command[:1] + ["--version"], user="nobody", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                               cwd="/", check=False) if os.access(command[0], os.X_OK) else None
    if reachable is None or reachable.returncode:
        print("        not tried: the user nobody cannot reach the program", flush=True)
        return

    def seen(process):
        return subprocess.run(["cat", f"/proc/{process.pid}/environ"], user="nobody", stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL, check=False).stdout
    control = harness.spawn(["sleep", "60"], user="nobody", cwd="/", env={**environment(), "IT": "is seen"})
    harness.until(lambda: b"IT=is seen" in seen(control), "sleep's environment is readable")
    log = open(os.path.join(harness.scratch(), "nobody.log"), "wb")
    process = harness.spawn(command, user="nobody", cwd="/", env=environment(**IN_ENVIRONMENT), stdout=log, stderr=log)
    harness.until(lambda: b"waiting" in open(log.name, "rb").read(), "the worker waits for a release")
    assert seen(process) == b"", "the environment of the worker can be read"
    process.kill()
    control.kill()


harness.main(a_command_line_hides_its_secrets, messages_and_help_hold_none, no_core_is_left,
             other_processes_of_the_user_cannot_look_inside)
