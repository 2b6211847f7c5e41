// Executes the public audits of the GraphQL over HTTP specification. The environment names the server and the token.

import assert from "node:assert/strict";

import { serverAudits } from "graphql-http";

// The audits know nothing of tokens.
const authorized: typeof fetch = (input, init) => {
  const headers = new Headers(init?.headers);
  headers.set("authorization", `Bearer ${process.env.SMBCOPILOT_TOKEN}`);
  return fetch(input, { ...init, headers });
};

const audits = serverAudits({ url: `${process.env.SMBCOPILOT_URL}/graphql`, fetchFn: authorized });
const failures = [];
for (const audit of audits) {
  const result = await audit.fn();
  // Recommendations count as much as requirements.
  if (result.status !== "ok") failures.push(`${audit.id} ${audit.name}: ${result.reason}`);
}
console.log(`${audits.length - failures.length} of ${audits.length}`);
assert.deepEqual(failures, []);
