"""Measures `plan` and `status` on a lake of 336 committed receipts: a week of both chat types.

Run by .ci/plan_speed, in an empty folder, with the binary in TIMLAKE_BINARY.
"""

import datetime
import json
import os
import subprocess
import sys
import time
from pathlib import Path

LAKE = Path("timlake-demo")
CHAT_TYPES = ["C2C", "Group"]
HOURS = 7 * 24
RUNS = 5
ALLOWED_SECONDS = 0.100
BEIJING = datetime.timezone(datetime.timedelta(hours=8))


def timlake(*arguments):
    command = [os.environ["TIMLAKE_BINARY"], *arguments]
    done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=600)
    if done.returncode != 0:
        sys.exit(f"plan_speed: {' '.join(arguments)} ended with {done.returncode}\n{done.stderr[-4000:]}")
    return done.stdout


def receipt_path(chat_type, hour):
    return LAKE / f"receipts/{chat_type}/{hour:%Y-%m-%d}/{hour:%Y%m%d%H}.json"


def said_of(value, chat_type, hour, old):
    """The receipt `value` as it would be for another unit: chat type, hour and date replaced wherever they are told."""
    old_type, old_hour = old["chat_type"], old["hour"]
    old_date = f"{old_hour[:4]}-{old_hour[4:6]}-{old_hour[6:8]}"
    if isinstance(value, dict):
        return {key: said_of(field, chat_type, hour, old) for key, field in value.items()}
    if isinstance(value, list):
        return [said_of(item, chat_type, hour, old) for item in value]
    if value == old_type:
        return chat_type
    if value == old_hour:
        return f"{hour:%Y%m%d%H}"
    if isinstance(value, str) and "/" in value:
        parts = value.replace(f"chat_type={old_type}/", f"chat_type={chat_type}/").replace(
            f"dt={old_date}/", f"dt={hour:%Y-%m-%d}/"
        )
        return parts.replace(old_hour, f"{hour:%Y%m%d%H}")
    return value


def fill_the_week():
    """Gives every unit of the demo's week that is not committed the receipt of one that is."""
    receipts = [json.loads(path.read_text()) for path in LAKE.glob("receipts/*/*/*.json")]
    model = max(
        (receipt for receipt in receipts if receipt["state"] == "committed"), key=lambda receipt: receipt["hour"]
    )
    this_hour = datetime.datetime.now(BEIJING).replace(minute=0, second=0, microsecond=0)
    for chat_type in CHAT_TYPES:
        for age in range(1, HOURS + 1):
            hour = this_hour - datetime.timedelta(hours=age)
            path = receipt_path(chat_type, hour)
            if not path.exists() or json.loads(path.read_text())["state"] != "committed":
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(json.dumps(said_of(model, chat_type, hour, model)))
    week = [
        receipt_path(chat_type, this_hour - datetime.timedelta(hours=age))
        for chat_type in CHAT_TYPES
        for age in range(1, HOURS + 1)
    ]
    committed = [path for path in week if json.loads(path.read_text())["state"] == "committed"]
    if len(committed) != 2 * HOURS:
        sys.exit(f"plan_speed: {len(committed)} committed receipts, not {2 * HOURS}")
    # Any other receipt (of an hour that has left the week) would only make it slower.


def seconds_of(*arguments):
    began = time.perf_counter()
    timlake(*arguments)
    return time.perf_counter() - began


timlake("demo")
fill_the_week()

status = json.loads(timlake("status", "--json", "--lake", str(LAKE)))
shown = json.dumps(status).count('"committed"')
if "report_version" not in status or shown < 2 * HOURS - len(CHAT_TYPES):
    sys.exit(f"plan_speed: `status --json` does not show the week as committed: {shown} of {2 * HOURS}")

slow = []
for command in ("plan", "status"):
    best = min(seconds_of(command, "--lake", str(LAKE)) for _ in range(RUNS))
    print(
        f"plan_speed: `timlake {command}` on {2 * HOURS} receipts: {best * 1000:.0f} ms, best of {RUNS} (at most {ALLOWED_SECONDS * 1000:.0f})"
    )
    if best >= ALLOWED_SECONDS:
        slow.append(command)
if slow:
    sys.exit(f"plan_speed: too slow: {', '.join(slow)}")
