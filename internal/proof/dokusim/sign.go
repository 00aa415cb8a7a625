package dokusim

import (
	"crypto"
	"crypto/hmac"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// cardDigest is the Digest of a card body: standard base64 of SHA-256 over the
// bytes on the wire (docs/doku-api.md, "Signing a card request").
func cardDigest(body []byte) string {
	sum := sha256.Sum256(body)
	return base64.StdEncoding.EncodeToString(sum[:])
}

// cardLines is what a card signature covers. whenName is Request-Timestamp or
// Response-Timestamp; a GET has an empty digest and so no Digest line at all.
type cardLines struct{ client, id, whenName, when, target, digest string }

func (l cardLines) text() string {
	var b strings.Builder
	b.Grow(320)
	for _, line := range [...][2]string{{"Client-Id:", l.client}, {"\nRequest-Id:", l.id}, {"\n" + l.whenName + ":", l.when}, {"\nRequest-Target:", l.target}} {
		b.WriteString(line[0])
		b.WriteString(line[1])
	}
	if l.digest != "" {
		b.WriteString("\nDigest:")
		b.WriteString(l.digest)
	}
	return b.String()
}

func (l cardLines) sign(key Secret) string {
	mac := hmac.New(sha256.New, []byte(key))
	mac.Write([]byte(l.text()))
	return "HMACSHA256=" + base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// snapBodyHash is the lower-case hex SHA-256 of the body without the white
// space between its tokens (docs/doku-api.md, "Signing a SNAP request"). With
// reserialise the strings are written anew in their shortest form too, as a
// DOKU that parses and prints would.
func snapBodyHash(body []byte, reserialise bool) string {
	compact := jsontext.Value(body).Clone()
	var err error
	if reserialise {
		err = compact.Format(jsontext.AllowDuplicateNames(true))
	} else {
		err = compact.Compact()
	}
	if err != nil {
		compact = body
	}
	sum := sha256.Sum256(compact)
	return hex.EncodeToString(sum[:])
}

// snapSign signs METHOD:path:token:hash:timestamp with HMAC-SHA512
// (docs/doku-api.md, "Signing a SNAP request").
func snapSign(key Secret, method, path, token, hash, when string) string {
	mac := hmac.New(sha512.New, []byte(key))
	mac.Write([]byte(strings.Join([]string{method, path, token, hash, when}, ":")))
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// tokenSignatureHolds checks the merchant's RSA signature (PKCS #1 v1.5,
// SHA-256) over clientId|timestamp (docs/doku-api.md, "Signing a SNAP request").
func tokenSignatureHolds(key *rsa.PublicKey, client, when, signature string) bool {
	raw, err := base64.StdEncoding.DecodeString(signature)
	if err != nil {
		return false
	}
	sum := sha256.Sum256([]byte(client + "|" + when))
	return rsa.VerifyPKCS1v15(key, crypto.SHA256, sum[:], raw) == nil
}

// same compares two signatures in constant time.
func same(a, b string) bool { return hmac.Equal([]byte(a), []byte(b)) }
