"""Airflow 3: timlake every hour, and a backfill to start by hand.

Put this file into the DAGs folder. The workers need `timlake` on their PATH and its settings in their environment:

    TIMLAKE_LAKE             an absolute path that all workers share
    TIMLAKE_SDKAPPID         the app
    TIMLAKE_SECRET_KEY_FILE  a file that only the worker's user can read
    TIMLAKE_REGION           where the app lives, if not `china`

Nothing secret is in this file, in a parameter or on a command line, so nothing secret is in a task's log.

A task is one call of `timlake`. What to do, and whether it is already done, `timlake` reads from the lake. So a task may
be cleared or run twice at any time, and neither DAG needs a data interval or a catch-up.

| exit code | what the task does |
|---|---|
| 0 | succeeds |
| 3 some units failed, 75 another run holds the lake | is retried |
| 130, 143 or a signal: interrupted | is retried |
| 2 configuration, 74 the lake, 77 credentials | fails at once: somebody has to mend it first |
| 4 an hour is lost | fails at once: a person must look. The code comes once, so a retry would hide it |
"""

from datetime import datetime, timedelta, timezone

from airflow.providers.standard.hooks.subprocess import SubprocessHook
from airflow.sdk import DAG, BaseOperator, Param
from airflow.sdk.exceptions import AirflowException, AirflowFailException

FAIL_AT_ONCE = {
    2: "usage, configuration or the account's set-up: mend it, then clear this task",
    4: "an hour was lost before it was archived: see `timlake status`",
    74: "the lake cannot be read or written: mend it, then clear this task",
    77: "the vendor refused the credentials: mend them, then clear this task",
}


class TimlakeOperator(BaseOperator):
    """One call of `timlake`, without a shell in between; its output is the task's log."""

    template_fields = ("arguments",)

    def __init__(self, *, arguments: list[str], **kwargs):
        super().__init__(**kwargs)
        self.arguments = arguments
        self.process = None

    def execute(self, context):
        self.process = SubprocessHook()
        # Not in the hook's temporary folder: it is deleted afterwards, and a relative lake path with it.
        code = self.process.run_command(["timlake", *self.arguments], cwd="/").exit_code
        if code in FAIL_AT_ONCE:
            raise AirflowFailException(f"timlake ended with {code}: {FAIL_AT_ONCE[code]}")
        if code != 0:
            raise AirflowException(f"timlake ended with {code}: the same command goes on where it stopped")

    def on_kill(self):
        # SIGTERM: timlake finishes or drops the units in flight and leaves the lake consistent.
        if self.process:
            self.process.send_sigterm()


with DAG(
    dag_id="timlake_sync",
    description="Archive every due hour of the last seven days",
    doc_md=__doc__,
    schedule="7 * * * *",
    start_date=datetime(2026, 1, 1, tzinfo=timezone.utc),
    catchup=False,
    max_active_runs=1,
    tags=["timlake"],
):
    # Two retries, so that a run is over before the next hour's begins; what failed is due again there.
    TimlakeOperator(
        task_id="sync",
        arguments=["sync"],
        retries=2,
        retry_delay=timedelta(minutes=10),
    )

with DAG(
    dag_id="timlake_backfill",
    description="Archive an explicit range of hours, [from, to)",
    doc_md=__doc__,
    schedule=None,
    max_active_runs=1,
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
):
    # Nothing else comes back to these hours, and an hourly sync may hold the lake for a while: more patience.
    TimlakeOperator(
        task_id="backfill",
        arguments=[
            "backfill",
            "--from={{ params['from'] }}",
            "--to={{ params['to'] }}",
            "--rerun={{ params['rerun'] }}",
        ],
        retries=6,
        retry_delay=timedelta(minutes=10),
    )
