package doku

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
)

// lenientTarget holds one member of every lenient kind.
type lenientTarget struct {
	Text     string                 `json:"text"`
	Wording  messageText            `json:"wording"`
	Optional optional[lenientInner] `json:"optional"`
	Present  present                `json:"present"`
	Filled   filled                 `json:"filled"`
}

type lenientInner struct {
	A string `json:"a"`
}

func decodeLenient(body string) (lenientTarget, error) {
	var v lenientTarget
	err := respond(http.StatusOK, body).decode(&v)
	return v, err
}

func TestEveryJSONTypeInEveryLenientPlace(t *testing.T) {
	t.Parallel()
	values := []string{`null`, `""`, `"x"`, `0`, `-1.5e3`, `true`, `false`, `[]`, `[ ]`, `["x","y"]`, `[1]`, `[[]]`, `{}`, `{"a":"x"}`, `{"a":1}`}
	want := map[string]map[string]string{ // what is read; what is not named is an error
		"text":     {`null`: "", `""`: "", `"x"`: "x", `0`: "0", `-1.5e3`: "-1.5e3"},
		"wording":  {`null`: "", `""`: "", `"x"`: "x", `0`: "0", `-1.5e3`: "-1.5e3", `[]`: "", `[ ]`: "", `["x","y"]`: "x y", `[1]`: "1"},
		"optional": {`null`: "", `""`: "", `[]`: "", `[ ]`: "", `{}`: "", `{"a":"x"}`: "x", `{"a":1}`: "1"},
	}
	for member, readings := range want {
		for _, value := range values {
			got, err := decodeLenient(`{"` + member + `":` + value + `}`)
			text := got.Text + string(got.Wording) + got.Optional.value.A
			if reading, ok := readings[value]; ok != (err == nil) || ok && text != reading {
				t.Errorf("%s as %s: %q, %v", value, member, text, err)
			}
		}
	}
	for _, value := range values {
		got, err := decodeLenient(`{"present":` + value + `,"filled":` + value + `}`)
		empty := value == `null` || value == `""` || value == `[]` || value == `[ ]`
		if err != nil || !bool(got.Present) || bool(got.Filled) == empty {
			t.Errorf("%s: %+v, %v", value, got, err)
		}
	}
}

// Leniency never makes JSON of what is none, nor one text of another.
func FuzzLenientText(f *testing.F) {
	for _, seed := range []string{`"x"`, `12321`, `1.0E7`, `null`, `["a"]`, `{}`, `"\ud800"`, "\"\xe9\"", `0123`, `"a`, `tru`, `1E700`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, value string) {
		got, err := decodeLenient(`{"text":` + value + `}`)
		if err != nil {
			return
		}
		whole := `{"text":` + value + `}`
		if !jsontext.Value(whole).IsValid() && !strings.Contains(value, `"`) {
			t.Fatalf("%q is no json, and was read as %q", value, got.Text)
		}
		var strict struct{ Text any }
		_ = json.Unmarshal([]byte(whole), &strict) // a number too large for a float64 is still a text
		switch s := strict.Text.(type) {
		case nil:
		case string:
			if got.Text != s && !strings.Contains(got.Text, "\uFFFD") {
				t.Fatalf("%q was read as %q", value, got.Text)
			}
		case float64:
			if strings.TrimSpace(value) != got.Text && !strings.Contains(value, "}") && !strings.Contains(value, ",") {
				t.Fatalf("%q was read as %q", value, got.Text)
			}
		default:
			if !strings.ContainsAny(value, ",}") {
				t.Fatalf("%q was read as %q", value, got.Text)
			}
		}
	})
}

// The life of a token is never negative, and never longer than a day.
func FuzzTokenSeconds(f *testing.F) {
	for _, seed := range []string{`900`, `"900"`, `3600.0`, `-1`, `1e300`, `null`, `{}`, `0.00001`, `86400.5`, `9e99999999999`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, value string) {
		var a tokenAnswer
		if err := respond(http.StatusOK, `{"expiresIn":`+value+`}`).decode(&a); err != nil {
			return
		}
		if life := a.ExpiresIn.value; life < 0 || life > tokenMaxLife {
			t.Fatalf("%q is %v", value, life)
		}
	})
}
