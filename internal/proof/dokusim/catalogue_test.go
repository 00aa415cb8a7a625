package dokusim

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
)

func TestEveryFaultSaysWhatItDoes(t *testing.T) {
	t.Parallel()
	for _, kind := range Kinds() {
		if kind.About() == "" {
			t.Errorf("%s says nothing", kind)
		}
	}
	if len(about) != len(kinds) {
		t.Errorf("%d faults are told of, there are %d", len(about), len(kinds))
	}
}

// What GET /_sim/ lists is there, and takes the bodies that it shows.
func TestTheControlPlaneIsAsItSaysItself(t *testing.T) {
	t.Parallel()
	m := setup(t)
	var listed index
	if err := json.Unmarshal([]byte(m.ask(http.MethodGet, "/_sim/", "").body), &listed); err != nil {
		t.Fatal(err)
	}
	if len(listed.Endpoints) != len(Endpoints()) || len(listed.Faults) != len(Kinds()) || len(listed.Channels) != 8 {
		t.Errorf("%+v", listed)
	}
	for _, e := range listed.Endpoints {
		path := strings.ReplaceAll(e.Path, "=N", "=1")
		if r := m.ask(e.Method, path, e.Example); r.status != http.StatusOK {
			t.Errorf("%s %s %s: %d %s", e.Method, e.Path, e.Example, r.status, r.body)
		}
	}
}

func TestThePageOffersEveryFaultAndChannel(t *testing.T) {
	t.Parallel()
	m := setup(t)
	page := m.ask(http.MethodGet, "/", "").body
	for _, kind := range Kinds() {
		if !strings.Contains(page, `<option value="`+string(kind)+`" data-about="`) {
			t.Errorf("the form does not offer %s", kind)
		}
	}
	for _, channel := range channelNames {
		if !strings.Contains(page, `<option value="`+channel+`">`) {
			t.Errorf("the form does not offer %s", channel)
		}
	}
}
