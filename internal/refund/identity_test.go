package refund

import (
	"regexp"
	"testing"

	"pgregory.net/rapid"

	"refundworker.example/refundworker/internal/channel"
)

// The literals below were computed without this package:
//
//	c=MCH-0001-10791114622547; id=rf-0002; k=0
//	# Request-Id (the first 16 bytes; version and variant are then set as RFC 9562 says)
//	(printf 7a7e5c1e5b0c5d3b9a532f6b2c1f0d4e | xxd -r -p; printf '%s\n%s' $c $id) | openssl dgst -sha1 -r | cut -c1-32
//	python3 -c 'import sys,uuid; print(uuid.uuid5(uuid.UUID("7a7e5c1e-5b0c-5d3b-9a53-2f6b2c1f0d4e"), "\n".join(sys.argv[1:])))' $c $id
//	# partnerRefundNo, before it is cut
//	printf 'partner\n%s\n%s' $c $id | openssl dgst -sha256 -binary | base32 -w0 | tr -d =
//	# X-EXTERNAL-ID
//	printf 'external\n%s\n%s\n%d' $c $id $k | openssl dgst -sha256 -r | cut -c1-64 | python3 -c 'print("1%029d" % (int(input(), 16) % 10**29))'
const goldenClient = "MCH-0001-10791114622547"

const (
	shortID  = "rf-0002"                          // fits every channel but Allo
	middleID = "rf-20210118-0001"                 // too long for 12
	lineID   = "rf_0003"                          // an underscore: no partnerRefundNo anywhere
	slashID  = "RINV/2026:1#a"                    // of an accounting system: likewise
	alloID   = "rf-AAAAAAAAAAAAAAAAAAAAAAAAAAAAA" // 32 characters: Allo's shortest
)

func TestRequestIDIsDerivedFromTheJobForEver(t *testing.T) {
	t.Parallel()
	for id, want := range map[string]string{
		shortID:  "24c7a27a-2afb-5fdc-bd66-7371847fc64d",
		middleID: "8b7b2380-24dd-516e-913a-d4a9ef1b8600",
		lineID:   "2c096c88-eaa7-5c74-9390-9e97e73789ec",
		alloID:   "910f184d-3599-5fac-abac-612984428d9f",
		slashID:  "459f5c81-7ac6-5394-8457-6fece1f35ccd",
	} {
		if got := RequestID(goldenClient, id); got != want {
			t.Errorf("%s: %s, want %s", id, got, want)
		}
	}
}

func TestPartnerRefundNoIsDerivedFromTheJobForEver(t *testing.T) {
	t.Parallel()
	const (
		shortCut, shortDigest   = "GEEYLENJXL5K", "GEEYLENJXL5KPDFYLIP6XXJGNFUB5DF2K7TBU6L3TOL2XRYSH4ZA"
		middleCut, middleDigest = "WKBGJPVZQT2U", "WKBGJPVZQT2UJBNUD3MMHBONZYFBNJP225TM7MIPGG54PEXI2AHA"
		lineCut, lineDigest     = "OEH3YJ7YI4YZ", "OEH3YJ7YI4YZL5UALDIRV3TDNOX52BXJKCRMAXT6ULQD7WFIGSBQ"
		alloCut                 = "3TM76O6HWU7L"
		slashCut, slashDigest   = "6IQD2Y4UOQY3", "6IQD2Y4UOQY3R7BL6GV3L4DRPXBS7AUQBQJX3I5D32W2XKPSTHVA"
	)
	bank := map[string]string{shortID: shortID, middleID: middleCut, lineID: lineCut, alloID: alloCut, slashID: slashCut}
	wallet := map[string]string{shortID: shortID, middleID: middleID, lineID: lineDigest, alloID: alloID, slashID: slashDigest}
	for ch, want := range map[channel.Channel]map[string]string{
		channel.DirectDebitMandiri: bank,
		channel.DirectDebitBRI:     bank,
		channel.DirectDebitCIMB:    bank,
		channel.DirectDebitAllo:    {shortID: shortDigest, middleID: middleDigest, lineID: lineDigest, alloID: alloID, slashID: slashDigest},
		channel.EmoneyOVO:          wallet,
		channel.EmoneyDANA:         wallet,
		channel.EmoneyShopeePay:    wallet,
	} {
		for id, no := range want {
			if got := PartnerRefundNo(goldenClient, id, ch.Facts().PartnerRefundNo); got != no {
				t.Errorf("%s %s: %s, want %s", ch, id, got, no)
			}
		}
	}
}

// externalGolden holds X-EXTERNAL-IDs for k = 0, 1, 2; no channel changes them.
var externalGolden = map[string][3]string{
	shortID:  {"185996224800700791513841754146", "146312712283195014192464160089", "123430416567083515995457209075"},
	middleID: {"154561415016913126815416917973", "179845721221009727180761144884", "176855375327325943307931486404"},
	lineID:   {"128277338783680240066980737532", "122538264868985584620095107617", "152384079155107527321153038696"},
	alloID:   {"115455974395047530131090447217", "191914097592451806567869851607", "178131636851755513695509003690"},
	slashID:  {"115336055751442855159228830535", "164676183021891909769747075257", "118683949474923551650775918263"},
}

func TestExternalIDIsDerivedFromTheJobAndTheCountForEver(t *testing.T) {
	t.Parallel()
	for id, want := range externalGolden {
		for k, no := range want {
			if got := ExternalID(goldenClient, id, int32(k)); got != no {
				t.Errorf("%s, k=%d: %s, want %s", id, k, got, no)
			}
		}
	}
}

func TestEveryChannelIsIdentifiedByItsFamilysNumbers(t *testing.T) {
	t.Parallel()
	for _, ch := range channel.All() {
		for k, external := range externalGolden[shortID] {
			r := Record{ClientID: goldenClient, Job: Job{RefundID: shortID, Channel: ch}, Core: sent(int32(k) + 1)}
			r.Identify()
			want := Identity{
				PartnerRefundNo: PartnerRefundNo(goldenClient, shortID, ch.Facts().PartnerRefundNo), ExternalID: external,
			}
			if ch == channel.CreditCard {
				want = Identity{RequestID: "24c7a27a-2afb-5fdc-bd66-7371847fc64d"}
			}
			if r.Identity != want {
				t.Errorf("%s, send %d: %+v, want %+v", ch, k+1, r.Identity, want)
			}
		}
	}
}

// TestRefusedSendGetsAFreshExternalIDAndAnUnknownOneItsOwnAgain follows one
// refund: refused, refused, unknown, repeated, repeated.
func TestRefusedSendGetsAFreshExternalIDAndAnUnknownOneItsOwnAgain(t *testing.T) {
	t.Parallel()
	c := Core{}
	keyOf := func(e Event, now Time, want State) int32 {
		t.Helper()
		c = wantState(t, c, e, now, want).Next
		return c.ExternalKey()
	}
	refuse := func() { c = decide(c, answered(NotExecuted), c.SendBy, usual).Next }
	doubt := func() { c = decide(c, answered(NoProof), c.SendBy, usual).Next }

	if k := c.ExternalKey(); k != 0 {
		t.Errorf("before the first send: k=%d", k)
	}
	for want := range int32(3) {
		if k := keyOf(deliveredReady(Ready), max(morning, c.Due), Sending); k != want {
			t.Errorf("send %d: k=%d, want %d", c.Sends, k, want)
		}
		if want < 2 {
			refuse()
		}
	}
	for range 2 {
		doubt()
		if k := c.ExternalKey(); k != 2 {
			t.Errorf("unknown send %d: k=%d", c.Sends, k)
		}
		if k := keyOf(readied(asked(NotFound, c.AskFrom)), c.AskFrom, Sending); k != 2 {
			t.Errorf("repeat, send %d: k=%d", c.Sends, k)
		}
	}
}

func TestIdentifiersAlwaysFitTheirChannel(t *testing.T) {
	t.Parallel()
	digits, partner := regexp.MustCompile(`^1[0-9]{29}$`), regexp.MustCompile(`^[A-Za-z0-9-]+$`)
	rapid.Check(t, func(t *rapid.T) {
		client := rapid.StringMatching(`[A-Z0-9-]{1,40}`).Draw(t, "client")
		id := rapid.StringMatching(`[A-Za-z0-9_/:#-]{1,64}`).Draw(t, "refund id")
		k := rapid.Int32Min(0).Draw(t, "k")
		if no := ExternalID(client, id, k); !digits.MatchString(no) {
			t.Fatalf("X-EXTERNAL-ID %s", no)
		}
		for _, ch := range channel.All() {
			limits := ch.Facts().PartnerRefundNo
			if ch.Facts().Family == channel.Card {
				continue
			}
			no := PartnerRefundNo(client, id, limits)
			if !limits.Holds(no) || !partner.MatchString(no) {
				t.Fatalf("%s: partnerRefundNo %s", ch, no)
			}
			if limits.Holds(id) && partner.MatchString(id) && no != id {
				t.Fatalf("%s: partnerRefundNo %s, though %s would fit", ch, no, id)
			}
		}
	})
}

func TestMerchantsDoNotShareIdentifiers(t *testing.T) {
	t.Parallel()
	limits := channel.DirectDebitAllo.Facts().PartnerRefundNo
	if RequestID("A", shortID) == RequestID("B", shortID) || ExternalID("A", shortID, 0) == ExternalID("B", shortID, 0) ||
		PartnerRefundNo("A", shortID, limits) == PartnerRefundNo("B", shortID, limits) {
		t.Error("two merchants share an identifier of the same refund_id")
	}
}
