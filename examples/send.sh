#!/bin/sh
# Sends a text to the number in the first argument. WAKEEPER_URL and WAKEEPER_KEY name the gateway and its API key.
set -eu
to=${1:?usage: send.sh NUMBER}
url=${WAKEEPER_URL:-http://localhost:8192}

call() { # METHOD PATH [JSON]
    method=$1 path=$2
    shift 2
    curl --silent --show-error --fail-with-body --request "$method" "$url$path" \
        --header "X-Api-Key: $WAKEEPER_KEY" --header 'Content-Type: application/json' \
        ${1:+--data "$1"}
    echo
}

# The same Idempotency-Key and body send once, however often this is run.
curl --silent --show-error --fail-with-body --request POST "$url/api/sendText" \
    --header "X-Api-Key: $WAKEEPER_KEY" --header 'Content-Type: application/json' \
    --header "Idempotency-Key: example-sh-$to" \
    --data "{\"session\":\"default\",\"chatId\":\"$to@c.us\",\"text\":\"Hello from curl\"}"
echo
call GET "/api/default/chats/$to@c.us/messages?limit=5"
call POST /api/default/bulk "{\"text\":\"Hello again\",\"recipients\":[\"$to\"],\"dryRun\":true}"
