package main

import (
	"crypto/tls"
	"os"
	"sync"
	"time"
)

// keyPair is a certificate with its key, read again when the certificate's file has
// changed. One that cannot be read changes nothing: the next handshake looks again.
type keyPair struct {
	cert, key string

	mu   sync.Mutex
	read time.Time // modification time of what is loaded
	pair *tls.Certificate
}

func (k *keyPair) load() error {
	info, err := os.Stat(k.cert)
	if err != nil {
		return err
	}
	pair, err := tls.LoadX509KeyPair(k.cert, k.key)
	if err != nil {
		return err
	}
	k.read, k.pair = info.ModTime(), &pair
	return nil
}

// get is for [tls.Config].GetCertificate.
func (k *keyPair) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if info, err := os.Stat(k.cert); err == nil && !info.ModTime().Equal(k.read) {
		_ = k.load()
	}
	return k.pair, nil
}
