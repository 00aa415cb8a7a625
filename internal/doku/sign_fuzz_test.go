package doku

import (
	"strings"
	"testing"

	"refundworker.example/refundworker/internal/secret"
)

// The parts of a SNAP string to sign can be told from it, as long as none of
// them but the last holds a colon: the paths are ours, a token is printable
// ASCII. A time stamp is all that follows.
func FuzzSNAPStringToSign(f *testing.F) {
	f.Add("POST", "/direct-debit/core/v1/debit/refund", "token", []byte(`{"a":1}`), "2026-11-21T09:00:00Z")
	f.Add("GET", "/", "", []byte(nil), "")
	f.Fuzz(func(t *testing.T, method, path, token string, body []byte, stamp string) {
		if strings.Contains(method+path+token, ":") {
			return
		}
		text := snapText(method, path, secret.New(token), body, stamp)
		parts := strings.SplitN(text, ":", 5)
		if len(parts) != 5 || parts[0] != method || parts[1] != path || parts[2] != token || parts[4] != stamp {
			t.Fatalf("%q reads back as %q", text, parts)
		}
		if parts[3] != snapBodyHash(body) || len(parts[3]) != 64 || strings.Trim(parts[3], "0123456789abcdef") != "" {
			t.Fatalf("body hash %q", parts[3])
		}
	})
}
