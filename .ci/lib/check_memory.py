"""Archives an hour of 500 000 and one of 2 000 000 messages and compares the peak resident memory of the two runs.

Run by .ci/memory, in an empty folder, with the binary in TIMLAKE_BINARY.
"""

import http.server
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

from make_hour import HOUR, SDKAPPID

FEW, MANY = 500_000, 2_000_000
PEAK_BELOW = 400_000_000
BYTES_A_MESSAGE = 24  # what a run may grow by; the set that finds exact duplicates needs most of it

UNTIL = "2026111922"
NOW = "2026-11-20T12:00:00+08:00"


class Vendor(http.server.BaseHTTPRequestHandler):
    """Answers get_history with one archive and serves it, in pieces, so that this process stays small."""

    protocol_version = "HTTP/1.1"
    folder: Path

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        entry = json.loads((self.folder / "entry.json").read_text())
        here = "http://{}:{}".format(*self.server.server_address)
        reply = {
            "ChatType": asked["ChatType"],
            "MsgTime": asked["MsgTime"],
            "File": [{"URL": f"{here}/msg_history/2/0123abcd.gz", "ExpireTime": "2026-11-20 12:20:00", **entry}],
            "ActionStatus": "OK",
            "ErrorInfo": "",
            "ErrorCode": 0,
        }
        known = self.path.startswith("/v4/open_msg_svc/get_history?") and asked == {"ChatType": "C2C", "MsgTime": HOUR}
        body = json.dumps(
            reply if known else {"ActionStatus": "FAIL", "ErrorInfo": "unknown", "ErrorCode": 1001}
        ).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        with open(self.folder / "hour.gz", "rb") as file:
            self.send_response(200)
            self.send_header("Content-Type", "application/octet-stream")
            self.send_header("Content-Length", str(os.fstat(file.fileno()).st_size))
            self.end_headers()
            shutil.copyfileobj(file, self.wfile, 64 * 1024)

    def log_message(self, *_):
        pass


def peak_of(messages):
    """The peak resident memory, in bytes, of a run that archives `messages` messages; ends the check where the run is wrong."""
    folder = Path(f"hour-{messages}").resolve()
    folder.mkdir()
    # In a process of its own: a child's peak is never less than what its parent held when it was started.
    subprocess.run(
        [sys.executable, Path(__file__).with_name("make_hour.py"), str(messages), folder],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), type("ThisVendor", (Vendor,), {"folder": folder}))
    threading.Thread(target=server.serve_forever, daemon=True).start()

    command = [os.environ["TIMLAKE_BINARY"], "backfill", "--from", HOUR, "--to", UNTIL, "--chat-type", "C2C"]
    command += ["--endpoint", "http://127.0.0.1:{}".format(server.server_address[1]), "--sdkappid", str(SDKAPPID)]
    command += ["--lake", str(folder / "lake"), "--now", NOW]
    with open(folder / "log", "wb") as log:
        began = time.monotonic()
        child = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env={**os.environ, "TIMLAKE_SECRET_KEY": "fake-key-of-the-memory-check"},
        )
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        seconds = time.monotonic() - began
    server.shutdown()

    if child.returncode != 0:
        sys.exit(f"memory: the run ended with {child.returncode}\n" + (folder / "log").read_text()[-4000:])
    receipt = json.loads((folder / f"lake/receipts/C2C/2026-11-19/{HOUR}.json").read_text())
    if receipt["state"] != "committed" or receipt["rows"] != messages:
        sys.exit(
            f"memory: the receipt says {receipt['state']} with {receipt['rows']} rows, not committed with {messages}"
        )
    shutil.rmtree(folder)

    peak = usage.ru_maxrss * 1024
    print(f"memory: {messages:>9,} messages: peak {peak / 1e6:6.1f} MB, {seconds:5.1f} s")
    return peak


few, many = peak_of(FEW), peak_of(MANY)
growth = (many - few) / MANY
print(f"memory: {MANY:,} messages took {growth:.1f} bytes a message more than {FEW:,} (at most {BYTES_A_MESSAGE})")
if many >= PEAK_BELOW:
    sys.exit(f"memory: the peak of {many / 1e6:.1f} MB is not under {PEAK_BELOW / 1e6:.0f} MB")
if growth > BYTES_A_MESSAGE:
    sys.exit(f"memory: the peak grows by {growth:.1f} bytes a message, allowed are {BYTES_A_MESSAGE}")
