package dokusim

import (
	"bytes"
	_ "embed"
	"html/template"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

//go:embed page.html
var pageText string

// pageTemplate is parsed once; a page that does not parse is a bug that every
// test finds.
var pageTemplate = template.Must(template.New("page").Funcs(template.FuncMap{
	"rupiah": rupiahText,
	"clock":  func(at time.Time) string { return at.UTC().Format("15:04:05.000") },
	"words":  func(text string) string { return strings.ReplaceAll(text, "_", " ") },
}).Parse(pageText))

// pageRows is how many rows of each list the page shows.
const pageRows = 25

// pageView is what the page shows, newest first.
type pageView struct {
	ClientID  string
	At        time.Time
	Total     Sum
	Channels  []channelSum
	Seen      []opCount
	Payments  []paymentRow
	Refunds   []Refund
	Movements []Movement
	Requests  []Request
	Held      []Held
	Rules     []Rule
	Traffic   Traffic
	Rows      int

	// For the form.
	Kinds        []kindRow
	Operations   []Operation
	ChannelNames []string
}

type kindRow struct {
	Kind  Kind
	About string
}

type channelSum struct {
	Name string
	Sum
}

type opCount struct {
	Operation Operation
	Count     int
}

type paymentRow struct {
	Payment
	Taken int64
}

func (s *Server) page(w http.ResponseWriter, _ *http.Request) {
	var out bytes.Buffer
	if err := pageTemplate.Execute(&out, s.pageView()); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write(out.Bytes())
}

func (s *Server) pageView() pageView {
	book := s.snapshot(pageRows)
	view := pageView{
		ClientID: s.cfg.ClientID, At: book.At, Total: book.Total, Rules: s.Rules(), Traffic: s.Traffic(), Rows: pageRows,
		Payments: s.paymentRows(book.Payments), Refunds: book.Refunds, Movements: book.Movements,
		Requests: s.seen.list(Match{}, pageRows), Operations: operations, ChannelNames: channelNames,
	}
	for _, k := range Kinds() {
		view.Kinds = append(view.Kinds, kindRow{k, k.About()})
	}
	view.Held, _ = s.held.find(Match{})
	slices.Reverse(view.Payments)
	slices.Reverse(view.Refunds)
	slices.Reverse(view.Movements)
	slices.Reverse(view.Requests)
	for name, sum := range book.Channels {
		view.Channels = append(view.Channels, channelSum{name, sum})
	}
	slices.SortFunc(view.Channels, func(a, b channelSum) int { return strings.Compare(a.Name, b.Name) })
	seen := s.Seen()
	for _, op := range operations {
		if seen[op] > 0 {
			view.Seen = append(view.Seen, opCount{op, seen[op]})
		}
	}
	return view
}

func (s *Server) paymentRows(payments []Payment) []paymentRow {
	s.book.mu.Lock()
	defer s.book.mu.Unlock()
	rows := make([]paymentRow, len(payments))
	for i, p := range payments {
		rows[i] = paymentRow{p, s.book.accounts[payKey{p.Channel, p.Invoice}].taken}
	}
	return rows
}

// rupiahText is how the amount is written in Indonesia: Rp 1.234.567.
func rupiahText(amount int64) string {
	text := strconv.FormatInt(amount, 10)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "." + text[i:]
	}
	return "Rp " + text
}
