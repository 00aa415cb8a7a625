package sandbox

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"refundworker.example/refundworker/internal/channel"
	"refundworker.example/refundworker/internal/proof/dokusim"
)

const transcripts = "testdata/sandbox"

// Every transcript that somebody put there, of the real sandbox too, is read
// today as it was read when it was made.
func TestTranscriptsAreClassifiedAsTheyWere(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(filepath.Join(transcripts, "*.jsonl"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no transcripts: %v", err)
	}
	for _, name := range files {
		t.Run(filepath.Base(name), func(t *testing.T) {
			t.Parallel()
			file, err := os.Open(name)
			if err != nil {
				t.Fatal(err)
			}
			defer file.Close()
			lines, err := Read(file)
			if err != nil {
				t.Fatal(err)
			}
			sameAgain(t, lines)
		})
	}
}

func sameAgain(t *testing.T, lines []Line) {
	t.Helper()
	now, err := Replay(t.Context(), lines)
	if err != nil {
		t.Fatal(err)
	}
	for i, l := range lines {
		if now[i] != l.Classified {
			t.Errorf("%s: was %+v, is %+v\n%d %s", l.Probe, l.Classified, now[i], l.Got.Status, l.Got.Body)
		}
	}
}

// What redaction and signing anew could change: each form that an answer has.
func TestAReplayReadsWhatTheProbeRead(t *testing.T) {
	t.Parallel()
	for name, quirks := range map[string][]dokusim.Quirk{
		"as ever":        nil,
		"signed":         {dokusim.QuirkSignErrors},
		"other forms":    {dokusim.QuirkSignErrors, dokusim.QuirkGetNoDigest, dokusim.QuirkUnpadded},
		"compressed":     {dokusim.QuirkSignErrors, dokusim.QuirkGzip},
		"other numbers":  {dokusim.QuirkNumericCodes, dokusim.QuirkNumbersAsText, dokusim.QuirkService58, dokusim.QuirkExpiresInText},
		"byte order":     {dokusim.QuirkByteOrderMark},
		"other refusals": {dokusim.QuirkRefusalsUseID, dokusim.QuirkStrictTexts},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, cfg := setup(t, quirks...)
			cfg.Channels = []channel.Channel{channel.CreditCard, channel.EmoneyOVO}
			lines, err := Read(strings.NewReader(transcript(t, probed(t, cfg))))
			if err != nil {
				t.Fatal(err)
			}
			sameAgain(t, lines)
		})
	}
}

// A replay that never differed would prove nothing.
func TestAReplaySeesADifference(t *testing.T) {
	t.Parallel()
	_, cfg := setup(t)
	cfg.Channels = []channel.Channel{channel.CreditCard}
	l := find(t, probed(t, cfg), "card refund of an unknown payment")
	before := l.Classified
	l.Got.Body = strings.ReplaceAll(l.Got.Body, "DATA_NOT_FOUND", "payment_timeout")
	now, err := Replay(t.Context(), []Line{l})
	if err != nil || now[0] == before {
		t.Errorf("%+v, %v", now, err)
	}
}

func TestAMisspeltTranscriptIsRefused(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"hello\n", `{"probe":"x","colour":"red"}` + "\n"} {
		if _, err := Read(strings.NewReader(text)); !errors.Is(err, ErrTranscript) {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestRedactionKeepsTheFormAndHidesTheRest(t *testing.T) {
	t.Parallel()
	r := newRedactor(Config{ClientID: testClient})
	order := r.id("PRB12345678")
	got := r.body("\xef\xbb\xbf" + `{"responseCode":"2000700","responseMessage":"PRB12345678 and 987654321 done","refundNo":96194816941239812,` +
		`"originalReferenceNo":"R\"1234","refundAmount":{"value":1.0E7},"accessToken":"eyJhbGciOiJSUzI1NiJ9.x.y","partnerRefundNo":"PRB12345678"}`)
	for _, part := range []string{"\xef\xbb\xbf{", `"2000700"`, `"value":1.0E7`, `"accessToken":"eyJh...cut"`, order + " and ", `"partnerRefundNo":"` + order + `"`} {
		if !strings.Contains(got, part) {
			t.Errorf("%q is not in %s", part, got)
		}
	}
	for _, part := range []string{"PRB12345678", "987654321", "96194816941239812", "1234\"", "RSUzI1NiJ9"} {
		if strings.Contains(got, part) {
			t.Errorf("%q is in %s", part, got)
		}
	}
	if len(order) != len("PRB12345678") || order == "PRB12345678" || r.id("PRB12345678") != order {
		t.Errorf("got %s", order)
	}
}
