"""Computes who may call which operation, independently of the Rust code, and writes docs/security/access.md.

    python3 api-server/access/access.py           writes the page
    python3 api-server/access/access.py --check   fails if the page is out of date

Inputs: `operations.yaml` (the permission of each operation), `schema.graphql` (which fields take the id of an object), the names of
the permissions in `permissions.md`, and the roles below. The roles are written a second time here on purpose: a change of a role is made in two places, and the test
`every_caller_gets_the_expected_answer` of the api-server fails until both agree. Needs the standard library alone.
"""

import pathlib
import re
import sys

HERE = pathlib.Path(__file__).resolve().parent
OPERATIONS = HERE.parent / "operations.yaml"
SCHEMA = HERE.parent / "schema.graphql"
PERMISSIONS = HERE.parent.parent / "docs" / "reference" / "permissions.md"
PAGE = HERE.parent.parent / "docs" / "security" / "access.md"

# Nodes of the permission tree that each role has. `a.b` includes `a.b` and everything below it.
READER = """tenant.read plan.read event.read document.read document.content.read chunk.read search.query
            workflow.read workflow.run.read workflow.run.log.read"""
MEMBER = READER + " document.create document.update workflow.run.create workflow.run.decide"
OPERATOR = MEMBER + " document.process workflow.run.cancel workflow.run.rerun usage.read"
BUILDER = OPERATOR + " document workflow.create workflow.update workflow.archive schema.introspect"
ADMIN = """tenant user role policy authorization api-key service-account document chunk search workflow event audit usage
           schema plan billing.read"""
SUPPORT = "plan.read platform.tenant.read platform.audit.read"
ROLES = {
    "owner": ADMIN + " billing",
    "admin": ADMIN,
    "builder": BUILDER,
    "operator": OPERATOR,
    "member": MEMBER,
    "viewer": READER,
    "billing": "tenant.read plan.read usage.read billing",
    "auditor": READER + """ user.read role.read policy.read api-key.read service-account.read authorization.check audit.read
                         usage.read""",
    "platform-admin": "platform plan.read",
    "platform-operator": SUPPORT + """ platform.tenant.create platform.tenant.update platform.tenant.suspend
                                      platform.mirror""",
    "platform-support": SUPPORT,
}
PLATFORM_ROLES = [role for role in ROLES if role.startswith("platform-")]
TENANT_ROLES = [role for role in ROLES if role not in PLATFORM_ROLES]

# Callers besides those with one role. None of them tries objects of others, which the roles do.
NOBODY = ["no token", "expired", "audience"]
# An admin of a tenant in this state.
NOT_ACTIVE = ["suspended", "archived"]
# An operator's key with these scopes.
KEY, KEY_ROLE, KEY_SCOPES = "API key", "operator", "workflow.read workflow.run"
OTHERS = NOBODY + NOT_ACTIVE + ["other tenant", KEY, "deactivated"]
# An API key of an owner that has every permission but the last one of the column `requires`.
ALL_BUT_IT = "all but it"
CALLERS = list(ROLES) + [ALL_BUT_IT] + OTHERS

# Requests that need a tenant, although administrators of the platform have the permission.
OF_A_TENANT = ["POST /v1/authorization/checks", "GET /v1/plans", "Query.plans", "Query.plan", "Query.can"]
# Objects that belong to no tenant.
SHARED = ["Query.plan"]
# Further permissions that the use case asks for.
FURTHER = {
    "POST /v1/authorization/simulations": ["audit.read"],
    "Query.simulatePolicy": ["audit.read"],
    "POST /v1/searches": ["document.read", "chunk.read"],
    # Tried with a workflow.
    "Query.node": ["workflow.read"],
    "Query.nodes": ["workflow.read"],
    "Query._entities": ["workflow.read"],
}
# POST requests that write nothing of the tenant.
QUESTIONS = ["POST /graphql", "POST /auth/logout", "POST /v1/searches"]
QUESTIONS_UNDER = "POST /v1/authorization/"


def has(nodes, permission):
    return any(permission == node or permission.startswith(node + ".") for node in nodes.split())


def read_operations():
    """Returns {"rest": {operation: rule}, "graphql": {...}}. The file has two levels and no other YAML than comments."""
    sections, current = {}, None
    for line in OPERATIONS.read_text().splitlines():
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        if not line.startswith(" "):
            current = sections.setdefault(line.rstrip(":"), {})
            continue
        operation, rule = line.strip().rsplit(": ", 1)
        if operation in current:
            sys.exit(f"{operation} is listed twice")
        current[operation] = rule
    return sections


def fields_with_objects():
    """Returns the fields of Query and Mutation that take ids of objects."""
    text = re.sub(r'"""(.|\n)*?"""', "", SCHEMA.read_text())
    bodies = dict(re.findall(r"^(?:type|input) (\w+)[^{\n]*\{\n((?:.|\n)*?)^\}", text, re.M))
    found = set()
    for field, arguments in re.findall(r"^\t(\w+)\(((?:.|\n)*?)\):", bodies["Query"], re.M):
        if re.search(r"\b(id: ID!|ids: \[ID!\]!|representations:)", arguments):
            found.add("Query." + field)
    for field, kind in re.findall(r"^\t(\w+)\(input: (\w+)!\)", bodies["Mutation"], re.M):
        if re.search(r"^\t\w+Ids?: \[?ID!", bodies[kind], re.M):
            found.add("Mutation." + field)
    return found


class Operation:
    def __init__(self, name, rule, rules, with_objects):
        self.name, self.rule = name, rule
        self.is_rest = " " in name
        path = name
        self.requires = []
        if not self.is_rest:
            parent, field = name.split(".")
            if parent not in ("Query", "Mutation"):
                # The field is reached by the field of Query that returns its type.
                path = "Query." + parent[0].lower() + parent[1:]
                self.requires.append(rules[path])
        self.requires.append(rule)
        self.requires += FURTHER.get(name, [])
        self.requires = [rule for rule in dict.fromkeys(self.requires) if "." in rule]
        self.of_platform = rule.startswith("platform.")
        if self.is_rest:
            self.has_object = "{id}" in name or "/workflow-run-" in name
            self.writes = not name.startswith("GET ") and name not in QUESTIONS and not name.startswith(QUESTIONS_UNDER)
        else:
            self.has_object = path in with_objects
            self.writes = name.startswith("Mutation.")

    def answer(self, caller, which):
        """Returns the class of the answer to a caller who names the `which` object: own, foreign or missing."""
        if self.rule == "public":
            return "yes"
        if caller in NOBODY:
            return "401"
        if caller == "deactivated":
            return "403"
        if caller == ALL_BUT_IT:
            return "403" if self.requires else "yes"
        role = {"other tenant": "owner", KEY: KEY_ROLE}.get(caller, "admin" if caller in NOT_ACTIVE else caller)
        for permission in self.requires:
            if not has(ROLES[role], permission) or (caller == KEY and not has(KEY_SCOPES, permission)):
                return "403"
        if role in PLATFORM_ROLES and self.name in OF_A_TENANT:
            return "403*"
        if self.writes and caller in NOT_ACTIVE and not self.of_platform:
            return "423"
        if self.has_object:
            is_foreign = which == "foreign" or caller == "other tenant"
            if which == "missing" or (is_foreign and not self.of_platform and self.name not in SHARED):
                return "404"
        return "yes"

    def cell(self, caller):
        if not self.has_object or caller not in ROLES:
            return self.answer(caller, "own")
        answers = [self.answer(caller, which) for which in ("own", "foreign", "missing")]
        return answers[0] if answers[0].startswith("403") else " ".join(answers)


def table(section, rules, with_objects):
    lines = ["| operation | requires | " + " | ".join(CALLERS) + " |", "| --- | --- |" + " --- |" * len(CALLERS)]
    calls = 0
    for name, rule in rules.items():
        operation = Operation(name, rule, rules, with_objects)
        requires = ", ".join(f"`{permission}`" for permission in operation.requires) or rule
        cells = [operation.cell(caller) for caller in CALLERS]
        calls += sum(3 if operation.has_object and caller in ROLES else 1 for caller in CALLERS)
        lines.append(f"| `{name}` | {requires} | " + " | ".join(cells) + " |")
    return f"<!-- begin {section} -->\n" + "\n".join(lines) + f"\n<!-- end {section} -->\n", calls


def roles():
    lines = ["| permission | " + " | ".join(ROLES) + " |", "| --- |" + " --- |" * len(ROLES)]
    for permission in re.findall(r"^\| `([a-z.-]+)` \|", PERMISSIONS.read_text(), re.M):
        cells = ["yes" if has(ROLES[role], permission) else "" for role in ROLES]
        lines.append(f"| `{permission}` | " + " | ".join(cells) + " |")
    return "<!-- begin roles -->\n" + "\n".join(lines) + "\n<!-- end roles -->\n"


def page():
    operations, with_objects = read_operations(), fields_with_objects()
    rest, rest_calls = table("rest", operations["rest"], with_objects)
    graphql, graphql_calls = table("graphql", operations["graphql"], with_objects)
    calls = f"{rest_calls + graphql_calls:,}"
    return f"""# Who may call what

The expected answer to each operation of REST and GraphQL, for each caller. `api-server/access/access.py` computes it from
[`operations.yaml`](../../api-server/operations.yaml) and from a second, independent table of the roles, without any code of the
api-server. The api-server is then asked: {calls} requests with a real Postgres, each of which must be answered as this page says
(`api-server/src/http/access/mod.rs`: `every_caller_gets_the_expected_answer`). [Isolation of tenants](isolation.md) shows that the
answers about foreign objects are equal to those about missing ones, and
[Permissions](../reference/permissions.md) explains the permissions.

| answer | meaning |
| --- | --- |
| yes | executed, or refused for a reason that has nothing to do with the caller, such as a stale version |
| 401 | the caller is not known |
| 403 | the caller is deactivated, or lacks a permission of the column `requires`, which the error names (introspection is null without one) |
| 403* | the caller belongs to no tenant |
| 404 | there is no such object for the caller |
| 423 | the tenant of the caller accepts no writes |

Three answers in a cell are those for an object of the caller's tenant, of another tenant, and for one that does not exist. The callers
are users with one role each; a request without a token, with an expired token and with a token for another audience; admins of a
suspended and of an archived tenant; an API key of an owner that has every permission but the last one of the column `requires` ("all
but it"); an owner of another tenant, who names an object of this one; an API key of a service account with
the role {KEY_ROLE} and the scopes `{'`, `'.join(KEY_SCOPES.split())}`; and a deactivated owner. `Query.node`, `Query.nodes` and `Query._entities` are asked
for a workflow, whose permission they then require.

## REST

{rest}
## GraphQL

{graphql}
## Roles

The permissions of each role, as `GET /v1/me/permissions` lists them (`every_role_has_the_expected_permissions`).

{roles()}
## Mutations

`each_grant_is_tested` changes one rule of `operations.yaml` at a time, so that any caller may execute an operation, with or without a
token; and gives or takes one permission to or from one role. Each time, an answer of the api-server differs from the tables above.
`rest_and_graphql_permit_the_same` compares the rows of fields with those of the operations of REST that do the same.
"""


def main():
    text = page()
    if sys.argv[1:] == ["--check"]:
        if PAGE.read_text() != text:
            sys.exit(f"{PAGE.name} is out of date: execute python3 api-server/access/access.py")
    else:
        PAGE.write_text(text)


main()
