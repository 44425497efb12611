"""Airflow 3: timlake every hour, and a backfill to start by hand.

Put this file into the DAGs folder and `timlake` on the workers' PATH. Its settings come from the Connection `timlake`, from
the workers' environment, or from both:

    Login      TIMLAKE_SDKAPPID         the app
    Password   TIMLAKE_SECRET_KEY_FILE  the app's secret key; outside Airflow it is a file that only the worker's user can read
    Extra      TIMLAKE_LAKE             an absolute path that all workers share
               TIMLAKE_REGION           where the app lives, if not `china`

Extra is a JSON object of such names, AWS_* too; the Connection goes before the environment. Nothing secret is in this file,
in a parameter or on a command line, and `timlake` prints no secret: no log depends on Airflow's masking.

A task is one call of `timlake`. What to do, and whether it is already done, `timlake` reads from the lake. So a task may be
cleared or run twice at any time. A run of `timlake_sync` has the data interval of the hour before it, for those who build on
it; the call itself has no use for it, and a missed run needs no catching up.

| exit code | what the task does |
|---|---|
| 0 | succeeds |
| 3 some units failed, 75 another run holds the lake | is retried |
| 130, 143 or a signal: interrupted | is retried |
| 2 configuration, 6 damage, 74 the lake, 77 credentials | fails at once: somebody has to mend it first |
| 4 an hour is lost | fails at once: a person must look. The code comes once, so a retry would hide it |

A task that has failed for good calls what TIMLAKE_ON_FAILURE in the workers' environment names: `package.name`, a notifier
or a function that takes the task's context. `context["exception"].exit_code` tells it what happened; page somebody for 4.

A lake has one writer at a time; the second one ends with 75. So the days of a backfill come one after the other, and a sync
that meets one of them is retried, or done by the next hour's.
"""

import importlib
import itertools
import json
import os
import subprocess
from datetime import datetime, timedelta, timezone

from airflow.providers.standard.hooks.subprocess import SubprocessHook
from airflow.sdk import DAG, BaseOperator, Connection, Param
from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowNotFoundException
from airflow.timetables.interval import CronDataIntervalTimetable

CONNECTION = "timlake"

# What a shell ends with where there is no such program.
NOT_FOUND = 127

FAIL_AT_ONCE = {
    2: "usage, configuration or the account's set-up: mend it, then clear this task",
    4: "an hour was lost before it was archived: see `timlake status`",
    6: "the lake is damaged: see `timlake verify`",
    74: "the lake cannot be read or written: mend it, then clear this task",
    77: "the vendor refused the credentials: mend them, then clear this task",
    NOT_FOUND: "there is no such program on this worker's PATH",
}


class TimlakeFailed(AirflowException):
    """`timlake` did not end well. The task is retried while it has retries left."""

    def __init__(self, exit_code: int, what: str):
        super().__init__(f"timlake ended with {exit_code}: {what}")
        self.exit_code = exit_code


class TimlakeNeedsAPerson(TimlakeFailed, AirflowFailException):
    """`timlake` ended with what no retry mends. The task fails at once."""


def raise_unless_done(exit_code: int):
    """Turns what `timlake` ended with into what Airflow is to do."""
    if exit_code in FAIL_AT_ONCE:
        raise TimlakeNeedsAPerson(exit_code, FAIL_AT_ONCE[exit_code])
    if exit_code != 0:
        raise TimlakeFailed(exit_code, "the same command goes on where it stopped")


def environment() -> dict[str, str]:
    """What `timlake` runs with: the worker's environment, and over it what the Connection has, if there is one."""
    variables = dict(os.environ)
    try:
        connection = Connection.get(CONNECTION)
    except AirflowNotFoundException:
        return variables
    if connection.login:
        variables["TIMLAKE_SDKAPPID"] = connection.login
    if connection.password:
        for other in ("TIMLAKE_SECRET_KEY_FILE", "TIMLAKE_USERSIG", "TIMLAKE_USERSIG_FILE"):
            variables.pop(other, None)
        variables["TIMLAKE_SECRET_KEY"] = connection.password
    for name, value in connection.extra_dejson.items():
        if not name.startswith(("TIMLAKE_", "AWS_")) or not isinstance(value, str):
            raise TimlakeNeedsAPerson(2, f"{name} in the Extra of the Connection {CONNECTION} is no TIMLAKE_* or AWS_* with a text")
        variables[name] = value
    return variables


def tell(context):
    """Calls what TIMLAKE_ON_FAILURE names."""
    named = os.environ.get("TIMLAKE_ON_FAILURE")
    if named:
        module, _, name = named.rpartition(".")
        getattr(importlib.import_module(module), name)(context)


class TimlakeOperator(BaseOperator):
    """One call of `timlake`, without a shell in between; its output is the task's log."""

    template_fields = ("arguments",)

    def __init__(self, *, arguments: list[str], **kwargs):
        super().__init__(**kwargs)
        self.arguments = arguments
        self.process = None

    def execute(self, context):
        self.process = SubprocessHook()
        try:
            # Not in the hook's temporary folder: it is deleted afterwards, and a relative lake path with it.
            exit_code = self.process.run_command(["timlake", *self.arguments], env=environment(), cwd="/").exit_code
        except FileNotFoundError:
            exit_code = NOT_FOUND
        raise_unless_done(exit_code)

    def on_kill(self):
        # SIGTERM: timlake finishes or drops the units in flight and leaves the lake consistent.
        if self.process:
            self.process.send_sigterm()


class TimlakeDaysOperator(BaseOperator):
    """What `timlake plan` says of a range, as calls of `timlake backfill`: one for each Beijing day with something due."""

    template_fields = ("hours", "rerun")

    def __init__(self, *, hours: list[str], rerun: str, **kwargs):
        super().__init__(**kwargs)
        self.hours = hours
        self.rerun = rerun

    def execute(self, context):
        calls = []
        for _day, hours in itertools.groupby(self.due_hours(), key=lambda hour: hour[:8]):
            hours = list(hours)
            after = datetime.strptime(hours[-1], "%Y%m%d%H") + timedelta(hours=1)
            calls.append(["backfill", f"--from={hours[0]}", f"--to={after:%Y%m%d%H}", self.rerun])
        self.log.info("%d days have something due", len(calls))
        return calls

    def due_hours(self) -> list[str]:
        """The hours that have a due unit, oldest first."""
        command = ["timlake", "plan", "--json", *self.hours, self.rerun]
        try:
            plan = subprocess.run(command, env=environment(), cwd="/", stdin=subprocess.DEVNULL, capture_output=True, text=True)
        except FileNotFoundError:
            raise_unless_done(NOT_FOUND)
        for line in plan.stderr.splitlines():
            self.log.info("%s", line)
        raise_unless_done(plan.returncode)
        return sorted({unit["hour"] for unit in json.loads(plan.stdout)["due"]})


with DAG(
    dag_id="timlake_sync",
    description="Archive every due hour of the last seven days",
    doc_md=__doc__,
    schedule=CronDataIntervalTimetable("7 * * * *", timezone="UTC"),
    start_date=datetime(2026, 1, 1, tzinfo=timezone.utc),
    catchup=False,
    max_active_runs=1,
    default_args={"on_failure_callback": tell},
    tags=["timlake"],
) as sync_dag:
    # Two retries, so that a run is over before the next hour's begins; what failed is due again there.
    TimlakeOperator(
        task_id="sync",
        arguments=["sync"],
        retries=2,
        retry_delay=timedelta(minutes=10),
    )

with DAG(
    dag_id="timlake_backfill",
    description="Archive an explicit range of hours, [from, to), day by day",
    doc_md=__doc__,
    schedule=None,
    max_active_runs=1,
    default_args={"on_failure_callback": tell},
    tags=["timlake"],
    params={
        "from": Param(
            type="string",
            title="From",
            description="The first hour: YYYYMMDDHH in Beijing time, or an RFC 3339 instant",
        ),
        "to": Param(
            type="string",
            title="To",
            description="The hour after the last one, in the same form",
        ),
        "rerun": Param(
            "missing",
            type="string",
            enum=["missing", "failed", "all"],
            title="Which units",
            description="missing: without a final state. failed: only the failed ones. all: finished ones are asked again too",
        ),
    },
) as backfill_dag:
    days = TimlakeDaysOperator(
        task_id="days",
        hours=["--from={{ params['from'] }}", "--to={{ params['to'] }}"],
        rerun="--rerun={{ params['rerun'] }}",
        retries=2,
        retry_delay=timedelta(minutes=1),
    )
    # Nothing else comes back to these hours, and an hourly sync may hold the lake for a while: more patience.
    TimlakeOperator.partial(
        task_id="backfill",
        map_index_template="{{ task.arguments[1] }}",
        max_active_tis_per_dagrun=1,
        retries=6,
        retry_delay=timedelta(minutes=10),
    ).expand(arguments=days.output)
