// Pages through connections of the GraphQL API with a helper for Relay's pagination that knows nothing of this API, forward and
// backward, and compares the result with one large page. The environment names the server and the token.

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

const ids = (nodes: { id: string }[]) => nodes.map((node) => node.id);

for (const connection of ["workflows", "workflowRuns", "events"]) {
  const once = await graphql(`{ ${connection}(first: 100) { nodes { id } } }`);
  const all = ids(once[connection].nodes);
  const paged = async (page: string, info: string) => {
    const query = `query ($cursor: String) { ${connection}(${page}: $cursor) { nodes { id } pageInfo { ${info} } } }`;
    return ids((await paginate<any>(query))[connection].nodes);
  };
  const forward = await paged("first: 1, after", "hasNextPage endCursor");
  assert.deepEqual(forward, all, connection);
  // The pages of one object each follow one another from the end of the list to its beginning.
  const backward = await paged("last: 1, before", "hasPreviousPage startCursor");
  assert.deepEqual(backward.toReversed(), all, connection);
  assert.equal(new Set(all).size, all.length);
  console.log(`${connection}: ${forward.length} forward and ${backward.length} backward`);
}
