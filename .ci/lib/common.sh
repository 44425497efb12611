# shellcheck shell=bash
# Sourced by the checks in .ci: where the repository, the binary and Python are, and a temporary folder that goes away.

set -euo pipefail

fail() {
  printf '%s: %s\n' "${0##*/}" "$*" >&2
  exit 1
}

# One line a check that holds.
pass() {
  printf '%s: %s\n' "${0##*/}" "$*"
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

# need_python LIST: puts a Python that has .ci/lib/LIST into $python: a virtual environment in
# the user's cache, made when absent.
# Its name tells what is in it, so changed requirements get a new one; a half-made one has no `complete` and is made again.
need_python() {
  local requirements=$root/.ci/lib/$1
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

# need_programs PROGRAM=PACKAGE…: installs the Debian packages of those programs that are not there.
need_programs() {
  local pair packages=()
  for pair in "$@"; do
    command -v "${pair%%=*}" >/dev/null || packages+=("${pair#*=}")
  done
  ((${#packages[@]} == 0)) && return
  [[ $EUID == 0 ]] || fail "not there, and only root can install it: ${packages[*]}"
  # What the lists know may have been replaced by a newer version: then they are read anew.
  local install=(env DEBIAN_FRONTEND=noninteractive apt-get install --yes --quiet --no-install-recommends "${packages[@]}")
  "${install[@]}" >"$scratch/apt.log" 2>&1 || { apt-get update && "${install[@]}"; } >"$scratch/apt.log" 2>&1 ||
    fail "cannot install ${packages[*]}: $(tail -n 3 "$scratch/apt.log")"
}
