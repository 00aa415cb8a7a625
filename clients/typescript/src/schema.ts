// Made by `npm run types` from docs/schema.

/**
 * Printable ASCII, no space at either end.
 */
export type Identifier = string;
/**
 * No control characters.
 */
export type Text = string;
/**
 * RFC 3339 with a zone.
 */
export type Time = string;

/**
 * A message on refunds.jobs.<channel> (docs/contract.md, "Job"). A schema cannot say all: the message is at most 16384 bytes of UTF-8; no member stands twice; an amount has no exponent and no fraction but .0 or .00; times are real ones in the years 2000 to 2199 UTC, deadline after not_before; reason and metadata hold no card number; keys and values of metadata are at most 1024 bytes together; channel equals the last token of the subject.
 */
export interface Job {
  /**
   * Yours, unique for ever: the idempotency key.
   */
  refund_id: string;
  /**
   * The last token of the subject.
   */
  channel:
    | "credit_card"
    | "direct_debit_mandiri"
    | "direct_debit_bri"
    | "direct_debit_cimb"
    | "direct_debit_allo"
    | "emoney_ovo"
    | "emoney_dana"
    | "emoney_shopeepay";
  /**
   * Of the payment.
   */
  invoice_number: string;
  /**
   * Request-Id of the payment; SNAP: originalExternalId.
   */
  original_request_id?: (null | "") | Identifier;
  /**
   * Whole rupiah.
   */
  amount: number;
  currency?: "IDR" | "" | null;
  /**
   * DOKU is sent the ASCII that remains of it.
   */
  reason?: (null | "") | string;
  /**
   * What some channels want to know of the customer. Secret.
   */
  customer?:
    | (null | "")
    | {
        access_token?: (null | "") | Text;
        device_id?: (null | "") | Text;
        ip_address?: (null | "") | Text;
      };
  /**
   * It is not sent before.
   */
  not_before?: (null | "") | Time;
  /**
   * It is given up after.
   */
  deadline?: (null | "") | Time;
  /**
   * Copied into the result. No personal data: it cannot be deleted.
   */
  metadata?:
    | (null | "")
    | {
        [k: string]: Text;
      };
}

/**
 * A message of the stream REFUNDS on refunds.results.<channel>.<status>.<refund_id> (docs/contract.md, "Result"). All members are always there, and no others.
 */
export interface Result {
  v: 1;
  refund_id: string;
  channel:
    | "credit_card"
    | "direct_debit_mandiri"
    | "direct_debit_bri"
    | "direct_debit_cimb"
    | "direct_debit_allo"
    | "emoney_ovo"
    | "emoney_dana"
    | "emoney_shopeepay";
  status: "succeeded" | "failed" | "rejected" | "unresolved";
  invoice_number: string | null;
  original_request_id: string | null;
  /**
   * Whole rupiah.
   */
  amount: number | null;
  currency: "IDR" | null;
  refund_type: string | null;
  /**
   * DOKU's words.
   */
  message: string | null;
  approval_code: string | null;
  partner_refund_no: string | null;
  refund_no: string | null;
  reference_no: string | null;
  /**
   * As it came from DOKU: it may have no zone.
   */
  refund_time: string | null;
  error: null | {
    source: "doku" | "worker";
    code: string;
    message: string | null;
    type: string | null;
    http_status: number | null;
  };
  /**
   * Under which it was sent.
   */
  request_id: string | null;
  /**
   * How many sends were recorded.
   */
  attempts: number;
  evidence: "response" | "replay" | "inquiry" | "operator" | null;
  /**
   * Only production moves money.
   */
  environment: "production" | "sandbox" | "simulator";
  /**
   * RFC 3339, UTC.
   */
  enqueued_at: string;
  /**
   * RFC 3339, UTC.
   */
  completed_at: string;
  metadata: {
    [k: string]: string;
  };
}

/**
 * A message of the stream REFUND_DEAD on refunds.notices.<channel> (docs/contract.md, "Dead letters"). It holds no byte of the message that it is about.
 */
export interface Notice {
  v: 1;
  channel:
    | "credit_card"
    | "direct_debit_mandiri"
    | "direct_debit_bri"
    | "direct_debit_cimb"
    | "direct_debit_allo"
    | "emoney_ovo"
    | "emoney_dana"
    | "emoney_shopeepay";
  /**
   * Others may be added.
   */
  reason: string;
  /**
   * Where the message was stored.
   */
  stream: string;
  /**
   * And as which.
   */
  sequence: number;
  /**
   * null where it cannot be read.
   */
  refund_id: string | null;
  /**
   * RFC 3339, UTC.
   */
  stored_at: string;
}
