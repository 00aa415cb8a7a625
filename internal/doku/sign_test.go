package doku

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"refundworker.example/refundworker/internal/secret"
)

// The string that DOKU publishes (docs/doku-api.md, "Signing a card request");
// no key is published with it.
func TestStringToSignIsThePublishedOne(t *testing.T) {
	t.Parallel()
	text := cardText{
		clientID: "MCH-0001-10791114622547", requestID: "cc682442-6c22-493e-8121-b9ef6b3fa728",
		timestamp: "2020-08-11T08:45:42Z", target: "/doku-virtual-account/v2/payment-code",
		digest: "5WIYK2TJg6iiZ0d5v4IXSR0EkYEkYOezJIma3Ufli5s=",
	}
	want := `Client-Id:MCH-0001-10791114622547
Request-Id:cc682442-6c22-493e-8121-b9ef6b3fa728
Request-Timestamp:2020-08-11T08:45:42Z
Request-Target:/doku-virtual-account/v2/payment-code
Digest:5WIYK2TJg6iiZ0d5v4IXSR0EkYEkYOezJIma3Ufli5s=`
	if got := text.request(); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// The hash that DOKU publishes (docs/doku-api.md, "Signing a SNAP request").
func TestBodyHashIsThePublishedOne(t *testing.T) {
	t.Parallel()
	type total struct {
		Value    string `json:"value"`
		Currency string `json:"currency"`
	}
	body, err := minified(struct {
		PartnerServiceID string `json:"partnerServiceId"`
		CustomerNo       string `json:"customerNo"`
		AccountNo        string `json:"virtualAccountNo"`
		AccountName      string `json:"virtualAccountName"`
		AccountEmail     string `json:"virtualAccountEmail"`
		AccountPhone     string `json:"virtualAccountPhone"`
		TrxID            string `json:"trxId"`
		TotalAmount      total  `json:"totalAmount"`
	}{
		"  088899", "12345678901234567890", "  08889912345678901234567890", "Jokul Doe", "jokul@email.com",
		"6281828384858", "abcdefgh1234", total{"12345678.00", "IDR"},
	})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := snapBodyHash(body), "3274fab8dac896837b106a16da2a974e7e65142dcecb4b768ef0294102838977"; got != want {
		t.Errorf("got %s of %s, want %s", got, body, want)
	}
}

// The expectations come from openssl:
//
//	D=$(printf %s "$BODY" | openssl dgst -sha256 -binary | openssl base64 -A)
//	printf 'Client-Id:MCH-0001-10791114622547\nRequest-Id:6cc9f8b1-d83d-4c24-b853-a3223f43a744\nRequest-Timestamp:2020-08-12T09:45:42Z\nRequest-Target:/cancellation/credit-card/refund\nDigest:%s' "$D" |
//	  openssl dgst -sha256 -hmac SK-test-key-1 -binary | openssl base64 -A
func TestCardRefundSignatureMatchesOpenSSL(t *testing.T) {
	t.Parallel()
	body, err := cardBody(cardOrder())
	if err != nil {
		t.Fatal(err)
	}
	want := `{"order":{"invoice_number":"INV-20210118-0001"},"payment":{"original_request_id":"b266c265-3d61-4708-9860-c0d5b9a98f8c"},"refund":{"amount":90000}}`
	if string(body) != want {
		t.Fatalf("body is %s", body)
	}
	text := cardText{
		clientID: testClientID, requestID: cardOrder().RequestID, timestamp: "2020-08-12T09:45:42Z",
		target: cardRefundPath, digest: cardDigest(body),
	}
	if want := "/CdtbUKHJtvFihvoDhWDxOkod4Aeo/wwDU/7g/pCNVk="; text.digest != want {
		t.Errorf("digest %s, want %s", text.digest, want)
	}
	got := cardSignature(secret.New(testKey), text.request())
	if want := "HMACSHA256=AzT0uhv2BOjTgilRRCfVN5RTcfThQM4JJ4MCz221hh4="; got != want {
		t.Errorf("signature %s, want %s", got, want)
	}
}

// As above, without the line Digest, over
// Request-Target:/orders/v1/status/6cc9f8b1-d83d-4c24-b853-a3223f43a744.
func TestCardInquirySignatureMatchesOpenSSL(t *testing.T) {
	t.Parallel()
	text := cardText{
		clientID: testClientID, requestID: "8c3b62f0-7a1d-4a79-9f0b-1a64f6a1c001",
		timestamp: "2020-08-12T09:45:42Z", target: cardStatusPath + cardOrder().RequestID,
	}
	got := cardSignature(secret.New(testKey), text.request())
	if want := "HMACSHA256=WPumGBZ/FgCd7/OENPPt+c92j/rkoiKUkKjui6hReGQ="; got != want {
		t.Errorf("signature %s, want %s", got, want)
	}
}

// H=$(printf %s "$BODY" | openssl dgst -sha256 -hex | sed 's/.* //') printf
// 'POST:/direct-debit/core/v1/debit/refund:b2b-token-1:%s:2020-12-21T07:56:11Z'
// "$H" |
//
//	openssl dgst -sha512 -hmac SK-test-key-1 -binary | openssl base64 -A
func TestSNAPRefundSignatureMatchesOpenSSL(t *testing.T) {
	t.Parallel()
	body, err := snapRefundBody(snapOrder())
	if err != nil {
		t.Fatal(err)
	}
	want := `{"additionalInfo":{"channel":"DIRECT_DEBIT_MANDIRI_SNAP"},"originalPartnerReferenceNo":"INV-0001",` +
		`"originalExternalId":"REQ-0001","refundAmount":{"value":"10000.00","currency":"IDR"},` +
		`"reason":"Request by Customer","partnerRefundNo":"INV-REF-0001"}`
	if string(body) != want {
		t.Fatalf("body is %s", body)
	}
	if got, want := snapBodyHash(body), "8ce877eb72c4092e1f187781717f6b20af736e8f51d119c7afea637e4ce192a7"; got != want {
		t.Errorf("hash %s, want %s", got, want)
	}
	text := snapText(http.MethodPost, snapRefundPath, secret.New(testToken), body, "2020-12-21T07:56:11Z")
	got := snapSignature(secret.New(testKey), text)
	if want := "KlM0b53rs+uZbvWcqrD+uV0KvevsH0R1vFVloJ03fklOgu9H1dFVyJBZk09AppLNc+Hmz/JjHhLCj3o8raipSA=="; got != want {
		t.Errorf("signature %s, want %s", got, want)
	}
}

// printf %s 'BRN-0211-1696919651918|2020-12-21T07:56:11Z' |
//
//	openssl dgst -sha256 -sign testdata/merchant-pkcs1.pem | openssl base64 -A
func TestTokenSignatureMatchesOpenSSL(t *testing.T) {
	t.Parallel()
	got, err := tokenSignature(testPrivateKey(t), "BRN-0211-1696919651918", "2020-12-21T07:56:11Z")
	if err != nil {
		t.Fatal(err)
	}
	want := "TnEwWOD2oApMtSot4iTJNZztvPUbdJbVz1iqTb6al+XHFqTG9Ltmc2Li17HTIj1YtzvNzDbR0hNFUTr5MY2HqaADgNnc+pgqjrnkXjI0Z0VbTy/" +
		"XF/Qz2e+Zu4CVcUdWmGz1mo23ZZ3FvYg35zv1NJSSips3/kxvhZxrQPIRngKaFv4jX+4PLR0l63lezp8tZpwxEm6MhSMN0z1FKf52wlFGDmWaLUhDdKts" +
		"Mv6w9k/INY5PZvXipBTR2t5iJFO29/yVIzOJ8GvTG501E/nlIQXe/IMDruHrwYLxGV6dCp4l29rTzuIHA+yLGVST3hk7b86ynMTH+ArnpY4krEbffQ=="
	if got != want {
		t.Errorf("signature %s, want %s", got, want)
	}
}

func TestTimestampIsUTCInWholeSeconds(t *testing.T) {
	t.Parallel()
	jakarta := time.FixedZone("WIB", 7*60*60)
	// Seed 1's own example of the conversion.
	if got := timestamp(time.Date(2020, 9, 22, 8, 51, 0, 999, jakarta)); got != "2020-09-22T01:51:00Z" {
		t.Errorf("got %s", got)
	}
}

func TestBodyIsSentWithoutEscapes(t *testing.T) {
	t.Parallel()
	o := snapOrder()
	o.Reason = `<a & "b"> héé`
	body, err := snapRefundBody(o)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(body), `"reason":"<a & \"b\"> héé"`) || strings.HasSuffix(string(body), "\n") {
		t.Errorf("body is %q", body)
	}
}

func TestReasonIsLeftOutWhereThereIsNone(t *testing.T) {
	t.Parallel()
	o := snapOrder()
	o.Reason, o.OriginalRequestID = "", ""
	body, err := snapRefundBody(o)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(body), "reason") || strings.Contains(string(body), "originalExternalId") {
		t.Errorf("body is %s", body)
	}
	card := cardOrder()
	card.Reason = "Request by customer"
	body, err = cardBody(card)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(body), `"refund":{"amount":90000,"reason":"Request by customer"}`) {
		t.Errorf("body is %s", body)
	}
}

// printf
// 'Client-Id:MCH-0001-10791114622547\nRequest-Id:6cc9f8b1-d83d-4c24-b853-a3223f43a744\nResponse-Timestamp:2020-08-11T08:45:42Z\nRequest-Target:/cancellation/credit-card/refund\nDigest:%s'
// "$D" |
//
//	openssl dgst -sha256 -hmac SK-test-key-1 -binary | openssl base64 -A
const cardSuccessSignature = "HMACSHA256=weoslIbvztT5WeYNM9RWym0MOscZ+2wht9zC4C12bE4="

func TestAnswerIsBelievedBySignatureOverEveryPart(t *testing.T) {
	t.Parallel()
	type answer struct {
		keys   []secret.Text
		sent   cardText
		header http.Header
		body   string
	}
	tests := []struct {
		name   string
		change func(*answer)
		want   signatureStatus
	}{
		{"as signed", func(*answer) {}, signatureRight},
		{"signed with the older key", func(a *answer) { a.keys = []secret.Text{secret.New("new"), secret.New(testKey)} }, signatureRight},
		{"another key", func(a *answer) { a.keys = []secret.Text{secret.New("SK-test-key-2")} }, signatureWrong},
		{"one byte of the body", func(a *answer) { a.body = strings.Replace(a.body, "90000", "90001", 1) }, signatureWrong},
		{"another request", func(a *answer) { a.sent.requestID = "other" }, signatureWrong},
		{"another client", func(a *answer) { a.sent.clientID = "other" }, signatureWrong},
		{"another path", func(a *answer) { a.sent.target = "/other" }, signatureWrong},
		{"another time", func(a *answer) { a.header.Set("Response-Timestamp", "2020-08-11T08:45:43Z") }, signatureWrong},
		{"no time", func(a *answer) { a.header.Del("Response-Timestamp") }, signatureWrong},
		{"two signatures", func(a *answer) { a.header.Add("Signature", cardSuccessSignature) }, signatureWrong},
		{"without its prefix", func(a *answer) {
			a.header.Set("Signature", strings.TrimPrefix(cardSuccessSignature, "HMACSHA256="))
		}, signatureWrong},
		{"no signature", func(a *answer) { a.header.Del("Signature") }, signatureAbsent},
		{"an empty signature", func(a *answer) { a.header.Set("Signature", "") }, signatureAbsent},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			a := answer{
				keys: []secret.Text{secret.New(testKey)},
				sent: cardText{clientID: testClientID, requestID: cardOrder().RequestID, target: cardRefundPath},
				header: http.Header{
					"Response-Timestamp": {"2020-08-11T08:45:42Z"}, "Signature": {cardSuccessSignature},
				},
				body: cardSuccessBody,
			}
			tt.change(&a)
			if got := checkSignature(a.keys, a.sent, a.header, []byte(a.body)); got != tt.want {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}
