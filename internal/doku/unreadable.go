package doku

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"mime"
	"regexp"
	"slices"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// unreadable says what is known of an answer that could not be read, so that it
// can be found in DOKU's logs and acted on: the kind of fault, the content type,
// the length and a hash. The body itself may hold anything, tokens included, and
// is never repeated.
func (r reply) unreadable(err error) error {
	sum := sha256.Sum256(r.body)
	return fmt.Errorf("answer cannot be read: %s; content type %s, %d bytes, sha256 %s…",
		faultOf(r.body, err), contentType(r.header.Get("Content-Type")), len(r.body), hex.EncodeToString(sum[:8]))
}

var errName = errors.New("a member's name is no utf-8")

// faultOf names the kind of fault, from a closed set and the names of members
// that we know.
func faultOf(body []byte, err error) string {
	text := bytes.TrimLeft(bytes.TrimPrefix(body, byteOrderMark), " \t\r\n")
	var semantic *json.SemanticError
	switch {
	case len(text) == 0:
		return "it is empty"
	case text[0] == '<':
		return "it is a page, html or xml"
	case bytes.HasPrefix(text, []byte("\xff\xfe")), bytes.HasPrefix(text, []byte("\xfe\xff")):
		return "it is utf-16"
	case errors.Is(err, jsontext.ErrDuplicateName):
		return "a member is repeated"
	case errors.Is(err, errName):
		return errName.Error()
	case errors.As(err, &semantic) && text[0] != '{':
		return "it is json, and no object"
	case errors.As(err, &semantic):
		return "a member has a type that its meaning cannot be read from" + place(semantic)
	case errors.Is(err, io.ErrUnexpectedEOF):
		return "it is json that breaks off"
	default:
		return "it is no json"
	}
}

// ourPath is a path of members that we read: anything else would be DOKU's
// words.
var ourPath = regexp.MustCompile(`^(/[A-Za-z_]{1,32}|/[0-9]{1,5}){1,5}$`)

func place(err *json.SemanticError) string {
	path := string(err.JSONPointer)
	if !ourPath.MatchString(path) {
		return ""
	}
	return ", " + path
}

// contentTypes are those that are named; a header may hold anything.
var contentTypes = []string{
	"application/json", "application/problem+json", "application/octet-stream", "application/xml",
	"text/html", "text/plain", "text/xml",
}

func contentType(header string) string {
	if header == "" {
		return "none"
	}
	kind, _, err := mime.ParseMediaType(header)
	if err != nil || !slices.Contains(contentTypes, kind) {
		return "another"
	}
	return kind
}
