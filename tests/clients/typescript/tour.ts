// The tour of an API client, with types that are generated from the OpenAPI document: start a run, wait for its end, read its steps
// and its log, and page through a list. The environment names the server, the token and the workflow.

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";

import createClient from "openapi-fetch";

import type { components, paths } from "./api.ts";

type Run = components["schemas"]["Run"];

const client = createClient<paths>({
  baseUrl: process.env.SMBCOPILOT_URL,
  headers: { authorization: `Bearer ${process.env.SMBCOPILOT_TOKEN}` },
});

/** Returns the data of a response, or fails with its problem. */
function data<T>(response: { data?: T; error?: components["schemas"]["Problem"] }): T {
  assert.equal(response.error, undefined, JSON.stringify(response.error));
  return response.data!;
}

/** Returns a page of a log, which could also be a stream of events. */
function page<T>(log: T | string): T {
  assert(typeof log !== "string");
  return log;
}

const workflows = data(await client.GET("/v1/workflows", { params: { query: { limit: 100 } } }));
const workflow = workflows.data.find((item) => item.name === process.env.SMBCOPILOT_WORKFLOW);
assert(workflow, JSON.stringify(workflows));

async function start(key: string): Promise<Run> {
  const header = { "Idempotency-Key": key, Prefer: "wait=50" };
  const params = { path: { id: workflow!.id }, header };
  return data(await client.POST("/v1/workflows/{id}/runs", { params, body: { input: { name: "Ada" } } }));
}

const key = `tour-${randomUUID()}`;
const run = await start(key);
assert.equal(run.status, "SUCCEEDED", JSON.stringify(run));
assert.equal((run.output as { text: string }).text, "Hello, Ada!");
assert.equal((await start(key)).id, run.id);

const path = { id: run.id };
const steps = data(await client.GET("/v1/workflow-runs/{id}/steps", { params: { path } }));
assert.deepEqual(steps.data.map((step) => [step.name, step.status]), [["greet", "SUCCEEDED"]]);

const lines: string[] = [];
for (let cursor: string | undefined, more = true; more; ) {
  const query = { limit: 1, cursor };
  const log = page(data(await client.GET("/v1/workflow-runs/{id}/logs", { params: { path, query } })));
  lines.push(...log.data.map((line) => line.line));
  [cursor, more] = [log.page.nextCursor ?? undefined, log.page.hasMore];
}
assert(lines.some((line) => line.includes("greeting Ada")), JSON.stringify(lines));

const other = await start(`tour-${randomUUID()}`);
const runs: string[] = [];
for (let cursor: string | undefined, more = true; more; ) {
  const params = { path: { id: workflow.id }, query: { limit: 1, cursor } };
  const list = data(await client.GET("/v1/workflows/{id}/runs", { params }));
  runs.push(...list.data.map((item) => item.id));
  [cursor, more] = [list.page.nextCursor ?? undefined, list.page.hasMore];
}
assert(runs.includes(run.id) && runs.includes(other.id) && runs.length === new Set(runs).size, JSON.stringify(runs));

const missing = await client.GET("/v1/workflow-runs/{id}", { params: { path: { id: randomUUID() } } });
assert.equal(missing.error?.code, "not_found");
console.log(`started ${run.name}, read ${steps.data.length} steps, ${lines.length} lines and ${runs.length} runs`);
