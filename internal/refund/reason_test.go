package refund

import (
	"encoding/json"
	"strings"
	"testing"

	"refundworker.example/refundworker/internal/channel"
)

func withReason(reason string) Record {
	return Record{V: RecordVersion, ClientID: "C", Job: Job{RefundID: "r", Channel: channel.CreditCard, Reason: reason}}
}

func TestReasonIsDecidedWithTheFirstSendAndNeverAgain(t *testing.T) {
	t.Parallel()
	r := withReason("café 😀")
	r.State = Waiting
	r.Identify()
	if r.SentReason != nil {
		t.Errorf("decided before a send: %q", *r.SentReason)
	}
	r.State, r.Sends = Sending, 1
	r.Identify()
	if r.ReasonToSend() != "cafe" {
		t.Errorf("first send: %q", r.ReasonToSend())
	}
	other := "as another version of the tables has it"
	r.SentReason = &other
	for _, later := range []Core{{State: Unknown, Sends: 1}, {State: Sending, Sends: 2}, {State: Waiting, Sends: 2}, {State: Succeeded, Sends: 3}} {
		r.Core = later
		r.Identify()
		if r.ReasonToSend() != other {
			t.Errorf("%s %d: %q", later.State, later.Sends, r.ReasonToSend())
		}
	}
}

// A record of before the field was sent with the job's own words, and is so again.
func TestRecordOfBeforeIsSentAsItWas(t *testing.T) {
	t.Parallel()
	r := withReason("café 😀")
	for _, c := range []Core{{State: Unknown, Sends: 1}, {State: Sending, Sends: 2}} {
		r.Core = c
		r.Identify()
		if r.SentReason != nil || r.ReasonToSend() != "café 😀" {
			t.Errorf("%s: %q", c.State, r.ReasonToSend())
		}
	}
}

func TestReasonOfWhichNothingRemainsIsRecordedAsSuch(t *testing.T) {
	t.Parallel()
	r := withReason("退款")
	r.State, r.Sends = Sending, 1
	r.Identify()
	text, err := json.Marshal(&r)
	if err != nil || !strings.Contains(string(text), `"sent_reason":""`) {
		t.Fatalf("%s, %v", text, err)
	}
	var again Record
	if err := json.Unmarshal(text, &again); err != nil || again.SentReason == nil || again.ReasonToSend() != "" {
		t.Errorf("read back: %+v, %v", again, err)
	}
	plain := withReason("Request by customer")
	plain.State, plain.Sends = Sending, 1
	plain.Identify()
	if text, err := json.Marshal(&plain); err != nil || strings.Contains(string(text), "sent_reason") {
		t.Errorf("%s, %v", text, err)
	}
}
