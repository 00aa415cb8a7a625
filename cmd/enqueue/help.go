package main

const description = `Publish refund jobs to the refund worker, and wait for their results if asked.

One job from flags, or the jobs of FILE or of standard input. Each is checked by the worker's own
rules first; a bad one is named on stderr with its line, field and rule, and stops only itself.

  enqueue --refund-id rf-1 --channel credit_card --invoice-number INV-1 \
      --original-request-id b266c265-3d61-4708-9860-c0d5b9a98f8c --amount 90000 --wait
  CUSTOMER_ACCESS_TOKEN_FILE=token enqueue --refund-id rf-2 --channel direct_debit_mandiri \
      --invoice-number INV-0001 --amount 10000 --metadata order=A-17
  enqueue refunds.csv --dry-run
  enqueue refunds.ndjson --wait > results.ndjson
  produce | enqueue - --format json

Formats:
  ndjson  one JSON job a line. Blank lines are skipped, a byte order mark too.
  json    one JSON job, or an array of them.
  csv     a row a job, below a header of field names: refund_id, channel, invoice_number, amount
          (all four required), original_request_id, currency, reason, customer.access_token,
          customer.device_id, customer.ip_address, not_before, deadline, and metadata.KEY for any
          KEY. As spreadsheets write it: commas, semicolons or tabs, as the header has them or a
          line sep=; says, quotes as in RFC 4180, CR, LF or both. An empty cell is an absent field.
          Amounts are plain digits (90000, 90000.0, 90000.00); ids that a spreadsheet has changed
          (2.02611E+11, '00123, ="00123", 21-Nov) are refused.
  UTF-8, or UTF-16 with a byte order mark. The bytes of a line or an element are published as they
  are in UTF-8; flags and rows become JSON.

The same refund_id twice with other content is found before anything is published, and then nothing
is; only lines of ndjson from a pipe are published as they come, and the second is refused.

The last line on stderr is "published N, already queued M, rejected K". Already queued is what NATS
has stored within the last two minutes, byte for byte. Running it again with the same input, after
an interrupt or a lost connection too, makes no refund twice: refund_id is the key.

With --wait each result is printed on stdout as it is stored, one JSON line a refund. A refund that
ends unresolved is printed and not waited for any longer: only a person can settle it. A job whose
refund_id belongs to other content prints that refund's result, and has not succeeded. A result
holds no reason: a job that differs from the first one in its reason alone looks like it.

Exit status:
  0  all were published or already queued; with --wait, all succeeded; with --dry-run, all are good
  1  some were not, or NATS is away, or it was interrupted
  2  wrong usage; nothing was read or published`
