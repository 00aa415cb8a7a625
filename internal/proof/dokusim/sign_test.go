package dokusim

import (
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"testing"
)

const seedBody = `{"order":{"invoice_number":"INV-20210118-0001"},"payment":{"original_request_id":"b266c265-3d61-4708-9860-c0d5b9a98f8c"},"refund":{"amount":90000}}`

// printf %s "$body" | openssl dgst -sha256 -binary | openssl base64 -A
const seedDigest = "/CdtbUKHJtvFihvoDhWDxOkod4Aeo/wwDU/7g/pCNVk="

// Each want: printf '<lines joined by \n>' |
// openssl dgst -sha256 -hmac SK-simulator -binary | openssl base64 -A
func TestCardSignaturesAreOpenSSLs(t *testing.T) {
	t.Parallel()
	if got := cardDigest([]byte(seedBody)); got != seedDigest {
		t.Fatalf("digest is %s", got)
	}
	for name, c := range map[string]struct {
		lines cardLines
		want  string
	}{
		"request": {
			cardLines{"MCH-0001", "6cc9f8b1-d83d-4c24-b853-a3223f43a744", "Request-Timestamp", "2020-08-12T09:45:42Z", cardPath, seedDigest},
			"HMACSHA256=UDvRw4kqf+vMGu/ZmCaBnITAkqNWt7CmE9+TX55T7+s=",
		},
		"request without a body": {
			cardLines{"MCH-0001", "r-2", "Request-Timestamp", "2020-08-12T09:45:42Z", "/orders/v1/status/6cc9f8b1", ""},
			"HMACSHA256=zjCI1QdYu6DuuZfZCmfQD5ml1FOaZNSQa4zz2YGuu/Q=",
		},
		"response": {
			cardLines{"MCH-0001", "6cc9f8b1-d83d-4c24-b853-a3223f43a744", "Response-Timestamp", "2020-08-11T08:45:42Z", cardPath, seedDigest},
			"HMACSHA256=7NTWAjXRdVzrn1CudZeZ0KB2fWosPfBpAKoBZdF0cCE=",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := c.lines.sign("SK-simulator"); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

// The string that DOKU publishes (docs/doku-api.md, "Signing a card request").
func TestCardStringIsThePublishedOne(t *testing.T) {
	t.Parallel()
	got := cardLines{
		"MCH-0001-10791114622547", "cc682442-6c22-493e-8121-b9ef6b3fa728", "Request-Timestamp", "2020-08-11T08:45:42Z",
		"/doku-virtual-account/v2/payment-code", "5WIYK2TJg6iiZ0d5v4IXSR0EkYEkYOezJIma3Ufli5s=",
	}.text()
	want := "Client-Id:MCH-0001-10791114622547\nRequest-Id:cc682442-6c22-493e-8121-b9ef6b3fa728\n" +
		"Request-Timestamp:2020-08-11T08:45:42Z\nRequest-Target:/doku-virtual-account/v2/payment-code\n" +
		"Digest:5WIYK2TJg6iiZ0d5v4IXSR0EkYEkYOezJIma3Ufli5s="
	if got != want {
		t.Errorf("got %q", got)
	}
}

// The hash that DOKU publishes (docs/doku-api.md, "Signing a SNAP request"), of
// the body as it stands there and of the same with white space.
func TestSNAPBodyHashIsThePublishedOne(t *testing.T) {
	t.Parallel()
	const want = "3274fab8dac896837b106a16da2a974e7e65142dcecb4b768ef0294102838977"
	compact := `{"partnerServiceId":"  088899","customerNo":"12345678901234567890","virtualAccountNo":"  08889912345678901234567890","virtualAccountName":"Jokul Doe","virtualAccountEmail":"jokul@email.com","virtualAccountPhone":"6281828384858","trxId":"abcdefgh1234","totalAmount":{"value":"12345678.00","currency":"IDR"}}`
	spaced := `{ "partnerServiceId" : "  088899",` + "\n\t" + compact[len(`{"partnerServiceId":"  088899",`):]
	for _, body := range []string{compact, spaced} {
		for _, reserialise := range []bool{false, true} {
			if got := snapBodyHash([]byte(body), reserialise); got != want {
				t.Errorf("got %s for %s", got, body)
			}
		}
	}
}

func TestReserialisedHashSeesNoEscapes(t *testing.T) {
	t.Parallel()
	escaped, plain := []byte(`{"reason":"\u003cA\u00e9"}`), []byte(`{"reason":"<Aé"}`)
	if snapBodyHash(escaped, true) != snapBodyHash(plain, true) {
		t.Error("escapes change the hash of a reserialised body")
	}
	if snapBodyHash(escaped, false) == snapBodyHash(plain, false) {
		t.Error("escapes do not change the hash of a minified body")
	}
}

// h=$(printf '<body>' | openssl dgst -sha256 -r | cut -d' ' -f1) printf
// "POST:/direct-debit/core/v1/debit/refund:token-1:$h:2026-11-21T16:00:00+07:00"
// | openssl dgst -sha512 -hmac SK-simulator -binary | openssl base64 -A
func TestSNAPSignatureIsOpenSSLs(t *testing.T) {
	t.Parallel()
	hash := snapBodyHash([]byte(snapBodyText("DIRECT_DEBIT_MANDIRI_SNAP", "INV-0001", "INV-REF-0001", 10000)), false)
	if hash != "26de0e5d399f4d754a04b1b4f2f33fc24ad34187d2a4efb8e6a02eaf423aca71" {
		t.Fatalf("hash is %s", hash)
	}
	got := snapSign("SK-simulator", "POST", snapPath, "token-1", hash, "2026-11-21T16:00:00+07:00")
	if got != "/s5NMXx6APdJcmH3AovkLAunaPmwHOErYvKp42GMzidpdCvVHBgK5RKxkNNY4cpcq6x42Jy9Hp3LuMvc9qwhtw==" {
		t.Errorf("got %s", got)
	}
}

// openssl genrsa -out k.pem 2048; openssl rsa -in k.pem -pubout
const opensslPublicKey = `-----BEGIN PUBLIC KEY-----
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAuQEayw4ISxgfnHZCL7m/
elFasXUL8gYCkeSQc4uviXmSCWMquiYkG/yO8Sz50PQ4c3jtk5B+AF+O8QjWj+tR
1RDfWg1c9t21oi5oWn+qJjjeDgpG20mp2bjZ5XgkIZtDn9FY+U34fcg11takk72y
N1n+Sv+4jKfmRE6HDQ4qiSgbABHAiF1dFx6jwh8g7MxkiNEQh3bx99bDDNap7lXd
LYBAEvAXLgNPnel5dV3xxOjriLaYoHAfXilgrazqR5k8uOVs5u7abE3ogM7MZDzf
EZth7KNq8JvHcLCJzAKU5rBFdbRvYSPGCqoXLYc+ecoJGmp6iVLcb2EFHQQh49Qa
1wIDAQAB
-----END PUBLIC KEY-----`

// printf 'MCH-0001|2026-11-21T09:00:00Z' | openssl dgst -sha256 -sign k.pem |
// openssl base64 -A
const opensslTokenSignature = "tTyK3j5XPpFUVwJrcQiLk1mWOgo5rY+LDISOhZxvQEh+8WwAiRIiAWXO2mzZxGeqoGQRB6O68Qz8e40RcWuH33oUT3NcId89+kppQbnzHSXa4KtYIR9Dv5Ak9sCunOlL5v4GMZm+Fbs61sciTyyADo9/HtK20ZZahh5IcvjKdQnNP6hUA5CDtZtHIbWVpblqxocbBUXcTvfb4hOfELLQqTp21Q1p5AIqGDm2apNqlN/bCgeWskcsThuDdFah7NSyBs2wC6qCfrFZZLU5W8my8nBhYwuQLMr9WHE9bMOrb+PcauhEiOIADv1olgh5dijaJsjb+A14p29J1bsSXhKNJA=="

func TestTokenSignatureOfOpenSSLHolds(t *testing.T) {
	t.Parallel()
	block, _ := pem.Decode([]byte(opensslPublicKey))
	parsed, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	key, ok := parsed.(*rsa.PublicKey)
	if !ok {
		t.Fatalf("key is %T", parsed)
	}
	if !tokenSignatureHolds(key, "MCH-0001", "2026-11-21T09:00:00Z", opensslTokenSignature) {
		t.Error("a right signature is refused")
	}
	if tokenSignatureHolds(key, "MCH-0001", "2026-11-21T09:00:01Z", opensslTokenSignature) {
		t.Error("a signature of another time is taken")
	}
}

func TestSecretIsNeverPrinted(t *testing.T) {
	t.Parallel()
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		if got := fmt.Sprintf(verb, Config{SecretKey: "hush-hush"}.SecretKey); got != "[redacted]" {
			t.Errorf("%s prints %s", verb, got)
		}
	}
}
