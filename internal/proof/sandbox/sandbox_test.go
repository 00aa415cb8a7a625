package sandbox

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"flag"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"refundworker.example/refundworker/internal/channel"
	"refundworker.example/refundworker/internal/proof/dokusim"
	"refundworker.example/refundworker/internal/secret"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var update = flag.Bool("update", false, "write testdata/sandbox/simulator.jsonl anew")

const (
	testClient = "BRN-0211-1696919651918"
	testSecret = "SK-planted-secret"
)

// setup starts a simulator that knows no payment, and returns the settings of
// its merchant.
func setup(t *testing.T, quirks ...dokusim.Quirk) (*dokusim.Server, Config) {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	sim, err := dokusim.New(dokusim.Config{
		AutoPayments: -1, ClientID: testClient, SecretKey: testSecret, MerchantKey: &key.PublicKey, Quirks: quirks,
	})
	if err != nil {
		t.Fatal(err)
	}
	web := httptest.NewServer(sim.Handler())
	t.Cleanup(func() {
		_ = sim.Close()
		web.Close()
	})
	return sim, Config{
		BaseURL: web.URL, Channels: channel.All(), ClientID: testClient, Environment: "simulator",
		Private: key, Secret: secret.New(testSecret), Timeout: 10 * time.Second,
	}
}

func probed(t *testing.T, cfg Config) []Line {
	t.Helper()
	lines, err := Run(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	return lines
}

func find(t *testing.T, lines []Line, probe string) Line {
	t.Helper()
	for _, l := range lines {
		if l.Probe == probe {
			return l
		}
	}
	t.Fatalf("no line %q", probe)
	return Line{}
}

func transcript(t *testing.T, lines []Line) string {
	t.Helper()
	var out bytes.Buffer
	if err := Write(&out, lines); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestEveryProbeOfTheSimulatorIsAsExpected(t *testing.T) {
	t.Parallel()
	sim, cfg := setup(t)
	lines := probed(t, cfg)
	for _, l := range lines {
		if !l.Fits || l.Means == "" {
			t.Errorf("%s\nexpected: %s\ngot: %s", l, strings.Join(l.Expected, "\n          "), l.Got.Body)
		}
		if l.Sent.Target == "" || l.Got.Status == 0 || len(l.Sent.Headers) < 3 {
			t.Errorf("%s: half a line: %+v", l.Probe, l)
		}
	}
	if want := len(cardProbes) + 2 + 7 + 8; len(lines) != want {
		t.Errorf("%d lines, want %d", len(lines), want)
	}
	if book := sim.Book(); len(book.Movements) != 0 || len(book.Refunds) != 0 {
		t.Errorf("a probe is in the book: %+v", book.Refunds)
	}
	if *update {
		if err := os.WriteFile(filepath.Join(transcripts, "simulator.jsonl"), []byte(transcript(t, lines)), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// What a DOKU does otherwise is found out, and every line is still one that the
// documents leave open.
func TestProbesTellOneDOKUFromAnother(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		quirks []dokusim.Quirk
		probe  string
		means  string
	}{
		"ids of refusals are free":     {nil, "the same Request-Id after a wrong signature", "leaves its Request-Id unused"},
		"ids of refusals are counted":  {[]dokusim.Quirk{dokusim.QuirkRefusalsUseID}, "the same Request-Id after a wrong signature", "counts the Request-Id"},
		"external ids are counted":     {[]dokusim.Quirk{dokusim.QuirkRefusalsUseID}, "the same X-EXTERNAL-ID after a wrong signature", "counts the X-EXTERNAL-ID"},
		"ids are stored":               {nil, "the same Request-Id again", "uses up its Request-Id"},
		"ids of a no are free":         {[]dokusim.Quirk{dokusim.QuirkRefusalsUseNoID}, "the same Request-Id again", "leaves its Request-Id unused"},
		"external ids of a no as well": {[]dokusim.Quirk{dokusim.QuirkRefusalsUseNoID}, "the same X-EXTERNAL-ID again", "leaves its X-EXTERNAL-ID unused"},
		"odd reasons are taken":        {nil, "SNAP refund with a reason outside the character set", "not found"},
		"odd reasons are refused":      {[]dokusim.Quirk{dokusim.QuirkStrictTexts}, "SNAP refund with a reason outside the character set", "is refused"},
		"idempotent with 400":          {[]dokusim.Quirk{dokusim.QuirkIdempotent400, dokusim.QuirkBareConflict}, "the same Request-Id again", "uses up its Request-Id"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, cfg := setup(t, c.quirks...)
			cfg.Channels = []channel.Channel{channel.CreditCard, channel.EmoneyDANA}
			lines := probed(t, cfg)
			if got := find(t, lines, c.probe); !strings.Contains(got.Means, c.means) {
				t.Errorf("%s\ngot: %s", got, got.Got.Body)
			}
			for _, l := range lines {
				if !l.Fits {
					t.Errorf("%s\nexpected: %s\ngot: %s", l, strings.Join(l.Expected, "\n          "), l.Got.Body)
				}
			}
		})
	}
}

// The check of a probe can fail: an answer that nobody knows of, and a known
// answer that is read in another way than it must be.
func TestWhatNobodyExpectsIsSaid(t *testing.T) {
	t.Parallel()
	sim, cfg := setup(t)
	cfg.Channels = []channel.Channel{channel.CreditCard}
	if err := sim.Script(dokusim.Match{Operation: dokusim.OpInquiry}, dokusim.Fault{Kind: dokusim.Refuse, Status: 404, Code: "payment_timeout"}); err != nil {
		t.Fatal(err)
	}
	lines := probed(t, cfg)
	if l := find(t, lines, "card status inquiry of an unknown Request-Id"); l.Fits || !strings.HasPrefix(l.String(), "NOT AS EXPECTED") {
		t.Errorf("%s", l)
	}
	l := find(t, lines, "card refund of an unknown payment")
	l.Fits, l.Means, l.Classified.As = false, "", "succeeded"
	if l.judge(cardUnknown); l.Fits {
		t.Error("a no that is read as a yes is as expected")
	}
}

func TestSignaturesAreTriedWithAndWithoutDigest(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		quirks []dokusim.Quirk
		want   Signature
	}{
		"unsigned":             {nil, Signature{}},
		"signed":               {[]dokusim.Quirk{dokusim.QuirkSignErrors}, Signature{Present: true, WithDigest: true}},
		"without Digest":       {[]dokusim.Quirk{dokusim.QuirkSignErrors, dokusim.QuirkGetNoDigest, dokusim.QuirkUnpadded}, Signature{Present: true, WithoutDigest: true}},
		"compressed, unpadded": {[]dokusim.Quirk{dokusim.QuirkSignErrors, dokusim.QuirkGzip, dokusim.QuirkUnpadded}, Signature{Present: true, WithDigest: true}},
	} {
		_, cfg := setup(t, c.quirks...)
		cfg.Channels = []channel.Channel{channel.CreditCard}
		if l := find(t, probed(t, cfg), "card status inquiry of an unknown Request-Id"); l.Signature != c.want {
			t.Errorf("%s: got %+v", name, l.Signature)
		}
	}
}

func TestNoTranscriptHoldsASecretOrAnID(t *testing.T) {
	t.Parallel()
	sim, cfg := setup(t, dokusim.QuirkSignErrors)
	raw := recordRaw(t, &cfg)
	lines := probed(t, cfg)
	text := transcript(t, lines)
	for _, hidden := range append([]string{testClient, testSecret}, raw()...) {
		if strings.Contains(text, hidden) {
			t.Errorf("%q stands in the transcript", hidden)
		}
	}
	for _, q := range sim.Requests() {
		for _, id := range []string{q.ID, q.Key, q.Invoice} {
			if len(id) > 3 && strings.Contains(text, id) {
				t.Errorf("%q stands in the transcript", id)
			}
		}
	}
}

// recordRaw notes signatures and tokens on their way to and from the simulator.
func recordRaw(t *testing.T, cfg *Config) func() []string {
	t.Helper()
	back := cfg.BaseURL
	found := make(chan string, 1024)
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		for _, name := range []string{"Signature", "X-SIGNATURE", "Authorization", "Authorization-customer"} {
			if value := q.Header.Get(name); value != "" && !strings.Contains(value, "AAAA") {
				found <- strings.TrimPrefix(value, "Bearer ")
			}
		}
		x := exchange{method: q.Method, target: q.URL.EscapedPath(), sent: q.Header.Clone()}
		var body bytes.Buffer
		_, _ = body.ReadFrom(q.Body)
		x.body = body.Bytes()
		answer, err := passTo(q, back, &x)
		if err != nil {
			t.Error(err)
			return
		}
		for name, values := range x.header {
			w.Header()[name] = values
		}
		w.WriteHeader(x.status)
		_, _ = w.Write(answer)
	}))
	t.Cleanup(web.Close)
	cfg.BaseURL = web.URL
	return func() []string {
		close(found)
		var all []string
		for value := range found {
			all = append(all, value)
		}
		if len(all) < 20 {
			t.Errorf("only %d secrets passed by", len(all))
		}
		return all
	}
}

func passTo(q *http.Request, base string, x *exchange) ([]byte, error) {
	target, err := Config{BaseURL: base, Environment: "simulator"}.check()
	if err != nil {
		return nil, err
	}
	out := &http.Transport{DisableCompression: true}
	defer out.CloseIdleConnections()
	return (&tap{base: target, out: out}).forward(q.Context(), x)
}

func TestProductionIsRefused(t *testing.T) {
	t.Parallel()
	for name, cfg := range map[string]Config{
		"by its name":         {BaseURL: "https://api-sandbox.doku.com", Environment: "production"},
		"by its address":      {BaseURL: "https://API.doku.com", Environment: "sandbox"},
		"with a final dot":    {BaseURL: "https://api.doku.com.", Environment: "sandbox"},
		"with a port":         {BaseURL: "https://api.doku.com:443", Environment: "sandbox"},
		"by another address":  {BaseURL: "https://api2.Doku.com", Environment: "sandbox"},
		"in wide letters":     {BaseURL: "https://\uff41pi.doku.com", Environment: "sandbox"},
		"without environment": {BaseURL: "https://api-sandbox.doku.com"},
	} {
		if lines, err := Run(t.Context(), cfg); !errors.Is(err, ErrProduction) || len(lines) != 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// No line at all would pass for a run in which all was as expected.
func TestNothingToProbeIsAnError(t *testing.T) {
	t.Parallel()
	_, cfg := setup(t)
	cfg.Channels, cfg.Private = []channel.Channel{channel.EmoneyOVO}, nil
	if lines, err := Run(t.Context(), cfg); !errors.Is(err, ErrNoProbe) || len(lines) != 0 {
		t.Errorf("%d lines, %v", len(lines), err)
	}
}

func TestProbesGoThroughTheProxy(t *testing.T) {
	t.Parallel()
	_, cfg := setup(t)
	cfg.Channels = []channel.Channel{channel.CreditCard}
	asked := make(chan string, 64)
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		asked <- q.URL.Host
		w.WriteHeader(http.StatusBadGateway)
	}))
	t.Cleanup(proxy.Close)
	// Proxies are passed over for loopback, and nobody answers at this name.
	cfg.BaseURL = "http://doku.invalid"
	var err error
	if cfg.Proxy, err = url.Parse(proxy.URL); err != nil {
		t.Fatal(err)
	}
	for _, l := range probed(t, cfg) {
		if l.Got.Status != http.StatusBadGateway || l.Fits {
			t.Errorf("%s", l)
		}
		if host := <-asked; host != "doku.invalid" {
			t.Errorf("asked for %s", host)
		}
	}
}

func TestAnAddressThatDoesNotAnswerEndsTheProbes(t *testing.T) {
	t.Parallel()
	_, cfg := setup(t)
	cfg.BaseURL, cfg.Channels = "http://127.0.0.1:1", []channel.Channel{channel.EmoneyOVO}
	lines, err := Run(t.Context(), cfg)
	if err == nil && len(lines) > 0 && lines[0].Fits {
		t.Errorf("%v", lines)
	}
}
