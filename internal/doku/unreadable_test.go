package doku

import (
	"net/http"
	"regexp"
	"strings"
	"testing"

	"refundworker.example/refundworker/internal/refund"
)

// descriptions is all that is ever said of an answer that cannot be read.
var descriptions = regexp.MustCompile(`^answer cannot be read: (it is empty|it is a page, html or xml|it is utf-16|it is no json|` +
	`it is json, and no object|it is json that breaks off|a member is repeated|a member's name is no utf-8|` +
	`a member has a type that its meaning cannot be read from(, (/[A-Za-z_]{1,32}|/[0-9]{1,5}){1,5})?)` +
	`; content type (none|another|application/json|application/problem\+json|application/octet-stream|application/xml|text/html|text/plain|text/xml)` +
	`, [0-9]+ bytes, sha256 [0-9a-f]{16}…$`)

func TestWhatCannotBeReadIsDescribed(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, body, contentType, want string
	}{
		{"empty", ``, "", "it is empty; content type none, 0 bytes, sha256 e3b0c44298fc1c14…"},
		{"space", " \n", "text/plain", "it is empty; content type text/plain, 2 bytes"},
		{"page", "\n<!DOCTYPE html>", "text/html; charset=iso-8859-1", "it is a page, html or xml; content type text/html, 16 bytes"},
		{"xml after a mark", "\uFEFF<?xml?>", "Text/XML", "it is a page, html or xml; content type text/xml"},
		{"utf-16", "\xff\xfe{\x00", "application/json", "it is utf-16; content type application/json"},
		{"cut", `{"order":{"inv`, "application/json;charset=UTF-8", "it is json that breaks off; content type application/json, 14 bytes"},
		{"words", `no`, "PLANTED/PLANTED", "it is no json; content type another"},
		{"a list", `[]`, ";;;", "it is json, and no object; content type another"},
		{"a text", `"PLANTED"`, "", "it is json, and no object"},
		{"more behind", `{}{}`, "", "it is no json"},
		{"repeated", `{"PLANTED":1,"PLANTED":2}`, "", "a member is repeated"},
		{"a name", "{\"PLANTED\xe9\":1}", "", "a member's name is no utf-8"},
		{"a type", `{"refund":{"amount":"PLANTED"}}`, "", "a member has a type that its meaning cannot be read from, /refund/amount;"},
		{"a type of an object", `{"refund":["PLANTED"]}`, "", "a member has a type that its meaning cannot be read from, /refund;"},
		{"a type of a code", `{"error":{"code":["PLANTED"]}}`, "", "a member has a type that its meaning cannot be read from, /error/code;"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := respond(http.StatusOK, tt.body)
			if tt.contentType != "" {
				r.header.Set("Content-Type", tt.contentType)
			}
			v := classifyCard(cardOrder(), r, signatureAbsent)
			wantVerdict(t, v, Unknown, Failing)
			if !strings.HasPrefix(v.Problem, "answer cannot be read: "+tt.want) || !descriptions.MatchString(v.Problem) || strings.Contains(v.Problem, "PLANTED") {
				t.Errorf("got %s", v.Problem)
			}
		})
	}
}

func TestWhatCannotBeReadNamesAPlaceInAHistory(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]string{
		`{"responseCode":"2005500","refundHistory":[{},{"refundNo":{}}]}`:                       ", /refundHistory/1/refundNo;",
		`{"responseCode":"2005500","refundHistory":{"PLANTED":1}}`:                              ", /refundHistory;",
		`{"responseCode":"2005500","additionalInfo":"PLANTED"}`:                                 ", /additionalInfo;",
		`{"responseCode":"2005500","additionalInfo":{"refundHistory":[{"refundAmount":true}]}}`: ", /additionalInfo/refundHistory/0/refundAmount;",
	} {
		i, _ := findSNAP(snapOrder(), respond(200, body))
		if i.Finding != refund.NoAnswer || i.Cause != Failing || !strings.Contains(i.Problem, want) || !descriptions.MatchString(i.Problem) {
			t.Errorf("%s: %s", body, i.Problem)
		}
	}
}

// Nothing of a body comes out, whatever stands in it.
func FuzzUnreadable(f *testing.F) {
	for _, seed := range []string{``, `<html>`, `{`, `{"a":1,"a":2}`, `{"refund":{"amount":"x"}}`, "\xff\xfe", "\uFEFF[", `{"error":{"message":{}}}`, `{"refundHistory":[{"refundNo":true}]}`} {
		f.Add(seed, "text/html")
	}
	f.Fuzz(func(t *testing.T, body, kind string) {
		r := respond(http.StatusOK, body)
		r.header.Set("Content-Type", kind)
		for _, target := range []any{new(cardAnswer), new(cardStatus), new(snapAnswer), new(snapFound), new(tokenAnswer)} {
			if err := r.decode(target); err != nil && !descriptions.MatchString(err.Error()) {
				t.Fatalf("%q: %v", body, err)
			}
		}
	})
}
