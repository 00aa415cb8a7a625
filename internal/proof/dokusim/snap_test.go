package dokusim

import (
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"
)

const mandiri = "DIRECT_DEBIT_MANDIRI_SNAP"

func TestSNAPRefundAnswersInTheSeedsShape(t *testing.T) {
	t.Parallel()
	m := setup(t)
	r := m.snap("418075533589", snapBodyText(mandiri, "INV-0001", "INV-REF-0001", 10000))
	m.want(r, http.StatusOK, "2000700")
	want := `{"responseCode":"2000700","responseMessage":"Successful","refundAmount":{"value":"10000.00","currency":"IDR"},` +
		`"originalPartnerReferenceNo":"INV-0001","originalReferenceNo":"` + referenceNo(DirectDebitMandiri, "INV-0001") + `",` +
		`"refundNo":"SIM00000000000000000000000000001","partnerRefundNo":"INV-REF-0001","refundTime":"2026-11-21T16:00:00.000"}`
	if r.body != want {
		t.Errorf("got %s", r.body)
	}
	moved := m.sim.Book().Moved(DirectDebitMandiri, "INV-0001", "INV-REF-0001")
	if len(moved) != 1 || moved[0].Amount != 10000 || moved[0].ExternalID != "418075533589" {
		t.Errorf("movements: %+v", moved)
	}
}

func TestEveryChannelRefunds(t *testing.T) {
	t.Parallel()
	m := setup(t)
	for name, channel := range snapChannels {
		invoice, refundNo := strings.Repeat("i", channel.invoice.high), strings.Repeat("r", channel.refundNo.high-4)
		r := m.snap(m.nextID(), snapBodyText(name, invoice, refundNo+m.nextID(), 10000))
		m.want(r, http.StatusOK, "2000700")
		terse := !strings.Contains(r.body, `"refundNo"`) && strings.Contains(r.body, `"latestTransactionStatus":"00"`)
		if terse != (name == "EMONEY_SHOPEE_PAY_SNAP") || terse != strings.Contains(r.body, `"transactionType":15,`) {
			t.Errorf("%s: got %s", name, r.body)
		}
	}
	m.moved(7, 70000)
}

func TestChannelsWantTheirHeaders(t *testing.T) {
	t.Parallel()
	m := setup(t)
	wanted := map[string][]string{
		"DIRECT_DEBIT_MANDIRI_SNAP": {"Authorization-customer"}, "DIRECT_DEBIT_BRI_SNAP": {"Authorization-customer"},
		"DIRECT_DEBIT_CIMB_SNAP": {"Authorization-customer"}, "DIRECT_DEBIT_ALLO_SNAP": {"Authorization-customer", "X-IP-ADDRESS"},
		"EMONEY_OVO_SNAP": {}, "EMONEY_DANA_SNAP": {"X-DEVICE-ID", "X-IP-ADDRESS"}, "EMONEY_SHOPEE_PAY_SNAP": {"X-DEVICE-ID", "X-IP-ADDRESS"},
	}
	for name, headers := range wanted {
		length := snapChannels[name].invoice.high
		for _, missing := range []string{"Authorization-customer", "X-IP-ADDRESS", "X-DEVICE-ID"} {
			body := snapBodyText(name, strings.Repeat("i", length), strings.Repeat("r", length-4)+m.nextID(), 10000)
			if name == "DIRECT_DEBIT_CIMB_SNAP" {
				body = snapBodyText(name, "inv-"+m.nextID(), "ref-"+m.nextID(), 10000)
			}
			h := m.snapHeader(snapPath, body, m.nextID())
			delete(h, missing)
			code := "2000700"
			for _, header := range headers {
				if header == missing {
					code = "4000702"
				}
			}
			if r := m.do(t.Context(), http.MethodPost, snapPath, body, h); r.code() != code {
				t.Errorf("%s without %s: got %s", name, missing, r.body)
			}
		}
	}
}

func TestSNAPRequestsAreVerified(t *testing.T) {
	t.Parallel()
	m := setup(t)
	body := snapBodyText(mandiri, "INV-0001", "REF-0001", 10000)
	for name, c := range map[string]struct{ header, value, code string }{
		"no timestamp":      {"X-TIMESTAMP", "", "4000702"},
		"no signature":      {"X-SIGNATURE", "", "4000702"},
		"no partner":        {"X-PARTNER-ID", "", "4000702"},
		"no external id":    {"X-EXTERNAL-ID", "", "4000702"},
		"no token":          {"Authorization", "", "4000702"},
		"letters in the id": {"X-EXTERNAL-ID", "12a", "4000701"},
		"long id":           {"X-EXTERNAL-ID", strings.Repeat("1", 37), "4000701"},
		"microseconds":      {"X-TIMESTAMP", "2026-11-21T09:00:00.000000Z", "4000701"},
		"no zone":           {"X-TIMESTAMP", "2026-11-21T09:00:00", "4000701"},
		"late":              {"X-TIMESTAMP", "2026-11-21T07:59:59Z", "4010700"},
		"another timestamp": {"X-TIMESTAMP", "2026-11-21T09:00:01Z", "4010700"},
		"another partner":   {"X-PARTNER-ID", "MCH-0002", "4010700"},
		"another signature": {"X-SIGNATURE", "AAAA", "4010700"},
		"no bearer":         {"Authorization", "abc", "4000701"},
		"empty token":       {"Authorization", "Bearer", "4000701"},
		"unknown token":     {"Authorization", "Bearer abc", "4010703"},
		"expired customer":  {"Authorization-customer", "Bearer expired-1", "4010702"},
		"unknown customer":  {"Authorization-customer", "Bearer unknown-1", "4010704"},
	} {
		h := m.snapHeader(snapPath, body, m.nextID())
		h[c.header] = c.value
		if r := m.do(t.Context(), http.MethodPost, snapPath, body, h); r.code() != c.code || !strings.HasPrefix(c.code, itoa(int64(r.status))) {
			t.Errorf("%s: got %d %s", name, r.status, r.body)
		}
	}
	m.moved(0, 0)
	m.want(m.snap("77", body), http.StatusOK, "2000700")
}

func TestWhatOfficialClientsSendIsTaken(t *testing.T) {
	t.Parallel()
	m := setup(t)
	body := snapBodyText(mandiri, "INV-0001", "REF-0001", 10000)
	h := m.snapHeader(snapPath, body, strings.Repeat("1", 36))
	h["Authorization-customer"] = "a-bare-token"
	m.want(m.do(t.Context(), http.MethodPost, snapPath, body, h), http.StatusOK, "2000700")
	h = m.snapHeader(snapPath, body, "2")
	h["Authorization-customer"] = "expired-bare-token"
	m.want(m.do(t.Context(), http.MethodPost, snapPath, body, h), http.StatusUnauthorized, "4010702")
}

func TestSNAPBodiesAreVerified(t *testing.T) {
	t.Parallel()
	m := setup(t)
	long := strings.Repeat("x", 256)
	good := snapBodyText(mandiri, "INV-0001", "REF-0001", 10000)
	swap := func(old, now string) string { return strings.Replace(good, old, now, 1) }
	for name, c := range map[string]struct{ body, code string }{
		"no JSON":          {good[:40], "4000700"},
		"no channel":       {swap(mandiri, ""), "4000702"},
		"unknown channel":  {swap(mandiri, "DIRECT_DEBIT_BCA_SNAP"), "4000701"},
		"no invoice":       {swap("INV-0001", ""), "4000702"},
		"long invoice":     {swap("INV-0001", "INV-000000001"), "4000701"},
		"no refund no":     {swap("REF-0001", ""), "4000702"},
		"long refund no":   {swap("REF-0001", "REF-000000001"), "4000701"},
		"short for Allo":   {swap(mandiri, "DIRECT_DEBIT_ALLO_SNAP"), "4000701"},
		"long reason":      {swap(`"partnerRefundNo"`, `"reason":"`+long+`","partnerRefundNo"`), "4000701"},
		"long original":    {swap(`"partnerRefundNo"`, `"originalExternalId":"`+long[:37]+`","partnerRefundNo"`), "4000701"},
		"no amount":        {swap(`"10000.00"`, `""`), "4000702"},
		"no decimals":      {swap("10000.00", "10000"), "4000701"},
		"one decimal":      {swap("10000.00", "10000.0"), "4000701"},
		"cents":            {swap("10000.00", "10000.50"), "4000701"},
		"amount as number": {swap(`"10000.00"`, `10000.00`), "4000700"},
		"zero":             {swap("10000.00", "0.00"), "4000701"},
		"dollars":          {swap("IDR", "USD"), "4000701"},
	} {
		if r := m.snap(m.nextID(), c.body); r.status != http.StatusBadRequest || r.code() != c.code {
			t.Errorf("%s: want %s, got %d %s", name, c.code, r.status, r.body)
		}
	}
	m.moved(0, 0)
}

func TestExternalIDIsUniqueWithinAJakartaDay(t *testing.T) {
	t.Parallel()
	m := setup(t)
	m.want(m.snap("77", snapBodyText(mandiri, "INV-0001", "REF-0001", 10000)), http.StatusOK, "2000700")
	m.want(m.snap("77", snapBodyText(mandiri, "INV-0001", "REF-0002", 10000)), http.StatusConflict, "4090700")
	m.clock.advance(8*time.Hour - time.Second)
	m.token = ""
	m.want(m.snap("77", snapBodyText(mandiri, "INV-0001", "REF-0002", 10000)), http.StatusConflict, "4090700")
	m.clock.advance(time.Second) // midnight in Jakarta
	m.want(m.snap("77", snapBodyText(mandiri, "INV-0001", "REF-0002", 10000)), http.StatusOK, "2000700")
	m.moved(2, 20000)
}

func TestMidnightForgetsOnlyTheDayBeforeYesterday(t *testing.T) {
	t.Parallel()
	b := newBook(nil)
	for _, day := range []string{"2026-11-19", "2026-11-20", "2026-11-21", "2026-11-20"} {
		b.apply(entry{External: &usedID{day, "77"}})
	}
	if len(b.used) != 2 || b.used["2026-11-20"] == nil || b.used["2026-11-21"] == nil {
		t.Errorf("kept %v", b.used)
	}
}

func TestARefusedRequestUsesUpItsExternalID(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		quirks []Quirk
		status int
		code   string
	}{"by default": {nil, http.StatusConflict, "4090700"}, "not under the quirk": {[]Quirk{QuirkRefusalsUseNoID}, http.StatusOK, "2000700"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := setup(t, with(c.quirks...))
			m.want(m.snap("77", snapBodyText(mandiri, "INV-0001", "", 10000)), http.StatusBadRequest, "4000702")
			m.want(m.snap("77", snapBodyText(mandiri, "INV-0001", "REF-0001", 10000)), c.status, c.code)
		})
	}
}

func TestPartnerRefundNoIsPaidOnce(t *testing.T) {
	t.Parallel()
	m := setup(t)
	body := snapBodyText(mandiri, "INV-0001", "REF-0001", 10000)
	m.want(m.snap("1", body), http.StatusOK, "2000700")
	m.want(m.snap("2", body), http.StatusConflict, "4090701")
	m.want(m.snap("3", snapBodyText(mandiri, "INV-0001", "REF-0001", 9999)), http.StatusNotFound, "4040718")
	m.want(m.snap("4", snapBodyText(mandiri, "INV-0002", "REF-0001", 10000)), http.StatusNotFound, "4040718")
	m.want(m.snap("5", snapBodyText("DIRECT_DEBIT_BRI_SNAP", "INV-0001", "REF-0001", 10000)), http.StatusNotFound, "4040718")
	m.moved(1, 10000)
}

func TestPartnerRefundNoUnderItsQuirksIsPaidAgain(t *testing.T) {
	t.Parallel()
	body := snapBodyText(mandiri, "INV-0001", "REF-0001", 10000)
	t.Run("free", func(t *testing.T) {
		t.Parallel()
		m := setup(t, with(QuirkPartnerRefundNoFree))
		m.want(m.snap("1", body), http.StatusOK, "2000700")
		m.want(m.snap("2", body), http.StatusOK, "2000700")
		if got := m.sim.Book().Moved(DirectDebitMandiri, "INV-0001", "REF-0001"); len(got) != 2 {
			t.Errorf("movements: %+v", got)
		}
	})
	t.Run("forgotten at midnight", func(t *testing.T) {
		t.Parallel()
		m := setup(t, with(QuirkIDsEndWithDay))
		m.want(m.snap("1", body), http.StatusOK, "2000700")
		m.want(m.snap("2", body), http.StatusConflict, "4090701")
		m.clock.advance(8 * time.Hour)
		m.token = ""
		m.want(m.snap("1", body), http.StatusOK, "2000700")
		m.moved(2, 20000)
	})
}

func TestSNAPRefusesAmountsThatThePaymentHasNot(t *testing.T) {
	t.Parallel()
	m := setup(t)
	m.pay(Payment{Channel: DirectDebitMandiri, Invoice: "INV-0001", Amount: 15000})
	m.pay(Payment{Channel: DirectDebitCIMB, Invoice: "INV-0001", Amount: 15000})
	const cimb = "DIRECT_DEBIT_CIMB_SNAP"
	m.want(m.snap("1", snapBodyText(mandiri, "INV-0001", "REF-0001", 10000)), http.StatusOK, "2000700")
	m.want(m.snap("2", snapBodyText(mandiri, "INV-0001", "REF-0002", 5001)), http.StatusNotFound, "4040713")
	m.want(m.snap("3", snapBodyText(cimb, "INV-0001", "REF-0003", 10000)), http.StatusNotFound, "4040713")
	m.want(m.snap("4", snapBodyText(cimb, "INV-0001", "REF-0003", 15000)), http.StatusOK, "2000700")
	m.want(m.snap("5", snapBodyText(cimb, "INV-NEW", "REF-0004", 7000)), http.StatusOK, "2000700")
	m.moved(3, 32000)
}

func TestSNAPUnknownPaymentIsNotFound(t *testing.T) {
	t.Parallel()
	m := setup(t, func(c *Config) { c.AutoPayments = -1 })
	m.want(m.snap("1", snapBodyText(mandiri, "INV-0001", "REF-0001", 10000)), http.StatusNotFound, "4040701")
	m.want(m.snapInquiry(mandiri, "INV-0001"), http.StatusNotFound, "4045501")
}

func TestSNAPInquiryShowsTheHistory(t *testing.T) {
	t.Parallel()
	m := setup(t)
	m.pay(Payment{Channel: DirectDebitMandiri, Invoice: "INV-0001", Amount: 15000})
	r := m.snapInquiry(mandiri, "INV-0001")
	m.want(r, http.StatusOK, "2005500")
	if !strings.Contains(r.body, `"latestTransactionStatus":"00"`) || !strings.Contains(r.body, `"refundHistory":[]`) {
		t.Errorf("before: %s", r.body)
	}
	m.snap("1", snapBodyText(mandiri, "INV-0001", "REF-0001", 10000))
	r = m.snapInquiry(mandiri, "INV-0001")
	entry := `"partnerRefundNo":"REF-0001","refundAmount":{"value":"10000.00","currency":"IDR"},"refundStatus":"00","refundDate":"2026-11-21T16:00:00.000"`
	if !strings.Contains(r.body, `"latestTransactionStatus":"00"`) || !strings.Contains(r.body, entry) {
		t.Errorf("partly: %s", r.body)
	}
	m.snap("2", snapBodyText(mandiri, "INV-0001", "REF-0002", 5000))
	if r = m.snapInquiry(mandiri, "INV-0001"); !strings.Contains(r.body, `"latestTransactionStatus":"04"`) {
		t.Errorf("wholly: %s", r.body)
	}
}

func TestSNAPInquiriesAreVerified(t *testing.T) {
	t.Parallel()
	m := setup(t)
	m.pay(Payment{Channel: DirectDebitMandiri, Invoice: "INV-0001", OriginalRequestID: "REQ-1", Amount: 15000})
	good := `{"originalPartnerReferenceNo":"INV-0001","originalExternalId":"REQ-1","serviceCode":"55","additionalInfo":{"channel":"DIRECT_DEBIT_MANDIRI_SNAP"}}`
	for name, c := range map[string]struct{ old, now, code string }{
		"good":              {"", "", "2005500"},
		"another service":   {`"55"`, `"54"`, "4005501"},
		"unknown channel":   {mandiri, "X", "4005501"},
		"long invoice":      {"INV-0001", "INV-000000001", "4005501"},
		"no JSON":           {`{`, "[", "4005500"},
		"another's payment": {"REQ-1", "REQ-2", "4045501"},
	} {
		body := strings.Replace(good, c.old, c.now, 1)
		r := m.do(t.Context(), http.MethodPost, statusPath, body, m.snapHeader(statusPath, body, m.nextID()))
		if r.code() != c.code {
			t.Errorf("%s: got %s", name, r.body)
		}
	}
	h := m.snapHeader(statusPath, good, "77")
	m.want(m.do(t.Context(), http.MethodPost, statusPath, good, h), http.StatusOK, "2005500")
	m.want(m.do(t.Context(), http.MethodPost, statusPath, good, h), http.StatusConflict, "4095500")
}

func TestQuirksOfSNAP(t *testing.T) {
	t.Parallel()
	m := setup(t, with(QuirkService58, QuirkNumericCodes, QuirkEmptyHistory))
	m.token = "" // its answer has a numeric code too
	r := m.do(t.Context(), http.MethodPost, b2bPath, `{"grantType":"client_credentials"}`, m.tokenHeader())
	if !strings.HasPrefix(r.body, `{"responseCode":2007300,`) {
		t.Fatalf("token: %s", r.body)
	}
	m.token = r.body[strings.Index(r.body, `accessToken":"`)+14:][:26]
	if r = m.snap("1", snapBodyText(mandiri, "INV-0001", "REF-0001", 10000)); !strings.HasPrefix(r.body, `{"responseCode":2005800,`) {
		t.Errorf("refund: %s", r.body)
	}
	if r = m.snapInquiry(mandiri, "INV-0001"); !strings.Contains(r.body, `"refundHistory":[]`) {
		t.Errorf("inquiry: %s", r.body)
	}
	other := setup(t, with(QuirkHistoryReferenceNo, QuirkReserialise))
	other.snap("1", snapBodyText(mandiri, "INV-0001", "REF-0001", 10000))
	if r = other.snapInquiry(mandiri, "INV-0001"); !strings.Contains(r.body, `"partnerReferenceNo":"REF-0001"`) {
		t.Errorf("inquiry: %s", r.body)
	}
	escaped := strings.Replace(snapBodyText(mandiri, "INV-0001", "REF-0002", 10000), "INV", `\u0049NV`, 1)
	other.want(other.snap("2", escaped), http.StatusUnauthorized, "4010700")
}

func TestTokensEnd(t *testing.T) {
	t.Parallel()
	body := snapBodyText(mandiri, "INV-0001", "REF-0001", 10000)
	for name, end := range map[string]func(*merchant){
		"with their life":   func(m *merchant) { m.clock.advance(900 * time.Second) },
		"when they are let": func(m *merchant) { m.sim.ExpireTokens() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := setup(t)
			m.bearer()
			m.clock.advance(899 * time.Second)
			m.want(m.snapInquiry(mandiri, "INV-0001"), http.StatusNotFound, "4045501")
			m.clock.advance(-899 * time.Second)
			end(m)
			m.want(m.snap("1", body), http.StatusUnauthorized, "4010701")
			m.token = ""
			m.want(m.snap("1", body), http.StatusOK, "2000700")
		})
	}
}

func TestTokenRequestsAreVerified(t *testing.T) {
	t.Parallel()
	m := setup(t, with(QuirkExpiresInText))
	for name, c := range map[string]struct{ header, value, body, code string }{
		"good":              {"", "", `{"grantType":"client_credentials"}`, "2007300"},
		"no client":         {"X-CLIENT-KEY", "", `{"grantType":"client_credentials"}`, "4007302"},
		"no signature":      {"X-SIGNATURE", "", `{"grantType":"client_credentials"}`, "4007302"},
		"another client":    {"X-CLIENT-KEY", "MCH-0002", `{"grantType":"client_credentials"}`, "4017300"},
		"another signature": {"X-SIGNATURE", "AAAA", `{"grantType":"client_credentials"}`, "4017300"},
		"not base64":        {"X-SIGNATURE", "?", `{"grantType":"client_credentials"}`, "4017300"},
		"bad timestamp":     {"X-TIMESTAMP", "now", `{"grantType":"client_credentials"}`, "4007301"},
		"late":              {"X-TIMESTAMP", "2026-11-21T08:00:00Z", `{"grantType":"client_credentials"}`, "4017300"},
		"another grant":     {"", "", `{"grantType":"password"}`, "4007301"},
		"no JSON":           {"", "", `{`, "4007301"},
	} {
		h := m.tokenHeader()
		maps.DeleteFunc(h, func(name, _ string) bool { return name == c.header })
		if c.header != "" {
			h[c.header] = c.value
		}
		r := m.do(t.Context(), http.MethodPost, b2bPath, c.body, h)
		if r.code() != c.code {
			t.Errorf("%s: got %d %s", name, r.status, r.body)
		}
		if name == "good" && !strings.Contains(r.body, `"expiresIn":"900"`) {
			t.Errorf("%s: got %s", name, r.body)
		}
	}
}

func TestRefreshingACustomersTokenEndsTheOldOne(t *testing.T) {
	t.Parallel()
	m := setup(t)
	ask := func(body string) reply {
		return m.do(t.Context(), http.MethodPost, b2bPath+"2c", body, m.tokenHeader())
	}
	field := func(r reply, name string) string {
		return r.body[strings.Index(r.body, `"`+name+`":"`)+len(name)+4:][:26]
	}
	refund := func(external, no, token string) reply {
		body := snapBodyText(mandiri, "INV-0001", no, 10000)
		h := m.snapHeader(snapPath, body, external)
		h["Authorization-customer"] = "Bearer " + token
		return m.do(t.Context(), http.MethodPost, snapPath, body, h)
	}
	first := ask(`{"grantType":"authorization_code","authCode":"code-1"}`)
	m.want(first, http.StatusOK, "2007400")
	m.want(refund("1", "REF-1", field(first, "accessToken")), http.StatusOK, "2000700")
	second := ask(`{"grantType":"refresh_token","refreshToken":"` + field(first, "refreshToken") + `"}`)
	m.want(second, http.StatusOK, "2007400")
	m.want(refund("2", "REF-2", field(first, "accessToken")), http.StatusUnauthorized, "4010702")
	m.want(refund("3", "REF-2", field(second, "accessToken")), http.StatusOK, "2000700")
	m.want(ask(`{"grantType":"refresh_token","refreshToken":"`+field(first, "refreshToken")+`"}`), http.StatusUnauthorized, "4017400")
	m.want(ask(`{"grantType":"authorization_code","authCode":"unlinked-1"}`), http.StatusUnauthorized, "4017400")
	m.want(ask(`{"grantType":"authorization_code"}`), http.StatusBadRequest, "4007402")
	m.want(ask(`{"grantType":"client_credentials"}`), http.StatusBadRequest, "4007401")
}
