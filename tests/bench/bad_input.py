"""No kind of input is slow: archives that are all of one unlikely kind, held against the usual mix by bytes a second.

Run by `tests/bench/run --bad-input`.
"""

import gzip
import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / ".ci/lib"))

from make_hour import HOUR, SDKAPPID, element, message  # noqa: E402

# What any of them may take of a byte, as a multiple of the usual mix.
AT_MOST = 3
ROUNDS = 3
# The peak of any of them, resident, in MB.
PEAK_BELOW = 400
# A kind that comes in so many bytes is judged by them; a million lines of one byte, by what a line costs.
MEGABYTES = 100


def one_of(body, i):
    return f'{{"From_Account":"user{i}","To_Account":"b","MsgTimestamp":1795089600,"MsgSeq":{i},"MsgRandom":7,"MsgBody":[{body}]}}'


def of_kind(kind):
    return lambda i, r: one_of(element(kind, r), i)


def long_ids(i, r):
    ids = ",".join(f'"{key}":"{r.getrandbits(800):0200x}"' for key in ("From_Account", "To_Account"))
    return f'{{{ids},"MsgSeq":{i},"MsgRandom":{r.getrandbits(32)},"MsgTimestamp":1795089600,"MsgBody":[]}}'


def relays(i, r):
    content = f'{{"Title":"{i}"}}'
    for _ in range(80):
        content = f'{{"Title":"log","MsgList":[{{"MsgBody":[{{"MsgType":"TIMRelayElem","MsgContent":{content}}}]}}]}}'
    return one_of(f'{{"MsgType":"TIMRelayElem","MsgContent":{content}}}', i)


def lines_of_16_mib(i, r):
    words = "今天开会 meeting " * 1024
    text = f"{i} " + words * ((16 * 1024 * 1024 - 1000) // len(words.encode()))
    return one_of(f'{{"MsgType":"TIMTextElem","MsgContent":{{"Text":"{text}"}}}}', i)


# What it is, how a line of it is made, lines, and the exit code: more rejects than rows is no log as we know it.
KINDS = {
    "the usual mix": (message, None, 0),
    "lines of 16 MiB": (lines_of_16_mib, None, 0),
    "text only": (of_kind(0), None, 0),
    "images only": (of_kind(60), None, 0),
    "locations only": (of_kind(95), None, 0),
    "videos only": (of_kind(93), None, 0),
    "distinct long ids": (long_ids, None, 0),
    "deeply nested relays": (relays, None, 0),
    "escapes only": (lambda i, r: one_of('{"MsgType":"TIMTextElem","MsgContent":{"Text":"' + "\\u4f60\\n" * 40 + '"}}', i), None, 0),
    "keys of nobody": (lambda i, r: "{" + ",".join(f'"k{k}":{i}' for k in range(30)) + "}", None, 0),
    "keys repeated": (lambda i, r: f'{{"MsgSeq":{i},"MsgSeq":{i},"MsgBody":[{element(0, r)}]}}', None, 0),
    "rejects only": (lambda i, r: message(i, r)[:-1], None, 3),
    "lines of one byte": (lambda i, r: "1", 1_000_000, 3),
}


def make(name):
    """The archive of that kind, and how many bytes it holds."""
    line, lines, _ = KINDS[name]
    r = random.Random(1)
    size = i = 0
    with gzip.open("bad.gz", "wb", 1) as file:
        file.write(f'{{"SdkAppId":{SDKAPPID},"ChatType":"C2C","MsgTime":"{HOUR}","MsgList":[\n'.encode())
        while i < lines if lines else size < MEGABYTES * 1_000_000:
            text = (",\n" if i else "").encode() + line(i, r).encode()
            file.write(text)
            size += len(text)
            i += 1
        file.write(b"\n]}\n")
    return size


def run(expected):
    shutil.rmtree("bad-lake", ignore_errors=True)
    command = [os.environ["TIMLAKE_BINARY"], "import", "bad.gz", "--lake", "bad-lake", "--json"]
    began = time.monotonic()
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    errors = child.stderr.read()
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode != expected:
        sys.exit(f"bad input: ended with {child.returncode}, not {expected}\n{errors.decode()[-2000:]}")
    return time.monotonic() - began, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024 / 1e6


def main():
    usual = None
    slow = []
    print("| what an archive is full of | MB | CPU s | ns a byte | of the usual | peak MB |\n|---|---|---|---|---|---|")
    for name, (_, _, expected) in KINDS.items():
        size = make(name)
        _, cpu, peak = (statistics.median(column) for column in zip(*(run(expected) for _ in range(ROUNDS))))
        per_byte = cpu / max(size, MEGABYTES * 1_000_000)
        usual = usual or per_byte
        print(f"| {name} | {size / 1e6:.0f} | {cpu:.2f} | {per_byte * 1e9:.1f} | {per_byte / usual:.2f} | {peak:.0f} |", flush=True)
        if per_byte > AT_MOST * usual:
            slow.append(f"{name}: more than {AT_MOST} times the usual")
        if peak >= PEAK_BELOW:
            slow.append(f"{name}: {PEAK_BELOW} MB or more")
    if slow:
        sys.exit("bad input: " + "; ".join(slow))


main()
