#!/usr/bin/env bash
# Starts a local cluster for the chat, of Debian's packages, and ends it with Ctrl-C:
#   bash examples/cluster.sh nats     three servers with JetStream            (package nats-server)
#   bash examples/cluster.sh redis    a primary, a replica, three Sentinels   (package redis-server)
# Servers listen on 127.0.0.1 only, and keep what they store in a folder that is removed at the end.
# The process ids are printed, so that one can be killed to see what happens.
set -euo pipefail

folder=$(mktemp -d "${TMPDIR:-/tmp}/wskit-cluster-XXXXXX")
servers=()
finish() {
    trap - EXIT INT TERM
    [ ${#servers[@]} = 0 ] || kill "${servers[@]}" 2>/dev/null || true
    wait
    rm -rf "$folder"
}
trap finish EXIT
trap 'exit 0' INT TERM

find_program() {
    PATH=$PATH:/usr/sbin command -v "$1" || { echo "$1 is missing: apt-get install $2" >&2 && return 1; }
}

# The first ports from a given one on which nothing listens: as many as asked for, in the array `ports`.
free_ports() {
    local port=$1 count=$2
    ports=()
    while [ ${#ports[@]} -lt "$count" ]; do
        (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || ports+=("$port")
        port=$((port + 1))
    done
}

# Waits, for at most 30 s, until a command succeeds.
wait_for() {
    local what=$1
    shift
    for _ in $(seq 150); do
        "$@" >/dev/null 2>&1 && return
        sleep 0.2
    done
    echo "$what did not start: see $folder" >&2
    trap - EXIT
    kill "${servers[@]}" 2>/dev/null || true
    exit 1
}

started() {
    servers+=("$1")
    printf '%-44s process %s\n' "$2" "$1"
}

show_commands() {
    printf '\nIn three other terminals, then open each page in a browser:\n\n'
    local port
    for port in 9001 9002 9003; do
        echo "cargo run --example chat --features $1 -- 127.0.0.1:$port --$1 $2"
    done
    printf '\nCtrl-C ends the servers.\n'
}

start_nats() {
    local program server i routes=() urls=() clients monitors
    program=$(find_program nats-server nats-server)
    free_ports 4222 3 && clients=("${ports[@]}")
    free_ports 6222 3 && routes=("${ports[@]}")
    free_ports 8222 3 && monitors=("${ports[@]}")
    for i in 0 1 2; do
        server=$folder/nats-$i
        mkdir "$server"
        cat >"$server/conf" <<END
server_name: nats-$i
listen: "127.0.0.1:${clients[i]}"
http: "127.0.0.1:${monitors[i]}"
jetstream { store_dir: "$server/store" }
cluster {
  name: chat
  listen: "127.0.0.1:${routes[i]}"
  routes: [nats://127.0.0.1:${routes[0]}, nats://127.0.0.1:${routes[1]}, nats://127.0.0.1:${routes[2]}]
}
END
        "$program" -c "$server/conf" >"$server/log" 2>&1 &
        started $! "nats-server 127.0.0.1:${clients[i]}"
        urls+=("nats://127.0.0.1:${clients[i]}")
    done
    for i in 0 1 2; do
        wait_for "nats-server" has_leader "${monitors[i]}"
    done
    show_commands nats "$(IFS=, && echo "${urls[*]}")"
}

# Whether a server of NATS knows the leader of its cluster.
has_leader() {
    exec 3<>"/dev/tcp/127.0.0.1/$1"
    printf 'GET /jsz HTTP/1.0\r\n\r\n' >&3
    grep -q '"leader": *"nats-' <&3
}

start_redis() {
    local program cli i data sentinels=() hosts=()
    program=$(find_program redis-server redis-server)
    cli=$(find_program redis-cli redis-tools)
    free_ports 6379 2 && data=("${ports[@]}")
    free_ports 26379 3 && sentinels=("${ports[@]}")
    for i in 0 1; do
        mkdir "$folder/redis-$i"
        local role=()
        [ "$i" = 0 ] || role=(--replicaof "127.0.0.1 ${data[0]}")
        "$program" --port "${data[i]}" --bind 127.0.0.1 --dir "$folder/redis-$i" --save "" --repl-diskless-sync-delay 0 \
            "${role[@]}" >"$folder/redis-$i/log" 2>&1 &
        started $! "redis-server 127.0.0.1:${data[i]} $([ "$i" = 0 ] && echo "(primary)" || echo "(replica)")"
    done
    wait_for redis-server sh -c "'$cli' -p ${data[1]} INFO replication | grep -q master_link_status:up"
    for i in 0 1 2; do
        mkdir "$folder/sentinel-$i"
        cat >"$folder/sentinel-$i/conf" <<END
port ${sentinels[i]}
bind 127.0.0.1
dir "$folder/sentinel-$i"
sentinel monitor chat 127.0.0.1 ${data[0]} 2
sentinel down-after-milliseconds chat 2000
sentinel failover-timeout chat 6000
END
        "$program" "$folder/sentinel-$i/conf" --sentinel >"$folder/sentinel-$i/log" 2>&1 &
        started $! "redis-sentinel 127.0.0.1:${sentinels[i]}"
        hosts+=("127.0.0.1:${sentinels[i]}")
    done
    for i in 0 1 2; do
        wait_for redis-sentinel sh -c "'$cli' -p ${sentinels[i]} SENTINEL CKQUORUM chat | grep -q '^OK 3'"
    done
    show_commands redis "redis+sentinel://$(IFS=, && echo "${hosts[*]}")/chat"
}

case ${1:-} in
    nats) start_nats ;;
    redis) start_redis ;;
    *) sed -n '2,4s/^# //p' "$0" >&2 && exit 2 ;;
esac
# A server that ends, such as one that was killed, does not end the others.
while :; do
    wait -n || true
    [ -n "$(jobs -pr)" ] || break
done
