"""What a user would write with Python's own json and pyarrow: the body kept as text.

Usage: python pyarrow_hour.py LINES.ndjson OUT.parquet THREADS
"""

import json
import sys

import pyarrow
import pyarrow.parquet

lines, out, _ = sys.argv[1:]

COLUMNS = {
    "From_Account": pyarrow.string(),
    "To_Account": pyarrow.string(),
    "GroupId": pyarrow.string(),
    "MsgTimestamp": pyarrow.int64(),
    "MsgSeq": pyarrow.int64(),
    "MsgRandom": pyarrow.int64(),
    "MsgFromPlatform": pyarrow.string(),
    "ClientIP": pyarrow.string(),
    "CloudCustomData": pyarrow.string(),
}
SCHEMA = pyarrow.schema([*COLUMNS.items(), ("text", pyarrow.string()), ("MsgBody", pyarrow.string())])
ROWS_AT_ONCE = 50_000


def batches():
    rows = []
    with open(lines, encoding="utf-8") as file:
        for line in file:
            message = json.loads(line)
            body = message["MsgBody"]
            row = {key: message.get(key) for key in COLUMNS}
            row["text"] = "\n".join(e["MsgContent"]["Text"] for e in body if e["MsgType"] == "TIMTextElem")
            row["MsgBody"] = json.dumps(body, ensure_ascii=False)
            rows.append(row)
            if len(rows) == ROWS_AT_ONCE:
                yield pyarrow.RecordBatch.from_pylist(rows, schema=SCHEMA)
                rows = []
    yield pyarrow.RecordBatch.from_pylist(rows, schema=SCHEMA)


with pyarrow.parquet.ParquetWriter(out, SCHEMA, compression="zstd") as writer:
    for batch in batches():
        writer.write_batch(batch)
