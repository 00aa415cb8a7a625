package main

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"refundworker.example/refundworker/internal/config"
	"refundworker.example/refundworker/internal/operator"
)

// filterFlags say which refunds are meant.
type filterFlags struct {
	State   string `help:"open (no result), sending, waiting, unknown, succeeded, failed, rejected or unresolved." placeholder:"STATE"`
	Result  string `help:"succeeded, failed, rejected or unresolved." placeholder:"STATUS"`
	Channel string `help:"One channel." placeholder:"CHANNEL"`
	Code    string `help:"DOKU's last code, the worker's error code or the reason of a wait." placeholder:"CODE"`
	Text    string `help:"Part of the refund_id." placeholder:"TEXT"`
	Older   string `help:"Enqueued longer ago, such as 90m." placeholder:"AGE"`
	Newer   string `help:"Enqueued less long ago." placeholder:"AGE"`

	Invoice         string `help:"Invoice number of the payment. This and the next six read the whole ledger." placeholder:"TEXT"`
	RequestID       string `name:"request-id" help:"Request-Id or X-EXTERNAL-ID of the refund, or the payment's original_request_id." placeholder:"TEXT"`
	PartnerRefundNo string `name:"partner-refund-no" help:"partnerRefundNo of the refund." placeholder:"TEXT"`
	DOKURef         string `name:"doku-ref" help:"DOKU's refundNo, referenceNo or approval code." placeholder:"TEXT"`
	Amount          string `help:"Rupiah, digits only." placeholder:"N"`
	From            string `help:"Enqueued from then on: 2026-11-21, '2026-11-21 09:00' or RFC 3339." placeholder:"TIME"`
	To              string `help:"Enqueued before." placeholder:"TIME"`
}

// none reports whether no flag is given.
func (c filterFlags) none() bool { return c == filterFlags{} }

func (c filterFlags) filter(s *session) (operator.Filter, config.Problems) {
	var p config.Problems
	f := operator.Filter{State: c.State, Code: c.Code, Text: c.Text}
	if c.State != "" {
		p.OneOf("--state", c.State, operator.States()...)
	}
	if c.Result != "" {
		f.State = p.OneOf("--result", c.Result, "succeeded", "failed", "rejected", "unresolved")
		if c.State != "" && c.State != c.Result {
			p.Add("--result", "and --state exclude each other")
		}
	}
	ch, err := channelFlag(c.Channel)
	if usage := (*usageError)(nil); errors.As(err, &usage) {
		p = append(p, usage.problems...)
	}
	f.Channel = ch
	if c.Older != "" {
		f.Older = p.Duration("--older", c.Older, time.Nanosecond)
	}
	if c.Newer != "" {
		f.Newer = p.Duration("--newer", c.Newer, time.Nanosecond)
	}
	f.Match = operator.Match{
		Invoice: c.Invoice, RequestID: c.RequestID, PartnerRefundNo: c.PartnerRefundNo, DOKURef: c.DOKURef,
		From: s.instant(&p, "--from", c.From), To: s.instant(&p, "--to", c.To),
	}
	if c.Amount != "" {
		f.Match.Amount = int64(p.Int("--amount", c.Amount, 1, math.MaxInt64))
	}
	if from, to := f.Match.From, f.Match.To; !from.IsZero() && !to.IsZero() && !from.Before(to) {
		p.Add("--to", "must be after --from")
	}
	return f, p
}

// listed lists, with a bar on stderr where that takes a while and a person looks on.
func (s *session) listed(o operator.Operator, f operator.Filter) (operator.Page, error) {
	if config.Columns(s.stderr) > 0 {
		f.Progress = func(done, total uint64) { _, _ = fmt.Fprint(s.stderr, progressBar(done, total)) }
	}
	return o.List(s.ctx, f)
}

const barWidth = 30

// progressBar overwrites the one before; the last leaves an empty line.
func progressBar(done, total uint64) string {
	if done >= total {
		return "\r\x1b[K"
	}
	full := int(done * barWidth / total) //nolint:gosec // at most barWidth
	return fmt.Sprintf("\r\x1b[K[%s%s] %d %% of %d messages", strings.Repeat("#", full), strings.Repeat(" ", barWidth-full), done*100/total, total)
}
