"""Hooks of Schemathesis: tokens, IDs of objects that exist, and a check of the codes of problems.

The environment has the tokens, the path of the tenant that requests may change, and the IDs by the collection in the path."""

import json
import os
import re
import zlib

import schemathesis

TOKENS = {"platform": os.environ["SMBCOPILOT_PLATFORM_TOKEN"], "tenant": os.environ["SMBCOPILOT_TOKEN"]}
# {"/v1/workflows": ["…"], …}
IDS = json.loads(os.environ["SMBCOPILOT_IDS"])
# IDs of objects that no request may change, such as the tenant of the caller.
PROTECTED = set(json.loads(os.environ["SMBCOPILOT_PROTECTED_IDS"]))
# Requests of ten whose ID is replaced by one that exists; the others have generated ones.
EXISTING = 7
# Waiting is tested elsewhere, and takes up to 55 s here.
LONG_WAIT = re.compile(r"wait\s*=\s*\"?\d", re.IGNORECASE)


def holder(case):
    return "platform" if case.operation.path.startswith(("/v1/tenants", "/v1/platform")) else "tenant"


@schemathesis.auth(cache_by_key=lambda case, context: holder(case))
class Token:
    def get(self, case, context):
        return TOKENS[holder(case)]

    def set(self, case, token, context):
        case.headers["Authorization"] = f"Bearer {token}"


@schemathesis.hook
def before_load_schema(context, raw_schema):
    """Removes the parameter `fields`: its responses have a media type of their own, which the document names in words only."""
    for item in raw_schema["paths"].values():
        for operation in item.values():
            if isinstance(operation, dict) and "parameters" in operation:
                operation["parameters"] = [p for p in operation["parameters"] if p.get("name") != "fields"]


@schemathesis.hook
def before_call(context, case, kwargs):
    collection = case.operation.path.split("/{")[0]
    known = IDS.get(collection)
    identifier = (case.path_parameters or {}).get("id")
    if identifier is not None and known:
        # A request that is sent again has the same ID again.
        number = zlib.crc32(f"{case.path_parameters} {case.query} {case.headers}".encode())
        if str(identifier) in PROTECTED or number % 10 < EXISTING:
            case.path_parameters["id"] = known[number // 10 % len(known)]
    for name in [name for name in case.headers if name.lower() == "prefer"]:
        if LONG_WAIT.search(str(case.headers[name])):
            case.headers[name] = "wait=1"


@schemathesis.check
def problem_codes(context, response, case):
    """Every problem has a code that the document names for the operation and the status."""
    if response.status_code < 400 or case.method.upper() not in case.operation.method.upper():
        return
    responses = case.operation.definition.raw["responses"]
    documented = responses.get(str(response.status_code))
    if documented is None:
        return  # `status_code_conformance` reports it.
    code = response.json().get("code")
    assert code in documented["x-problem-codes"], f"{code} is not documented for {response.status_code}"
