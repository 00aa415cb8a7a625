//go:build unix

package main

import (
	"fmt"
	"os"
	"text/template"
)

// bar is one program in one setup.
type bar struct {
	Program string
	Setup   string // empty but for the first bar of a setup
	Text    string
	Color   string
	Width   float64
	Y       int
}

var colors = map[string]string{floor: "#9aa5b1", floorBatched: "#5f6c7b", worker: "#1769aa", other: "#c77700"}

// The plot's measures, in pixels.
const (
	barStep   = 22
	setupGap  = 14
	plotWidth = 420.0 // of what the fastest floor does
	plotTop   = 40
)

var plotted = template.Must(template.New("plot").Parse(`<svg xmlns="http://www.w3.org/2000/svg" width="860" height="{{.Height}}" font-family="sans-serif" font-size="12">
<title>Refunds a second, of what the floor does in the same setup</title>
<rect width="860" height="{{.Height}}" fill="#ffffff"/>
<text x="16" y="22" font-size="14" fill="#222222">Refunds a second; a bar's length is the share of what the floor does in the same setup</text>
{{range .Bars -}}
<text x="16" y="{{.Y}}" fill="#222222">{{.Setup}}</text><text x="268" y="{{.Y}}" text-anchor="end" fill="#222222">{{.Program}}</text><rect x="276" y="{{.Y}}" width="{{printf "%.0f" .Width}}" height="14" transform="translate(0,-11)" fill="{{.Color}}"/><text x="{{printf "%.0f" .Width}}" y="{{.Y}}" transform="translate(282,0)" fill="#222222">{{.Text}}</text>
{{end -}}
</svg>
`))

// plot writes the bars of a table's rows.
func (b bench) plot(measured []map[string]row) (err error) {
	var bars []bar
	y := plotTop
	for i, s := range b.setups() {
		title := fmt.Sprintf("%d at once, fsync %s", s.concurrency, always(s.sync))
		if s.replicas > 1 {
			title += fmt.Sprintf(", %d replicas", s.replicas)
		}
		if s.delay > 0 {
			title += ", DOKU " + s.delay.String()
		}
		for _, name := range b.Programs {
			r := measured[i][name]
			share := 1.0
			if least := measured[i][floor].perSecond; least > 0 {
				share = r.perSecond / least
			}
			y += barStep
			bars = append(bars, bar{name, title, fmt.Sprintf("%.0f/s (%.2f)", r.perSecond, share), colors[name], plotWidth * share / 1.6, y})
			title = ""
		}
		y += setupGap
	}
	out, err := os.Create(b.Plot)
	if err != nil {
		return err
	}
	if err := plotted.Execute(out, map[string]any{"Height": y + barStep, "Bars": bars}); err != nil {
		_ = out.Close()
		return err
	}
	return out.Close()
}
