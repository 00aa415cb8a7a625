package secret_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"refundworker.example/refundworker/internal/secret"
)

const planted = "s3cr3t-value-41"

func TestSecretShowsItselfNowhere(t *testing.T) {
	t.Parallel()
	text := secret.New(planted)
	type holder struct {
		Shown  secret.Text
		hidden secret.Text
		list   []secret.Text
		byName map[string]secret.Text
	}
	h := holder{text, text, []secret.Text{text}, map[string]secret.Text{"k": text}}
	var out bytes.Buffer
	for _, v := range []any{text, &text, h, &h, []any{h}, fmt.Errorf("wrapped: %v", text)} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d"} {
			_, _ = fmt.Fprintf(&out, verb+"\n", v)
		}
		asJSON, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		out.Write(asJSON)
		slog.New(slog.NewJSONHandler(&out, nil)).Info("m", "v", v)
		slog.New(slog.NewTextHandler(&out, nil)).Info("m", "v", v)
	}
	asXML, err := xml.Marshal(text)
	if err != nil {
		t.Fatal(err)
	}
	out.Write(asXML)
	for _, form := range []string{planted, fmt.Sprintf("%x", planted), fmt.Sprintf("%X", planted)} {
		if strings.Contains(out.String(), form) {
			t.Errorf("%q is in the output:\n%s", form, out.String())
		}
	}
	if !strings.Contains(out.String(), "[redacted]") {
		t.Error("nothing was redacted: the test looks at the wrong thing")
	}
}

func TestSecretKeepsItsValueAndCompares(t *testing.T) {
	t.Parallel()
	again := secret.New(strings.Clone(planted))
	if again.Reveal() != planted || secret.New(planted) != again || secret.New("a") == secret.New("b") {
		t.Error("a secret is not its value")
	}
	if zero := (secret.Text{}); !zero.IsZero() || zero.Reveal() != "" || secret.New("") != zero {
		t.Error("the zero value is not the empty secret")
	}
}
