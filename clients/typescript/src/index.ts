export type { Job, Notice, Result } from "./schema.js";
export {
  ConsumerError,
  DeniedError,
  RefusedError,
  Refunds,
  UnacknowledgedError,
  UnreadableError,
  type Options,
  type ReadOptions,
  type Receipt,
} from "./refunds.js";
