#!/usr/bin/env python3
"""What `dnsprobe read` costs beside the programs that people read captures with, in one run.

    crates/dnsprobe/benches/peers.py [--dnsprobe PATH] [--file CAPTURE] [--rounds N] [--also NAME=COMMAND]
                                     [--skip-slow] [--readme README.md]

Without --dnsprobe it builds one. Without --file it makes a capture of two million packets (examples/traffic.rs of the
lookup crate) and holds what dnsprobe counts in it against what was put in; it stays in the target directory, in peers/.
Peers that are not installed are left out. Everything is run in turn, --rounds times (what takes minutes, once); a row is the median,
processor time of all threads, and the ratios are to the two rows of dnsprobe. In commands of --also, {} is the capture.

With --readme the rows between its two comments `peers` become those of this run."""

import argparse
import json
import os
import platform
import re
import shutil
import statistics
import subprocess
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
REPOSITORY = os.path.normpath(os.path.join(HERE, "../../.."))
TARGET = os.environ.get("CARGO_TARGET_DIR", os.path.join(REPOSITORY, "target"))
# Name, command with {} for the capture, the program that has to be there.
PEERS = [
    ("tcpdump -nr", "tcpdump -nr {}", "tcpdump"),
    ("dnstop", "dnstop -4 -6 -Q -R {}", "dnstop"),
]
SLOW = [
    ("tshark -q -z dns,tree", "tshark -n -q -r {} -z dns,tree", "tshark"),
    ("tshark -T fields", "tshark -n -r {} -T fields -e dns.qry.name -e dns.time", "tshark"),
]


class Run:
    """One run of a program: its processor time and its time on the clock in seconds, its largest memory in MiB."""

    def __init__(self, command):
        begun = time.monotonic()
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        said = []
        reader = threading.Thread(target=lambda: said.append(child.stderr.read()))
        watcher = threading.Thread(target=self._watch, args=(child.pid,))
        self.peak, self.over = 0, False
        reader.start(), watcher.start()
        _, status, usage = os.wait4(child.pid, 0)
        self.over = True
        self.wall = time.monotonic() - begun
        self.cpu = usage.ru_utime + usage.ru_stime
        reader.join(), watcher.join()
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode != 0:
            sys.exit(f"{' '.join(command)}: exit status {child.returncode}: {said[0].decode(errors='replace')}")

    def _watch(self, pid):
        """The kernel's account of a child begins with the memory of its parent, so the child's own is looked at."""
        while not self.over:
            try:
                with open(f"/proc/{pid}/status") as status:
                    held = [line.split()[1] for line in status if line.startswith("VmHWM:")]
            except OSError:
                break
            self.peak = max([self.peak] + [int(it) / 1024 for it in held])
            time.sleep(0.01)


class Reader:
    """A command, and what its runs came to."""

    def __init__(self, name, command, rounds):
        self.name, self.command, self.rounds, self.runs = name, command, rounds, []

    def median(self, what):
        return statistics.median(getattr(run, what) for run in self.runs)


def helper(name):
    """Builds an example of the lookup crate that needs the standard library alone."""
    program = os.path.join(TARGET, "peers", name)
    source = os.path.join(REPOSITORY, "crates/lookup/examples", f"{name}.rs")
    os.makedirs(os.path.dirname(program), exist_ok=True)
    subprocess.run(["rustc", "--edition", "2024", "-C", "opt-level=3", "-o", program, source], check=True)
    return program


def made_capture():
    """The capture, and what is in it."""
    path = os.path.join(TARGET, "peers", "traffic.pcap")
    made = subprocess.run([helper("traffic"), path], check=True, capture_output=True, text=True).stdout
    return path, json.loads(made)


def check(dnsprobe, path, made):
    """A reader that is quick because it passes something over must not win."""
    summary = subprocess.run([dnsprobe, "read", path, "--summary", "-o", "json"], check=True, capture_output=True, text=True)
    summary = json.loads(summary.stdout.splitlines()[-1])
    for key, there in (("frames", "packets"), ("messages", "messages")):
        if summary[key] != made[there]:
            sys.exit(f"dnsprobe counts {summary[key]} {key} where {made[there]} are")
    print(f"lookups: {made['lookups']} made, {summary['lookups']} found; questions: {made['questions']} made, "
          f"{summary['questions']} found; messages: {made['messages']}, all found")


def machine():
    with open("/proc/cpuinfo") as info:
        model = next((line.split(":")[1].strip() for line in info if line.startswith("model name")), platform.machine())
    load = "/".join(f"{it:.1f}" for it in os.getloadavg())
    return f"{os.cpu_count()} × {model}, Linux {platform.release()}, load {load}"


def version(tool):
    shown = subprocess.run([tool, "--version"], capture_output=True, text=True)
    numbers = re.search(r"\d+(\.\d+)+", shown.stdout + shown.stderr)
    return f"{tool} {numbers.group()}" if numbers else tool


def table(readers):
    summary, lines = readers[0].median("cpu"), readers[1].median("cpu")
    rows = ["| reader | CPU | on the clock | memory | × `--summary` | × `-o json` |", "|---|---|---|---|---|---|"]
    for reader in readers:
        cpu = reader.median("cpu")
        rows.append(f"| {reader.name} | {cpu:.2f} s | {reader.median('wall'):.2f} s | {reader.median('peak'):.0f} MiB "
                    f"| {cpu / summary:.2f} | {cpu / lines:.2f} |")
    return "\n".join(rows)


def put_into(readme, text):
    begin, end = "<!-- peers -->\n", "<!-- /peers -->"
    with open(readme) as file:
        whole = file.read()
    before, found, rest = whole.partition(begin)
    _, found_end, after = rest.partition(end)
    if not (found and found_end):
        sys.exit(f"{readme}: no place for the table between {begin.strip()} and {end}")
    with open(readme, "w") as file:
        file.write(f"{before}{begin}{text}\n{end}{after}")


def main():
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--dnsprobe", help="a built dnsprobe")
    words.add_argument("--file", help="a capture to read instead")
    words.add_argument("--rounds", type=int, default=5)
    words.add_argument("--also", action="append", default=[], metavar="NAME=COMMAND")
    words.add_argument("--skip-slow", action="store_true", help="without what takes minutes (tshark)")
    words.add_argument("--readme", help="put the table into this file")
    args = words.parse_args()

    if not args.dnsprobe:
        subprocess.run(["cargo", "build", "--release", "-p", "dnsprobe"], cwd=REPOSITORY, check=True)
    dnsprobe = os.path.abspath(args.dnsprobe or os.path.join(TARGET, "release/dnsprobe"))
    path = args.file
    if not path:
        path, made = made_capture()
        check(dnsprobe, path, made)
    readers = [
        Reader("`dnsprobe read --summary`", [dnsprobe, "read", path, "--summary"], args.rounds),
        Reader("`dnsprobe read -o json`", [dnsprobe, "read", path, "-o", "json"], args.rounds),
        Reader("header and question by hand, nothing kept", [helper("floor"), path], args.rounds),
    ]
    for name, _, command in (it.partition("=") for it in args.also):
        readers.append(Reader(name, [word.replace("{}", path) for word in command.split()], args.rounds))
    for peers, rounds in ((PEERS, args.rounds), ([] if args.skip_slow else SLOW, 1)):
        for name, command, tool in peers:
            if not shutil.which(tool):
                print(f"{name}: not installed")
                continue
            readers.append(Reader(f"`{name}`", command.format(path).split(), rounds))
    for reader in (it for it in readers if it.rounds > 1):
        print(f"warming up: {reader.name}", file=sys.stderr)
        Run(reader.command)
    for turn in range(args.rounds):
        for reader in (it for it in readers if turn < it.rounds):
            reader.runs.append(Run(reader.command))
            print(f"{turn + 1}: {reader.name}: {reader.runs[-1].cpu:.2f} s", file=sys.stderr)
    used = ", ".join([version(tool) for tool in ("tcpdump", "tshark") if shutil.which(tool)])
    size = os.path.getsize(path) / 1e6
    text = f"{table(readers)}\n\nOne file of {size:.0f} MB; {machine()}; {used}; medians of {args.rounds} rounds, tshark once."
    print(text)
    if args.readme:
        put_into(args.readme, text)


if __name__ == "__main__":
    main()
