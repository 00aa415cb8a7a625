import { jetstream, type JetStreamClient } from "@nats-io/jetstream";
import { connect, type NatsConnection } from "@nats-io/transport-node";

// Environment variables as the worker's own programs have them. User and
// password stand apart: this client takes none from a URL.
export async function open(): Promise<{ nc: NatsConnection; js: JetStreamClient }> {
  const env = process.env;
  const nc = await connect({
    servers: env.NATS_URL ?? "nats://127.0.0.1:4222",
    user: env.NATS_USER,
    pass: env.NATS_PASSWORD,
    inboxPrefix: env.NATS_INBOX_PREFIX ?? "_INBOX",
    maxReconnectAttempts: -1,
  });
  return { nc, js: jetstream(nc, { apiPrefix: env.NATS_JS_API_PREFIX ?? "$JS.API" }) };
}
