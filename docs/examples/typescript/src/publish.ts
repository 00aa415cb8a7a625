// npm run refund -- rf-1 INV-1 payment-request-id 90000
import { open } from "./connection.js";
import { publish } from "./refunds.js";

const [refundId, invoice, payment, amount] = process.argv.slice(2);
if (!refundId || !invoice || !payment || !amount) {
  console.error("usage: publish REFUND_ID INVOICE_NUMBER ORIGINAL_REQUEST_ID AMOUNT");
  process.exit(2);
}

const { nc, js } = await open();
await publish(js, {
  refund_id: refundId,
  channel: "credit_card",
  invoice_number: invoice,
  original_request_id: payment,
  amount: Number(amount),
});
console.log(`${refundId} stored`);
await nc.drain();
