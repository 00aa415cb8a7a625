// Package spreadsheet reads tables as spreadsheet programs write them: any
// byte order mark, UTF-16, commas, semicolons or tabs, a sep= line, every kind
// of line end, empty columns and rows at the end. It also recognises ids that a
// spreadsheet has changed, and amounts with thousands separators.
//
// Invariant: what is ambiguous is refused, with its line, and never guessed:
// an amount that is read wrongly is money that is moved or reported wrongly.
package spreadsheet
