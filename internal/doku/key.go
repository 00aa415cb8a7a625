package doku

import (
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
)

const minKeyBits = 2048

// LoadPrivateKey reads the merchant's RSA key from the first block of a PEM
// text, in PKCS#1 or PKCS#8 (docs/doku-api.md, "B2B tokens"). Its errors wrap
// [ErrPrivateKey] and hold no byte of the key.
func LoadPrivateKey(text []byte) (*rsa.PrivateKey, error) {
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, fmt.Errorf("%w: no pem block", ErrPrivateKey)
	}
	key, err := parseKey(block)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrPrivateKey, err)
	}
	if key.N.BitLen() < minKeyBits {
		return nil, fmt.Errorf("%w: %d bits, at least %d are needed", ErrPrivateKey, key.N.BitLen(), minKeyBits)
	}
	return key, nil
}

// parseKey drops the parser's own words: some quote what they found.
func parseKey(block *pem.Block) (*rsa.PrivateKey, error) {
	switch {
	case block.Type == "ENCRYPTED PRIVATE KEY" || block.Headers["DEK-Info"] != "":
		return nil, errors.New("it is encrypted: give it without a passphrase")
	case block.Type != "RSA PRIVATE KEY" && block.Type != "PRIVATE KEY":
		return nil, errors.New("the pem block is no private key")
	}
	// Both forms are tried for both labels: tools mix them up.
	if key, err := x509.ParsePKCS1PrivateKey(block.Bytes); err == nil {
		return key, nil
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, errors.New("neither pkcs#1 nor pkcs#8")
	}
	key, ok := parsed.(*rsa.PrivateKey)
	if !ok {
		return nil, errors.New("not an rsa key")
	}
	return key, nil
}
