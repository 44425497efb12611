"""What a user would write with Polars: typed scan_ndjson, the input's columns, a zstd Parquet file.

Usage: python polars_hour.py LINES.ndjson OUT.parquet THREADS
"""

import os
import sys

lines, out, threads = sys.argv[1:]
os.environ["POLARS_MAX_THREADS"] = threads

import polars  # noqa: E402

TEXT, INT, FLOAT = polars.String, polars.Int64, polars.Float64
IMAGE = polars.Struct({"Type": INT, "Size": INT, "Width": INT, "Height": INT, "URL": TEXT})
CONTENT = {key: TEXT for key in ("Text", "Data", "Desc", "Ext", "Sound", "UUID", "Url", "FileName")}
CONTENT |= {key: INT for key in ("Index", "Size", "Second", "Download_Flag", "FileSize", "ImageFormat")}
CONTENT |= {"Latitude": FLOAT, "Longitude": FLOAT, "ImageInfoArray": polars.List(IMAGE)}
CONTENT |= {key: TEXT for key in ("VideoUUID", "VideoUrl", "VideoFormat", "ThumbUUID", "ThumbUrl", "ThumbFormat")}
CONTENT |= {key: INT for key in ("VideoSize", "VideoSecond", "VideoDownloadFlag")}
CONTENT |= {key: INT for key in ("ThumbSize", "ThumbWidth", "ThumbHeight", "ThumbDownloadFlag")}
BODY = polars.List(polars.Struct({"MsgType": TEXT, "MsgContent": polars.Struct(CONTENT)}))
MESSAGE = {key: TEXT for key in ("From_Account", "To_Account", "MsgFromPlatform", "ClientIP")}
MESSAGE |= {key: INT for key in ("MsgTimestamp", "MsgSeq", "MsgRandom")}

polars.scan_ndjson(lines, schema={**MESSAGE, "MsgBody": BODY}).sink_parquet(out, compression="zstd")
