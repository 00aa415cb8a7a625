package doku

import (
	"reflect"
	"strings"
	"testing"
	"unicode"

	"refundworker.example/refundworker/internal/refund"
)

func TestEveryTextOfAResponseIsCleaned(t *testing.T) {
	t.Parallel()
	answer := refund.Response{HTTPStatus: 200}
	v := reflect.ValueOf(&answer).Elem()
	for i := range v.NumField() {
		if v.Field(i).Kind() == reflect.String {
			v.Field(i).SetString("\x1b]0;title\x07\r\n\u2028" + strings.Repeat("é", 600))
		}
	}
	kept := reflect.ValueOf(cleaned(answer, nil))
	for i := range kept.NumField() {
		if kept.Field(i).Kind() != reflect.String {
			continue
		}
		if text := kept.Field(i).String(); text == "" || strings.ContainsFunc(text, unicode.IsControl) || len(text) > longestKept {
			t.Errorf("%s: %q", kept.Type().Field(i).Name, text)
		}
	}
}
