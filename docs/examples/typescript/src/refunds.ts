// Asking for refunds and reading their results, with nothing but a NATS client.
// The fields are those of docs/contract.md.
import type { JetStreamClient } from "@nats-io/jetstream";

export interface Job {
  refund_id: string; // yours, unique for ever
  channel: string;
  invoice_number: string;
  original_request_id?: string;
  amount: number; // rupiah
  reason?: string;
  customer?: { access_token?: string; device_id?: string; ip_address?: string }; // secret
  metadata?: Record<string, string>;
}

// Resolves when the job is stored: it will then end in exactly one result.
// After an error nobody knows whether it is: publish the same job again, under
// the same refund_id, as often as it takes.
export async function publish(js: JetStreamClient, job: Job): Promise<void> {
  if (!Number.isSafeInteger(job.amount)) {
    throw new RangeError("amount is no integer that a number can hold");
  }
  await js.publish(`refunds.jobs.${job.channel}`, JSON.stringify(job), {
    expect: { streamName: "REFUND_JOBS" },
  });
}

export interface Result {
  v: number;
  refund_id: string;
  status: "succeeded" | "failed" | "rejected" | "unresolved";
  amount: number | null;
  refund_type: string | null;
  error: { source: "doku" | "worker"; code: string } | null;
  environment: "production" | "sandbox" | "simulator";
  metadata: Record<string, string>;
}

// Hands every result to handle, in the order in which they were stored. A
// result comes at least once: handle remembers refund_id and status. One that
// handle throws for comes again.
export async function readResults(
  js: JetStreamClient,
  consumer: string,
  handle: (result: Result) => Promise<void>,
): Promise<void> {
  const results = await js.consumers.get("REFUNDS", consumer);
  for await (const message of await results.consume()) {
    const result = message.json<Result>();
    if (result.v !== 1) {
      throw new Error(`result on ${message.subject} has version ${result.v}`);
    }
    try {
      await handle(result);
      message.ack();
    } catch (cause) {
      console.error(`result on ${message.subject} not handled yet`, cause);
      message.nak(1_000);
    }
  }
}
