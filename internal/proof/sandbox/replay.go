package sandbox

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"refundworker.example/refundworker/internal/channel"
	"refundworker.example/refundworker/internal/doku"
	"refundworker.example/refundworker/internal/secret"
)

// The merchant of a replay. Its answers are signed anew, as the recorded ones
// were: redaction has changed what a signature covers.
const (
	replayClient = "BRN-REPLAY"
	replaySecret = "SK-replay"
)

// Replay gives the answers of a transcript to the worker's client once more and
// returns how each is classified now.
func Replay(ctx context.Context, lines []Line) ([]Classified, error) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, fmt.Errorf("replay: %w", err)
	}
	cfg := Config{ClientID: replayClient, Private: key, Secret: secret.New(replaySecret), Timeout: 10 * time.Second, Now: time.Now}
	var all []Classified
	for _, l := range lines {
		c, err := l.replay(ctx, cfg)
		if err != nil {
			return all, fmt.Errorf("replay %q: %w", l.Probe, err)
		}
		all = append(all, c)
	}
	return all, nil
}

func (l Line) replay(ctx context.Context, cfg Config) (Classified, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return Classified{}, err
	}
	server := &http.Server{Handler: http.HandlerFunc(l.serve), ReadHeaderTimeout: time.Second}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = server.Serve(listener)
	}()
	defer func() { _ = server.Close(); <-ended }()
	client, err := newClient(cfg, "http://"+listener.Addr().String(), 0) //nolint:contextcheck // a token's renewal is bounded by its own timeout
	if err != nil {
		return Classified{}, err
	}
	defer client.Close()
	return l.classify(ctx, client)
}

func (l Line) classify(ctx context.Context, client *doku.Client) (Classified, error) {
	if l.Classified.Operation == opToken {
		return l.coded(ofToken(client.Prepare(ctx, channel.EmoneyOVO))), nil
	}
	if err := client.Prepare(ctx, l.Order.Channel); err != nil {
		return Classified{}, err
	}
	o := doku.Order{
		Channel: l.Order.Channel, InvoiceNumber: l.Order.InvoiceNumber, OriginalRequestID: l.Order.Original, Amount: l.Order.Amount,
		Reason: l.Order.Reason, RequestID: l.Order.RequestID, ExternalID: l.Order.ExternalID, PartnerRefundNo: l.Order.PartnerRefundNo,
		Customer: customer(l.Order.Channel.Facts()), SendBy: time.Now().Add(10 * time.Second),
	}
	if l.Classified.Operation == opInquiry {
		return l.coded(ofInquiry(client.Inquire(ctx, o))), nil
	}
	return l.coded(ofVerdict(client.Refund(ctx, o))), nil
}

func (l Line) coded(c Classified) Classified {
	if c.Code == "" {
		c.Code = errorCode(l.answer())
	}
	return c
}

func (l Line) answer() []byte {
	if l.Got.Base64 != nil {
		return l.Got.Base64
	}
	return []byte(l.Got.Body)
}

// serve answers what the line says, and gives a token to a caller that needs one
// first.
func (l Line) serve(w http.ResponseWriter, q *http.Request) {
	token := strings.HasPrefix(q.URL.Path, paths[opToken][channel.SNAP])
	if token && l.Classified.Operation != opToken {
		_, _ = io.WriteString(w, `{"responseCode":"2007300","accessToken":"replay","tokenType":"Bearer","expiresIn":900}`)
		return
	}
	if l.Got.Status == 0 {
		panic(http.ErrAbortHandler)
	}
	for _, name := range []string{"Content-Type", "Retry-After"} {
		if value, ok := l.Got.Headers[name]; ok {
			w.Header().Set(name, value)
		}
	}
	body := l.answer()
	l.sign(w.Header(), q, body)
	if l.Got.Headers["Content-Encoding"] == "gzip" {
		w.Header().Set("Content-Encoding", "gzip")
		var out bytes.Buffer
		zip := gzip.NewWriter(&out)
		_, _ = zip.Write(body)
		_ = zip.Close()
		body = out.Bytes()
	}
	w.WriteHeader(l.Got.Status)
	_, _ = w.Write(body)
}

func (l Line) sign(h http.Header, q *http.Request, body []byte) {
	if !l.Signature.Present {
		return
	}
	const stamp = "2026-01-02T03:04:05Z"
	text := "Client-Id:" + q.Header.Get("Client-Id") + "\nRequest-Id:" + q.Header.Get("Request-Id") +
		"\nResponse-Timestamp:" + stamp + "\nRequest-Target:" + q.URL.EscapedPath()
	h.Set("Response-Timestamp", stamp)
	switch {
	case l.Signature.WithDigest:
		text += "\nDigest:" + digest(body)
	case !l.Signature.WithoutDigest:
		text += "\nwrong"
	}
	h.Set("Signature", sign(replaySecret, text))
}
