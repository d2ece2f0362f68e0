package query

// Table is one version of the centre's table of customers and number blocks.
type Table struct {
	Version         uint64
	Signed          []byte   // the document with its signature, as nodes get it; nil where it was not asked for
	Size            int64    // of Signed, in bytes
	KeyID           string   // of the key that signed it
	MadeUnixMs      int64    //
	Who, Comment    string   // made it, and why
	Stage           []string // nodes that alone get it; none: every node
	PublishedUnixMs int64    // when it became every node's; 0: it is staged
}

// TableFilter selects versions of the table.
type TableFilter struct {
	Version uint64 // this one alone; 0: any
	Most    int    // the newest so many; 0: all
	Signed  bool   // read the documents too
}
