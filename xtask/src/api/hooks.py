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
ASSETS = ["icon.svg", "note.js", "page.js", "read.js"]
# Emergency access opens a record that is otherwise closed: there the numbers stay as they were drawn.
OPENS = ("/emergency",)
DRAW = random.Random(4711)


def call(hook):
    """A call that a hospital's record makes about a dummy."""
    context = {"userId": "Practitioner/physician", "patientId": "D001", "encounterId": "1"}
    if hook.startswith("order"):
        order = {
            "resourceType": "MedicationRequest",
            "id": "m1",
            "status": "draft",
            "intent": "order",
            "subject": {"reference": "Patient/D001"},
            "medicationCodeableConcept": {"text": "amlodipine"},
        }
        context["draftOrders"] = {"resourceType": "Bundle", "entry": [{"resource": order}]}
        context["selections"] = ["MedicationRequest/m1"]
    return {"hook": hook, "hookInstance": "d1577c69-dfbe-44ad-ba6d-3e05e953b2ea", "context": context}


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
            hook = DRAW.choice(SERVICES)
            given["id"] = "tsumugi-" + hook
            if path.endswith("{id}") and case.method.upper() == "POST" and DRAW.random() < 0.5:
                case.body = call(hook)
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
    # Who is sent to sign in was not let in.
    leads = response.headers.get("location", "")
    status = 401 if response.status_code == 303 and leads.startswith("/sign-in?next=") else response.status_code
    COUNTS.write(f"{case.method.upper()}\t{case.operation.path}\t{status}\n")


@schemathesis.check
def nothing_closed_is_told(context, response, case):
    """No answer holds a word of a note that is closed to whoever asks."""
    assert MARK not in response.text, "an answer tells of a closed record"
