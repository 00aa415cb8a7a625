package refund

import "slices"

// MayFollow reports whether the table has a row by which a record of state to
// comes after one of state from; [None] stands for no record.
func MayFollow(from, to State) bool {
	return slices.ContainsFunc(table, func(r row) bool {
		if r.to == verdictState {
			return r.from.has(from) && (to == Succeeded || to == Failed)
		}
		return r.to == to && r.from.has(from)
	})
}

// Rows returns the names of the table's rows, in order.
func Rows() []string {
	names := make([]string, len(table))
	for i, r := range table {
		names[i] = r.name
	}
	return names
}
