// npm run results -- shop
import { open } from "./connection.js";
import { readResults } from "./refunds.js";

const consumer = process.argv[2] ?? "shop";
const { nc, js } = await open();
process.once("SIGINT", () => void nc.close());
await readResults(js, consumer, async (result) => {
  console.log(result.refund_id, result.status, result.amount, result.environment, result.error?.code ?? "");
});
