#!/usr/bin/env python3
"""Makes wakeeper.db as commit 2a9fb58 wrote it, and expected.json: what its messages have to look like after the migration.

Run inside a clone with the whole history. The schema is that commit's own, taken from git; the rows are written as its
code wrote them (message/payload.rs, engine/plan.rs and events/envelope.rs of that commit), with a few damaged ones.
"""

import base64
import hashlib
import json
import sqlite3
import struct
import subprocess
from pathlib import Path

HERE = Path(__file__).parent
COMMIT = "2a9fb58"
MIGRATIONS = [(1, "rows", "0001_rows.sql"), (2, "incidents", "0002_incidents.sql")]
ME, ANN, BOB, GROUP = "628000@c.us", "628111@c.us", "628222@c.us", "120363000@g.us"
FILES = "http://localhost:8192/api/files/default"
HOOK, OTHER_HOOK = "default/0123456789abcdef", "*/fedcba9876543210"


def varint(number):
    out = bytearray()
    while True:
        out.append((number & 127) | (128 if number > 127 else 0))
        number >>= 7
        if not number:
            return bytes(out)


def field(number, value):
    """A field of a protobuf: text, bytes, a whole number or a fraction."""
    if isinstance(value, float):
        return varint(number << 3 | 1) + struct.pack("<d", value)
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    raw = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(raw)) + raw


def text(body, context=b""):
    return field(6, field(1, body) + field(17, context)) if context else field(1, body)


def image(caption):
    keys = field(4, b"\x01" * 32) + field(5, 9) + field(8, b"\x02" * 32) + field(9, b"\x03" * 32)
    return field(3, field(2, "image/png") + field(3, caption) + keys + field(11, "/v/t62/x"))


def wire(chat):
    return chat.replace("@c.us", "@s.whatsapp.net")


def dump(value):
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


ACKS = {-1: "ERROR", 0: "PENDING", 1: "SERVER", 2: "DEVICE", 3: "READ", 4: "PLAYED"}


def message(stanza, kind, body, chat=ANN, from_me=False, participant=None, at=1_700_000_000, **more):
    """The payload of a message, as payload.rs of that commit made it."""
    ack = 1 if from_me else 2
    media = more.get("media")
    name = f"{'true' if from_me else 'false'}_{chat}_{stanza}" + (f"_{participant}" if participant else "")
    return {
        "id": name, "timestamp": at, "from": ME if from_me else chat, "to": chat if from_me else ME,
        "participant": participant, "fromMe": from_me, "source": more.get("source", "app"), "body": body,
        "hasMedia": media is not None, "media": media, "ack": ack, "ackName": ACKS[ack],
        "location": more.get("location"), "vCards": more.get("vcards", []), "mentionedIds": more.get("mentions", []),
        "replyTo": more.get("reply"),
        "_data": {
            "key": {
                "remoteJid": wire(chat), "remoteJidAlt": more.get("alt"), "fromMe": from_me, "id": stanza,
                "participant": wire(participant) if participant and not from_me else None,
                "participantAlt": more.get("participant_alt"),
            },
            "type": kind, "pushName": more.get("push", "Ann"),
        },
    }


def file(url, mimetype, filename=None):
    return {"url": url, "mimetype": mimetype, "filename": filename, "s3": None, "error": None}


class Database:
    def __init__(self, path):
        path.unlink(missing_ok=True)
        self.connection = sqlite3.connect(path, isolation_level=None)
        self.connection.execute("PRAGMA journal_mode = WAL")
        self.connection.execute(
            "CREATE TABLE _sqlx_migrations (version BIGINT PRIMARY KEY, description TEXT NOT NULL,"
            " installed_on TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP, success BOOLEAN NOT NULL,"
            " checksum BLOB NOT NULL, execution_time BIGINT NOT NULL)"
        )
        for version, description, name in MIGRATIONS:
            sql = subprocess.run(
                ["git", "show", f"{COMMIT}:crates/storage/migrations/sqlite/{name}"],
                check=True, capture_output=True, cwd=HERE,
            ).stdout
            self.connection.executescript(sql.decode())
            self.insert("_sqlx_migrations", version=version, description=description,
                        installed_on="2026-11-26 03:21:23", success=1, checksum=hashlib.sha384(sql).digest(),
                        execution_time=1)
        self.expected = {}

    def insert(self, table, **row):
        columns, marks = ", ".join(row), ", ".join("?" * len(row))
        return self.connection.execute(f"INSERT INTO {table} ({columns}) VALUES ({marks})", [*row.values()]).lastrowid

    def message(self, payload, proto, ack=None, edited=0, revoked=0, damaged=None, shown=True, **changed):
        """Stores a message, and notes how it has to be shown: `None` when it has to be an error."""
        key = payload["_data"]["key"]
        ack = payload["ack"] if ack is None else ack
        sender = payload["participant"] or payload["from"]
        self.insert("messages", session="default", chat=payload["to"] if key["fromMe"] else payload["from"],
                    id=key["id"], from_me=int(key["fromMe"]), participant=payload["participant"] or "", sender=sender,
                    timestamp_s=payload["timestamp"], kind=payload["_data"]["type"], ack=ack,
                    payload_json=dump(payload) if damaged is None else damaged, proto=proto, edited=edited,
                    revoked=revoked, hidden=0)
        now = {**payload, "ack": ack, "ackName": ACKS.get(ack), "edited": bool(edited), "revoked": bool(revoked), **changed}
        if revoked:
            now.update(body="", hasMedia=False, media=None)
        self.expected[key["id"]] = now if shown else None

    def concerning(self, kind, stanza, payload, from_me=False, participant="", chat=ANN):
        self.insert("messages", session="default", chat=chat, id=stanza, from_me=int(from_me), participant=participant,
                    sender=ME if from_me else participant or chat, timestamp_s=1_700_000_100, kind=kind, ack=2,
                    payload_json=dump(payload), proto=b"", edited=0, revoked=0, hidden=1)


def messages(db):
    db.message(message("TEXT", "text", "hello", alt="900@lid"), text("hello"))
    db.message(message("OWN", "text", "answer", from_me=True, source="api", push="Me"), text("answer"), ack=3)
    quote = field(1, "Q1") + field(2, wire(BOB)) + field(3, text("the question")) + field(15, wire(ME))
    reply = {"id": "Q1", "participant": BOB, "body": "the question"}
    db.message(message("REPLY", "text", "to you", chat=GROUP, participant=ANN, participant_alt="900@lid",
                       mentions=[ME], reply=reply), text("to you", quote))
    db.message(message("IMAGE", "image", "look", media=file(f"{FILES}/IMAGE.png", "image/png")), image("look"))
    db.message(message("CAPTION", "image", "new caption", media=file(f"{FILES}/CAPTION.png", "image/png")),
               image("old caption"), edited=1)
    # An edited answer: the protobuf is that of the edit, the quote is in the JSON alone.
    db.message(message("EDITED", "text", "better", reply=reply), text("better"), edited=1)
    db.message(message("REVOKED", "image", "oops", media=file(f"{FILES}/REVOKED.png", "image/png")), image("oops"),
               revoked=1)
    db.message(message("VOICE", "voice", "", media=file(f"{FILES}/VOICE.oga", "audio/ogg; codecs=opus")),
               field(8, field(2, "audio/ogg; codecs=opus") + field(6, 1)))
    document = field(7, field(2, "application/pdf") + field(8, "a.pdf") + field(20, "here"))
    db.message(message("DOCUMENT", "document", "here",
                       media=file(f"{FILES}/DOCUMENT.pdf", "application/pdf", "a.pdf")), field(53, field(1, document)))
    db.message(message("PLACE", "location", "", location={"latitude": 1.5, "longitude": 2.5, "description": "Home"}),
               field(5, field(1, 1.5) + field(2, 2.5) + field(3, "Home")))
    db.message(message("CARD", "contact", "Bob", vcards=["BEGIN:VCARD"]),
               field(4, field(1, "Bob") + field(16, "BEGIN:VCARD")))
    db.message(message("INVITE", "unknown", ""), field(28, field(1, GROUP)))
    # From a baileys_store.json: files without a protobuf, and nobody knows where they could be fetched.
    db.message(message("OLD-FILE", "image", "long ago", media=file(None, "image/jpeg"), push=None), b"")
    db.message(message("OLD-TEXT", "text", "long ago", push=None), text("long ago"))
    # Damaged: the JSON alone; then what the columns and the protobuf say is shown.
    lost = {"push": None, "chat": GROUP, "participant": ANN}
    db.message(message("NO-JSON", "text", "still here", **lost), text("still here"), damaged='{"body": "still he')
    db.message(message("BLOB-JSON", "text", "still here", **lost), text("still here"), damaged=b"\xff\x00")
    # Damaged: more than that. These have to be errors.
    db.message(message("NOTHING", "image", "lost"), b"", damaged="{", shown=False)
    db.message(message("NO-PROTO", "text", "lost"), b"\xff\xff\xff", shown=False)
    db.message(message("NO-ACK", "text", "lost"), text("lost"), ack=99, shown=False)
    db.concerning("reaction", "R1", {"reaction": {"text": "+", "messageId": f"false_{ANN}_TEXT"}}, from_me=True)
    db.concerning("edit", "E1", {"editedMessageId": "REPLY"}, participant=ANN, chat=GROUP)
    db.concerning("revoke", "D1", {"after": {"id": f"false_{ANN}_REVOKED"}})


def sends(db):
    def send(stanza, state, request, response=None, key=None):
        db.insert("sends", session="default", idempotency_key=key, request_hash=f"hash of {stanza}", message_id=stanza,
                  state=state, request_json=request, response_json=response, created_ms=1, updated_ms=2)

    def request(body, chat=ANN):
        return dump({"chat": chat, "proto": base64.b64encode(text(body)).decode()})

    send("OWN", 2, request("answer"), dump(message("OWN", "text", "answer", from_me=True)), "key-1")
    # Every length of base64's end, and one of many bytes.
    for number, body in enumerate(["a", "bc", "def", "x" * 5000, "grüße 👋"]):
        send(f"PENDING{number}", 0, request(body), key=f"pending-{number}")
    send("GROUPED", 1, request("to all", GROUP))
    send("REFUSED", 3, request("no"), dump({"error": "463"}), "key-3")
    send("BROKEN-JSON", 0, '{"chat": "628111@c')
    send("BROKEN-BASE64", 0, dump({"chat": ANN, "proto": "Cg*="}))


def event(db, stanza, name, number, subscriptions):
    identity = f"evt_01ARZ3NDEKTSV4RRFFQ69G5F{number:02}"
    at = 1_700_000_000_000 + number
    payload = message(stanza, "text", "hello", alt="900@lid")
    body = "{" + ",".join([
        f'"id":"{identity}"', f'"timestamp":{at}', f'"event":"{name}"', '"session":"default"', '"metadata":{"team":"blue"}',
        f'"me":{{"id":"{ME}","pushName":"Me"}}', f'"payload":{dump(payload)}', '"engine":"WHATSAPP-RUST"',
        '"environment":{"version":"0.1.0","engine":"WHATSAPP-RUST","tier":"CORE","browser":null,"platform":"linux/x86_64"}',
    ]) + "}"
    seq = db.insert("events", id=identity, session="default", chat=ANN, name=name, body=body, timestamp_ms=at)
    for subscription, state in subscriptions:
        lane = 0
        if state == 0:
            db.connection.execute(
                "INSERT INTO lanes (subscription, session, chat, next_attempt_ms, gave_up) VALUES (?, 'default', ?, ?, 0)"
                " ON CONFLICT DO NOTHING", [subscription, ANN, at])
            lane = db.connection.execute("SELECT id FROM lanes WHERE subscription = ?", [subscription]).fetchone()[0]
        attempts = {0: 2, 1: 1, 2: 3}[state]
        db.insert("outbox", seq=seq, subscription=subscription, lane=lane, state=state, attempts=attempts,
                  ended_ms=at if state else None, reason="the receiver answered 500" if state == 2 else None)
        for attempt in range(1, attempts + 1):
            failed = state != 1 or attempt < attempts
            db.insert("attempts", seq=seq, subscription=subscription, number=attempt, started_ms=at, duration_ms=5,
                      status=500 if failed else 200, error="the receiver answered 500" if failed else None)


def main():
    db = Database(HERE / "wakeeper.db")
    db.insert("sessions", name="default", config_json='{"metadata":{"team":"blue"}}', desired=1, created_ms=1, updated_ms=2,
              me_json=dump({"id": ME, "lid": "800@lid", "pushName": "Me"}))
    # Logged out: its newest message says whose its rows are.
    db.insert("sessions", name="left", config_json="{}", desired=0, created_ms=1, updated_ms=2, me_json=None)
    db.insert("messages", session="left", chat=ANN, id="L1", from_me=0, participant="", sender=ANN, timestamp_s=1,
              kind="text", ack=2, payload_json=dump(message("L1", "text", "x")), proto=text("x"), edited=0, revoked=0,
              hidden=0)
    messages(db)
    sends(db)
    # Delivered to one, dead for the other; then both names of one message pending; then one that nobody waits for.
    event(db, "TEXT", "message", 1, [(HOOK, 1), (OTHER_HOOK, 2)])
    event(db, "TEXT", "message.any", 2, [(OTHER_HOOK, 2)])
    event(db, "LATER", "message", 3, [(HOOK, 0), (OTHER_HOOK, 0)])
    event(db, "LATER", "message.any", 4, [(OTHER_HOOK, 0)])
    event(db, "QUIET", "message", 5, [])
    db.connection.execute("VACUUM")
    db.connection.close()
    (HERE / "expected.json").write_text(json.dumps(db.expected, indent=1, ensure_ascii=False, sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
