"""Runs the DAGs in a real Airflow and checks what becomes of every exit code.

Run by .ci/airflow in an empty folder, with a Python that has Airflow; the binary is in TIMLAKE_BINARY.
Usage: check_airflow.py DAGS_FOLDER
"""

import contextlib
import datetime
import json
import os
import secrets
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import traceback
from pathlib import Path

DAGS = Path(sys.argv[1])
HERE = Path.cwd()
BINARY = os.environ["TIMLAKE_BINARY"]
BEIJING = datetime.timezone(datetime.timedelta(hours=8))
KEY = "fake-secret-key-of-the-airflow-check"
DAY = 24
LOGS = []
STARTED = []
# What the checks print; Airflow's own output goes elsewhere while it runs in this process.
OUT = os.fdopen(os.dup(1), "w")

# A `timlake` that ends as told, and the real one between two lines that tell when it ran.
STUB = """#!/bin/sh
echo "$*" >> "$CALLS"
if [ "$1" = plan ]; then cat "$PLAN"; exit 0; fi
code=$(sed -n "$(grep -vc '^plan' "$CALLS")p" "$CODES")
code=${code:-$(tail -n 1 "$CODES")}
if [ "$code" = killed ]; then kill -KILL $$; fi
exit "$code"
"""
WATCHED = """#!/bin/sh
echo "begin $*" >> "$CALLS"
"$TIMLAKE_BINARY" "$@"
code=$?
echo "end $code" >> "$CALLS"
exit "$code"
"""
ALERTS = """import os
def tell(context):
    with open(os.environ["ALERTS"], "a") as file:
        file.write(f"{context['ti'].task_id} {getattr(context['exception'], 'exit_code', None)}\\n")
"""


def stop(why):
    print(f"airflow: {why}", file=OUT, flush=True)
    sys.exit(1)


def check(holds, what, seen=""):
    """One line a check; the first that does not hold ends the run."""
    if not holds:
        stop(f"NOT SO: {what}\n{seen}")
    print(f"airflow: {what}", file=OUT, flush=True)


def program(folder, text):
    path = HERE / folder / "timlake"
    path.parent.mkdir()
    path.write_text(text)
    path.chmod(0o755)
    return str(path.parent)


def airflow(*arguments, may_fail=False):
    done = subprocess.run(
        [sys.executable, "-m", "airflow", *arguments], capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=600
    )
    LOGS.append(done.stdout + done.stderr)
    if done.returncode != 0 and not may_fail:
        stop(f"`airflow {' '.join(arguments)}` ended with {done.returncode}\n{LOGS[-1][-6000:]}")
    return done


def timlake(*arguments):
    done = subprocess.run([BINARY, *arguments], capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=600)
    if done.returncode != 0:
        stop(f"`timlake {' '.join(arguments)}` ended with {done.returncode}\n{done.stderr[-4000:]}")
    return done.stdout


def start(log, *command, **kwargs):
    """Starts a program that is stopped at the end, whatever happens."""
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stderr=open(HERE / log, "w"), start_new_session=True, text=True, **kwargs
    )
    STARTED.append(process)
    return process


def stop_all():
    for process in STARTED:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM)
    for process in STARTED:
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def simulator():
    """Starts the simulator and returns its endpoint."""
    (HERE / "key").write_text(KEY)
    (HERE / "key").chmod(0o600)
    command = [BINARY, "simulate", "--no-rate-limit", "--messages-per-hour=50", f"--secret-key-file={HERE / 'key'}"]
    name, _, endpoint = start("simulator.log", *command, stdout=subprocess.PIPE).stdout.readline().strip().partition("=")
    if name != "TIMLAKE_ENDPOINT":
        stop("the simulator did not start")
    return endpoint


def hour(ago):
    return f"{datetime.datetime.now(BEIJING) - datetime.timedelta(hours=ago):%Y%m%d%H}"


def states(lake, *arguments):
    return json.loads(timlake("status", "--json", f"--lake={lake}", *arguments))["totals"]


def parse():
    """Airflow takes the file as it is."""
    version = airflow("version").stdout.strip().splitlines()[-1]
    airflow("db", "migrate")
    airflow("dags", "reserialize")
    errors = airflow("dags", "list-import-errors", "--output=json", may_fail=True).stdout.strip().splitlines()
    check(not errors or errors[-1] in ("[]", "No data found"), f"Airflow {version} parses {DAGS.name}/ without import errors", errors)
    listed = {dag["dag_id"] for dag in json.loads(airflow("dags", "list", "--output=json").stdout.strip().splitlines()[-1])}
    check(listed == {"timlake_sync", "timlake_backfill"}, "it has the DAGs timlake_sync and timlake_backfill", listed)


def backfill_and_sync():
    """`airflow dags test` of both, against the simulator, with the secret in a Connection."""
    lake = HERE / "lake"
    os.environ["TIMLAKE_LAKE"] = str(lake)
    first, last = hour(2 * DAY + 3), hour(3)
    days = len({f"{first[:8]}", *(hour(ago)[:8] for ago in range(4, 2 * DAY + 4))})
    conf = json.dumps({"from": first, "to": last})
    airflow("dags", "test", "timlake_backfill", "--conf", conf)
    log = LOGS[-1]
    calls = log.count("Running command: ['timlake', 'backfill'")
    check(calls == days, f"`airflow dags test timlake_backfill` of 48 hours: {calls} calls, one for each of {days} days", log)
    totals = states(lake, f"--from={first}", f"--to={last}")
    check(totals["unfinished"] == 0 and totals["rows"] > 0, f"its {totals['units']} units are finished, {totals['rows']} messages", totals)
    airflow("dags", "test", "timlake_backfill", "--conf", conf)
    check("Running command:" not in LOGS[-1], "the same backfill again has nothing to do and succeeds")
    airflow("dags", "test", "timlake_sync")
    totals = states(lake)
    due = json.loads(timlake("plan", "--json", f"--lake={lake}"))["due"]
    check(not due and totals["past_retention"] == 0, f"`airflow dags test timlake_sync`: nothing is due any more, {totals['rows']} messages", due)
    timlake("verify", f"--lake={lake}")
    check(True, "`timlake verify` finds no damage")
    # A real refusal, not only a stub's: a wrong key.
    right = os.environ["AIRFLOW_CONN_TIMLAKE"]
    os.environ["AIRFLOW_CONN_TIMLAKE"] = right.replace(KEY, KEY + "-wrong")
    os.environ["TIMLAKE_LAKE"] = str(HERE / "lake-refused")
    done = airflow("dags", "test", "timlake_sync", may_fail=True)
    os.environ["AIRFLOW_CONN_TIMLAKE"] = right
    tries = LOGS[-1].count("Running command: ['timlake', 'sync'")
    said = "timlake ended with 77" in LOGS[-1]
    check(done.returncode != 0 and said and tries == 1, "the real timlake with a wrong key: 77, failed at once", LOGS[-1][-4000:])


def exit_codes(path):
    """Each exit code's way through Airflow, with a `timlake` that ends as told."""
    os.environ.update(PATH=f"{path}:{PATH}", CALLS=str(HERE / "calls"), CODES=str(HERE / "codes"), PLAN=str(HERE / "plan"))
    sys.path.insert(0, str(DAGS))
    sys.path.insert(0, str(HERE))
    import timlake_dags

    # As in the file, less the waiting.
    no_time = datetime.timedelta(0)
    sync, backfill = timlake_dags.sync_dag, timlake_dags.backfill_dag
    sync.get_task("sync").retry_delay = no_time
    (HERE / "runs.log").touch()
    log = os.open(HERE / "runs.log", os.O_WRONLY)
    os.dup2(log, 1)
    os.dup2(log, 2)
    backfill.get_task("backfill").partial_kwargs["retry_delay"] = no_time

    def run(dag, codes, conf=None):
        for name in ("calls", "alerts"):
            (HERE / name).write_text("")
        (HERE / "codes").write_text("".join(f"{code}\n" for code in codes))
        run = dag.test(run_conf=conf)
        tasks = {(ti.task_id, ti.map_index): str(ti.state) for ti in run.get_task_instances()}
        calls = [call for call in (HERE / "calls").read_text().splitlines() if not call.startswith("plan")]
        return str(run.state), tasks, calls, (HERE / "alerts").read_text().splitlines()

    def sync_ends(codes, state, calls, alerts, what):
        seen = run(sync, codes)
        holds = seen[0] == state and list(seen[1].values()) == [state] and len(seen[2]) == calls and seen[3] == alerts
        check(holds, f"exit code {' then '.join(map(str, codes))}: {what}", seen)

    sync_ends([0], "success", 1, [], "success after 1 try")
    for code in (3, 75, 130, 143, "killed"):
        number = -9 if code == "killed" else code
        sync_ends([code], "failed", 3, [f"sync {number}"], "retried; failed after 3 tries, told once")
    for codes in ([3, 0], [75, 75, 0], [143, 0]):
        sync_ends(codes, "success", len(codes), [], f"retried; success after {len(codes)} tries, nobody told")
    for code in (2, 6, 74, 77):
        sync_ends([code, 0], "failed", 1, [f"sync {code}"], "failed at once, told once; the 0 never came")
    sync_ends([4, 0], "failed", 1, ["sync 4"], "failed at once, and TIMLAKE_ON_FAILURE was called with 4; the 0 never came")
    sync_ends([3, 4], "failed", 2, ["sync 4"], "retried, then failed at once with 4")
    sync_ends([99], "failed", 3, ["sync 99"], "never skipped: retried and failed like any unknown code")

    due = [{"hour": f"202611{day}{hour:02}"} for day in (18, 19, 20) for hour in (0, 23)]
    (HERE / "plan").write_text(json.dumps({"due": due}))
    conf = {"from": "2026111800", "to": "2026112100", "rerun": "all"}
    state, tasks, calls, alerts = run(backfill, [75, 3, 0], conf)
    expected = {f"backfill --from=202611{day}00 --to=202611{day + 1}00 --rerun=all" for day in (18, 19, 20)}
    check(state == "success" and len(calls) == 5 and set(calls) == expected and not alerts, "backfill, 75 then 3 then 0: 3 days, 5 calls, success", calls)
    state, tasks, calls, alerts = run(backfill, [4, 0], conf)
    of_days = sorted(state for (task, _), state in tasks.items() if task == "backfill")
    holds = state == "failed" and len(calls) == 3 and of_days == ["failed", "success", "success"] and alerts == ["backfill 4"]
    check(holds, "backfill, 4 on one day: that day fails at once and is told, the others are done", (tasks, calls, alerts))
    state, tasks, calls, alerts = run(backfill, [77], conf)
    check(state == "failed" and len(calls) == 3 and alerts == ["backfill 77"] * 3, "backfill, 77: no day is tried twice", (calls, alerts))

    os.environ["PATH"] = os.path.dirname(sys.executable)
    state, tasks, calls, alerts = run(sync, [0])
    check(state == "failed" and alerts == ["sync 127"], "no timlake on the worker's PATH: failed at once, told once", (tasks, alerts))


def free_port():
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return listening.getsockname()[1]


def wait_for(what, seconds, ready):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = ready()
        if value:
            return value
        time.sleep(1)
    logs = "".join(f"\n--- {log.name}\n{log.read_text()[-3000:]}" for log in HERE.glob("*.log"))
    stop(f"waited {seconds} s for {what}{logs}")


def asked(query, *values):
    """A row of the scheduler's own database: a call of `airflow` would take seconds each time."""
    with contextlib.closing(sqlite3.connect(f"file:{HERE / 'home-scheduled' / 'airflow.db'}?mode=ro", uri=True)) as database:
        return database.execute(query, values).fetchone()


def finished(dag):
    """The state, the kind and the data interval of the run of `dag`, once it has ended."""
    query = "SELECT state, run_type, data_interval_start, data_interval_end FROM dag_run WHERE dag_id = ? AND state IN ('success', 'failed')"
    return wait_for(f"a run of {dag}", 240, lambda: asked(query, dag))


def scheduler(path):
    """A real scheduler, its processes and workers: the days one after the other, the hour's run with an hour's interval."""
    (HERE / "calls").write_text("")
    lake = HERE / "lake-scheduled"
    port = free_port()
    os.environ.update(
        PATH=f"{path}:{PATH}",
        CALLS=str(HERE / "calls"),
        TIMLAKE_LAKE=str(lake),
        # The runs of before were not the scheduler's.
        AIRFLOW_HOME=str(HERE / "home-scheduled"),
        AIRFLOW__DATABASE__SQL_ALCHEMY_CONN=f"sqlite:///{HERE / 'home-scheduled' / 'airflow.db'}",
        AIRFLOW__CORE__EXECUTOR="LocalExecutor",
        AIRFLOW__CORE__PARALLELISM="4",
        AIRFLOW__CORE__EXECUTION_API_SERVER_URL=f"http://127.0.0.1:{port}/execution/",
        AIRFLOW__API__HOST="127.0.0.1",
        AIRFLOW__API__PORT=str(port),
        AIRFLOW__API__WORKERS="1",
        AIRFLOW__API_AUTH__JWT_SECRET=secrets.token_urlsafe(32),
        AIRFLOW__LOGGING__BASE_LOG_FOLDER=str(HERE / "home-scheduled" / "logs"),
    )
    airflow("db", "migrate")
    for component in ("api-server", "dag-processor", "scheduler"):
        command = [sys.executable, "-m", "airflow", component]
        start(f"{component}.log", *command, stdout=open(HERE / f"{component}-out.log", "w"))
    wait_for("the DAGs", 120, lambda: asked("SELECT count(*) FROM serialized_dag")[0] >= 2)

    conf = json.dumps({"from": hour(2 * DAY + 3), "to": hour(3)})
    airflow("dags", "unpause", "timlake_backfill", "--yes")
    airflow("dags", "trigger", "timlake_backfill", "--conf", conf)
    state, *_ = finished("timlake_backfill")
    calls = [line for line in (HERE / "calls").read_text().splitlines()]
    one_by_one = [line.split()[0] for line in calls] == ["begin", "end"] * (len(calls) // 2)
    ends = {line for line in calls if line.startswith("end")}
    oldest_first = [line for line in calls if line.startswith("begin backfill")]
    check(state == "success" and ends == {"end 0"}, "a real scheduler runs timlake_backfill: success, no call met another (75)", calls)
    check(one_by_one and oldest_first == sorted(oldest_first), f"its {len(oldest_first)} days came one by one, oldest first", calls)

    airflow("dags", "unpause", "timlake_sync", "--yes")
    state, kind, *interval = finished("timlake_sync")
    check(state == "success", "a real scheduler starts timlake_sync by itself: success", state)
    begin, end = map(datetime.datetime.fromisoformat, interval)
    check(
        kind == "scheduled" and end - begin == datetime.timedelta(hours=1) and end.minute == 7,
        f"its data interval is an hour: {begin:%H:%M} to {end:%H:%M} UTC",
        (begin, end, kind),
    )
    due = json.loads(timlake("plan", "--json", f"--lake={lake}"))["due"]
    check(not due, "nothing is due in its lake any more", due)


def no_secrets():
    texts = LOGS + [path.read_text(errors="replace") for path in HERE.rglob("*.log")]
    leaks = [text for text in texts if KEY in text]
    check(texts and not leaks, f"the secret key is in none of {len(texts)} logs", len(leaks))


# What was started is stopped then too.
signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
PATH = os.environ["PATH"]
os.environ.update(
    AIRFLOW_HOME=str(HERE / "home"),
    AIRFLOW__CORE__LOAD_EXAMPLES="False",
    AIRFLOW__CORE__DAGS_FOLDER=str(DAGS),
    AIRFLOW__LOGGING__BASE_LOG_FOLDER=str(HERE / "home" / "logs"),
    PYTHONPATH=str(HERE),
    PYTHONWARNINGS="ignore",
    NO_PROXY="127.0.0.1,localhost",
    ALERTS=str(HERE / "alerts"),
    TIMLAKE_ON_FAILURE="airflow_check_alerts.tell",
)
(HERE / "airflow_check_alerts.py").write_text(ALERTS)
(HERE / "alerts").write_text("")
try:
    endpoint = simulator()
    extra = {"TIMLAKE_ENDPOINT": endpoint, "TIMLAKE_MAX_QPS": "10"}
    connection = {"conn_type": "generic", "login": "1400000000", "password": KEY, "extra": extra}
    os.environ["AIRFLOW_CONN_TIMLAKE"] = json.dumps(connection)
    parse()
    os.environ["PATH"] = f"{program('real', WATCHED)}:{PATH}"
    os.environ["CALLS"] = str(HERE / "calls")
    backfill_and_sync()
    scheduler(str(HERE / "real"))
    stop_all()
    exit_codes(program("stub", STUB))
    no_secrets()
except Exception:
    traceback.print_exc(file=OUT)
    sys.exit(1)
finally:
    stop_all()
