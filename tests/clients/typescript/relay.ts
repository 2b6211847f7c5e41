// Pages through connections of the GraphQL API with a helper for Relay's pagination that knows nothing of this API, and compares the
// result with one large page. The environment names the server, the token and a workflow.

import assert from "node:assert/strict";

import { paginateGraphQL } from "@octokit/plugin-paginate-graphql";

type Variables = Record<string, unknown>;

async function graphql(query: string, variables: Variables = {}): Promise<any> {
  const response = await fetch(`${process.env.SMBCOPILOT_URL}/graphql`, {
    method: "POST",
    headers: { authorization: `Bearer ${process.env.SMBCOPILOT_TOKEN}`, "content-type": "application/json" },
    body: JSON.stringify({ query, variables }),
  });
  const { data, errors } = (await response.json()) as { data: any; errors?: unknown };
  assert.equal(errors, undefined, JSON.stringify(errors));
  return data;
}

// The helper expects a client of its family, of which it uses this function alone.
const { paginate } = paginateGraphQL({ graphql } as any).graphql;

// Several objects, so that there are several pages.
const { workflows } = await graphql(`{ workflows(first: 100) { nodes { id name } } }`);
const workflow = workflows.nodes.find((node: { name: string }) => node.name === process.env.SMBCOPILOT_WORKFLOW);
for (let count = 0; count < 3; count++) {
  const start = `mutation ($input: StartWorkflowRunInput!) { startWorkflowRun(input: $input) { userErrors { code } } }`;
  const started = await graphql(start, { input: { workflowId: workflow.id, input: { name: "Ada" } } });
  assert.deepEqual(started.startWorkflowRun.userErrors, []);
}

for (const connection of ["workflows", "workflowRuns"]) {
  const page = `nodes { id name } pageInfo { hasNextPage endCursor }`;
  const paged = await paginate<any>(
    `query ($cursor: String) { ${connection}(first: 1, after: $cursor) { ${page} } }`,
  );
  const once = await graphql(`{ ${connection}(first: 100) { ${page} } }`);
  const ids = paged[connection].nodes.map((node: { id: string }) => node.id);
  const expected = once[connection].nodes.map((node: { id: string }) => node.id);
  assert(ids.length === new Set(ids).size, JSON.stringify(ids));
  assert(ids.length > 2 || connection === "workflows", JSON.stringify(ids));
  // Other tests start runs meanwhile: those of the first page are the newest now, and none of the others is missing.
  assert.deepEqual(expected.filter((id: string) => ids.includes(id)), ids.filter((id: string) => expected.includes(id)));
  console.log(`${connection}: ${ids.length} pages`);
}
