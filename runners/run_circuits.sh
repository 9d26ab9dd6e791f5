#!/bin/sh
# Plays the circuit families. Everything after the name goes to `proctor run`, for example:
#   runners/run_circuits.sh --agents solver,random --seed 1 --n 5 --preset all
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
proctor=$here/.venv/bin/proctor
[ -x "$proctor" ] || proctor=proctor
exec "$proctor" run circuits "$@"
