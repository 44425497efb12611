"""Makes one archive as the vendor would: one C2C hour of as many messages as wanted, the same bytes for the same seed.

Six in ten messages are text; the rest are images, custom elements, files, sounds, videos, locations and faces. One message
in ten has two or three elements. About 348 bytes a message, decompressed.

Usage: python3 make_hour.py MESSAGES FOLDER [SEED]
writes FOLDER/hour.gz and FOLDER/entry.json, the entry that `get_history` has in `File` for it, less its URL.
"""

import datetime
import hashlib
import itertools
import json
import random
import sys
import zlib
from pathlib import Path

SDKAPPID = 1400000000
HOUR = "2026111921"
BEIJING = datetime.timezone(datetime.timedelta(hours=8))
HOUR_BEGINS = int(datetime.datetime.strptime(HOUR, "%Y%m%d%H").replace(tzinfo=BEIJING).timestamp())

MESSAGES_AT_ONCE = 5_000
WORDS = (
    "好的 收到 谢谢 今天 明天 会议 项目 合同 客户 报价 发票 快递 地址 电话 微信 稍等 马上 没问题 辛苦了 请问 什么时候 方便 一下 "
    "可以 已经 确认 付款 订单 退款 处理 ok meeting tomorrow invoice 👍 😀 🎉 https://shop.example/item v2.1"
).split()
PLATFORMS = ["iOS", "Android", "Web", "Windows", "Mac", "RESTAPI"]


def element(kind, r):
    """One element as JSON text; `r` is the generator's own random source."""
    bits = r.getrandbits(64)
    if kind < 60:
        words = " ".join(r.choices(WORDS, k=1 + bits % 9))
        return f'{{"MsgType":"TIMTextElem","MsgContent":{{"Text":"{words} {bits & 0xFFFFFF:06x}"}}}}'
    if kind < 72:
        picture = f"https://media.example/{bits:016x}"
        images = ",".join(
            f'{{"Type":{i},"Size":{(bits >> i) & 0x1FFFFF},"Width":{w},"Height":{h},"URL":"{picture}/{w}"}}'
            for i, w, h in ((1, 2448, 3264), (2, 720, 960), (3, 198, 264))
        )
        return (
            f'{{"MsgType":"TIMImageElem","MsgContent":{{"UUID":"{SDKAPPID}_{bits:016X}","ImageFormat":1,'
            f'"ImageInfoArray":[{images}]}}}}'
        )
    if kind < 85:
        return (
            f'{{"MsgType":"TIMCustomElem","MsgContent":{{"Data":"{{\\"order\\":{bits & 0xFFFFFFFF},\\"state\\":\\"paid\\"}}",'
            f'"Desc":"order","Ext":"","Sound":"dingdong.aiff"}}}}'
        )
    if kind < 89:
        return (
            f'{{"MsgType":"TIMFileElem","MsgContent":{{"Url":"https://media.example/{bits:016x}","UUID":"{bits:016X}",'
            f'"FileSize":{bits & 0xFFFFFF},"FileName":"报价-{bits & 0xFFFF}.pdf","Download_Flag":2}}}}'
        )
    if kind < 93:
        return (
            f'{{"MsgType":"TIMSoundElem","MsgContent":{{"Url":"https://media.example/{bits:016x}","UUID":"{bits:016X}",'
            f'"Size":{bits & 0xFFFF},"Second":{1 + bits % 60},"Download_Flag":2}}}}'
        )
    if kind < 95:
        return (
            f'{{"MsgType":"TIMVideoFileElem","MsgContent":{{"VideoUrl":"https://media.example/{bits:016x}","VideoUUID":"{bits:016X}",'
            f'"VideoSize":{bits & 0xFFFFFF},"VideoSecond":{1 + bits % 90},"VideoFormat":"mp4","VideoDownloadFlag":2,'
            f'"ThumbUrl":"https://media.example/{bits:016x}/t","ThumbUUID":"{bits:016X}t","ThumbSize":{bits & 0xFFFF},'
            f'"ThumbWidth":720,"ThumbHeight":1280,"ThumbFormat":"JPG","ThumbDownloadFlag":2}}}}'
        )
    if kind < 97:
        return (
            f'{{"MsgType":"TIMLocationElem","MsgContent":{{"Desc":"深圳市南山区","Latitude":{22 + bits % 10**6 / 10**6!r},'
            f'"Longitude":{113 + (bits >> 20) % 10**6 / 10**6!r}}}}}'
        )
    return f'{{"MsgType":"TIMFaceElem","MsgContent":{{"Index":{bits % 130},"Data":"tt{bits % 130:02d}"}}}}'


def message(i, r):
    """The i-th message as JSON text. Random and sequence number keep it unlike every other."""
    bits = r.getrandbits(64)
    sender, receiver = bits % 60_000, (bits >> 16) % 60_000
    kind = (bits >> 32) % 100
    body = element(kind, r)
    if (bits >> 40) % 10 == 0:
        body += "," + element(0, r)
        if (bits >> 44) % 3 == 0:
            body += "," + element((bits >> 46) % 100, r)
    return (
        f'{{"From_Account":"user{sender:05d}","To_Account":"user{receiver:05d}","MsgTimestamp":{HOUR_BEGINS + (bits >> 20) % 3600},'
        f'"MsgSeq":{i + 1},"MsgRandom":{bits >> 32},"MsgFromPlatform":"{PLATFORMS[(bits >> 8) % 6]}",'
        f'"ClientIP":"203.0.113.{bits >> 56}","MsgBody":[{body}]}}'
    )


def plain_parts(messages, seed):
    """The decompressed archive in parts: the header's line, the messages, the closing line."""
    r = random.Random(seed)
    yield f'{{"SdkAppId":{SDKAPPID},"ChatType":"C2C","MsgTime":"{HOUR}","MsgList":[\n'
    for start in range(0, messages, MESSAGES_AT_ONCE):
        end = min(start + MESSAGES_AT_ONCE, messages)
        yield ",\n".join(message(i, r) for i in range(start, end)) + (",\n" if end < messages else "\n")
    yield "]}\n"


def make_hour(messages, folder, seed=1):
    """Writes `hour.gz` and `entry.json` into `folder` and returns the entry."""
    # Level 1: the archive is made as fast as possible. 31: a gzip frame, whose header holds no time.
    gzip = zlib.compressobj(1, zlib.DEFLATED, 31)
    plain_md5, gzip_md5 = hashlib.md5(), hashlib.md5()
    plain_bytes = gzip_bytes = 0
    with open(Path(folder) / "hour.gz", "wb") as file:
        for part in itertools.chain(plain_parts(messages, seed), [None]):
            if part is None:
                packed = gzip.flush()
            else:
                plain = part.encode()
                plain_md5.update(plain)
                plain_bytes += len(plain)
                packed = gzip.compress(plain)
            gzip_md5.update(packed)
            gzip_bytes += len(packed)
            file.write(packed)
    entry = {
        "FileSize": plain_bytes,
        "FileMD5": plain_md5.hexdigest(),
        "GzipSize": gzip_bytes,
        "GzipMD5": gzip_md5.hexdigest(),
    }
    (Path(folder) / "entry.json").write_text(json.dumps(entry))
    return entry


if __name__ == "__main__":
    made = make_hour(int(sys.argv[1]), sys.argv[2], *map(int, sys.argv[3:4]))
    print(json.dumps(made))
