#!/usr/bin/env python3
"""Says which tests did not run, and why, from the JUnit file that ctest wrote.

  usage: skipped.py FILE.xml

A ctest that exits with 77 is skipped as a whole; its last line of output is the reason. A cmocka program may also skip
some of its tests by itself: those are counted too, and the line before cmocka's is the reason.
"""
import re
import sys
import xml.etree.ElementTree as ElementTree


def reason(lines):
    """The last line that says something, without "SKIP:" or "skipped:" before it."""
    said = [line.strip() for line in lines if line.strip() and not line.startswith("[")]
    return re.sub(r"^skip(ped)?: *", "", said[-1], flags=re.I) if said else "no reason given"


def skipped(case):
    """(what, reason) pairs of one test case."""
    name, lines = case.get("name"), (case.findtext("system-out") or "").splitlines()
    if case.get("status") == "notrun" or case.find("skipped") is not None:
        return [(name, reason(lines))]
    if any(line.startswith("[==========] ") for line in lines):  # cmocka repeats the list at its end: leave that out
        end = max(i for i, line in enumerate(lines) if line.startswith("[==========] "))
        return [(f"{name}: {line[13:]}", reason(lines[i - 1:i])) for i, line in enumerate(lines[:end])
                if line.startswith("[  SKIPPED ] ")]
    return []


def main():
    cases = ElementTree.parse(sys.argv[1]).getroot().iter("testcase")
    found = [pair for case in cases for pair in skipped(case)]
    print(f"skipped: {len(found)}")
    for what, reason in found:
        print(f"  {what}: {reason}")


if __name__ == "__main__":
    main()
