package configs

// TableSource says whose table of customers and carriers the agent believes.
type TableSource struct {
	PublicKeyFile string `yaml:"public_key_file"` // PEM, one key or several; "": the table is in the agent's own file
}

// On reports whether customers and carriers come from the centre.
func (t TableSource) On() bool { return t.PublicKeyFile != "" }

// checkTable refuses to have two tables, of which one would silently be the
// wrong one.
func (a *Agent) checkTable(d *decoder) {
	if !a.Table.On() {
		return
	}
	if len(a.Customers) > 0 {
		d.at("customers", "customers come from the centre, as table.public_key_file says: remove them here, or remove that")
	}
	if len(a.Carriers) > 0 {
		d.at("carriers", "carriers come from the centre, as table.public_key_file says: remove them here, or remove that")
	}
}

func (a *Agent) oddTable(note noter) {
	if a.Table.On() && !a.Uplink.On() {
		note("table.public_key_file", "no new table can come without uplink.brokers: the last one stays in force")
	}
}
