package refund

import (
	"strings"
	"testing"

	"github.com/google/uuid"

	"refundworker.example/refundworker/internal/channel"
)

// Whatever a merchant calls itself and its refunds: identifiers have the forms
// that DOKU takes, are the same every time, and are another refund's never.
func FuzzIdentifiers(f *testing.F) {
	f.Add("MCH-0001", "rf-1", "rf-2", int32(0), int32(1))
	f.Add("MCH-0001", "rf_1", "rf-1", int32(3), int32(3))
	f.Add("M", strings.Repeat("a", 64), strings.Repeat("a", 63), int32(0), int32(1<<30))
	f.Fuzz(func(t *testing.T, client, id, other string, k, l int32) {
		if strings.Contains(client+id+other, "\n") {
			return // client ids and refund ids are printable
		}
		request := RequestID(client, id)
		if u, err := uuid.Parse(request); err != nil || u.Version() != 5 || u.String() != request {
			t.Fatalf("request id %q: %v", request, err)
		}
		external := ExternalID(client, id, k)
		if len(external) != 30 || external[0] != '1' || strings.Trim(external, "0123456789") != "" {
			t.Fatalf("external id %q", external)
		}
		if request != RequestID(client, id) || external != ExternalID(client, id, k) {
			t.Fatal("an identifier changes")
		}
		if id != other && request == RequestID(client, other) || (id != other || k != l) && external == ExternalID(client, other, l) {
			t.Fatalf("%q and %q share an identifier", id, other)
		}
		for _, ch := range channel.All()[1:] {
			limits := ch.Facts().PartnerRefundNo
			partner := PartnerRefundNo(client, id, limits)
			if !limits.Holds(partner) || !alphanumericOrDash(partner) || partner != PartnerRefundNo(client, id, limits) {
				t.Fatalf("%s: partnerRefundNo %q", ch, partner)
			}
			if id != other && partner == PartnerRefundNo(client, other, limits) {
				t.Fatalf("%s: %q and %q share partnerRefundNo %q", ch, id, other, partner)
			}
		}
	})
}
