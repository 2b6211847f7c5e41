"""The tour of an API client, with a client that is generated from the OpenAPI document: start a run, wait for its end, read its
steps and its log, and page through a list. The environment names the server, the token and the workflow."""

import os
import uuid

from smb_copilot_client import AuthenticatedClient
from smb_copilot_client.api.runs import get_run, get_run_logs, list_runs_of_workflow, list_steps, start_run
from smb_copilot_client.api.workflows import list_workflows
from smb_copilot_client.models import Problem, StartRun

client = AuthenticatedClient(
    base_url=os.environ["SMBCOPILOT_URL"], token=os.environ["SMBCOPILOT_TOKEN"], timeout=65
)

workflows = list_workflows.sync(client=client, limit=100)
workflow = next(item for item in workflows.data if item.name == os.environ["SMBCOPILOT_WORKFLOW"])

key = f"tour-{uuid.uuid4()}"
body = StartRun.from_dict({"input": {"name": "Ada"}})
run = start_run.sync(workflow.id, client=client, body=body, idempotency_key=key, prefer="wait=50")
assert run.status == "SUCCEEDED", run
assert run.output["text"] == "Hello, Ada!", run
again = start_run.sync(workflow.id, client=client, body=body, idempotency_key=key)
assert getattr(again, "id", None) == run.id, (again, run)
assert get_run.sync(str(run.id), client=client, prefer="wait=50").status == "SUCCEEDED"

steps = list_steps.sync(str(run.id), client=client)
assert [(step.name, step.status) for step in steps.data] == [("greet", "SUCCEEDED")], steps

lines, cursor = [], {}
while not lines or cursor:
    log = get_run_logs.sync(str(run.id), client=client, limit=1, **cursor)
    lines.extend(line.line for line in log.data)
    cursor = {"cursor": log.page.next_cursor} if log.page.has_more else {}
assert any("greeting Ada" in line for line in lines), lines

other = start_run.sync(workflow.id, client=client, body=body, prefer="wait=50")
runs, cursor = [], {}
while True:
    page = list_runs_of_workflow.sync(workflow.id, client=client, limit=1, **cursor)
    runs.extend(item.id for item in page.data)
    if not page.page.has_more:
        break
    cursor = {"cursor": page.page.next_cursor}
assert {run.id, other.id} <= set(runs) and len(runs) == len(set(runs)), runs

missing = get_run.sync(str(uuid.uuid4()), client=client)
assert isinstance(missing, Problem) and missing.code == "not_found", missing
print(f"started {run.name}, read {len(steps.data)} steps, {len(lines)} lines and {len(runs)} runs")
