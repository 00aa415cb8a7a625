// node refund.js REFUND_ID INVOICE_NUMBER ORIGINAL_REQUEST_ID AMOUNT
import { connect } from "@nats-io/transport-node";
import { RefusedError, Refunds } from "doku-refunds";

const [refund_id = "", invoice_number = "", original_request_id = "", amount] = process.argv.slice(2);
const env = process.env;
const nc = await connect({
  servers: env.NATS_URL ?? "nats://127.0.0.1:4222",
  user: env.NATS_USER,
  pass: env.NATS_PASSWORD,
  inboxPrefix: env.NATS_INBOX_PREFIX,
});
const refunds = new Refunds(nc);
try {
  await refunds.publish({ refund_id, channel: "credit_card", invoice_number, original_request_id, amount: Number(amount) });
  const result = await refunds.wait(refund_id); // it has begun, and ends without us as well
  console.log(result?.refund_id, result?.status, result?.amount);
} catch (cause) {
  console.error(cause instanceof RefusedError ? "not stored:" : "publish the same job again later:", cause);
} finally {
  await nc.drain();
}
