#!/bin/sh
# Plays one group of families, or all, with several agents side by side: `proctor run`.
set -eu

usage() {
    cat <<'END'
Usage: runners/benchmark_all_providers.sh {GROUP|all} [--providers A,B] [OPTION]...

Plays a group of families (strategic, circuits, ...) with several agents on the same
instances, side by side. Agents that cannot play on this machine are left out and
listed as pending. Every other option goes to `proctor run` (`proctor run --help`).

  --providers A,B   agents, by commas; default: claude,codex,gemini
  --concurrent N    attempts at a time; default: one a processor

Models that cost money play only with --allow-real-models; --budget-usd bounds them.

  runners/benchmark_all_providers.sh all --allow-real-models --budget-usd 20
  runners/benchmark_all_providers.sh strategic --providers claude,codex \
      --concurrent 4 --repeat 3 --allow-real-models --budget-usd 5
  runners/benchmark_all_providers.sh circuits --providers solver,random
END
}

wrong() {
    printf '%s\n' "$1" >&2
    usage >&2
    exit 2
}

case ${1-} in
-h | --help) usage && exit 0 ;;
'' | -*) wrong 'Name a group of families first, or all.' ;;
esac
group=$1
shift

# The options are turned round once: --providers is taken out, the others keep their order.
providers=claude,codex,gemini
left=$#
while [ "$left" -gt 0 ]; do
    word=$1
    shift
    left=$((left - 1))
    case $word in
    -h | --help) usage && exit 0 ;;
    --providers=*) providers=${word#*=} ;;
    --providers)
        [ "$left" -gt 0 ] || wrong '--providers needs names, by commas.'
        providers=$1
        shift
        left=$((left - 1))
        ;;
    --agents | --agents=*) wrong 'Here the agents are named by --providers.' ;;
    *) set -- "$@" "$word" ;;
    esac
done
[ -n "$providers" ] || wrong '--providers needs names, by commas.'

here=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
proctor=$here/.venv/bin/proctor
[ -x "$proctor" ] || proctor=proctor
exec "$proctor" run "$group" --agents "$providers" --skip-missing "$@"
