package dokusim

import (
	"bytes"
	"compress/gzip"
	"math/big"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// form writes the same answer in another form. What it does not understand it
// leaves as it is.
type form func(answer) answer

// forms are those that a quirk gives to every answer.
var forms = []struct {
	quirk Quirk
	form  form
}{
	{QuirkAdditionalInfoEmpty, emptyInfo},
	{QuirkHistoryInside, historyInside},
	{QuirkJavaAmounts, javaAmounts},
	{QuirkNumbersAsText, numbersAsText},
	{QuirkByteOrderMark, byteOrderMark},
	{QuirkGzip, compressed},
}

// inForm gives a the forms of the server's quirks. An answer that was scripted
// byte by byte stays as it is.
func (s *Server) inForm(a answer) answer {
	if a.verbatim || a.cut == cutReset || a.encoding != "" {
		return a
	}
	for _, f := range forms {
		if s.cfg.has(f.quirk) {
			a = f.form(a)
		}
	}
	return a
}

func (a answer) rewritten(body []byte, err error) answer {
	if err == nil {
		a.body = body
	}
	return a
}

// leaves applies change to every value that is neither object nor array, with
// the name of the member that it stands in. Objects come out sorted by name.
func leaves(v jsontext.Value, name string, change func(name string, leaf jsontext.Value) jsontext.Value) ([]byte, error) {
	switch v.Kind() {
	case '{':
		var members map[string]jsontext.Value
		if err := json.Unmarshal(v, &members); err != nil {
			return nil, err
		}
		for member, value := range members {
			changed, err := leaves(value, member, change)
			if err != nil {
				return nil, err
			}
			members[member] = changed
		}
		return json.Marshal(members, json.Deterministic(true))
	case '[':
		var elements []jsontext.Value
		if err := json.Unmarshal(v, &elements); err != nil {
			return nil, err
		}
		for i, value := range elements {
			changed, err := leaves(value, name, change)
			if err != nil {
				return nil, err
			}
			elements[i] = changed
		}
		return json.Marshal(elements)
	default:
		return change(name, v), nil
	}
}

// javaAmounts prints every amount as Java prints a double, in text where it
// stood in text.
func javaAmounts(a answer) answer {
	return a.rewritten(leaves(a.body, "", func(name string, leaf jsontext.Value) jsontext.Value {
		if name != "amount" && name != "value" {
			return leaf
		}
		quote := ""
		if leaf.Kind() == '"' {
			quote = `"`
		}
		amount, ok := new(big.Rat).SetString(strings.Trim(string(leaf), `"`))
		if !ok || !amount.IsInt() {
			return leaf
		}
		return jsontext.Value(quote + javaDouble(amount.Num().Int64()) + quote)
	}))
}

// javaDouble is Double.toString of a whole number: from ten million on it has
// an exponent, and at least one decimal always.
func javaDouble(n int64) string {
	text := itoa(n)
	if n < 10_000_000 {
		return text + ".0"
	}
	decimals := strings.TrimRight(text[1:], "0")
	return text[:1] + "." + or(decimals, "0") + "E" + strconv.Itoa(len(text)-1)
}

func numbersAsText(a answer) answer {
	return a.rewritten(leaves(a.body, "", func(_ string, leaf jsontext.Value) jsontext.Value {
		if leaf.Kind() != '0' {
			return leaf
		}
		return jsontext.Value(`"` + string(leaf) + `"`)
	}))
}

// plainNumber is a text that says the same as a JSON number: no zero in front.
var plainNumber = regexp.MustCompile(`^"(0|[1-9][0-9]{0,17})(\.[0-9]+)?"$`)

func textAsNumbers(a answer) answer {
	return a.rewritten(leaves(a.body, "", func(_ string, leaf jsontext.Value) jsontext.Value {
		if !plainNumber.Match(leaf) {
			return leaf
		}
		return jsontext.Value(strings.Trim(string(leaf), `"`))
	}))
}

func byteOrderMark(a answer) answer {
	a.body = slices.Concat([]byte("\xef\xbb\xbf"), a.body)
	return a
}

// latin1 puts an é of one byte into the first text of a member's: no UTF-8.
func latin1(a answer) answer {
	text := regexp.MustCompile(`(?i)message":"`).FindIndex(a.body)
	if text == nil {
		return a
	}
	a.body = slices.Concat(a.body[:text[1]], []byte{0xe9}, a.body[text[1]:])
	return a
}

// compressed signs what it compresses.
func compressed(a answer) answer {
	covered := a.body
	a = compressedFirst(a)
	a.covered = covered
	return a
}

// compressedFirst leaves the signature to what is on the wire.
func compressedFirst(a answer) answer {
	var out bytes.Buffer
	zip := gzip.NewWriter(&out)
	_, writing := zip.Write(a.body)
	if closing := zip.Close(); writing != nil || closing != nil {
		return a
	}
	a.body, a.encoding = out.Bytes(), "gzip"
	return a
}

// emptyInfo says additionalInfo as a PHP server does that has none.
func emptyInfo(a answer) answer {
	if at(a.body, []string{"additionalInfo"}) == nil {
		return a
	}
	return a.rewritten(put(a.body, []string{"additionalInfo"}, jsontext.Value("[]")))
}

func historyInside(a answer) answer {
	return Fault{Move: map[string]string{"/refundHistory": "/additionalInfo/refundHistory"}}.edited(a)
}

// edited changes the answer as an edit says.
func (f Fault) edited(a answer) answer {
	body, err := jsontext.Value(a.body), error(nil)
	change := func(place string, value jsontext.Value) {
		if err == nil {
			body, err = put(body, path(place), value)
		}
	}
	for from, to := range f.Move {
		if moved := at(body, path(from)); moved != nil {
			change(from, nil)
			change(to, moved)
		}
	}
	for _, place := range f.Drop {
		change(place, nil)
	}
	for place, value := range f.Set {
		change(place, value)
	}
	return a.rewritten(body, err)
}

// path is a JSON pointer's.
func path(pointer string) []string {
	return slices.Collect(jsontext.Pointer(pointer).Tokens())
}

// at returns the value at path; nil: there is none.
func at(v jsontext.Value, path []string) jsontext.Value {
	if len(path) == 0 {
		return v
	}
	members, elements := parts(v)
	if value, ok := members[path[0]]; ok {
		return at(value, path[1:])
	}
	if i, err := strconv.Atoi(path[0]); err == nil && i >= 0 && i < len(elements) {
		return at(elements[i], path[1:])
	}
	return nil
}

// put replaces the value at path, makes it, or takes it out if value is nil.
func put(v jsontext.Value, path []string, value jsontext.Value) (jsontext.Value, error) {
	if len(path) == 0 {
		return value, nil
	}
	members, elements := parts(v)
	if i, err := strconv.Atoi(path[0]); err == nil && elements != nil {
		return putElement(elements, i, path[1:], value)
	}
	if value == nil && members[path[0]] == nil {
		return v, nil // nothing to take out
	}
	if members == nil {
		members = map[string]jsontext.Value{}
	}
	changed, err := put(members[path[0]], path[1:], value)
	if err != nil {
		return nil, err
	}
	members[path[0]] = changed
	if changed == nil {
		delete(members, path[0])
	}
	return json.Marshal(members, json.Deterministic(true))
}

func putElement(elements []jsontext.Value, i int, rest []string, value jsontext.Value) (jsontext.Value, error) {
	if (i < 0 || i >= len(elements)) && value == nil {
		return json.Marshal(elements)
	}
	if i < 0 || i >= len(elements) {
		elements, i = append(elements, jsontext.Value("null")), len(elements)
	}
	changed, err := put(elements[i], rest, value)
	if err != nil {
		return nil, err
	}
	elements[i] = changed
	if changed == nil {
		elements = slices.Delete(elements, i, i+1)
	}
	return json.Marshal(elements)
}

// parts are the members of an object or the elements of an array.
func parts(v jsontext.Value) (map[string]jsontext.Value, []jsontext.Value) {
	var members map[string]jsontext.Value
	var elements []jsontext.Value
	if v.Kind() == '{' {
		_ = json.Unmarshal(v, &members)
	}
	if v.Kind() == '[' && json.Unmarshal(v, &elements) == nil && elements == nil {
		elements = []jsontext.Value{}
	}
	return members, elements
}
