"""Sends a text to the number in the first argument. WAKEEPER_URL and WAKEEPER_KEY name the gateway and its API key."""

import json
import os
import sys
import urllib.error
import urllib.request

URL = os.environ.get("WAKEEPER_URL", "http://localhost:8192")


def call(method, path, body=None, **headers):
    request = urllib.request.Request(
        URL + path,
        method=method,
        data=json.dumps(body).encode() if body is not None else None,
        headers={"X-Api-Key": os.environ["WAKEEPER_KEY"], "Content-Type": "application/json", **headers},
    )
    try:
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        # Errors have a stable `code`, and often a `hint`: what to do about it.
        said = json.load(error)
        sys.exit(f"{said['code']}: {said['message']} {said.get('hint', '')}")


def main():
    if len(sys.argv) != 2:
        sys.exit("usage: python3 send.py NUMBER")
    to = sys.argv[1]
    # The same Idempotency-Key and body send once, however often this is run.
    message = {"session": "default", "chatId": f"{to}@c.us", "text": "Hello from Python"}
    sent = call("POST", "/api/sendText", message, **{"Idempotency-Key": f"example-python-{to}"})
    print("sent", sent["id"])
    for message in call("GET", f"/api/default/chats/{to}@c.us/messages?limit=5"):
        print(">" if message["fromMe"] else "<", message["body"])
    bulk = {"text": "Hello again", "recipients": [to], "dryRun": True}
    print("a bulk send would reach", call("POST", "/api/default/bulk", bulk)["total"])


main()
