package doku

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func zipped(t testing.TB, text string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = io.WriteString(w, text)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// The digest is of the body before or after it was compressed: nobody says which.
func TestCompressedAnswerIsReadUnderEitherDigest(t *testing.T) {
	t.Parallel()
	for _, signed := range []string{cardSuccessBody, string(zipped(t, cardSuccessBody))} {
		s := serve(t, func(w http.ResponseWriter, r *http.Request) {
			rec := httptest.NewRecorder()
			answerSigned(rec, r, 200, signed)
			for name, values := range rec.Header() {
				w.Header()[name] = values
			}
			w.Header().Set("Content-Encoding", "gzip")
			_, _ = w.Write(zipped(t, cardSuccessBody))
		})
		wantVerdict(t, newTestClient(t, s.URL).Refund(t.Context(), cardOrder()), Succeeded, Plain)
	}
}

func TestCompressedAnswerThatCannotBeReadIsUnknown(t *testing.T) {
	t.Parallel()
	whole := zipped(t, snapSuccessBody)
	for name, tt := range map[string]struct {
		encoding string
		body     []byte
		want     Class
	}{
		"gzip":                {"gzip", whole, Succeeded},
		"gzip in capitals":    {"GZIP", whole, Succeeded},
		"identity":            {"identity", []byte(snapSuccessBody), Succeeded},
		"no gzip at all":      {"gzip", []byte(snapSuccessBody), Unknown},
		"cut":                 {"gzip", whole[:len(whole)-1], Unknown},
		"with rest":           {"gzip", append(bytes.Clone(whole), 'x'), Unknown},
		"more than 64 KiB":    {"gzip", zipped(t, snapSuccessBody+strings.Repeat(" ", maxBody)), Unknown},
		"a bomb":              {"gzip", zipped(t, strings.Repeat(" ", 50<<20)), Unknown},
		"twice":               {"gzip, gzip", zipped(t, string(whole)), Unknown},
		"brotli":              {"br", []byte(snapSuccessBody), Unknown},
		"gzip that is unsaid": {"", whole, Unknown},
	} {
		s := snapServer(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", tt.encoding)
			_, _ = w.Write(tt.body)
		})
		c := newTestClient(t, s.URL)
		prepare(t, c)
		if v := c.Refund(t.Context(), snapOrder()); v.Class != tt.want {
			t.Errorf("%s: %v, want %v: %s", name, v.Class, tt.want, v.Problem)
		}
	}
}
