package jobs

// Shortest and longest card number, in digits.
const (
	minCardDigits = 13
	maxCardDigits = 19
)

// HoldsCardNumber reports whether text holds what the contract takes for a card
// number, for texts other than a job's that are kept for ever.
func HoldsCardNumber(text string) bool { return holdsCardNumber(text) }

// holdsCardNumber reports whether text holds a maximal run of 13 to 19 digits
// that passes the Luhn check; one space or one dash between two digits does not
// end a run (contract.md §2). Such text would be kept for ever in results.
func holdsCardNumber(text string) bool {
	var run digitRun
	for i := range len(text) {
		c := text[i]
		switch {
		case c >= '0' && c <= '9':
			run.add(c - '0')
		case c != ' ' && c != '-' || run.separated:
			if run.isCardNumber() {
				return true
			}
			run = digitRun{}
		default:
			run.separated = true
		}
	}
	return run.isCardNumber()
}

// digitRun holds the digits of the run so far, and how many there were beyond
// those it has room for: a longer run is no card number.
type digitRun struct {
	digits    [maxCardDigits]byte
	length    int
	separated bool // the last byte was a single space or dash
}

func (r *digitRun) add(digit byte) {
	if r.length < maxCardDigits {
		r.digits[r.length] = digit
	}
	r.length++
	r.separated = false
}

func (r *digitRun) isCardNumber() bool {
	return r.length >= minCardDigits && r.length <= maxCardDigits && luhn(r.digits[:r.length])
}

// luhn doubles every second digit from the right; the sum of all digits then
// ends in zero.
func luhn(digits []byte) bool {
	sum := 0
	for i, digit := range digits {
		d := int(digit)
		if (len(digits)-i)%2 == 0 {
			d *= 2
		}
		sum += d/10 + d%10
	}
	return sum%10 == 0
}
