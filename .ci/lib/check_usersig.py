"""UserSig in both directions. Run by .ci/usersig, in an empty folder, with the binary in TIMLAKE_BINARY."""

import base64
import hashlib
import hmac
import json
import os
import subprocess
import sys
import time
import zlib
from pathlib import Path

import TLSSigAPIv2

SDKAPPID = 1400000000
KEY = "fake-key-of-the-usersig-check-0123456789abcdef0123456789abcdef"
IDENTIFIERS = ["administrator", "xiaojun", "管理员 1"]
DAY = 86_400

passed = 0


def check(holds, sentence):
    global passed
    if not holds:
        sys.exit(f"usersig: not so: {sentence}")
    passed += 1
    print(f"usersig: {sentence}")


def timlake(*arguments, usersig=None):
    command = [os.environ["TIMLAKE_BINARY"], *arguments]
    environment = {**os.environ, **({"TIMLAKE_USERSIG": usersig} if usersig else {})}
    return subprocess.run(
        command, capture_output=True, text=True, stdin=subprocess.DEVNULL, env=environment, timeout=60
    )


def taken_apart(usersig):
    """The JSON in a UserSig: base64 with `* - _` for `+ / =`, around zlib. See the vendor's tls-sig-api-v2, genSig."""
    packed = base64.b64decode(usersig.translate(str.maketrans("*-_", "+/=")), validate=True)
    return json.loads(zlib.decompress(packed))


def signature(parts, key):
    """HMAC-SHA256 over the four lines, keyed with the text of the key."""
    names = ("TLS.identifier", "TLS.sdkappid", "TLS.time", "TLS.expire")
    content = "".join(f"{name}:{parts[name]}\n" for name in names)
    return base64.b64encode(hmac.new(key.encode(), content.encode(), hashlib.sha256).digest()).decode()


def who(identifier, key_file="key"):
    return "--sdkappid", str(SDKAPPID), "--identifier", identifier, "--secret-key-file", key_file


Path("key").write_text(KEY + "\n")
Path("other-key").write_text("fake-" + "0" * 64)
for file in ("key", "other-key"):
    os.chmod(file, 0o600)

for identifier in IDENTIFIERS:
    ours = timlake("usersig", "issue", *who(identifier))
    check(
        ours.returncode == 0,
        f"`usersig issue` for {identifier!r} ends with 0" + (f": {ours.stderr}" if ours.returncode else ""),
    )
    check(len(ours.stdout.split()) == 1, "its stdout is the UserSig and nothing else")
    parts = taken_apart(ours.stdout.strip())
    check(parts["TLS.ver"] == "2.0" and parts["TLS.sdkappid"] == SDKAPPID, "Python finds version and app in it")
    check(parts["TLS.identifier"] == identifier, "Python finds the identifier in it")
    check(abs(parts["TLS.time"] - time.time()) < 120, "it is signed with the real clock")
    check(parts["TLS.expire"] >= DAY, "it is good for at least the 24 hours that the vendor advises")
    check(hmac.compare_digest(parts["TLS.sig"], signature(parts, KEY)), "Python's HMAC is the one in it")

    theirs = TLSSigAPIv2.TLSSigAPIv2(SDKAPPID, KEY).gen_sig(identifier, DAY)
    Path("sig").write_text(theirs + "\n")
    os.chmod("sig", 0o600)
    by_environment = timlake("usersig", "check", *who(identifier), usersig=theirs)
    check(
        by_environment.returncode == 0,
        f"a UserSig of Python's for {identifier!r} is good, by the environment"
        + (f": {by_environment.stderr}" if by_environment.returncode else ""),
    )
    by_file = timlake("usersig", "check", *who(identifier), "--usersig-file", "sig")
    check(by_file.returncode == 0, "and by file")

good = TLSSigAPIv2.TLSSigAPIv2(SDKAPPID, KEY).gen_sig("administrator", DAY)
parts = taken_apart(good)


def made_of(parts):
    packed = base64.b64encode(zlib.compress(json.dumps(parts).encode())).decode()
    return packed.translate(str.maketrans("+/=", "*-_"))


past = {**parts, "TLS.time": parts["TLS.time"] - 2 * DAY}
past["TLS.sig"] = signature(past, KEY)
refused = {
    "one that has run out": (made_of(past), "administrator", "key"),
    "one of another key": (good, "administrator", "other-key"),
    "one of another identifier": (good, "xiaojun", "key"),
    "one of another app": (
        TLSSigAPIv2.TLSSigAPIv2(SDKAPPID + 1, KEY).gen_sig("administrator", DAY),
        "administrator",
        "key",
    ),
    "one whose lifetime was changed": (made_of({**parts, "TLS.expire": 10 * DAY}), "administrator", "key"),
    "one that was cut": (good[:-20], "administrator", "key"),
    "one that is no UserSig": ("nonsense", "administrator", "key"),
}
for sentence, (usersig, identifier, key_file) in refused.items():
    answer = timlake("usersig", "check", *who(identifier, key_file), usersig=usersig)
    check(
        answer.returncode == 77,
        f"{sentence} is refused with 77"
        + ("" if answer.returncode == 77 else f", not {answer.returncode}: {answer.stderr}"),
    )
    # What does not hold may be told, the UserSig and the key may not.
    check(
        usersig not in answer.stdout + answer.stderr and KEY not in answer.stdout + answer.stderr,
        "and not repeated in the answer",
    )

print(f"usersig: {passed} checks passed")
