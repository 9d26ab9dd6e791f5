#!/bin/sh
# Plays the circuits families: `proctor run circuits` with everything that follows.
set -eu

usage() {
    cat <<'END'
Usage: runners/run_circuits.sh [OPTION]...

Plays the circuits families with `proctor run circuits`; every option is handed on
(`proctor run --help` lists them). The same command goes on where it was cut short.

  runners/run_circuits.sh --agents solver,random --seed 1 --n 5 --preset all
  runners/run_circuits.sh --agents claude:scripted --concurrent 2
END
}

case ${1-} in -h | --help) usage && exit 0 ;; esac
here=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
proctor=$here/.venv/bin/proctor
[ -x "$proctor" ] || proctor=proctor
exec "$proctor" run circuits "$@"
