"""Reads the lake of `timlake demo` with every reader an analyst would use, and holds what they see against each other, the
receipts and the vendor's archives. Then runs the README's queries.

Run by .ci/readers, in an empty folder, with the binary in TIMLAKE_BINARY and the README's path as its argument.
"""

import gzip
import hashlib
import json
import math
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import duckdb
import numpy
import pandas
import polars
import pyarrow
import pyarrow.compute
import pyarrow.dataset
import pyarrow.parquet

LAKE = Path("timlake-demo")
FILES = f"{LAKE}/messages/**/*.parquet"
NOT_NULL = ["sdk_app_id", "archive_hour", "source_file", "source_line"]
BLOOM_FILTERS = ["conversation_id", "from_account", "to_account", "group_id"]
PLACE = ["chat_type", "archive_hour", "source_file", "source_line"]
UTC_MS = "timestamp"

# The table, schema version 1. int, str, float and UTC_MS stand for the four scalar types.
IMAGE = {"type": int, "size_bytes": int, "width": int, "height": int, "url": str}
THUMB = {"uuid": str, "url": str, "format": str, "size_bytes": int, "width": int, "height": int, "download_flag": int}
ELEMENT = {
    **dict.fromkeys(["type", "text", "data", "desc", "ext", "sound"], str),
    "face_index": int,
    **dict.fromkeys(["latitude", "longitude"], float),
    **dict.fromkeys(["uuid", "url", "format", "file_name"], str),
    **dict.fromkeys(["size_bytes", "duration_seconds", "download_flag"], int),
    "images": [IMAGE],
    "thumb": THUMB,
    "extra": str,
}
TABLE = {
    "sdk_app_id": int,
    "archive_hour": str,
    "source_file": int,
    "source_line": int,
    **dict.fromkeys(["conversation_id", "message_key", "from_account", "to_account", "group_id"], str),
    "msg_time": UTC_MS,
    "msg_seq": int,
    "msg_random": int,
    **dict.fromkeys(["platform", "client_ip", "cloud_custom_data", "text"], str),
    "elements": [ELEMENT],
    "extra": str,
}

# How the vendor's keys become fields, and back.
MESSAGE_KEYS = {
    "From_Account": "from_account",
    "To_Account": "to_account",
    "GroupId": "group_id",
    "MsgSeq": "msg_seq",
    "MsgRandom": "msg_random",
    "MsgFromPlatform": "platform",
    "ClientIP": "client_ip",
    "CloudCustomData": "cloud_custom_data",
}
CONTENT_KEYS = {
    "TIMTextElem": {"Text": "text"},
    "TIMCustomElem": {"Data": "data", "Desc": "desc", "Ext": "ext", "Sound": "sound"},
    "TIMFaceElem": {"Index": "face_index", "Data": "data"},
    "TIMLocationElem": {"Desc": "desc", "Latitude": "latitude", "Longitude": "longitude"},
    "TIMSoundElem": {
        "UUID": "uuid", "Url": "url", "Size": "size_bytes", "Second": "duration_seconds", "Download_Flag": "download_flag",
    },
    "TIMFileElem": {
        "UUID": "uuid", "Url": "url", "FileSize": "size_bytes", "FileName": "file_name", "Download_Flag": "download_flag",
    },
    "TIMImageElem": {"UUID": "uuid"},
    "TIMVideoFileElem": {
        "VideoUUID": "uuid", "VideoUrl": "url", "VideoSize": "size_bytes", "VideoSecond": "duration_seconds",
        "VideoFormat": "format", "VideoDownloadFlag": "download_flag",
    },
}  # fmt: skip
IMAGE_KEYS = {"Type": "type", "Size": "size_bytes", "Width": "width", "Height": "height", "URL": "url"}
THUMB_KEYS = {
    "ThumbUUID": "uuid", "ThumbUrl": "url", "ThumbFormat": "format", "ThumbSize": "size_bytes", "ThumbWidth": "width",
    "ThumbHeight": "height", "ThumbDownloadFlag": "download_flag",
}  # fmt: skip

passed = 0


def check(holds, sentence, detail=""):
    """Counts and prints what holds; ends the check with the detail where it does not."""
    global passed
    if not holds:
        sys.exit(f"readers: not so: {sentence}" + (f"\n{detail}" if detail else ""))
    passed += 1
    print(f"readers: {sentence}")


# Each reader: the names of the columns with their types as it sees them, and the rows with times as milliseconds UTC.


def read_with_duckdb():
    lake = duckdb.connect()
    lake.sql(f"CREATE VIEW messages AS FROM read_parquet('{FILES}', hive_partitioning = true)")
    types = {row[0]: row[1] for row in lake.sql("DESCRIBE messages").fetchall()}
    rows = lake.sql("SELECT * REPLACE (epoch_ms(msg_time) AS msg_time) FROM messages")
    return types, [dict(zip(rows.columns, row)) for row in rows.fetchall()]


def read_with_pyarrow():
    table = pyarrow.dataset.dataset(LAKE / "messages", format="parquet", partitioning="hive").to_table()
    types = {field.name: field.type for field in table.schema}
    return types, times_as_integers(table).to_pylist()


def read_with_pandas():
    frame = pandas.read_parquet(LAKE / "messages")
    types = dict(frame.dtypes)
    in_utc = frame["msg_time"]
    frame["msg_time"] = in_utc.dt.as_unit("ms").astype("int64").astype(object).where(in_utc.notna(), None)
    names = list(frame.columns)
    return types, [dict(zip(names, row)) for row in zip(*(frame[name] for name in names))]


def read_with_polars():
    frame = polars.read_parquet(FILES, hive_partitioning=True)
    return dict(frame.schema), frame.with_columns(polars.col("msg_time").dt.epoch("ms")).rows(named=True)


def times_as_integers(table):
    place = table.schema.get_field_index("msg_time")
    return table.set_column(place, "msg_time", pyarrow.compute.cast(table["msg_time"], pyarrow.int64()))


READERS = {
    "DuckDB": read_with_duckdb,
    "pyarrow": read_with_pyarrow,
    "pandas": read_with_pandas,
    "Polars": read_with_polars,
}


# What each reader must call the types of TABLE.


def in_duckdb(shape):
    if isinstance(shape, list):
        return in_duckdb(shape[0]) + "[]"
    if isinstance(shape, dict):
        return "STRUCT(" + ", ".join(f'"{name}" {in_duckdb(field)}' for name, field in shape.items()) + ")"
    return {int: "BIGINT", str: "VARCHAR", float: "DOUBLE", UTC_MS: "TIMESTAMP WITH TIME ZONE"}[shape]


def in_arrow(shape):
    if isinstance(shape, list):
        return pyarrow.list_(in_arrow(shape[0]))
    if isinstance(shape, dict):
        return pyarrow.struct({name: in_arrow(field) for name, field in shape.items()})
    scalars = {
        int: pyarrow.int64(),
        str: pyarrow.string(),
        float: pyarrow.float64(),
        UTC_MS: pyarrow.timestamp("ms", "UTC"),
    }
    return scalars[shape]


def in_polars(shape):
    if isinstance(shape, list):
        return polars.List(in_polars(shape[0]))
    if isinstance(shape, dict):
        return polars.Struct({name: in_polars(field) for name, field in shape.items()})
    return {int: polars.Int64, str: polars.String, float: polars.Float64, UTC_MS: polars.Datetime("ms", "UTC")}[shape]


def same_in_arrow(found, expected):
    """Equal types, whatever the item of a list is called and whether it may be null."""
    if pyarrow.types.is_list(found) and pyarrow.types.is_list(expected):
        return same_in_arrow(found.value_type, expected.value_type)
    if pyarrow.types.is_struct(found) and pyarrow.types.is_struct(expected):
        names = [field.name for field in found] == [field.name for field in expected]
        return names and all(same_in_arrow(a.type, b.type) for a, b in zip(found, expected))
    return found == expected


def right_type(reader, found, shape):
    if reader == "DuckDB":
        expected = duckdb.sql(f"SELECT NULL::{in_duckdb(shape)} AS column").types[0]
        return str(found) == str(expected)
    if reader == "pyarrow":
        return same_in_arrow(found, in_arrow(shape))
    if reader == "Polars":
        return found == in_polars(shape)
    # pandas has no lists, and makes integers with gaps floats.
    kinds = {int: ("int64", "float64"), str: ("str", "object"), UTC_MS: ("datetime64[ms, UTC]", "datetime64[us, UTC]")}
    return str(found) in (("object",) if isinstance(shape, list) else kinds[shape])


def plain(value, shape):
    """A reader's value as plain Python: None, int, str, float, list or dict."""
    if isinstance(shape, list):
        if value is None or (isinstance(value, float) and math.isnan(value)):
            return None
        return [plain(item, shape[0]) for item in value]
    if isinstance(shape, dict):
        return None if value is None else {name: plain(value[name], field) for name, field in shape.items()}
    if value is None or value is pandas.NA or (shape is not float and isinstance(value, float) and math.isnan(value)):
        return None
    if shape in (int, UTC_MS):
        if isinstance(value, (float, numpy.floating)) and not float(value).is_integer():
            raise ValueError(f"{value} is not a whole number")
        return int(value)
    return float(value) if shape is float else str(value)


def in_order(rows):
    """Plain rows, sorted by their place in the archives, so that readers may return them in any order."""
    shapes = {"chat_type": str, **TABLE}
    rows = [{name: plain(row[name], shape) for name, shape in shapes.items()} for row in rows]
    return sorted(rows, key=lambda row: [row[name] for name in PLACE])


def column_digest(rows, name):
    return hashlib.sha256(json.dumps([row[name] for row in rows], sort_keys=True).encode()).hexdigest()


# From a row back to the vendor's message.


def filled(row, keys):
    return {key: row[name] for key, name in keys.items() if row[name] is not None}


def element_again(element):
    content = filled(element, CONTENT_KEYS.get(element["type"], {}))
    if element["type"] == "TIMImageElem":
        if element["format"] is not None:
            content["ImageFormat"] = int(element["format"])
        if element["images"] is not None:
            content["ImageInfoArray"] = [filled(image, IMAGE_KEYS) for image in element["images"]]
    if element["type"] == "TIMVideoFileElem" and element["thumb"] is not None:
        content |= filled(element["thumb"], THUMB_KEYS)
    return {"MsgType": element["type"], "MsgContent": content | json.loads(element["extra"] or "{}")}


def message_again(row):
    extra = json.loads(row["extra"] or "{}")
    if "_raw" in extra:
        return json.loads(extra["_raw"])
    message = filled(row, MESSAGE_KEYS)
    if row["msg_time"] is not None:
        message["MsgTimestamp"] = row["msg_time"] // 1000
    if row["elements"] is not None:
        message["MsgBody"] = [element_again(element) for element in row["elements"]]
    return message | extra


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


# --- The demo, and what its receipts say.

began = time.monotonic()
demo = subprocess.run(
    [os.environ["TIMLAKE_BINARY"], "demo"], capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=600
)
check(demo.returncode == 0, f"`timlake demo` ends with 0, after {time.monotonic() - began:.1f} s", demo.stderr[-4000:])

units = {}
for path in sorted(LAKE.glob("receipts/*/*/*.json")):
    units[path.parent.parent.name, path.stem] = json.loads(path.read_text())
committed = {unit: receipt for unit, receipt in units.items() if receipt["state"] == "committed"}
check(committed, f"{len(committed)} of the {len(units)} receipts are committed")
check(
    all(r["lines"] == r["rows"] + r["duplicates"] + r["rejects"] for r in committed.values()),
    "lines = rows + duplicates + rejects in every one",
)
named = {LAKE / receipt["parquet"]["path"] for receipt in committed.values()}
found = {path for path in (LAKE / "messages").rglob("*") if path.is_file()}
check(named == found, "messages/ holds the files that the receipts name and nothing else", named ^ found)
check(
    all(sha256(LAKE / r["parquet"]["path"]) == r["parquet"]["sha256"] for r in committed.values()),
    "their SHA-256 are those of the receipts",
)

# --- What the four readers see.

seen = {}
for reader, read in READERS.items():
    types, rows = read()
    wrong = {name: types.get(name) for name, shape in TABLE.items() if not right_type(reader, types.get(name), shape)}
    check(not wrong, f"{reader} sees the {len(TABLE)} columns with their types", wrong)
    extra_columns = set(types) - set(TABLE) - {"chat_type", "dt"}
    check(not extra_columns, f"{reader} sees no other column but chat_type and dt", extra_columns)
    seen[reader] = in_order(rows)

rows = seen["pyarrow"]
total = sum(receipt["rows"] for receipt in committed.values())
counts = {reader: len(their_rows) for reader, their_rows in seen.items()}
check(set(counts.values()) == {total}, f"all four read {total} rows, the sum of the receipts", counts)
for name in ("chat_type", *TABLE):
    digests = {reader: column_digest(their_rows, name) for reader, their_rows in seen.items()}
    check(len(set(digests.values())) == 1, f"all four read the same {name}: {digests['pyarrow'][:16]}", digests)

by_unit = {}
for row in rows:
    by_unit.setdefault((row["chat_type"], row["archive_hour"]), []).append(row)
check(
    {unit: len(theirs) for unit, theirs in by_unit.items()}
    == {u: r["rows"] for u, r in committed.items() if r["rows"]},
    "each unit has the rows of its receipt",
)

# --- What the archives say: every row is its line again, and no line is without its row.


def texts_of(receipt):
    """The decompressed lines of a unit's archives, file by file."""
    for raw in receipt["raw"]:
        path = LAKE / raw["path"]
        if sha256(path) != raw["sha256"]:
            sys.exit(f"readers: {path} has not the SHA-256 of its receipt")
        yield gzip.decompress(path.read_bytes()).decode().split("\n")


elements_in_archives = 0
for unit, receipt in committed.items():
    files = list(texts_of(receipt))
    elements_in_archives += sum(len(json.loads("\n".join(file))["MsgList"]) for file in files)
    for row in by_unit.get(unit, []):
        line = files[row["source_file"]][row["source_line"] - 1].strip(" \t\r,")
        if message_again(row) != json.loads(line):
            sys.exit(f"readers: {unit} line {row['source_line']} is not its row again:\n{line}\n{message_again(row)}")
check(True, f"each of the {total} rows gives its message in the archive again, instants and nested values included")
lines = sum(receipt["lines"] for receipt in committed.values())
check(
    elements_in_archives == lines,
    f"the archives hold {lines} elements, the lines of the receipts",
    elements_in_archives,
)

keys = [
    (row["chat_type"], row["conversation_id"], row["message_key"]) for row in rows if row["message_key"] is not None
]
check(len(keys) == len(set(keys)), "message_key is unique in its conversation")

# --- The Parquet files from the inside.

for (chat_type, hour), receipt in committed.items():
    path = LAKE / receipt["parquet"]["path"]
    with pyarrow.parquet.ParquetFile(path) as file:
        footer, schema = file.metadata, file.schema_arrow
    stamp = {key.decode(): value.decode() for key, value in footer.metadata.items() if key.startswith(b"timlake.")}
    expected = {"schema_version": "1", "sdkappid": str(receipt["sdkappid"]), "chat_type": chat_type, "hour": hour}
    wrong = [path, stamp, footer]
    ok = stamp == {f"timlake.{key}": value for key, value in expected.items()}
    ok = ok and footer.num_rows == receipt["parquet"]["rows"] == receipt["rows"]
    ok = ok and [field.name for field in schema] == list(TABLE)
    ok = ok and [field.name for field in schema if not field.nullable] == NOT_NULL
    sizes = [footer.row_group(g).num_rows for g in range(footer.num_row_groups)]
    ok = ok and all(size <= 1_000_000 for size in sizes) and all(size >= 100_000 for size in sizes[:-1])
    chunks = [footer.row_group(g).column(c) for g in range(footer.num_row_groups) for c in range(footer.num_columns)]
    ok = ok and all(c.compression == "ZSTD" and c.has_offset_index for c in chunks)
    # The writer leaves a nested column's index out where a page of it holds nulls only; the offset index is always there.
    ok = ok and all(c.has_column_index for c in chunks if "." not in c.path_in_schema)
    if not ok:
        sys.exit(f"readers: the footer of a file is not as promised: {wrong}")
check(True, f"the {len(committed)} footers: metadata, nullability, zstd, page index, row groups")

bloom = duckdb.sql(
    f"""SELECT path_in_schema, count(*) FILTER (bloom_filter_offset IS NULL AND stats_null_count < num_values), count(bloom_filter_offset)
    FROM parquet_metadata('{FILES}') GROUP BY ALL"""
).fetchall()
bloom = {name.strip('"'): (missing, present) for name, missing, present in bloom}
for name in BLOOM_FILTERS:
    check(bloom[name][0] == 0 and bloom[name][1] > 0, f"{name} has its bloom filters", bloom[name])
sought = next(row for row in rows if row["from_account"])
file = LAKE / committed[sought["chat_type"], sought["archive_hour"]]["parquet"]["path"]
probe = "SELECT bool_or(bloom_filter_excludes) FROM parquet_bloom_probe(?, 'from_account', ?)"
excluded = [
    duckdb.connect().execute(probe, [str(file), who]).fetchall()
    for who in (sought["from_account"], "nobody-of-this-name")
]
check(
    excluded == [[(False,)], [(True,)]],
    "a bloom filter lets a sender through who is there and keeps one out who is not",
    excluded,
)

# --- The README's queries, as they stand there.

queries = re.findall(r"^```sql\n(.*?)^```", Path(sys.argv[1]).read_text(), re.DOTALL | re.MULTILINE)
check(len(queries) >= 3, f"the README has {len(queries)} queries")
for place, query in enumerate(queries, 1):
    answer = duckdb.connect().sql(query)
    found = len(answer.fetchall())
    check(found > 0, f"query {place} of the README returns {found} rows: {', '.join(answer.columns)}", query)

print(f"readers: {passed} checks passed")
