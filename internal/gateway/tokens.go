package gateway

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// tokenPrefix lets a scanner for leaked secrets know ours.
const tokenPrefix = "rfgw_"

// NewToken returns a new bearer token and its line for the file of tokens.
func NewToken(name string) (token, line string, err error) {
	if !tokenName.MatchString(name) {
		return "", "", errTokenName
	}
	var b [32]byte
	_, _ = rand.Read(b[:]) // never fails: crypto/rand ends the process instead
	token = tokenPrefix + base64.RawURLEncoding.EncodeToString(b[:])
	hash := sha256.Sum256([]byte(token))
	return token, name + " " + hex.EncodeToString(hash[:]), nil
}

var (
	tokenName    = regexp.MustCompile(`^[A-Za-z0-9_.-]{1,64}$`)
	errTokenName = errors.New("a name has 1 to 64 letters, digits, _, . or -")
)

// Tokens are who may call, read from a file and again when it has changed: a line each,
// "NAME SHA256 [RATE]", with the hexadecimal hash of the bearer token, which has 256
// random bits and needs no slow hash, and requests a second.
type Tokens struct {
	file   string
	log    *slog.Logger
	now    func() time.Time
	rate   float64
	mu     sync.Mutex
	looked time.Time
	read   os.FileInfo
	byHash map[[sha256.Size]byte]*caller
}

type caller struct {
	name  string
	limit *rate.Limiter
}

// lookAgain is how often the file is looked at.
const lookAgain = 2 * time.Second

// LoadTokens reads the file. usual is the rate of a line without one, in requests a
// second. Its errors name the line and the rule.
func LoadTokens(file string, usual float64, log *slog.Logger) (*Tokens, error) {
	t := &Tokens{file: file, log: log, now: time.Now, rate: usual}
	if err := t.load(); err != nil {
		return t, err
	}
	if len(t.byHash) == 0 { // later the last may be taken away, and then nobody is let in
		return t, fmt.Errorf("%s: no token in it: gateway token NAME makes one", file)
	}
	return t, nil
}

func (t *Tokens) load() error {
	info, err := os.Stat(t.file)
	if err != nil {
		return err
	}
	content, err := os.ReadFile(t.file)
	if err != nil {
		return err
	}
	byHash, err := parseTokens(content, t.rate)
	if err != nil {
		return fmt.Errorf("%s: %w", t.file, err)
	}
	for hash, c := range byHash { // a limit that stands keeps its count
		if old := t.byHash[hash]; old != nil && old.limit.Limit() == c.limit.Limit() {
			c.limit = old.limit
		}
	}
	t.read, t.byHash = info, byHash
	return nil
}

func parseTokens(content []byte, usual float64) (map[[sha256.Size]byte]*caller, error) {
	byHash := map[[sha256.Size]byte]*caller{}
	lines := bufio.NewScanner(bytes.NewReader(content))
	for n := 1; lines.Scan(); n++ {
		fields := strings.Fields(lines.Text())
		if len(fields) == 0 || strings.HasPrefix(fields[0], "#") {
			continue
		}
		hash, c, err := parseToken(fields, usual)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
		if byHash[hash] != nil {
			return nil, fmt.Errorf("line %d: the hash stands in the file twice", n)
		}
		byHash[hash] = c
	}
	if err := lines.Err(); err != nil {
		return nil, err
	}
	return byHash, nil
}

func parseToken(fields []string, usual float64) (hash [sha256.Size]byte, c *caller, err error) {
	if len(fields) < 2 || len(fields) > 3 {
		return hash, nil, errors.New("is not NAME SHA256 [RATE]")
	}
	if !tokenName.MatchString(fields[0]) {
		return hash, nil, errTokenName
	}
	sum, err := hex.DecodeString(fields[1])
	if err != nil || copy(hash[:], sum) != len(hash) || len(sum) != len(hash) {
		return hash, nil, errors.New("the hash is no SHA-256 in 64 hexadecimal digits")
	}
	per := usual
	if len(fields) == 3 {
		if per, err = strconv.ParseFloat(fields[2], 64); err != nil || !(per > 0 && per <= 1e6) {
			return hash, nil, errors.New("the rate is no number of requests a second above 0")
		}
	}
	return hash, &caller{fields[0], rate.NewLimiter(rate.Limit(per), max(1, int(2*per)))}, nil
}

// admit returns who calls, or why it may not.
func (t *Tokens) admit(authorization string) (name string, refused *problem) {
	scheme, token, _ := strings.Cut(authorization, " ")
	if !strings.EqualFold(scheme, "Bearer") || token == "" {
		return "", &unauthorized
	}
	c := t.find(sha256.Sum256([]byte(token)))
	switch {
	case c == nil:
		return "", &unauthorized
	case !c.limit.Allow():
		return c.name, &rateLimited
	}
	return c.name, nil
}

// find looks the hash up, so that how long it takes says nothing about the token.
func (t *Tokens) find(hash [sha256.Size]byte) *caller {
	t.mu.Lock()
	defer t.mu.Unlock()
	if now := t.now(); now.Sub(t.looked) >= lookAgain {
		t.looked = now
		t.refresh()
	}
	return t.byHash[hash]
}

// refresh reads a file that has changed. One that is bad or away changes nothing, so
// that a slip of an editor locks nobody out.
func (t *Tokens) refresh() {
	info, err := os.Stat(t.file)
	if err == nil && os.SameFile(info, t.read) && info.ModTime().Equal(t.read.ModTime()) && info.Size() == t.read.Size() {
		return
	}
	if err == nil {
		err = t.load()
	}
	if err != nil {
		t.log.Error("tokens not read again; the ones before hold", "error", err)
		return
	}
	t.log.Info("tokens read again", "tokens", len(t.byHash))
}
