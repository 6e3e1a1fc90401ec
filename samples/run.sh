#!/usr/bin/env bash
# `make run`: serves mnemic on 127.0.0.1:8321 with the sample company's documents in the index `handbook`, until Ctrl-C.
# Usage: samples/run.sh BIN   (the folder that has the mnemic command; data goes to ./mnemic-data)
set -euo pipefail
cd "$(dirname "$0")/.."

bin=${1:?the folder that has the mnemic command, such as .venv/bin}
data=mnemic-data
log=$data/service.log
port=8321
url=http://127.0.0.1:$port
start_limit_s=120
service=""

main() {
    refuse_a_busy_port
    trap stop_service EXIT
    trap 'exit 0' INT TERM
    start_service
    ingest_samples
    print_what_to_try
    wait_for_service
}

refuse_a_busy_port() {
    "$bin/python" - "$port" <<'PYTHON' || exit 1
import socket, sys
with socket.socket() as probe:
    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        probe.bind(("127.0.0.1", int(sys.argv[1])))
    except OSError:
        sys.exit(
            f"Something already listens on 127.0.0.1:{sys.argv[1]}. If it is mnemic, it can be used as it is; otherwise stop it,\n"
            f"or start on another port: {sys.prefix}/bin/mnemic serve --port 8400"
        )
PYTHON
}

# The log may hold the operator key that the first start prints: for this user's eyes only.
start_service() {
    (umask 077 && mkdir -p "$data" && : >>"$log")
    echo "Starting mnemic (log: $log) ..."
    "$bin/mnemic" serve --data "$data" --host 127.0.0.1 --port "$port" >>"$log" 2>&1 &
    service=$!
    local waited=0
    until ready; do
        kill -0 "$service" 2>/dev/null || give_up "mnemic stopped while starting"
        if ((++waited > start_limit_s * 5)); then give_up "mnemic did not get ready within $start_limit_s s"; fi
        sleep 0.2
    done
}

ready() {
    "$bin/python" -c 'import sys, urllib.request; urllib.request.urlopen(sys.argv[1], timeout=2)' "$url/readyz" 2>/dev/null
}

give_up() {
    echo "$1. The end of $log:" >&2
    tail -n 20 "$log" >&2
    exit 1
}

# The handbook is for everybody, the board's papers are for the board alone.
ingest_samples() {
    mnemic_ingest samples/tarnfield/handbook --index handbook --create --metadata company=tarnfield
    mnemic_ingest samples/tarnfield/board --index handbook --prefix board/ --metadata company=tarnfield --acl group:board
}

mnemic_ingest() { env -u MNEMIC_API_KEY "$bin/mnemic" ingest "$@" --url "$url" --data "$data"; }

print_what_to_try() {
    cat <<TRY

mnemic answers on $url and has read samples/tarnfield, the papers of a made-up company. In another terminal:

  KEY=\$(cat $data/operator.key); J="Content-Type: application/json"

  curl -s $url/v1/search -H "Authorization: Bearer \$KEY" -H "\$J" -d '{"query": "how many days of leave carry over", "k": 3}'

  curl -s $url/v1/search -H "Authorization: Bearer \$KEY" -H "\$J" -d '{"query": "highest hotel price in Zurich", "k": 3, "filter": {"prefix": ["doc.id", "finance/"]}}'

  curl -s $url/v1/search -H "Authorization: Bearer \$KEY" -H "\$J" -H "X-Mnemic-Principals: user:ann" -d '{"query": "offer for Silvermere Sensing", "k": 3}'

The last one looks through the eyes of a user who is not on the board: the offer is not there. Without that header it is.
Everything the service can do: $url/docs. Stop with Ctrl-C; the data stays in $data.
TRY
}

wait_for_service() {
    local status=0
    wait "$service" || status=$?
    give_up "mnemic stopped by itself (status $status)"
}

# Called by the EXIT trap.
# shellcheck disable=SC2329
stop_service() {
    if [[ -n $service ]] && kill -TERM "$service" 2>/dev/null; then
        echo "Stopping ..."
        wait "$service" || true
        echo "Stopped; the data is in $data."
    fi
}

main
