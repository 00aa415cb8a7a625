// node results.js CONSUMER: prints results until it is interrupted.
import { connect } from "@nats-io/transport-node";
import { Refunds } from "doku-refunds";

const env = process.env;
const nc = await connect({
  servers: env.NATS_URL ?? "nats://127.0.0.1:4222",
  user: env.NATS_USER,
  pass: env.NATS_PASSWORD,
  inboxPrefix: env.NATS_INBOX_PREFIX,
  maxReconnectAttempts: -1,
});
const ended = new AbortController();
process.once("SIGINT", () => ended.abort());

// Called at least once for each result: remember refund_id and status. One that it
// throws for comes again.
await new Refunds(nc, { apiPrefix: env.NATS_JS_API_PREFIX }).results(
  process.argv[2] ?? "shop",
  (r) => console.log(r.refund_id, r.status, r.amount, r.environment, r.error?.code ?? ""),
  { signal: ended.signal },
);
await nc.drain();
