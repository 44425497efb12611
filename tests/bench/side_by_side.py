"""Runs timlake and what a user would write instead, in turn, and prints medians and ratios. Run by tests/bench/run."""

import argparse
import gzip
import os
import platform
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

import pyarrow.parquet

ROOT = Path(__file__).resolve().parents[2]
THREADS = "2"
PROGRAMS = ["timlake", "duckdb", "pyarrow", "polars"]
# The slow ones are there for the record: a round of them takes longer than all of the others'.
ROUNDS_OF_THE_SLOW = 1
SLOW = {"pyarrow", "polars"}


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--messages", type=int, default=1_000_000)
    parser.add_argument("--only", default=",".join(PROGRAMS), help="of " + ",".join(PROGRAMS))
    return parser.parse_args()


def make_hour(messages):
    """The archive, and beside it the bare lines: without gzip, header, commas and closing line."""
    maker = [sys.executable, ROOT / ".ci/lib/make_hour.py", str(messages), "."]
    subprocess.run(maker, check=True, stdout=subprocess.DEVNULL)
    with gzip.open("hour.gz", "rb") as archive, open("hour.ndjson", "wb") as lines:
        next(archive)
        for line in archive:
            if line != b"]}\n":
                lines.write(line.rstrip(b",\n") + b"\n")


def command(program):
    if program == "timlake":
        return [os.environ["TIMLAKE_BINARY"], "import", "hour.gz", "--lake", "out/lake", "--quiet"]
    return [sys.executable, ROOT / f"tests/bench/{program}_hour.py", "hour.ndjson", "out/hour.parquet", THREADS]


def run(program):
    """One run: wall and CPU seconds, peak memory and the Parquet file's size in MB, and its rows."""
    shutil.rmtree("out", ignore_errors=True)
    os.mkdir("out")
    # What the run before wrote must not be written at this one's cost.
    os.sync()
    began = time.monotonic()
    child = subprocess.Popen(command(program), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    wall = time.monotonic() - began
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode != 0:
        sys.exit(f"{program} ended with {child.returncode}")
    (parquet,) = Path("out").rglob("*.parquet")
    rows = pyarrow.parquet.ParquetFile(parquet).metadata.num_rows
    megabytes = parquet.stat().st_size / 1e6
    return (wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024 / 1e6, megabytes), rows


def main():
    asked = arguments()
    programs = asked.only.split(",")
    make_hour(asked.messages)
    runs = {program: [] for program in programs}
    for round_ in range(asked.rounds):
        for program in programs:
            if program in SLOW and round_ >= ROUNDS_OF_THE_SLOW:
                continue
            figures, rows = run(program)
            if rows != asked.messages:
                sys.exit(f"{program} wrote {rows} rows of {asked.messages} messages")
            runs[program].append(figures)
    medians = {program: [statistics.median(column) for column in zip(*runs[program])] for program in programs}
    report(asked, runs, medians)


def report(asked, runs, medians):
    lines, archive = Path("hour.ndjson").stat().st_size / 1e6, Path("hour.gz").stat().st_size / 1e6
    print(f"{asked.messages:,} messages, {lines:.0f} MB, {archive:.0f} MB as gzip; all wrote {asked.messages:,} rows")
    print(f"{os.cpu_count()} processors, {platform.machine()}, load {os.getloadavg()[0]:.1f}; medians\n")
    print("| program | rounds | wall s | CPU s | peak MB | Parquet MB |\n|---|---|---|---|---|---|")
    for program, (wall, cpu, peak, size) in medians.items():
        print(f"| {program} | {len(runs[program])} | {wall:.2f} | {cpu:.2f} | {peak:.0f} | {size:.1f} |")
    if "timlake" not in medians:
        return
    for program in medians.keys() - {"timlake"}:
        # Round by round, because the machine's speed drifts.
        pairs = [[a / b for a, b in zip(ours, theirs)] for ours, theirs in zip(runs["timlake"], runs[program])]
        shares = [f"{statistics.median(column):.2f}" for column in zip(*pairs)]
        print(f"\ntimlake / {program}: wall {shares[0]}, CPU {shares[1]}, peak {shares[2]}, size {shares[3]}")


main()
