package config

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// checkServers finds addresses that nobody can be reached at; a connection that
// waits for its server would try them forever. They may hold a password, no
// piece of which is repeated.
func checkServers(p *Problems, text string) {
	if flaw := TextFlaw(strings.Trim(text, " \n")); flaw != "" {
		p.Add("NATS_URL", "%s", flaw)
		return
	}
	servers, before := 0, ""
	for server := range strings.SplitSeq(text, ",") {
		if server = strings.TrimSpace(server); server == "" {
			continue
		}
		servers++
		if flaw := addressFlaw(server, before); flaw != "" {
			p.Add("NATS_URL", "server %d %s", servers, flaw)
		}
		before = server
	}
	switch {
	case servers == 0:
		p.Add("NATS_URL", "must not be empty")
	case mixed(text):
		p.Add("NATS_URL", "either all servers are of ws:// or wss://, or none is")
	}
}

const (
	noAddress  = "is no address such as nats://host:4222"
	notEscaped = "is no address such as nats://user:password@host:4222: in user and password write # as %23, @ as %40, / as %2F, ? as %3F, a comma as %2C and % as %25"
)

var schemes = []string{"nats", "tls", "ws", "wss"}

// portFits reports whether port can be dialled; none is the scheme's own.
func portFits(port string) bool {
	if port == "" {
		return true
	}
	n, err := strconv.ParseUint(port, 10, 16)
	return err == nil && n > 0
}

// addressFlaw says what is wrong with one server of a list. A password with a
// character that ends the part of a URL that it stands in makes another address
// of it, such as one whose host is the user's name: it would be dialled, and its
// name stand in every error. A comma there makes two: behind an address without
// a login, a login without a scheme may be the rest of a password.
func addressFlaw(server, before string) string {
	schemed := strings.Contains(server, "://")
	if !schemed {
		server = "nats://" + server
	}
	u, err := url.Parse(server)
	login := strings.Contains(server, "@")
	switch {
	case strings.Contains(server, "#"), strings.Count(server, "@") > 1:
		return notEscaped
	case login && (err != nil || u.User == nil), login && !schemed && before != "" && !strings.Contains(before, "@"):
		return notEscaped
	case err != nil || u.Hostname() == "" || u.RawQuery != "" || !slices.Contains(schemes, u.Scheme):
		return noAddress
	}
	return hostFlaw(u)
}

func hostFlaw(u *url.URL) string {
	switch {
	case strings.Contains(u.Hostname(), ":") && u.Host[0] != '[':
		return noAddress
	case !webSocket(u.Scheme) && strings.Trim(u.Path, "/") != "": // the client ignores it; more is meant than is done
		return noAddress
	case !portFits(u.Port()):
		return "has no port from 1 to 65535"
	}
	return ""
}

func webSocket(scheme string) bool { return scheme == "ws" || scheme == "wss" }

// mixed reports whether only some of the servers speak WebSocket. The client
// refuses such a list.
func mixed(text string) bool {
	plain, web := false, false
	for server := range strings.SplitSeq(text, ",") {
		if server = strings.TrimSpace(server); server == "" {
			continue
		}
		scheme, _, _ := strings.Cut(strings.ToLower(server), "://")
		web, plain = web || webSocket(scheme), plain || !webSocket(scheme)
	}
	return plain && web
}
