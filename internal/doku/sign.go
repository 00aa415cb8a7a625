package doku

import (
	"crypto"
	"crypto/hmac"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"iter"
	"net/http"
	"strings"
	"time"

	"refundworker.example/refundworker/internal/secret"
)

// timestamp is the form of every time that we send: UTC, whole seconds, Z
// (DOKU's card document; docs/doku-api.md, "Signing a SNAP request" allows it for SNAP too).
func timestamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// cardText holds the parts of the card family's string to sign.
type cardText struct {
	clientID, requestID, timestamp, target string
	digest                                 string // empty: no Digest line, as for a GET
}

// request is the string that a request is signed over: one Name:value a line,
// LF between the lines, none after the last (docs/doku-api.md, "Signing a card
// request").
func (t cardText) request() string { return t.lines("Request-Timestamp") }

// response is the string that DOKU signs its answer over (docs/doku-api.md,
// "Signatures of answers").
func (t cardText) response() string { return t.lines("Response-Timestamp") }

func (t cardText) lines(timestampName string) string {
	lines := []string{
		"Client-Id:" + t.clientID,
		"Request-Id:" + t.requestID,
		timestampName + ":" + t.timestamp,
		"Request-Target:" + t.target,
	}
	if t.digest != "" {
		// A GET that has this line gets 400 invalid_signature.
		lines = append(lines, "Digest:"+t.digest)
	}
	return strings.Join(lines, "\n")
}

// cardDigest is the Digest of exactly these bytes.
func cardDigest(body []byte) string {
	sum := sha256.Sum256(body)
	return base64.StdEncoding.EncodeToString(sum[:])
}

// cardSignature is the value of the Signature header.
func cardSignature(key secret.Text, text string) string {
	mac := hmac.New(sha256.New, []byte(key.Reveal()))
	mac.Write([]byte(text))
	return "HMACSHA256=" + base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// signatureStatus says what an answer's signature is worth. The zero value is
// the one that is never believed.
type signatureStatus uint8

const (
	signatureWrong signatureStatus = iota
	signatureAbsent
	signatureRight
)

// checkSignature checks the signature of the answer to a POST against each key. It
// signs what we sent, not what the answer's headers repeat: else the answer to
// another request would pass for ours. bodies are the forms of the body that the
// signature may cover; any of them will do.
func checkSignature(keys []secret.Text, sent cardText, header http.Header, bodies ...[]byte) signatureStatus {
	return sent.signatureStatusOf(keys, header, digests(bodies))
}

// checkGetSignature checks the signature of the answer to a GET. DOKU's page
// speaks of the Digest for POST alone, and answers to GET are signed with and
// without it.
func checkGetSignature(keys []secret.Text, sent cardText, header http.Header, bodies ...[]byte) signatureStatus {
	return sent.signatureStatusOf(keys, header, func(yield func(string) bool) {
		for digest := range digests(bodies) {
			if !yield(digest) {
				return
			}
		}
		yield("")
	})
}

// digests are those of the bodies, with and without padding.
func digests(bodies [][]byte) iter.Seq[string] {
	return func(yield func(string) bool) {
		for _, body := range bodies {
			digest := cardDigest(body)
			if !yield(digest) || !yield(strings.TrimRight(digest, "=")) {
				return
			}
		}
	}
}

// answer is the text that DOKU signs where it uses this time and this digest.
func (t cardText) answer(stamp, digest string) string {
	t.timestamp, t.digest = stamp, digest
	return t.response()
}

// signatureStatusOf looks for the signature under each digest that it may be over.
func (t cardText) signatureStatusOf(keys []secret.Text, header http.Header, digests iter.Seq[string]) signatureStatus {
	signatures := header.Values("Signature")
	if len(signatures) == 0 || len(signatures) == 1 && signatures[0] == "" {
		return signatureAbsent
	}
	stamps := header.Values("Response-Timestamp")
	if len(signatures) != 1 || len(stamps) != 1 {
		return signatureWrong
	}
	for digest := range digests {
		text := t.answer(stamps[0], digest)
		for _, key := range keys {
			if sameSignature(cardSignature(key, text), signatures[0]) {
				return signatureRight
			}
		}
	}
	return signatureWrong
}

// sameSignature compares in constant time. Base64 with or without its padding is
// the same signature: DOKU's own sample of a notification has none.
func sameSignature(ours, given string) bool {
	bare := strings.TrimRight(ours, "=")
	return hmac.Equal([]byte(ours), []byte(given)) || hmac.Equal([]byte(bare), []byte(given))
}

// snapText is the SNAP family's string to sign (docs/doku-api.md, "Signing a
// SNAP request").
func snapText(method, path string, token secret.Text, body []byte, timestamp string) string {
	return strings.Join([]string{method, path, token.Reveal(), snapBodyHash(body), timestamp}, ":")
}

// snapBodyHash is the lower-case hex SHA-256 of the body, which must already
// be minified.
func snapBodyHash(body []byte) string {
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:])
}

// snapSignature is the value of X-SIGNATURE of every SNAP call but the token's.
func snapSignature(key secret.Text, text string) string {
	mac := hmac.New(sha512.New, []byte(key.Reveal()))
	mac.Write([]byte(text))
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// tokenSignature is the value of X-SIGNATURE of a request for a B2B token: RSA
// PKCS#1 v1.5 with SHA-256 over clientId|X-TIMESTAMP (docs/doku-api.md, "B2B
// tokens").
func tokenSignature(key *rsa.PrivateKey, clientID, timestamp string) (string, error) {
	sum := sha256.Sum256([]byte(clientID + "|" + timestamp))
	signature, err := rsa.SignPKCS1v15(nil, key, crypto.SHA256, sum[:])
	if err != nil {
		return "", fmt.Errorf("sign token request: %w", err)
	}
	return base64.StdEncoding.EncodeToString(signature), nil
}
