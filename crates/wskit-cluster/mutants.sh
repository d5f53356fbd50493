#!/usr/bin/env bash
# The proof has to fail when a check is taken out of the hub, and to hold with it, under the same faults.
#   bash crates/wskit-cluster/mutants.sh [NAME]...      by default all
set -euo pipefail
cd "$(dirname "$0")/../.."
export WSKIT_CLUSTER_FEATURES=mutants
prove=crates/wskit-cluster/prove.sh log=target/cluster/mutant.log wrong=0
mkdir -p target/cluster

# A name, the promises of which one has to be seen broken, and how the proof is run.
mutant() {
    local name=$1 check=$2 rules=$3 status=0
    shift 3
    [ ${#chosen[@]} = 0 ] || [[ " ${chosen[*]} " = *" $name "* ]] || return 0
    timeout 300 bash "$prove" "$@" --seconds 12 --seed 7 >"$log" 2>&1 || status=$?
    if [ "$status" != 0 ]; then
        echo "FAILED $name: the proof does not hold with the check" && cat "$log" && wrong=1
        return
    fi
    timeout 300 bash "$prove" "$@" --seconds 12 --seed 7 --without "$check" >"$log" 2>&1 || status=$?
    if [ "$status" = 1 ] && grep -qE "^($rules): " "$log"; then
        echo "ok $name: $(tail -n 1 "$log"), the first: $(grep -m 1 -E "^($rules): " "$log")"
    else
        echo "FAILED $name: not noticed" && cat "$log" && wrong=1
    fi
}

chosen=("$@")
# Messages are lost on the way, and the node does not see that the next one does not follow.
mutant nats-chain Chain I3 nats --only lose
mutant redis-chain Chain I3 redis --only lose
# The last messages are lost, and the node does not ask for the newest positions.
mutant nats-positions Tops 'I[48]' nats --only lose --lose-last
mutant redis-positions Tops I4 redis --only lose --lose-last
# The replica takes over without the last messages, and its epochs are those of the primary that is gone.
mutant redis-salt Salt 'I[1238]' redis --only failover
exit "$wrong"
