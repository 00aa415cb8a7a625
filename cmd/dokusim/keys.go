package main

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"refundworker.example/refundworker/internal/proof/dokusim"
)

// keys are what the simulator verifies with, and the files that a worker signs
// with.
type keys struct {
	secret      dokusim.Secret
	secretFile  string // empty: the secret was given as text, and stands nowhere
	merchant    *rsa.PublicKey
	privateFile string
}

const (
	sharedName  = "secret-key.txt"
	privateName = "private-key.pem"
)

// loadKeys takes the keys that c names or that are in its directory, and
// generates those that are not there yet.
func loadKeys(c Config) (keys, error) {
	dir, err := filepath.Abs(c.Keys)
	if err != nil {
		return keys{}, fmt.Errorf("find keys: %w", err)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return keys{}, fmt.Errorf("make keys directory: %w", err)
	}
	k := keys{privateFile: filepath.Join(dir, privateName)}
	if k.secret, k.secretFile, err = loadSecret(c, dir); err != nil {
		return keys{}, err
	}
	text, err := keep(k.privateFile, newPrivateKey)
	if err != nil {
		return keys{}, fmt.Errorf("private key: %w", err)
	}
	k.merchant, err = publicHalf(text)
	if err != nil {
		return keys{}, fmt.Errorf("private key %s: %w", k.privateFile, err)
	}
	return k, nil
}

func loadSecret(c Config, dir string) (dokusim.Secret, string, error) {
	if c.SecretKey != "" {
		return dokusim.Secret(c.SecretKey), "", nil
	}
	path, generate := filepath.Join(dir, sharedName), func() ([]byte, error) { return []byte("SK-" + rand.Text() + "\n"), nil }
	if c.SecretKeyFile != "" {
		var err error
		if path, err = filepath.Abs(c.SecretKeyFile); err != nil {
			return "", "", fmt.Errorf("find secret key: %w", err)
		}
		generate = func() ([]byte, error) { return nil, fs.ErrNotExist }
	}
	text, err := keep(path, generate)
	if err != nil {
		return "", "", fmt.Errorf("secret key: %w", err)
	}
	secret := strings.TrimSpace(string(text))
	if secret == "" {
		return "", "", fmt.Errorf("secret key: %s is empty", path)
	}
	return dokusim.Secret(secret), path, nil
}

// keep reads the file, or writes what generate gives: beside it first and then
// renamed, so that no kill leaves half a key to be reused.
func keep(path string, generate func() ([]byte, error)) ([]byte, error) {
	text, err := os.ReadFile(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return text, err
	}
	if text, err = generate(); err != nil {
		return nil, fmt.Errorf("generate %s: %w", path, err)
	}
	fresh, err := os.CreateTemp(filepath.Dir(path), ".new-*") // mode 0600
	if err != nil {
		return nil, err
	}
	_, writing := fresh.Write(text)
	if err := errors.Join(writing, fresh.Close()); err != nil {
		return nil, errors.Join(err, os.Remove(fresh.Name()))
	}
	return text, os.Rename(fresh.Name(), path)
}

func newPrivateKey() ([]byte, error) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), nil
}

// errNoRSAKey is returned for a file that holds no RSA key as PKCS #1 or #8 PEM.
var errNoRSAKey = errors.New("is no RSA key in PEM (PKCS #1 or PKCS #8)")

func publicHalf(text []byte) (*rsa.PublicKey, error) {
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, errNoRSAKey
	}
	if key, err := x509.ParsePKCS1PrivateKey(block.Bytes); err == nil {
		return &key.PublicKey, nil
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, errNoRSAKey
	}
	key, ok := parsed.(*rsa.PrivateKey)
	if !ok {
		return nil, errNoRSAKey
	}
	return &key.PublicKey, nil
}
