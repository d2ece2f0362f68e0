// Package query is the words in which the collector's data is asked for and
// shown: filters, rows, sums and series. Whoever keeps them (collector/store) and
// whoever shows or judges them (collector/web, collector/alerts) share these types, and
// none of them imports another for it.
package query
