# shellcheck shell=bash
# Sourced by the checks in .ci: where the repository, the binary and Python are, and a temporary folder that goes away.

set -euo pipefail

fail() {
  printf '%s: %s\n' "${0##*/}" "$*" >&2
  exit 1
}

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)

# The binary under test: $TIMLAKE, else the release build of this repository.
timlake=${TIMLAKE:-${CARGO_TARGET_DIR:-$root/target}/release/timlake}
[[ -f $timlake && -x $timlake ]] || fail "no binary at $timlake: run 'cargo build --locked --release', or name one in TIMLAKE"
timlake=$(realpath "$timlake")

# The checks give every setting themselves: nothing of the caller's may leak in.
for name in "${!TIMLAKE_@}"; do
  unset "$name"
done
unset name TIMLAKE
export TIMLAKE_BINARY=$timlake PYTHONDONTWRITEBYTECODE=1

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# Puts a Python that has .ci/lib/requirements.txt into $python: a virtual environment in the user's cache, made when absent.
# Its name tells what is in it, so changed requirements get a new one; a half-made one has no `complete` and is made again.
need_python() {
  local requirements=$root/.ci/lib/requirements.txt
  local cache=${XDG_CACHE_HOME:-${HOME:?}/.cache}/timlake-ci
  local tag venv
  tag=$( (python3 --version && cat "$requirements") | sha256sum | cut -c1-12)
  venv=$cache/venv-$tag
  mkdir -p "$cache"
  (
    flock 9
    if [[ ! -e $venv/complete ]]; then
      rm -rf "$venv"
      python3 -m venv "$venv"
      "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-input --requirement "$requirements"
      touch "$venv/complete"
    fi
  ) 9>"$cache/lock" </dev/null
  # shellcheck disable=SC2034 # for the scripts that source this file
  python=$venv/bin/python
}
