package channel_test

import (
	"fmt"
	"strings"
	"testing"

	"refundworker.example/refundworker/internal/channel"
)

func TestEightChannelsInTheOrderOfTheContract(t *testing.T) {
	t.Parallel()
	want := "[credit_card direct_debit_mandiri direct_debit_bri direct_debit_cimb direct_debit_allo emoney_ovo emoney_dana emoney_shopeepay]"
	if got := fmt.Sprint(channel.All()); got != want {
		t.Errorf("channels are %s", got)
	}
	channel.All()[0] = "changed"
	if channel.All()[0] != channel.CreditCard {
		t.Error("a caller can change the set")
	}
}

// The lengths and needs of docs/contract.md, "Job" and docs/doku-api.md,
// "Channels", written down once more by hand.
func TestFactsAreThoseOfTheDocuments(t *testing.T) {
	t.Parallel()
	tests := map[channel.Channel]struct {
		snap                 string
		invoice, partner     channel.Length
		originalMax          int
		token, ip, device, o channel.Need
	}{
		"credit_card":          {"", channel.Length{1, 64}, channel.Length{}, 128, 0, 0, 0, channel.Required},
		"direct_debit_mandiri": {"DIRECT_DEBIT_MANDIRI_SNAP", channel.Length{1, 12}, channel.Length{1, 12}, 36, channel.Required, 0, 0, channel.Optional},
		"direct_debit_bri":     {"DIRECT_DEBIT_BRI_SNAP", channel.Length{1, 12}, channel.Length{1, 12}, 36, channel.Required, 0, 0, channel.Optional},
		"direct_debit_cimb":    {"DIRECT_DEBIT_CIMB_SNAP", channel.Length{1, 12}, channel.Length{1, 12}, 36, channel.Required, 0, 0, channel.Optional},
		"direct_debit_allo":    {"DIRECT_DEBIT_ALLO_SNAP", channel.Length{32, 64}, channel.Length{32, 64}, 36, channel.Required, channel.Required, 0, channel.Optional},
		"emoney_ovo":           {"EMONEY_OVO_SNAP", channel.Length{1, 32}, channel.Length{1, 64}, 36, channel.Optional, 0, 0, channel.Optional},
		"emoney_dana":          {"EMONEY_DANA_SNAP", channel.Length{1, 64}, channel.Length{1, 64}, 36, 0, channel.Required, channel.Required, channel.Optional},
		"emoney_shopeepay":     {"EMONEY_SHOPEE_PAY_SNAP", channel.Length{1, 64}, channel.Length{1, 64}, 36, 0, channel.Required, channel.Required, channel.Optional},
	}
	for c, want := range tests {
		f := c.Facts()
		if f.SNAPName != want.snap || f.Invoice != want.invoice || f.PartnerRefundNo != want.partner || f.OriginalMax != want.originalMax ||
			f.CustomerToken != want.token || f.IPAddress != want.ip || f.DeviceID != want.device || f.OriginalRequestID != want.o {
			t.Errorf("%s: %+v", c, f)
		}
		if (f.Family == channel.Card) != (c == channel.CreditCard) {
			t.Errorf("%s is of family %d", c, f.Family)
		}
	}
}

func TestOnlyTheEightAreChannels(t *testing.T) {
	t.Parallel()
	for _, c := range channel.All() {
		if got, err := channel.Parse(string(c)); err != nil || got != c || !c.Valid() {
			t.Errorf("%s: %v", c, err)
		}
	}
	for _, text := range []string{"", "Credit_Card", "credit_card ", "*", strings.Repeat("x", 10_000)} {
		_, err := channel.Parse(text)
		if err == nil || channel.Channel(text).Valid() {
			t.Errorf("%.20q is a channel", text)
		}
		if len(err.Error()) > 300 {
			t.Errorf("the error repeats %d bytes", len(err.Error()))
		}
	}
}

func TestLengthsHoldTheirEnds(t *testing.T) {
	t.Parallel()
	l := channel.Length{Min: 2, Max: 3}
	for text, want := range map[string]bool{"a": false, "ab": true, "abc": true, "abcd": false} {
		if l.Holds(text) != want {
			t.Errorf("%q: %t", text, !want)
		}
	}
}
