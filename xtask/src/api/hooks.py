"""What schemathesis is told of this server; `cargo xtask api` runs it.

Variables: TSUMUGI_COUNTS (file to which a line goes for each case: method, address as declared, status), TSUMUGI_MARK
(words of notes that nobody here may read), TSUMUGI_IDS (numbers of patients and notes that there are), TSUMUGI_REQUEST (an
authorization request of an app, as a query), TSUMUGI_ACCESS and TSUMUGI_REFRESH (tokens to be looked at and renewed).
"""

import json
import os
import random
from urllib.parse import parse_qsl

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
REQUEST = dict(parse_qsl(os.environ["TSUMUGI_REQUEST"]))
ACCESS = [os.environ["TSUMUGI_ACCESS"]]
REFRESH = [os.environ["TSUMUGI_REFRESH"]]
KINDS = ["Patient", "Condition", "Observation", "MedicationStatement", "DocumentReference", "Provenance", "Practitioner"]
# Type and number of resources that answers told of.
RESOURCES = [("Patient", "1"), ("Patient", "2"), ("Practitioner", "physician")]
# Forms that a page takes; a page that shows is asked with its query drawn alone.
NUMBERS = ["D001", "D002", "D003", "CLOSED-1", "NOBODY"]
FORMS = {
    "/apps/{id}": {"action": ["enable", "disable"]},
    "/apps/{id}/launch": {"patient": range(1, 34), "encounter": ["", "V1"]},
    "/confirmations/{id}": {"action": ["confirm", "return"], "version": [1, 2], "reason": ["x"]},
    "/drafts": {"patient": NUMBERS, "encounter": ["", "V1"], "base": range(1, 20)},
    "/emergencies": {"id": [1, 2], "verdict": ["justified", "unjustified"], "note": ["", "x"]},
    "/emergency/close": {"id": [1, 2]},
    "/notes": {"patient": NUMBERS, "encounter": ["", "V1"], "addendum": [""], "base": [""], "text": ["fever"], "action": ["save", "sign"]},
    "/patients": {"number": range(9000, 9999), "name": ["x"], "kana": ["x"], "sex": ["female", "male"], "birth": ["1961-02-03", "x"]},
    "/patients/{id}/access": {"seen": [0, 1, 2, 3], "department": ["internal", "surgery"], "attending": ["", "physician"]},
    "/preferences": {"language": ["ja", "en"], "theme": ["dark"], "next": ["/", "//x"]},
    "/users": {"user": ["other-1", "other-2"], "name": ["x"], "role": ["nurse", "x"], "department": ["internal"], "teams": [""], "version": [0], "action": ["add"]},
    "/sign-in": {"user": ["nobody", "nobody-2"], "password": ["x"], "next": ["/"]},
}
STANDARDS = ["ssmix2", "hl7", "uke", "dpc", "okusuri", "fhir", "device"]


def sent(standard):
    """What a hospital's system sends: a dummy's name or value, whole or cut off."""
    number = str(DRAW.randint(1, 9))
    patient = {"resourceType": "Patient", "id": number, "identifier": [{"system": "urn:x", "value": "API-" + number}],
               "name": [{"text": "x"}], "gender": "female"}
    coded = {"resourceType": "Observation", "status": "final", "subject": {"reference": "Patient/" + number},
             "code": {"text": "CRP"}, "valueQuantity": {"value": DRAW.randint(0, 30), "unit": "mg/dL"}}
    texts = {
        "fhir": json.dumps({"resourceType": "Bundle", "type": "collection",
                            "entry": [{"resource": patient}, {"resource": coded}]}),
        "hl7": "MSH|^~\\&|L|H|T|H|20261129||ORU^R01|%s|P|2.5\rPID|||API-%s||X^Y\rOBX|1|NM|CRP^CRP||3.1|mg/dL\r" % (number, number),
        "okusuri": "JAHISTC07,1\r\n1,X,2,19610203\r\n201,1,x,1,mg,2,\r\n",
        "device": "time,value,unit\n2026-11-29T07:00,%s,mg/dL\n" % DRAW.randint(60, 300),
    }
    text = texts.get(standard, "1,2,3\r\n").encode()
    return text[: DRAW.randint(0, len(text))] if DRAW.random() < 0.3 else text


def of_an_app(case, path):
    """What apps send, so that doors which want exactly that are opened at times."""
    if path == "/oauth/authorize":
        given = dict(REQUEST)
        if DRAW.random() < 0.3:
            del given[DRAW.choice(sorted(given))]
        if case.method.upper() == "GET":
            case.query = given
        else:
            case.body = {**given, "decision": DRAW.choice(["allow", "allow", "deny"]), "patient": DRAW.randint(1, IDS)}
    elif path == "/open" or path == "/drafts" and case.method.upper() == "GET":
        case.query = {"patient": DRAW.choice(NUMBERS), "encounter": DRAW.choice(["", "V1"])}
    elif path == "/oauth/token":
        case.body = DRAW.choice([
            {"grant_type": "refresh_token", "refresh_token": REFRESH[0]},
            {"grant_type": "refresh_token", "refresh_token": REFRESH[0], "scope": "patient/Condition.rs"},
            {"grant_type": "authorization_code", "code": "x", "redirect_uri": "https://app.example/done", "code_verifier": "x" * 43},
            {"grant_type": "client_credentials", "scope": "system/*.rs"},
        ])
    elif path == "/oauth/introspect":
        case.body = {"token": DRAW.choice([ACCESS[0], REFRESH[0], "x"])}
    elif path == "/oauth/revoke":
        # The last grant is not taken back: the others go on with it.
        case.body = {"token": "x" + ACCESS[0]}
    elif path == "/fhir/R4/{kind}":
        kind = DRAW.choice(KINDS)
        case.path_parameters["kind"] = kind
        number = str(DRAW.randint(1, IDS))
        case.query = {"_id": number} if kind == "Patient" else {"patient": number}
        if DRAW.random() < 0.3:
            case.query.update({"_count": str(DRAW.randint(0, 3)), "_total": DRAW.choice(["accurate", "none"])})
    elif path == "/fhir/R4/{kind}/_search":
        case.path_parameters["kind"] = DRAW.choice(KINDS)
        case.body = {"_count": str(DRAW.randint(0, 3)), "_total": DRAW.choice(["accurate", "none"])}
    elif path.startswith("/fhir/R4/{kind}/{id}"):
        case.path_parameters["kind"], case.path_parameters["id"] = DRAW.choice(RESOURCES)
        case.query = {}
        if "version" in case.path_parameters:
            case.path_parameters["version"] = str(DRAW.randint(1, 2))
        if path.endswith("$everything"):
            case.path_parameters["kind"], case.path_parameters["id"] = "Patient", str(DRAW.randint(1, IDS))
    elif path in FORMS and case.method.upper() == "POST":
        case.body = {name: str(DRAW.choice(values)) for name, values in FORMS[path].items()}
        if case.path_parameters and "id" in case.path_parameters:
            # Who registers patients says where they belong: the closed ones stay where they are.
            case.path_parameters["id"] = "probe-2" if path.startswith("/apps") else DRAW.randint(1, IDS - 3)
    elif path == "/import/{standard}":
        standard = DRAW.choice(STANDARDS)
        case.path_parameters["standard"] = standard
        case.query = {"dummy": "true", "file": "f", "patient": DRAW.choice(["D001", "API-1"])}
        case.body = sent(standard)
    else:
        return False
    return True


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
    if of_an_app(case, path):
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
        elif path.startswith("/apps"):
            given["id"] = "probe-2"
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
    leads = response.headers.get("location") or [""]
    leads = leads if isinstance(leads, str) else leads[0]
    status = 401 if response.status_code == 303 and leads.startswith("/sign-in?next=") else response.status_code
    if status == 200 and case.operation.path == "/oauth/token":
        tokens = response.json()
        ACCESS[0], REFRESH[0] = tokens["access_token"], tokens["refresh_token"]
    if status == 200 and case.operation.path == "/fhir/R4/{kind}":
        for entry in response.json()["entry"][:3]:
            found = (entry["resource"]["resourceType"], entry["resource"]["id"])
            if len(RESOURCES) < 100 and found not in RESOURCES:
                RESOURCES.append(found)
    COUNTS.write(f"{case.method.upper()}\t{case.operation.path}\t{status}\n")


@schemathesis.check
def nothing_closed_is_told(context, response, case):
    """No answer holds a word of a note that is closed to whoever asks."""
    assert MARK not in response.text, "an answer tells of a closed record"
