package doku

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net/http"
	"testing"
)

func TestARequestIsWrittenAsItStands(t *testing.T) {
	t.Parallel()
	of := header{{"X-TIMESTAMP", "2026-03-01T09:30:00Z"}, {"Authorization-customer", "Bearer a b"}}
	signed := func(reply) signatureStatus { return signatureRight }
	for _, c := range []struct {
		request request
		want    string
	}{
		{
			request{method: http.MethodPost, path: "/a/b", header: of, body: []byte(`{"a":1}`), signature: signed},
			"POST /a/b HTTP/1.1\r\nHost: doku.example:8443\r\nX-TIMESTAMP: 2026-03-01T09:30:00Z\r\nAuthorization-customer: Bearer a b\r\n" +
				"User-Agent: refundworker\r\nAccept: application/json\r\nContent-Type: application/json\r\nContent-Length: 7\r\n\r\n{\"a\":1}",
		},
		{
			request{method: http.MethodGet, path: "/orders/v1/status/x"},
			"GET /orders/v1/status/x HTTP/1.1\r\nHost: doku.example:8443\r\nUser-Agent: refundworker\r\nAccept: application/json\r\nConnection: close\r\n\r\n",
		},
	} {
		got, err := c.request.encode("doku.example:8443")
		if err != nil || string(got) != c.want {
			t.Errorf("%q, %v\nwant %q", got, err, c.want)
		}
		read, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(got)))
		if err != nil {
			t.Fatal(err)
		}
		if body, err := io.ReadAll(read.Body); err != nil || !bytes.Equal(body, c.request.body) || read.RequestURI != c.request.path {
			t.Errorf("read as %s %q, %v", read.RequestURI, body, err)
		}
	}
}

// What ended its line would be another header or another request.
func TestARequestThatWouldBeAnotherIsNotBuilt(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"a\r\nX: y", "a\nX: y", "a\rb", "a\x00b", "é", "a\x7f", "\t"} {
		for name, r := range map[string]request{
			"path": {method: http.MethodGet, path: "/" + text}, "value": {method: http.MethodGet, path: "/", header: header{{"A", text}}},
		} {
			if got, err := r.encode("h"); !errors.Is(err, errRequest) || got != nil {
				t.Errorf("%s %q: %q, %v", name, text, got, err)
			}
		}
	}
	if got, err := (request{method: http.MethodGet, path: "/a HTTP/1.1"}).encode("h"); !errors.Is(err, errRequest) {
		t.Errorf("a space in the path: %q, %v", got, err)
	}
}
