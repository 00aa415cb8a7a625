// Publishing refund jobs and reading their results (docs/contract.md).
import { createHash } from "node:crypto";
import { JetStreamApiCodes, JetStreamApiError, jetstream, type JetStreamClient, type JsMsg } from "@nats-io/jetstream";
import { errors, type NatsConnection } from "@nats-io/transport-node";
import type { Job, Notice, Result } from "./schema.js";

// NATS has refused it for a reason that lasts: the queue is full, or no stream takes the
// subject. Nothing was stored. Publish the same job again once it is put right.
export class RefusedError extends Error {}

// Nobody knows whether the job is stored. Publish the very same job again, however
// late: that makes no second refund.
export class UnacknowledgedError extends Error {}

// This user may not, as NATS has told the connection, which does not say of which
// request. Publish the same job again once it may.
export class DeniedError extends UnacknowledgedError {}

// The durable consumer is not there, or is none for what is read through it. An
// administrator makes it: refundctl consumer add NAME.
export class ConsumerError extends Error {}

// A message that is no result or notice of the contract's version 1. It is not
// acknowledged.
export class UnreadableError extends Error {}

export interface Options {
  apiPrefix?: string; // JetStream's API as this account sees it; default $JS.API
  log?: (text: string, cause: unknown) => void; // default console.error
}

// The promise that a job ends in exactly one result.
export interface Receipt {
  sequence: number; // in REFUND_JOBS; a notice names it
  duplicate: boolean; // the server had stored the very same job within two minutes
}

export interface ReadOptions {
  signal?: AbortSignal; // ends the reading
}

interface Source {
  stream: string;
  consumer: string;
  subjects: string; // what its filters begin with
}

const ackWithin = 5_000;
const withheldAfter = 10_000;
const prefetch = 4; // messages that wait here while one is handled
const refundId = /^[A-Za-z0-9_/:#-]{1,64}$/;

// Refunds works on a connection of the caller's.
export class Refunds {
  readonly #nc: NatsConnection;
  readonly #js: JetStreamClient;
  readonly #api: string;
  readonly #log: (text: string, cause: unknown) => void;

  constructor(nc: NatsConnection, options: Options = {}) {
    this.#nc = nc;
    this.#api = options.apiPrefix ?? "$JS.API";
    this.#js = jetstream(nc, { apiPrefix: this.#api });
    this.#log = options.log ?? ((text, cause) => console.error(text, cause));
  }

  // Publishes a job and resolves when it is stored: it will then end in exactly one
  // result. What is not answered is published again, for 15 seconds by default.
  async publish(job: Job, within = 15_000): Promise<Receipt> {
    if (!Number.isSafeInteger(job.amount) || job.amount < 1) {
      throw new RangeError("amount: must be whole rupiah, 1 or more");
    }
    if (!refundId.test(job.refund_id)) {
      throw new RangeError("refund_id: must be 1 to 64 letters, digits and _ / : # -");
    }
    const until = Date.now() + within;
    for (let n = 0, unanswered = false; ; n++) {
      try {
        return await this.#publishOnce(job);
      } catch (cause) {
        const text = `job ${job.refund_id}: ${cause instanceof Error ? cause.message : cause}`;
        if (cause instanceof errors.PermissionViolationError) {
          throw new DeniedError(text, { cause });
        }
        const refused = refusal(cause);
        unanswered ||= !refused && !nobody(cause);
        if ((refused && !unanswered) || cause instanceof UnacknowledgedError || Date.now() >= until || this.#nc.isClosed()) {
          throw unanswered ? new UnacknowledgedError(text, { cause }) : new RefusedError(text, { cause });
        }
        await sleep(pause(n, 1_000));
      }
    }
  }

  async #publishOnce(job: Job): Promise<Receipt> {
    const body = JSON.stringify(job);
    const digest = createHash("sha256").update(body).digest("hex").slice(0, 16);
    const ack = await this.#js.publish(`refunds.jobs.${job.channel}`, body, { msgID: `${job.refund_id}.${digest}`, timeout: ackWithin });
    if (ack.stream !== "REFUND_JOBS") {
      throw new UnacknowledgedError(`acknowledged by another stream: ${ack.stream}`);
    }
    return { sequence: ack.seq, duplicate: ack.duplicate };
  }

  // Returns a refund's last result; undefined while there is none.
  async result(id: string): Promise<Result | undefined> {
    if (!refundId.test(id)) {
      throw new RangeError("refund_id: must be 1 to 64 letters, digits and _ / : # -"); // it is a part of the subject
    }
    const answer = await this.#nc.request(`${this.#api}.DIRECT.GET.REFUNDS.refunds.results.*.*.${id}`, "", { timeout: ackWithin });
    switch (answer.headers?.code ?? 0) {
      case 0:
        return version1<Result>(answer.string(), `result of ${id}`);
      case 404:
        return undefined;
      default:
        throw new Error(`result of ${id}: status ${answer.headers?.code}`);
    }
  }

  // Resolves with a refund's result as soon as there is one; undefined where there is
  // none within that time. It does not know whether a job was published. That nobody
  // answers for results is an error once it has lasted for ten seconds: before, it may
  // be a restart.
  async wait(id: string, within = 60_000): Promise<Result | undefined> {
    const until = Date.now() + within;
    for (let n = 0, heard = Date.now(); ; n++) {
      try {
        const result = await this.result(id);
        heard = Date.now();
        if (result || Date.now() >= until) {
          return result;
        }
      } catch (cause) {
        const withheld = nobody(cause) && Date.now() - heard > withheldAfter;
        const passing = nobody(cause) || cause instanceof errors.TimeoutError || cause instanceof errors.RequestError;
        if (!passing || withheld || Date.now() >= until || this.#nc.isClosed()) {
          throw cause;
        }
      }
      await sleep(pause(n, 1_000));
    }
  }

  // Hands every result to handle, through a durable consumer of REFUNDS, until the
  // signal. A result is acknowledged after handle has resolved; one that it rejects
  // comes again, later each time up to a minute. A result comes at least once:
  // remember refund_id and status. Outages of NATS are waited for.
  async results(consumer: string, handle: (result: Result) => Promise<void> | void, options: ReadOptions = {}): Promise<void> {
    await this.#read({ stream: "REFUNDS", consumer, subjects: "refunds.results." }, handle, options.signal);
  }

  // The same of notices of dead letters, through a durable consumer of REFUND_DEAD.
  // Each order system needs one of its own.
  async notices(consumer: string, handle: (notice: Notice) => Promise<void> | void, options: ReadOptions = {}): Promise<void> {
    await this.#read({ stream: "REFUND_DEAD", consumer, subjects: "refunds.notices." }, handle, options.signal);
  }

  async #read<T extends { v: number }>(source: Source, handle: (message: T) => Promise<void> | void, signal?: AbortSignal): Promise<void> {
    for (let failures = 0; !signal?.aborted; failures++) {
      try {
        await this.#session(source, handle, signal);
        failures = 0;
      } catch (cause) {
        if (cause instanceof ConsumerError || cause instanceof UnreadableError || this.#nc.isClosed()) {
          throw cause;
        }
        this.#log(`reading of ${source.stream} through ${source.consumer} interrupted`, cause);
      }
      if (!signal?.aborted) {
        await sleep(pause(failures, 5_000));
      }
    }
  }

  async #session<T extends { v: number }>(source: Source, handle: (message: T) => Promise<void> | void, signal?: AbortSignal): Promise<void> {
    const consumer = await this.#js.consumers.get(source.stream, source.consumer).catch((cause: unknown) => {
      if (cause instanceof JetStreamApiError && missing.has(cause.code)) {
        throw new ConsumerError(`no consumer ${source.consumer} on ${source.stream}`, { cause });
      }
      throw cause;
    });
    const { config } = await consumer.info(true);
    const filters = config.filter_subjects ?? [config.filter_subject ?? ""];
    if (config.ack_policy !== "explicit" || !filters.every((f) => f.startsWith(source.subjects))) {
      throw new ConsumerError(`consumer ${source.consumer} is none with explicit acknowledgements and a filter within ${source.subjects}>`);
    }
    const messages = await consumer.consume({ max_messages: prefetch, abort_on_missing_resource: true });
    const stop = () => messages.stop();
    signal?.addEventListener("abort", stop, { once: true });
    try {
      for await (const m of messages) {
        await this.#settle(m, (config.ack_wait ?? 30_000_000_000) / 3_000_000, handle);
        if (signal?.aborted) {
          break;
        }
      }
    } finally {
      signal?.removeEventListener("abort", stop);
      await messages.close();
    }
  }

  // Handles one message, and keeps it from redelivery meanwhile.
  async #settle<T extends { v: number }>(m: JsMsg, interval: number, handle: (message: T) => Promise<void> | void): Promise<void> {
    const message = version1<T>(m.string(), `message on ${m.subject}`);
    const working = setInterval(() => m.working(), interval);
    try {
      await handle(message);
      m.ack();
    } catch (cause) {
      this.#log(`message on ${m.subject} not handled: it comes again`, cause);
      m.nak(Math.min(1_000 * 2 ** (m.info.deliveryCount - 1), 60_000));
    } finally {
      clearInterval(working);
    }
  }
}

const missing = new Set<number>([JetStreamApiCodes.ConsumerNotFound, JetStreamApiCodes.StreamNotFound]);

// JetStream's codes for a message that it has certainly not stored: no storage in the
// account or on the server, too large, a sealed stream. 10077 is a stream's own limit, or
// a failure of the disk, after which nobody knows what was written.
const refusals = new Set<number>([10002, 10023, 10054, 10109]);

function refusal(cause: unknown): boolean {
  return cause instanceof JetStreamApiError && (refusals.has(cause.code) || (cause.code === 10077 && cause.message.startsWith("maximum ")));
}

// Nobody listens: no stream takes the subject, or it has no leader at the moment. The
// library wraps that, in an error of its own where there may be no JetStream at all.
function nobody(cause: unknown): boolean {
  for (let e = cause; e instanceof Error; e = e.cause) {
    if (e instanceof errors.NoRespondersError || e.name === "JetStreamNotEnabled") {
      return true;
    }
  }
  return false;
}

// Reads a message of the contract's version 1; a newer one is not guessed at.
function version1<T extends { v: number }>(text: string, what: string): T {
  let message: T;
  try {
    message = JSON.parse(text) as T;
  } catch (cause) {
    throw new UnreadableError(`${what} is no JSON`, { cause });
  }
  if (message?.v !== 1) {
    throw new UnreadableError(`${what} has version ${message?.v}`);
  }
  return message;
}

// Doubles up to longest, less up to half of it at random.
function pause(failures: number, longest: number): number {
  const ms = Math.min(50 * 2 ** Math.min(failures, 16), longest);
  return ms - Math.random() * (ms / 2);
}

const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));
