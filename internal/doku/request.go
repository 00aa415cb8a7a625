package doku

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// request is one HTTP request.
type request struct {
	operation, method, path string
	header                  header
	body                    []byte                      // nil: none
	limit                   *limit                      // refund calls only
	signature               func(reply) signatureStatus // what the answer's signature is worth; nil: never signed, and sent over a connection of its own
}

// header is the fields that a request has beside those of every request. Their
// names are written as they stand.
type header []headerField

type headerField struct{ name, value string }

// get returns the first value under exactly this name.
func (h header) get(name string) string {
	for _, f := range h {
		if f.name == name {
			return f.value
		}
	}
	return ""
}

// usualRequest is more bytes than most requests have.
const usualRequest = 2 << 10

var errRequest = errors.New("request cannot be built")

// encode returns the request as it is sent to host. A path or a value that
// could end its line is [errRequest]: it would be another request.
func (r request) encode(host string) ([]byte, error) {
	if !printableASCII(r.path) || strings.Contains(r.path, " ") {
		return nil, fmt.Errorf("%w: its path", errRequest)
	}
	b := make([]byte, 0, usualRequest)
	b = append(b, r.method...)
	b = append(b, ' ')
	b = append(b, r.path...)
	b = append(b, " HTTP/1.1\r\n"...)
	b = appendField(b, "Host", host)
	for _, f := range r.header {
		if !printableASCII(f.value) {
			return nil, fmt.Errorf("%w: its %s", errRequest, f.name)
		}
		b = appendField(b, f.name, f.value)
	}
	b = appendField(b, "User-Agent", userAgent)
	b = appendField(b, "Accept", jsonMimeType)
	if r.body != nil {
		b = appendField(b, "Content-Type", jsonMimeType)
		b = appendField(b, "Content-Length", strconv.Itoa(len(r.body)))
	}
	if r.signature == nil {
		b = appendField(b, "Connection", "close")
	}
	b = append(b, "\r\n"...)
	return append(b, r.body...), nil
}

func appendField(b []byte, name, value string) []byte {
	b = append(b, name...)
	b = append(b, ": "...)
	b = append(b, value...)
	return append(b, "\r\n"...)
}

func printableASCII(text string) bool {
	for i := range len(text) {
		if text[i] < 0x20 || text[i] > 0x7e {
			return false
		}
	}
	return true
}
