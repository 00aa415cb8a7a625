package main

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"refundworker.example/refundworker/internal/proof/dokusim"
)

func TestFaultsAreListedByTheCommandAndItsHelp(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"faults"}, {"faults", "--help"}} {
		var out, problems bytes.Buffer
		if status := run(t.Context(), args, nil, &out, &problems); status != exitOK || problems.Len() > 0 {
			t.Errorf("%q: status %d: %s", args, status, problems.String())
		}
		for _, kind := range dokusim.Kinds() {
			if !strings.Contains(out.String(), "  "+string(kind)+" ") {
				t.Errorf("%q: no word of %s", args, kind)
			}
		}
		for _, e := range dokusim.Endpoints() {
			if !strings.Contains(out.String(), e.Path) {
				t.Errorf("%q: no word of %s", args, e.Path)
			}
		}
	}
}

// Every example is a rule that the simulator takes.
func TestTheExamplesOfFaultsWork(t *testing.T) {
	t.Parallel()
	p := start(t, "--keys", t.TempDir())
	defer p.stop()
	for _, body := range examples {
		if !json.Valid([]byte(body)) {
			t.Errorf("no JSON: %s", body)
		}
		if answer := post(t, p.settings["DOKU_BASE_URL"]+"/_sim/faults", body); !regexp.MustCompile(`"kind"`).MatchString(answer) {
			t.Errorf("%s: %s", body, answer)
		}
	}
}

func post(t *testing.T, url, body string) string {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
