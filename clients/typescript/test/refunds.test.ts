// Against NATS and a worker at NATS_URL, with the consumers that typescript_test.go
// makes.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { jetstream, jetstreamManager } from "@nats-io/jetstream";
import { connect, type NatsConnection } from "@nats-io/transport-node";
import { ConsumerError, RefusedError, Refunds, UnacknowledgedError, UnreadableError, type Job, type Notice } from "../src/index.js";

let nc: NatsConnection;
let refunds: Refunds;
before(async () => {
  nc = await connect({ servers: process.env.NATS_URL });
  refunds = new Refunds(nc, { log: () => {} });
});
after(() => nc.drain());

const card = (refund_id: string): Job => ({
  refund_id,
  channel: "credit_card",
  invoice_number: `INV-${refund_id}`,
  original_request_id: `payment-of-${refund_id}`,
  amount: 90000,
});

test("a job published twice ends in one result, which comes again until it is handled", async () => {
  const first = await refunds.publish(card("ts/1:a#b"));
  const again = await refunds.publish(card("ts/1:a#b"));
  assert.equal(again.duplicate, true);
  assert.equal(again.sequence, first.sequence);
  const result = await refunds.wait("ts/1:a#b");
  assert.equal(result?.status, "succeeded");
  assert.equal(result?.amount, 90000);
  const seen: string[] = [];
  const ended = new AbortController();
  await refunds.results(
    "shop",
    (r) => {
      seen.push(`${r.refund_id}.${r.status}`);
      if (seen.length === 1) {
        throw new UnreadableError("the shop's database is away"); // a handler's errors are its own
      }
      ended.abort();
    },
    { signal: ended.signal },
  );
  assert.deepEqual(seen, ["ts/1:a#b.succeeded", "ts/1:a#b.succeeded"]);
});

test("what is no job is not published", async () => {
  await assert.rejects(refunds.publish({ ...card("ts-2"), amount: 0.5 }), RangeError);
  await assert.rejects(refunds.publish({ ...card("ts-2"), refund_id: "ts 2" }), RangeError);
  await assert.rejects(refunds.result("*"), RangeError);
  assert.equal(await refunds.result("ts-2"), undefined);
});

test("no stream takes the subject: refused", async () => {
  const job = { ...card("ts-3"), channel: "paper" } as unknown as Job;
  await assert.rejects(refunds.publish(job, 300), RefusedError);
});

test("only a proof is a refusal", async () => {
  const answer = (code: number, description: string) => JSON.stringify({ error: { code: 503, err_code: code, description } });
  const job = { ...card("ts-6"), channel: "cheque" } as unknown as Job;
  let answers: string[] = [];
  const sub = nc.subscribe("refunds.jobs.cheque", {
    callback: (_, m) => void m.respond(answers.length > 1 ? answers.shift() : answers[0]),
  });
  const full = answer(10077, "maximum bytes exceeded");
  const disk = answer(10077, "no space left on device");
  for (const [given, want] of [
    [[full], RefusedError],
    [[answer(10002, "resource limits exceeded for account")], RefusedError],
    [[disk], UnacknowledgedError],
    [[disk, full], UnacknowledgedError],
    [[answer(10999, "something new")], UnacknowledgedError],
    [['{"stream":"OTHER","seq":1}'], UnacknowledgedError],
  ] as const) {
    answers = [...given];
    await assert.rejects(refunds.publish(job, 200), want, String(given));
  }
  answers = [disk, '{"stream":"REFUND_JOBS","seq":7}'];
  assert.equal((await refunds.publish(job)).sequence, 7);
  sub.unsubscribe();
});

test("a refund id with other content: a notice", async () => {
  await refunds.publish(card("ts-4"));
  await refunds.wait("ts-4");
  const { sequence } = await refunds.publish({ ...card("ts-4"), amount: 90001 });
  const ended = new AbortController();
  let got: Notice | undefined;
  await refunds.notices(
    "orders",
    (n) => {
      got = n;
      ended.abort();
    },
    { signal: ended.signal },
  );
  assert.equal(got?.sequence, sequence);
  assert.equal(got?.reason, "refund_id_conflict");
});

test("a consumer that cannot serve is refused", async () => {
  await assert.rejects(refunds.results("nobody", () => {}), ConsumerError);
  await assert.rejects(refunds.results("records", () => {}), ConsumerError);
});

test("a message of another version ends the reading and stays", async () => {
  await jetstream(nc).publish("refunds.results.emoney_ovo.failed.ts-5", '{"v":2}');
  await assert.rejects(refunds.results("ovo", () => {}), UnreadableError);
  await assert.rejects(refunds.result("ts-5"), UnreadableError);
  const info = await (await jetstreamManager(nc)).consumers.info("REFUNDS", "ovo");
  assert.equal(info.ack_floor.stream_seq, 0);
});
