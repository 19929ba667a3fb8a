#!/usr/bin/env python3
"""Says which tests did not run, and why, from the JUnit file that ctest wrote.

  usage: skipped.py FILE.xml

A ctest that exits with 77 is skipped as a whole; its last line of output is the reason. A cmocka program may also skip
some of its tests by itself: those lines are counted too. Prints nothing but one line when nothing was skipped.
"""
import re
import sys
import xml.etree.ElementTree as ElementTree


def last_line(text):
    lines = [line.strip() for line in (text or "").splitlines() if line.strip()]
    return lines[-1] if lines else "no reason given"


def skipped(case):
    """(what, reason) pairs of one test case."""
    name, output = case.get("name"), case.findtext("system-out") or ""
    if case.get("status") == "notrun" or case.find("skipped") is not None:
        return [(name, last_line(output))]
    parts = [m for m in re.findall(r"^\[  SKIPPED \] (\S+)\s*$", output, re.M) if not m.isdigit()]
    reasons = re.findall(r"^SKIP: (.*)$", output, re.M)
    return [(f"{name}: {part}", reasons[i] if i < len(reasons) else "see its output")
            for i, part in enumerate(dict.fromkeys(parts))]


def main():
    cases = ElementTree.parse(sys.argv[1]).getroot().iter("testcase")
    found = [pair for case in cases for pair in skipped(case)]
    print(f"skipped: {len(found)}")
    for what, reason in found:
        print(f"  {what}: {reason}")


if __name__ == "__main__":
    main()
