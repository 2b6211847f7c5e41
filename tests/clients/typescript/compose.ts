// Composes the subgraph of this API with another one by a public composer, as a gateway of a federated graph does. The arguments are the
// files of the two subgraphs.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";

import { composeServices } from "@theguild/federation-composition";
import { buildSchema, GraphQLObjectType, parse } from "graphql";

const services = process.argv.slice(2).map((file) => ({
  name: file.replace(/^.*\/|\.graphql$/g, ""),
  url: "http://127.0.0.1/graphql",
  typeDefs: parse(readFileSync(file, "utf8")),
}));
assert.equal(services.length, 2);
const { publicSdl, errors } = composeServices(services);
assert.equal(errors, undefined, errors?.map((error) => error.message).join("\n"));

// Each field of the other subgraph is in the graph beside those of this one.
const graph = buildSchema(publicSdl!);
for (const [type, own, other] of [
  ["Tenant", "slug", "invoices"],
  ["Workflow", "runs", "owner"],
  ["WorkflowRun", "status", "ticket"],
  ["WorkflowRevision", "digest", "reviewedBy"],
  ["Query", "workflowRuns", "invoice"],
] as const) {
  const fields = (graph.getType(type) as GraphQLObjectType).getFields();
  assert(own in fields && other in fields, `${type} has ${Object.keys(fields)}`);
  console.log(`${type}: ${own} and ${other}`);
}
