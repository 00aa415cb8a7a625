package gateway_test

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.uber.org/goleak"
	"go.yaml.in/yaml/v3"

	"refundworker.example/refundworker/internal/gateway"
	"refundworker.example/refundworker/internal/jobs/stream"
	"refundworker.example/refundworker/internal/proof/devstack"
)

// TestMain fails where the tests have not seen an answer that docs/openapi.yaml lists.
func TestMain(m *testing.M) {
	flag.Parse()
	status := m.Run()
	only := flag.Lookup("test.run").Value.String() != "" || flag.Lookup("test.bench").Value.String() != ""
	if missing := specified.unseen(); status == 0 && len(missing) > 0 && !only {
		fmt.Printf("docs/openapi.yaml lists answers that no test has seen: %q\n", missing)
		status = 1
	}
	// The server's mirrors give up some seconds after their server has.
	if err := goleak.Find(goleak.IgnoreAnyFunction("github.com/nats-io/nats-server/v2/server.(*stream).setupMirrorConsumer.func3")); err != nil {
		fmt.Println(err)
		status = 1
	}
	os.Exit(status)
}

// specification is docs/openapi.yaml, and which of its answers were seen.
type specification struct {
	document map[string]any
	file     string

	mu   sync.Mutex
	seen map[string]bool
}

var specified = readSpecification()

func readSpecification() *specification {
	file, err := filepath.Abs("../../docs/openapi.yaml")
	if err != nil {
		panic(err)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		panic(err)
	}
	s := &specification{file: "file://" + file, seen: map[string]bool{}}
	if err := yaml.Unmarshal(text, &s.document); err != nil {
		panic(err)
	}
	return s
}

// at follows names into the document, through its own references.
func (s *specification) at(names ...string) (found map[string]any, pointer string) {
	found = s.document
	for _, name := range names {
		pointer += "/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(name)
		found, _ = found[name].(map[string]any)
		if ref, ok := found["$ref"].(string); ok && strings.HasPrefix(ref, "#/") {
			found, pointer = s.at(strings.Split(ref[2:], "/")...)
		}
	}
	return found, pointer
}

func (s *specification) unseen() []string {
	var all []string
	paths, _ := s.at("paths")
	for path := range paths {
		methods, _ := s.at("paths", path)
		for method := range methods {
			responses, _ := s.at("paths", path, method, "responses")
			for status := range responses {
				if key := method + " " + path + " " + status; !s.seen[key] {
					all = append(all, key)
				}
			}
		}
	}
	return slices.Sorted(slices.Values(all))
}

// check fails where an answer is none of those that are specified.
func (s *specification) check(t *testing.T, method, path string, answer reply) {
	t.Helper()
	status := fmt.Sprint(answer.status)
	media, _, _ := strings.Cut(answer.header.Get("Content-Type"), ";")
	content, pointer := s.at("paths", path, strings.ToLower(method), "responses", status, "content", media, "schema")
	if content == nil {
		t.Errorf("%s %s answers %s %s, which is not specified", method, path, status, media)
		return
	}
	headers, _ := s.at("paths", path, strings.ToLower(method), "responses", status, "headers")
	for name := range maps.Keys(headers) {
		if answer.header.Get(name) == "" {
			t.Errorf("%s %s answers %s without %s", method, path, status, name)
		}
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource(s.file, s.document); err != nil {
		t.Fatal(err)
	}
	schema, err := c.Compile(s.file + "#" + pointer)
	if err != nil {
		t.Fatal(err)
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(answer.body))
	if err == nil {
		err = schema.Validate(value)
	}
	if err != nil {
		t.Errorf("%s %s answers %s: %v\n%s", method, path, status, err, answer.body)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen[strings.ToLower(method)+" "+path+" "+status] = true
}

// fixture is a gateway before NATS, with or without a worker.
type fixture struct {
	t     *testing.T
	ctx   context.Context
	stack *devstack.Stack
	url   string
	token string
	log   *bytes.Buffer

	handler http.Handler
	metrics *gateway.Metrics
}

type option func(*gateway.Config)

// with starts one. worker: a worker takes the jobs.
func with(t *testing.T, worker bool, options ...option) fixture {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	stack, err := devstack.Start(context.WithoutCancel(ctx), devstack.Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stack.Stop)
	if _, err := (stream.SetupConfig{NoticeStream: true}).Run(ctx, stack.JS); err != nil {
		t.Fatal(err)
	}
	if worker {
		w := stack.StartWorker(context.WithoutCancel(ctx), stack.WorkerConfig(slog.New(slog.DiscardHandler)))
		t.Cleanup(func() {
			if err := w.Stop(); err != nil {
				t.Error(err)
			}
		})
	}
	f := fixture{t: t, ctx: ctx, stack: stack, log: &bytes.Buffer{}}
	log := slog.New(slog.NewJSONHandler(&lockedWriter{to: f.log}, &slog.HandlerOptions{Level: slog.LevelDebug}))
	cfg := gateway.Config{
		JS: connect(t, stack), Log: log, MaxWaits: 8, Metrics: gateway.NewMetrics(prometheus.NewRegistry(), "test", "test"),
		PublishWithin: time.Second,
	}
	cfg.Tokens, f.token = tokens(t, "", log)
	for _, o := range options {
		o(&cfg)
	}
	g, err := gateway.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	f.handler, f.metrics = g.Handler(http.NotFoundHandler()), cfg.Metrics
	server := httptest.NewServer(f.handler)
	t.Cleanup(server.Close)
	f.url = server.URL
	return f
}

// tokens are a file with one token, of the rate.
func tokens(t *testing.T, rate string, log *slog.Logger) (*gateway.Tokens, string) {
	t.Helper()
	token, line, err := gateway.NewToken("shop")
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "tokens")
	if err := os.WriteFile(file, []byte("# who may call\n\n"+line+" "+rate+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	all, err := gateway.LoadTokens(file, 1000, log)
	if err != nil {
		t.Fatal(err)
	}
	return all, token
}

func connect(t *testing.T, stack *devstack.Stack) jetstream.JetStream {
	t.Helper()
	nc, err := nats.Connect(stack.NATS.URL(), nats.MaxReconnects(-1), nats.ReconnectWait(10*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	return js
}

// lockedWriter is for a log that handlers write at once.
type lockedWriter struct {
	mu sync.Mutex
	to io.Writer
}

func (w *lockedWriter) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.to.Write(p)
}

// reply is what was answered.
type reply struct {
	status int
	header http.Header
	body   []byte
}

// into reads the body.
func (r reply) into(t *testing.T, document any) {
	t.Helper()
	if err := json.Unmarshal(r.body, document); err != nil {
		t.Fatalf("%v: %s", err, r.body)
	}
}

// problem is the type and the fields of a problem document.
func (r reply) problem(t *testing.T) (kind string, fields []string) {
	t.Helper()
	var p struct {
		Type   string
		Errors []struct{ Field, Rule string }
	}
	r.into(t, &p)
	for _, e := range p.Errors {
		fields = append(fields, e.Field)
	}
	return strings.TrimPrefix(p.Type, "urn:refundworker:problem:"), fields
}

// do sends a request as it is, and holds the answer against the specification: route
// is the path there.
func (f fixture) do(method, route, target string, body []byte, change ...func(*http.Request)) reply {
	f.t.Helper()
	request, err := http.NewRequestWithContext(f.ctx, method, f.url+target, bytes.NewReader(body))
	if err != nil {
		f.t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+f.token)
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	for _, c := range change {
		c(request)
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Do(request)
	if err != nil {
		f.t.Fatal(err)
	}
	defer response.Body.Close()
	answer := reply{status: response.StatusCode, header: response.Header}
	if answer.body, err = io.ReadAll(response.Body); err != nil {
		f.t.Fatal(err)
	}
	if route != "" {
		specified.check(f.t, method, route, answer)
	}
	return answer
}

func (f fixture) post(body string, change ...func(*http.Request)) reply {
	f.t.Helper()
	return f.do(http.MethodPost, "/v1/refunds", "/v1/refunds", []byte(body), change...)
}

func (f fixture) refund(target string) reply {
	f.t.Helper()
	return f.do(http.MethodGet, "/v1/refunds/{id}", "/v1/refunds/"+target, nil)
}

func (f fixture) list(what, query string) reply {
	f.t.Helper()
	return f.do(http.MethodGet, "/v1/"+what, "/v1/"+what+query, nil)
}

// card is a job for a refund of a card payment.
func card(id string, amount int) string {
	return fmt.Sprintf(`{"refund_id":%q,"channel":"credit_card","invoice_number":"INV-1","original_request_id":"pay-1","amount":%d}`, id, amount)
}
