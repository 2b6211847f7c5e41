// PostGraphile with its usual preset, for the tables of the tenant in BENCH_TENANT: it reads with the role and under the policies with which the
// api-server reads. It has no authentication. Prints its port when it listens.
import { createServer } from "node:http";
import { postgraphile } from "postgraphile";
import { makePgService } from "postgraphile/adaptors/pg";
import { grafserv } from "postgraphile/grafserv/node";
import { PostGraphileAmberPreset } from "postgraphile/presets/amber";

const pgSettings = { role: "smb_app", "app.tenant_id": process.env.BENCH_TENANT };
const preset = {
  extends: [PostGraphileAmberPreset],
  pgServices: [makePgService({ connectionString: process.env.DATABASE_URL, schemas: ["public"], pubsub: false })],
  grafast: { context: () => ({ pgSettings }) },
  grafserv: { graphiql: false, watch: false },
};
const server = createServer();
await postgraphile(preset).createServ(grafserv).addTo(server);
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
