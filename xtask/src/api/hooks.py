"""What schemathesis is told of this server; `cargo xtask api` runs it.

Variables: TSUMUGI_COUNTS (file to which a line goes for each case: method, address as declared, status), TSUMUGI_MARK
(words of notes that nobody here may read), TSUMUGI_IDS (numbers of patients and notes that there are).
"""

import os
import random

import schemathesis

COUNTS = open(os.environ["TSUMUGI_COUNTS"], "a", encoding="utf-8", buffering=1)
MARK = os.environ["TSUMUGI_MARK"]
IDS = int(os.environ["TSUMUGI_IDS"])
CONCEPTS = ["fever", "cough", "acute-cholangitis", "hypertension", "pneumonia", "amlodipine"]
SERVICES = ["patient-view", "order-select", "order-sign", "encounter-discharge"]
ASSETS = ["app.css", "editor.js", "favicon.svg"]
# Emergency access opens a record that is otherwise closed: there the numbers stay as they were drawn.
OPENS = ("/emergency",)
DRAW = random.Random(4711)


@schemathesis.hook
def before_call(context, case, kwargs):
    """An answer is what the address itself says, not where it leads."""
    kwargs["allow_redirects"] = False
    path = case.operation.path
    if path.startswith(OPENS) or DRAW.random() < 0.5:
        return
    given = case.path_parameters
    if given and "id" in given:
        if path.startswith("/cds-services"):
            given["id"] = "tsumugi-" + DRAW.choice(SERVICES)
        elif path.startswith(("/terms", "/knowledge")):
            given["id"] = DRAW.choice(CONCEPTS)
        elif not path.startswith("/users"):
            given["id"] = DRAW.randint(1, IDS)
    if given and "name" in given:
        given["name"] = DRAW.choice(ASSETS)
    for holder in (case.query, case.body):
        if isinstance(holder, dict) and isinstance(holder.get("patient"), (str, int)):
            number = DRAW.choice(["D001", "D002", "CLOSED-1", "NOBODY"])
            holder["patient"] = number if isinstance(holder["patient"], str) else DRAW.randint(1, IDS)


@schemathesis.hook
def after_call(context, case, response):
    COUNTS.write(f"{case.method.upper()}\t{case.operation.path}\t{response.status_code}\n")


@schemathesis.check
def nothing_closed_is_told(context, response, case):
    """No answer holds a word of a note that is closed to whoever asks."""
    assert MARK not in response.text, "an answer tells of a closed record"
