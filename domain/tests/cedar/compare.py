"""Decides about the requests of `main.rs` with Cedar, and prints each decision that differs.

Reads one line of JSON for each set of policies. Cedar has no unknown values: a policy whose condition cannot be evaluated is skipped,
also one that forbids. A condition is therefore translated twice, to an expression that is true if the condition is true, and to one
that is true if it is false. A policy permits if its condition is true, and forbids unless its condition is false.
"""

import ipaddress
import json
import sys

import cedarpy


def text(value):
    return json.dumps(value, ensure_ascii=False)


def some(expressions):
    return "(" + " || ".join(expressions) + ")" if expressions else "false"


def every(expressions):
    return "(" + " && ".join(expressions) + ")" if expressions else "true"


def known(guard, expression):
    """Returns when an expression is true, and when it is false, if its value is known only with the guard."""
    return f"({guard} && {expression})", f"({guard} && !{expression})"


def about(kind, attribute, expression):
    """The same for an attribute of a kind of resources. It is false for resources of other kinds."""
    true, false = known(f"resource has {attribute}", expression)
    return f"(resource is {kind} && {true})", f"(!(resource is {kind}) || {false})"


def labels(key, values):
    return about("Workflow", "labels", some([f"resource.labels.contains({{k: {text(key)}, v: {text(value)}}})" for value in values]))


def tags(values):
    return about("Document", "tags", some([f"resource.tags.contains({text(value)})" for value in values]))


def clock(hours_and_minutes):
    hours, minutes = hours_and_minutes.split(":")
    return f'duration("{int(hours)}h{int(minutes)}m")'


def selector(of):
    match of["kind"]:
        case "WORKFLOW_NAME":
            return about("Workflow", "name", f"(resource.name == {text(of['name'])})")
        case "WORKFLOW_LABEL":
            return labels(of["key"], [of["value"]])
        case "DOCUMENT_TAG":
            return tags([of["tag"]])


def condition(of):
    match of["type"]:
        case "OWNER_IS_PRINCIPAL":
            return known("principal has email && resource has owner", "(principal.email == resource.owner)")
        case "LABEL_IN":
            return labels(of["key"], of["values"])
        case "TAG_IN":
            return tags(of["values"])
        case "IP_IN":
            return known("context has address", some([f"context.address.isInRange(ip({text(r)}))" for r in of["ranges"]]))
        case "TIME_BETWEEN":
            start, end = clock(of["from"]), clock(of["to"])
            time = "context.time.toTime()"
            join = " && " if of["from"] < of["to"] else " || "
            return known("context has time", f"({time} >= {start}{join}{time} < {end})")
        case "MFA":
            return known("context has mfa", "context.mfa")


def policy(spec):
    actions = ", ".join(f"Action::{text(action.removesuffix('.*'))}" for action in spec["actions"])
    selected = [selector(of) for of in spec["resources"]]
    conditions = [condition(of) for of in spec["conditions"]]
    if selected:
        conditions.append((some([true for true, _ in selected]), every([false for _, false in selected])))
    if spec["effect"] == "ALLOW":
        effect, when = "permit", every([true for true, _ in conditions])
    else:
        effect, when = "forbid", "!" + some([false for _, false in conditions])
    return f"{effect}(principal, action in [{actions}], resource) when {{ {when} }};"


def action_entities(permissions):
    """Returns the permission tree: each name is in the name before its last dot, and all of them are in `*`."""
    parents = {"*": []}
    for name in permissions:
        while name not in parents:
            parent = name.rpartition(".")[0]
            parents[name] = [parent or "*"]
            name = parent or "*"
    uid = lambda name: {"type": "Action", "id": name}
    return [{"uid": uid(name), "attrs": {}, "parents": [uid(p) for p in above]} for name, above in parents.items()]


def entities(number, request, resource):
    email = request.get("principal")
    principal = {"uid": {"type": "User", "id": str(number)}, "attrs": {} if email is None else {"email": email}, "parents": []}
    kind, attributes = resource["kind"], {}
    for name in ("name", "owner", "tags"):
        if resource.get(name) is not None:
            attributes[name] = resource[name]
    if resource.get("labels") is not None:
        attributes["labels"] = [{"k": key, "v": value} for key, value in resource["labels"].items()]
    return [principal, {"uid": {"type": kind, "id": str(number)}, "attrs": attributes, "parents": []}]


def context(request):
    found = {}
    if request.get("address") is not None:
        address = ipaddress.ip_address(request["address"])
        # A socket for both families receives IPv4 addresses in this form.
        address = getattr(address, "ipv4_mapped", None) or address
        found["address"] = {"__extn": {"fn": "ip", "arg": str(address)}}
    if request.get("time") is not None:
        found["time"] = {"__extn": {"fn": "datetime", "arg": request["time"]}}
    if request.get("mfa") is not None:
        found["mfa"] = request["mfa"]
    return found


def main():
    tree = action_entities(json.loads(sys.stdin.readline()))
    compared = allowed = 0
    for line in sys.stdin:
        case = json.loads(line)
        policies = "\n".join(map(policy, case["policies"]))
        known_entities, requests = list(tree), []
        for number, question in enumerate(case["questions"]):
            known_entities += entities(number, question["request"], question["resource"])
            requests.append({
                "principal": {"type": "User", "id": str(number)},
                "action": {"type": "Action", "id": question["permission"]},
                "resource": {"type": question["resource"]["kind"], "id": str(number)},
                "context": context(question["request"]),
            })
        for question, result in zip(case["questions"], cedarpy.is_authorized_batch(requests, policies, known_entities), strict=True):
            if result.diagnostics.errors:
                sys.exit(f"Cedar cannot evaluate {policies}: {result.diagnostics.errors}")
            compared += 1
            allowed += result.allowed
            if result.allowed != question["allowed"]:
                print("DIFFERENT", json.dumps({"policies": case["policies"], "question": question, "cedar": result.allowed}))
    print("COMPARED", compared, allowed)


main()
