"""What schemathesis cannot know of the gateway: ids that are there, and what is a fault.

The address and the key come in WAKEEPER_URL and WAKEEPER_KEY.
"""

import os
import random

import requests
import schemathesis
from schemathesis.specs.openapi.checks import allow_header_conformance, negative_data_rejection

URL = os.environ["WAKEEPER_URL"].rstrip("/")
CALLER = requests.Session()
CALLER.headers["X-Api-Key"] = os.environ["WAKEEPER_KEY"]
CHOICE = random.Random(1)

# The people of `wakeeper demo`.
PEOPLE = ["15555550101@c.us", "15555550102@c.us"]


def ask(method, path, **more):
    answer = CALLER.request(method, URL + path, timeout=20, **more)
    answer.raise_for_status()
    return answer.json()


def ids(items):
    return [item["id"] for item in items]


MESSAGES = [id for chat in PEOPLE for id in ids(ask("GET", f"/api/default/chats/{chat}/messages?limit=20"))]
GROUPS = list(ask("GET", "/api/default/groups"))
CHANNEL = ask("POST", "/api/default/channels", json={"name": "News"})["id"]
LABEL = ask("POST", "/api/default/labels", json={"name": "New order", "color": 1})["id"]
LIDS = [pair["lid"] for pair in ask("GET", "/api/default/lids")]


def known(name, path):
    """Values of a field or parameter that mean something."""
    if name == "id":
        return GROUPS if "/groups/" in path else [CHANNEL] if "/channels/" in path else []
    return {
        "session": ["default"],
        "chatId": PEOPLE + GROUPS,
        "contactId": PEOPLE,
        "messageId": MESSAGES,
        "reply_to": MESSAGES,
        "labelId": [LABEL],
        "lid": LIDS,
        "phone": ["15555550101"],
        "phoneNumber": ["15555550101"],
    }.get(name, [])


@schemathesis.hook
def before_call(context, case, kwargs):
    """Most requests that are meant to be valid are about what is there."""
    if case.meta is None or not case.meta.generation.mode.is_positive:
        return
    for part in (case.path_parameters, case.query, case.body):
        if not isinstance(part, dict):
            continue
        for name in part:
            values = known(name, case.path)
            if values and CHOICE.random() < 0.9:
                part[name] = CHOICE.choice(values)


# What the answers 502 to 504 may be about.
CODES = {
    502: {"upstream"},
    503: {"overloaded", "search_not_ready", "shutting_down", "storage_unavailable"},
    504: {"timeout"},
}


@schemathesis.check
def no_fault(context, response, case):
    """500 is a fault. 502 to 504 say which of the known reasons it was; /ready and /health say what is not well."""
    status = response.status_code
    if status < 500 or (status == 503 and (case.path == "/ready" or case.path.endswith("/health"))):
        return
    try:
        code = response.json().get("code")
    except ValueError:
        code = None
    assert code in CODES.get(status, set()), f"a fault: {status} {code}"


@schemathesis.check
def refuses_what_is_not_described(context, response, case):
    """As schemathesis has it, but that values are read leniently: WAHA's clients write "True" or 1 for true."""
    try:
        return negative_data_rejection(context, response, case)
    except AssertionError as error:
        if "Incorrect type" not in str(error):
            raise


@schemathesis.check
def allows_what_is_described(context, response, case):
    """As schemathesis has it, but where a path is also that of a session of that name."""
    if case.path not in ("/api/sessions/start", "/api/sessions/stop", "/api/sessions/logout"):
        return allow_header_conformance(context, response, case)
