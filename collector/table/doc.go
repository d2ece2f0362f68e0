// Package table edits the centre's table of customers and number blocks: it hands
// out the next free block of the grid, takes numbers back, says what is different
// of two tables, and makes of a changed table the next version of its history,
// checked and signed. It knows no database and no network.
package table
