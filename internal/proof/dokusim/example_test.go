package dokusim

import (
	"crypto/rand"
	"crypto/rsa"
	"fmt"
	"net/http/httptest"
)

// A test starts a simulator, says what shall go wrong, points its worker at the
// address and reads the book when it is done.
func Example() {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	sim, err := New(Config{ClientID: "MCH-0001", SecretKey: "SK-1", MerchantKey: &key.PublicKey})
	if err != nil {
		panic(err)
	}
	web := httptest.NewServer(sim.Handler())
	defer web.Close()
	defer func() { _ = sim.Close() }()

	err = sim.Script(Match{Channel: CreditCard, Invoice: "INV-1"}, Fault{Kind: ErrorAfter}, Fault{Kind: TooMany, Count: 2})
	fmt.Println("scripted:", err)
	err = sim.Script(Match{}, Fault{Kind: "earthquake"})
	fmt.Println("scripted:", err)

	book := sim.Book()
	fmt.Println("moved:", book.Total.Movements, "times,", book.Total.Amount, "rupiah")
	// Output:
	// scripted: <nil>
	// scripted: bad fault: no kind is called "earthquake"
	// moved: 0 times, 0 rupiah
}
