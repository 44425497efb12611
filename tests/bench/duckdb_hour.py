"""What a user would write with DuckDB: typed read_json, the columns of our table, a zstd Parquet file.

Usage: python duckdb_hour.py LINES.ndjson OUT.parquet THREADS
LINES.ndjson has one message a line: the archive without its gzip, header, commas and closing line.
"""

import sys

import duckdb

lines, out, threads = sys.argv[1:]

ELEMENT = """STRUCT(MsgType VARCHAR, MsgContent STRUCT(
    "Text" VARCHAR, "Data" VARCHAR, "Desc" VARCHAR, "Ext" VARCHAR, "Sound" VARCHAR, "Index" BIGINT,
    Latitude DOUBLE, Longitude DOUBLE, "UUID" VARCHAR, Url VARCHAR, "Size" BIGINT, "Second" BIGINT, Download_Flag BIGINT,
    FileSize BIGINT, FileName VARCHAR, ImageFormat BIGINT,
    ImageInfoArray STRUCT("Type" BIGINT, "Size" BIGINT, Width BIGINT, Height BIGINT, "URL" VARCHAR)[],
    VideoUUID VARCHAR, VideoUrl VARCHAR, VideoSize BIGINT, VideoSecond BIGINT, VideoFormat VARCHAR, VideoDownloadFlag BIGINT,
    ThumbUUID VARCHAR, ThumbUrl VARCHAR, ThumbFormat VARCHAR, ThumbSize BIGINT, ThumbWidth BIGINT, ThumbHeight BIGINT,
    ThumbDownloadFlag BIGINT))"""

COLUMNS = f"""{{From_Account: 'VARCHAR', To_Account: 'VARCHAR', GroupId: 'VARCHAR', MsgTimestamp: 'BIGINT', MsgSeq: 'BIGINT',
    MsgRandom: 'BIGINT', MsgFromPlatform: 'VARCHAR', ClientIP: 'VARCHAR', CloudCustomData: 'VARCHAR',
    MsgBody: '{" ".join(ELEMENT.split())}[]'}}"""

QUERY = f"""
COPY (
  SELECT 1400000000::BIGINT AS sdk_app_id, '2026111921' AS archive_hour, 0::BIGINT AS source_file,
    row_number() OVER () + 1 AS source_line,
    'C2C|' || least(From_Account, To_Account) || '|' || greatest(From_Account, To_Account) AS conversation_id,
    MsgSeq || '_' || MsgRandom || '_' || MsgTimestamp AS message_key,
    From_Account AS from_account, To_Account AS to_account, GroupId AS group_id,
    make_timestamptz(MsgTimestamp * 1000000) AS msg_time, MsgSeq AS msg_seq, MsgRandom AS msg_random,
    MsgFromPlatform AS platform, ClientIP AS client_ip, CloudCustomData AS cloud_custom_data,
    array_to_string(list_filter(list_transform(MsgBody, lambda e: e.MsgContent.Text), lambda t: t IS NOT NULL), chr(10)) AS text,
    list_transform(MsgBody, lambda e: {{
      type: e.MsgType, text: e.MsgContent.Text, data: e.MsgContent.Data, "desc": e.MsgContent.Desc, ext: e.MsgContent.Ext,
      sound: e.MsgContent.Sound, face_index: e.MsgContent.Index, latitude: e.MsgContent.Latitude,
      longitude: e.MsgContent.Longitude, uuid: coalesce(e.MsgContent.UUID, e.MsgContent.VideoUUID),
      url: coalesce(e.MsgContent.Url, e.MsgContent.VideoUrl),
      format: coalesce(e.MsgContent.ImageFormat::VARCHAR, e.MsgContent.VideoFormat), file_name: e.MsgContent.FileName,
      size_bytes: coalesce(e.MsgContent.Size, e.MsgContent.FileSize, e.MsgContent.VideoSize),
      duration_seconds: coalesce(e.MsgContent.Second, e.MsgContent.VideoSecond),
      download_flag: coalesce(e.MsgContent.Download_Flag, e.MsgContent.VideoDownloadFlag),
      images: list_transform(e.MsgContent.ImageInfoArray, lambda i: {{
        type: i.Type, size_bytes: i.Size, width: i.Width, height: i.Height, url: i.URL}}),
      thumb: {{uuid: e.MsgContent.ThumbUUID, url: e.MsgContent.ThumbUrl, format: e.MsgContent.ThumbFormat,
        size_bytes: e.MsgContent.ThumbSize, width: e.MsgContent.ThumbWidth, height: e.MsgContent.ThumbHeight,
        download_flag: e.MsgContent.ThumbDownloadFlag}},
      extra: NULL::VARCHAR}}) AS elements,
    NULL::VARCHAR AS extra
  FROM read_json('{lines}', format = 'newline_delimited', columns = {COLUMNS})
) TO '{out}' (FORMAT parquet, COMPRESSION zstd)
"""

duckdb.execute(f"SET threads = {int(threads)}")
duckdb.execute("SET enable_progress_bar = false")
duckdb.execute(QUERY)
