"""Times `timlake verify` and other programs on the same files. Called by .ci/verify_speed, in a folder that goes away."""

import concurrent.futures
import gzip
import hashlib
import json
import os
import pathlib
import re
import resource
import statistics
import subprocess
import sys
import time

import duckdb
import pyarrow.parquet

TIMLAKE = os.environ["TIMLAKE_BINARY"]
LAKE = pathlib.Path("lake")
ROUNDS = 3
CPUS = os.cpu_count() or 1
# CPU time of `verify` at most this many times that of the others together: they do what cannot be left out, and verify has to
# find and judge every element of the archives besides. CPU, because a busy machine hurts whoever happens to run then; the wall
# time is printed beside it.
ALLOWED = 1.75


def make_lake():
    """Syncs a simulated week; what it takes is not what is measured here."""
    pathlib.Path("key").write_text("fake-secret-key-for-tests")
    os.chmod("key", 0o600)
    settings = ["--sdkappid", "1400000000", "--secret-key-file", "key"]
    simulate = [TIMLAKE, "simulate", "--messages-per-hour", os.environ.get("VERIFY_SPEED_MESSAGES", "15000"),
                "--no-rate-limit", "--json", *settings]
    with subprocess.Popen(simulate, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as vendor:
        try:
            said = ""
            while not (found := re.search(r"http://[0-9.:]+", said)):
                line = vendor.stdout.readline()
                if not line:
                    sys.exit("the simulator did not say where it listens")
                said += line
            sync = [TIMLAKE, "sync", "--lake", LAKE, "--endpoint", found.group(), "--max-qps", "10", "-q", *settings]
            subprocess.run(sync, check=True, stdout=subprocess.DEVNULL)
        finally:
            vendor.terminate()


def files(folder):
    return sorted(path for path in (LAKE / folder).rglob("*") if path.is_file())


def in_parallel(work, paths):
    """The sum of what `work` gives for each path. Hashing and unpacking leave the interpreter's lock alone."""
    with concurrent.futures.ThreadPoolExecutor(CPUS) as pool:
        return sum(pool.map(work, paths))


def decode_with_pyarrow():
    def rows(path):
        return pyarrow.parquet.ParquetFile(path).read(use_threads=False).num_rows

    return in_parallel(rows, files("messages"))


def decode_with_duckdb():
    with duckdb.connect() as connection:
        connection.execute(f"SET threads = {CPUS}")
        connection.execute("SET enable_object_cache = false")
        query = "SELECT count(*), bit_xor(hash(t)) FROM read_parquet('lake/messages/**/*.parquet') t"
        return connection.execute(query).fetchone()[0]


def unpack():
    def unpacked(path):
        size, digest = 0, hashlib.md5()
        with gzip.open(path) as archive:
            while piece := archive.read(1 << 20):
                size += len(piece)
                digest.update(piece)
        return size

    return in_parallel(unpacked, files("raw"))


def hash_all():
    def hashed(path):
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256") and path.stat().st_size

    return in_parallel(hashed, files("messages") + files("raw") + files("rejects"))


def verify(*flags):
    verified = subprocess.run([TIMLAKE, "verify", "--lake", LAKE, "--json", *flags], check=True, stdout=subprocess.PIPE)
    return json.loads(verified.stdout)["verified"]["rows"]


def timed(work):
    def cpu():
        return sum(sum(resource.getrusage(who)[:2]) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))

    wall, used = time.monotonic(), cpu()
    result = work()
    return result, time.monotonic() - wall, cpu() - used


def main():
    make_lake()
    works = {
        "verify": verify,
        "pyarrow: decode every column": decode_with_pyarrow,
        "DuckDB: decode and hash every column": decode_with_duckdb,
        "gunzip and MD5 of the content": unpack,
        "SHA-256 of every file": hash_all,
    }
    times = {name: [] for name in works}
    rows = set()
    for _ in range(ROUNDS):
        for name, work in works.items():
            result, wall, cpu = timed(work)
            times[name].append((wall, cpu))
            if "SHA" not in name and "gunzip" not in name:
                rows.add(result)
    # Builds every message again and compares it: asked for when in doubt, not every night.
    result, *deep = timed(lambda: verify("--deep"))
    rows.add(result)
    units = len(files("receipts"))
    sizes = {folder: sum(path.stat().st_size for path in files(folder)) for folder in ("messages", "raw")}
    print(f"{units} units, rows {sorted(rows)}, Parquet {sizes['messages']:,} bytes, archives {sizes['raw']:,} bytes, {CPUS} CPUs")
    medians = {name: [statistics.median(column) for column in zip(*runs)] for name, runs in times.items()}
    for name, (wall, cpu) in medians.items():
        print(f"  {name:<38} {wall:7.2f} s wall {cpu:7.2f} s CPU")
    print(f"  {'verify --deep, once':<38} {deep[0]:7.2f} s wall {deep[1]:7.2f} s CPU")
    others = [medians[name] for name in list(works)[1:] if not name.startswith("DuckDB")]
    wall, cpu = (medians["verify"][at] / sum(other[at] for other in others) for at in (0, 1))
    print(f"verify against pyarrow, gunzip with MD5, and SHA-256 together: {wall:.2f} of the wall time, {cpu:.2f} of the CPU (allowed {ALLOWED})")
    if len(rows) != 1:
        sys.exit(f"the programs count different rows: {sorted(rows)}")
    if cpu > ALLOWED:
        sys.exit("verify costs more than reading")


main()
