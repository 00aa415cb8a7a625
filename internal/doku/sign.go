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
	"net/http"
	"strings"
	"time"

	"refundworker/internal/secret"
)

// timestamp is the form of every time that we send: UTC, whole seconds, Z
// (seed 1; doku-api.md §2 allows it for SNAP too).
func timestamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05Z") }

// cardText holds the parts of the card family's string to sign.
type cardText struct {
	clientID, requestID, timestamp, target string
	digest                                 string // empty: no Digest line, as for a GET
}

// request is the string that a request is signed over: one Name:value a line,
// LF between the lines, none after the last (doku-api.md §1).
func (t cardText) request() string { return t.lines("Request-Timestamp") }

// response is the string that DOKU signs its answer over (doku-api.md §1).
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

// seal says what an answer's signature is worth. The zero value is the one
// that is never believed.
type seal uint8

const (
	sealWrong seal = iota
	sealAbsent
	sealRight
)

// checkSeal checks an answer's signature against each key. It signs what we
// sent, not what the answer's headers repeat: else the answer to another
// request would pass for ours.
func checkSeal(keys []secret.Text, sent cardText, header http.Header, body []byte) seal {
	signatures := header.Values("Signature")
	if len(signatures) == 0 || len(signatures) == 1 && signatures[0] == "" {
		return sealAbsent
	}
	stamps := header.Values("Response-Timestamp")
	if len(signatures) != 1 || len(stamps) != 1 {
		return sealWrong
	}
	sent.timestamp, sent.digest = stamps[0], cardDigest(body)
	text := sent.response()
	verdict := sealWrong
	for _, key := range keys {
		if hmac.Equal([]byte(cardSignature(key, text)), []byte(signatures[0])) {
			verdict = sealRight
		}
	}
	return verdict
}

// snapText is the SNAP family's string to sign (doku-api.md §2).
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
// PKCS#1 v1.5 with SHA-256 over clientId|X-TIMESTAMP (doku-api.md §2).
func tokenSignature(key *rsa.PrivateKey, clientID, timestamp string) (string, error) {
	sum := sha256.Sum256([]byte(clientID + "|" + timestamp))
	signature, err := rsa.SignPKCS1v15(nil, key, crypto.SHA256, sum[:])
	if err != nil {
		return "", fmt.Errorf("sign token request: %w", err)
	}
	return base64.StdEncoding.EncodeToString(signature), nil
}
