"""Runs a test so that no report of ThreadSanitizer is lost, not even one of a process that the test kills.

  usage: watch.py COMMAND...

Every process of the test writes its reports to a folder of this run. Exit code: 1 when there is a report, which is printed, or
when the test failed; else the test's own (77: skipped).
"""
import os
import subprocess
import sys
import tempfile


def main(command):
    with tempfile.TemporaryDirectory(prefix="skillstream-reports-") as folder:
        options = [os.environ.get("TSAN_OPTIONS", ""), "log_path=" + os.path.join(folder, "report")]
        environment = dict(os.environ, TSAN_OPTIONS=":".join(filter(None, options)))
        code = subprocess.run(command, env=environment, check=False).returncode
        reports = sorted(os.listdir(folder))
        for name in reports[:10]:
            with open(os.path.join(folder, name), errors="replace", encoding="utf-8") as file:
                print(f"---- {name}\n{file.read(20000)}")
        if reports:
            print(f"{len(reports)} processes reported")
        return 1 if reports else code


sys.exit(main(sys.argv[1:]))
