package stream_test

import (
	"context"
	"errors"
	"testing"

	"github.com/nats-io/nats.go"

	"refundworker.example/refundworker/internal/jobs/stream"
)

func TestAnAnswerThatIsNoMessageIsNoResult(t *testing.T) {
	t.Parallel()
	for name, header := range map[string]nats.Header{
		"a status":       {"Status": {"408"}},
		"no subject":     {},
		"another refund": {"Nats-Subject": {"refunds.results.credit_card.failed.rf-2"}},
		"a record":       {"Nats-Subject": {"refunds.ledger.credit_card.sending.rf-1"}},
	} {
		r := stream.DirectReader{NC: answers{&nats.Msg{Header: header, Data: []byte("{}")}}, Prefix: "$JS.API"}
		if msg, err := r.Result(t.Context(), "rf-1"); msg != nil || !errors.Is(err, stream.ErrUnanswered) {
			t.Errorf("%s: %v, %v", name, msg, err)
		}
	}
}

type answers struct{ msg *nats.Msg }

func (a answers) RequestWithContext(context.Context, string, []byte) (*nats.Msg, error) {
	return a.msg, nil
}
