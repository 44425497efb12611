"""Checks jobs/kubernetes/cronjob.yaml against the published schemas and against what the schemas do not say, and runs its
container's command as the manifest has it.

Run by .ci/kubernetes with a Python that has kubernetes-validate; as root of a machine to throw away it also runs the command.
Usage: check_kubernetes.py schema MANIFEST | check_kubernetes.py run MANIFEST
"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import kubernetes_validate
import yaml

# From the first version in which podFailurePolicy is stable.
VERSIONS = [f"1.{minor}" for minor in range(31, 38)]
KEY = "fake-secret-key-of-the-kubernetes-check"
# What the Job controller is to do for each exit code: fail the Job, try again uncounted, or count it towards backoffLimit.
EXPECTED = {2: "FailJob", 3: "Count", 4: "FailJob", 6: "FailJob", 74: "FailJob", 75: "Count", 77: "FailJob"}
EXPECTED |= {130: "Ignore", 143: "Ignore", 1: "Count", 99: "Count", 101: "Count", 137: "Count"}


def check(holds, what, seen=""):
    if not holds:
        sys.exit(f"kubernetes: NOT SO: {what}\n{seen}")
    print(f"kubernetes: {what}", flush=True)


def documents(path):
    found = {document["kind"]: document for document in yaml.safe_load_all(Path(path).read_text())}
    job = found["CronJob"]["spec"]["jobTemplate"]["spec"]
    return found, job, job["template"]["spec"]


def action(rules, code, disrupted=False):
    """What the rules say of a pod whose container ended with `code`: the first rule that fits, and Count where none does."""
    for rule in rules:
        codes = rule.get("onExitCodes")
        if codes and (code in codes["values"]) == (codes["operator"] == "In"):
            return rule["action"]
        if disrupted and any(condition["type"] == "DisruptionTarget" for condition in rule.get("onPodConditions", [])):
            return rule["action"]
    return "Count"


def schema(path):
    found, job, pod = documents(path)
    for version in VERSIONS:
        for document in found.values():
            try:
                kubernetes_validate.validate(document, version, strict=True)
            except kubernetes_validate.ValidationError as error:
                check(False, f"{document['kind']} fits Kubernetes {version}", error)
    check(True, f"{', '.join(found)} fit the published schemas, strictly, of Kubernetes {VERSIONS[0]} to {VERSIONS[-1]}")

    rules, [container] = job["podFailurePolicy"]["rules"], pod["containers"]
    # What the API server asks for beyond the schema.
    holds = pod["restartPolicy"] == "Never" and len(rules) <= 20
    for codes in (rule["onExitCodes"] for rule in rules if "onExitCodes" in rule):
        values = codes["values"]
        holds = holds and codes["containerName"] == container["name"] and values == sorted(set(values)) and 0 not in values
    volumes = {volume["name"] for volume in pod["volumes"]}
    holds = holds and {mount["name"] for mount in container["volumeMounts"]} == volumes
    claims = {volume["persistentVolumeClaim"]["claimName"] for volume in pod["volumes"] if "persistentVolumeClaim" in volume}
    holds = holds and claims == {found["PersistentVolumeClaim"]["metadata"]["name"]}
    check(holds, "restartPolicy, exit codes, container name, volumes and claim fit together")
    for code, expected in EXPECTED.items():
        check(action(rules, code) == expected, f"exit code {code}: {expected}", action(rules, code))
    check(action(rules, 137, disrupted=True) == "Ignore", "a pod that is evicted: Ignore")
    check(action(rules, 4, disrupted=True) == "FailJob", "a pod that is evicted after it has ended with 4: FailJob")

    spec, own, of_pod = found["CronJob"]["spec"], container["securityContext"], pod["securityContext"]
    holds = spec["concurrencyPolicy"] == "Forbid" and spec["startingDeadlineSeconds"] >= 200 and "timeZone" in spec
    check(holds, "Forbid, a starting deadline, a time zone")
    # The profile `restricted` of the Pod Security Standards, and a root file system that is read only.
    holds = of_pod["runAsNonRoot"] and of_pod["runAsUser"] > 0 and of_pod["seccompProfile"] == {"type": "RuntimeDefault"}
    holds = holds and own["readOnlyRootFilesystem"] and own["capabilities"] == {"drop": ["ALL"]}
    holds = holds and own["allowPrivilegeEscalation"] is False and pod["automountServiceAccountToken"] is False
    check(holds, "the Pod Security Standard `restricted`, a read-only root, no token of the cluster")
    text = Path(path).read_text()
    check("kind: Secret" not in text and "TIMLAKE_SECRET_KEY," not in text, "no secret in the manifest; the key is a file")


def sh(*command, **kwargs):
    return subprocess.run(command, check=True, stdin=subprocess.DEVNULL, **kwargs)


def mount_volumes(pod, container, root):
    """The container's file system: this machine's, read only, and its volumes."""
    group = str(pod["securityContext"]["fsGroup"])
    of = {volume["name"]: volume for volume in pod["volumes"]}
    points = [(mount["mountPath"], of[mount["name"]], mount.get("readOnly", False)) for mount in container["volumeMounts"]]
    root.mkdir()
    sh("mount", "--bind", "/", str(root))
    for point, _, _ in points:
        Path(f"{root}{point}").mkdir(parents=True, exist_ok=True)
    sh("mount", "-o", "remount,bind,ro", str(root))
    sh("mount", "-t", "proc", "proc", f"{root}/proc")
    for point, volume, read_only in points:
        place = f"{root}{point}"
        sh("mount", "-t", "tmpfs", "-o", "size=1g,mode=2770", "tmpfs", place)
        if "secret" in volume:
            file = Path(place) / volume["secret"]["items"][0]["path"]
            file.write_text(KEY)
            file.chmod(volume["secret"]["defaultMode"])
            sh("chgrp", group, str(file))
        sh("chgrp", group, place)
        if read_only:
            sh("mount", "-o", "remount,ro", place)


def run(path):
    """The container's command with its environment, its user, its rights and its volumes, against the simulator."""
    found, job, pod = documents(path)
    [container] = pod["containers"]
    Path("/check/key").write_text(KEY)
    simulate = ["/check/timlake", "simulate", "--messages-per-hour=50", "--secret-key-file=/check/key", "--no-rate-limit"]
    simulator = subprocess.Popen(simulate, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL, text=True)
    endpoint = simulator.stdout.readline().strip().partition("=")[2]
    root = Path("/container")
    mount_volumes(pod, container, root)
    # The image's ENTRYPOINT and PATH.
    sh("install", "-m", "0755", "/check/timlake", "/usr/local/bin/timlake")
    environment = {"PATH": "/usr/local/bin:/usr/bin:/bin", **found["ConfigMap"]["data"]}
    environment |= {variable["name"]: variable["value"] for variable in container["env"]}
    # The simulator is the vendor, and one day will do.
    environment |= {"TIMLAKE_ENDPOINT": endpoint, "TIMLAKE_LOOKBACK": "1d", "TIMLAKE_MAX_QPS": "10"}
    context = pod["securityContext"]
    user = ["setpriv", f"--reuid={context['runAsUser']}", f"--regid={context['runAsGroup']}", f"--groups={context['fsGroup']}"]
    user += ["--no-new-privs", "--bounding-set=-all", "--inh-caps=-all"]

    def ends(*arguments, **more):
        command = ["/usr/sbin/chroot", str(root), *user, *arguments]
        return subprocess.run(command, env=environment | more, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=300)

    began = time.monotonic()
    done = ends("timlake", *container["args"])
    check(done.returncode == 0, f"the container's command fills a lake, in {time.monotonic() - began:.0f} s: exit code 0", done.stderr)
    plan = ends("timlake", "plan", "--json")
    check(json.loads(plan.stdout)["due"] == [], "nothing is due any more", plan)
    check(ends("timlake", "verify").returncode == 0, "timlake verify finds no damage")
    spool = next(variable["value"] for variable in container["env"] if variable["name"] == "TIMLAKE_SPOOL")
    left = [found for found in Path(f"{root}{spool}").rglob("*") if found.is_file()]
    check(not left, "nothing is left in the spool", left)
    for folder in ("/", "/etc", "/usr/local/bin", "/var/lib", "/root"):
        check(ends("touch", f"{folder}/probe").returncode != 0, f"{folder} cannot be written")
    warned = "may read" in done.stderr
    check(KEY not in done.stdout + done.stderr and not warned, "the key is not in the log, and its file is not open to others", done.stderr)
    refused = ends("timlake", *container["args"], TIMLAKE_SECRET_KEY_FILE="/etc/hostname", TIMLAKE_LAKE="/srv/timlake/other")
    check(refused.returncode == 77, f"another key: exit code 77, {action(job['podFailurePolicy']['rules'], 77)}", refused.stderr)
    simulator.terminate()
    simulator.wait()


{"schema": schema, "run": run}[sys.argv[1]](sys.argv[2])
