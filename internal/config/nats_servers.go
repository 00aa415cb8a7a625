package config

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
)

// servers is where NATS is and who we are there, read anew from NATS_URL_FILE at
// every attempt to connect. The client itself gets addresses only: a password in
// one of its addresses would be the one of the start forever.
type servers struct {
	file string

	mu      sync.Mutex
	list    []*url.URL // the last that could be read
	problem error      // why the file was of no use; its text holds nothing of the file's
	at      string     // host and port of the attempt under way
}

// newServers begins with NATS_URL; an empty one leaves the choice to the client.
func newServers(f NATS) (*servers, error) {
	list, err := parseServers(f.NATSURL)
	return &servers{file: f.NATSURLFile, list: list}, err
}

var errServers = errors.New("NATS_URL is no list of addresses such as nats://host:4222")

// parseServers reads a comma-separated list as the client does.
func parseServers(text string) ([]*url.URL, error) {
	var list []*url.URL
	for server := range strings.SplitSeq(text, ",") {
		if server = strings.TrimSpace(server); server == "" {
			continue
		}
		if !strings.Contains(server, "://") {
			server = "nats://" + server
		}
		u, err := url.Parse(server)
		if err != nil || u.Hostname() == "" {
			return nil, errServers // the parser's own words would quote the password
		}
		list = append(list, u)
	}
	return list, nil
}

// refresh reads the file again. What cannot be read leaves what is known.
func (s *servers) refresh() {
	if s.file == "" {
		return
	}
	var p Problems
	text := p.Secret("NATS_URL", "", s.file)
	var list []*url.URL
	var err error
	if len(p) > 0 {
		err = errors.New(strings.Join(p, "; "))
	} else {
		list, err = parseServers(text.Reveal())
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.problem = err; err == nil && len(list) > 0 {
		s.list = list
	}
}

// addresses are the servers without users and passwords.
func (s *servers) addresses() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	texts := make([]string, len(s.list))
	for i, u := range s.list {
		bare := *u
		bare.User = nil
		texts[i] = bare.String()
	}
	return texts
}

func (s *servers) lastProblem() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.problem
}

// userPassword is who we are at the server that is being tried.
func (s *servers) userPassword() (user, password string) {
	s.refresh()
	if u := s.login(); u != nil {
		if password, both := u.Password(); both {
			return u.Username(), password
		}
	}
	return "", ""
}

// token is what stands in an address as a user without a password.
func (s *servers) token() string {
	if u := s.login(); u != nil {
		if _, both := u.Password(); !both {
			return u.Username()
		}
	}
	return ""
}

// login is that of the server's own address; a server that others have named is
// asked with that of the first, as their cluster has the same users.
func (s *servers) login() *url.Userinfo {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.list) == 0 {
		return nil
	}
	for _, u := range s.list {
		if hostPort(u) == s.at {
			return u.User
		}
	}
	return s.list[0].User
}

// hostPort is where the client goes for an address.
func hostPort(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"ws": "80", "wss": "443"}[u.Scheme]
	}
	if port == "" {
		port = "4222"
	}
	return net.JoinHostPort(u.Hostname(), port)
}

const dialTimeout = 5 * time.Second

// Dial implements the client's custom dialer: it notes which server is tried,
// and otherwise does what the client does by itself.
func (s *servers) Dial(network, address string) (net.Conn, error) {
	s.mu.Lock()
	s.at = address
	s.mu.Unlock()
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), dialTimeout)
	defer cancel()
	hosts := []string{host}
	if net.ParseIP(host) == nil {
		if found, err := net.DefaultResolver.LookupHost(ctx, host); err == nil && len(found) > 0 {
			hosts = found
		}
	}
	// A name for all nodes must not lead all clients to the first.
	rand.Shuffle(len(hosts), func(i, j int) { hosts[i], hosts[j] = hosts[j], hosts[i] }) //nolint:gosec // no secret
	dialer := net.Dialer{Timeout: dialTimeout / time.Duration(len(hosts))}
	var conn net.Conn
	for _, h := range hosts {
		if conn, err = dialer.DialContext(ctx, network, net.JoinHostPort(h, port)); err == nil {
			return conn, nil
		}
	}
	return nil, err
}

func shuffled(list []string) []string {
	list = slices.Clone(list)
	rand.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] }) //nolint:gosec // no secret
	return list
}
