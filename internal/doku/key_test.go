package doku

import (
	"encoding/pem"
	"errors"
	"os"
	"strings"
	"testing"
)

func TestPrivateKeyIsReadInBothForms(t *testing.T) {
	t.Parallel()
	want := testPrivateKey(t)
	text, err := os.ReadFile("testdata/merchant-pkcs8.pem")
	if err != nil {
		t.Fatal(err)
	}
	got, err := LoadPrivateKey(text)
	if err != nil {
		t.Fatal(err)
	}
	if !got.Equal(want) {
		t.Error("the two forms hold different keys")
	}
}

func TestPrivateKeyInTheWrongWrappingIsStillRead(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("testdata/merchant-pkcs8.pem")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := LoadPrivateKey([]byte(strings.ReplaceAll(string(text), "PRIVATE KEY", "RSA PRIVATE KEY"))); err != nil {
		t.Error(err)
	}
}

func TestBadPrivateKeyIsNamedWithoutItsBytes(t *testing.T) {
	t.Parallel()
	file := func(name string) string {
		text, err := os.ReadFile("testdata/" + name)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	whole, _ := pem.Decode([]byte(file("merchant-pkcs1.pem")))
	half := string(pem.EncodeToMemory(&pem.Block{Type: whole.Type, Bytes: whole.Bytes[:len(whole.Bytes)/2]}))
	tests := []struct{ name, text, want string }{
		{"nothing", "", "private key: no pem block"},
		{"no pem", "TopSecretKeyText", "private key: no pem block"},
		{"a public key", file("merchant-public.pem"), "private key: the pem block is no private key"},
		{"encrypted pkcs8", file("encrypted-pkcs8.pem"), "private key: it is encrypted: give it without a passphrase"},
		{"encrypted pkcs1", file("encrypted-pkcs1.pem"), "private key: it is encrypted: give it without a passphrase"},
		{"half a key", half, "private key: neither pkcs#1 nor pkcs#8"},
		{"an elliptic key", file("ec-pkcs8.pem"), "private key: not an rsa key"},
		{"a short key", file("short-1024.pem"), "private key: 1024 bits, at least 2048 are needed"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := LoadPrivateKey([]byte(tt.text))
			if !errors.Is(err, ErrPrivateKey) || err.Error() != tt.want {
				t.Errorf("got %v, want %s", err, tt.want)
			}
		})
	}
}
