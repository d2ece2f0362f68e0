package peers

import (
	"database/sql"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestQuerySQLite(t *testing.T) {
	dir := t.TempDir()
	for name, statements := range map[string]string{
		"a-1.db": "CREATE TABLE calls (id INTEGER); INSERT INTO calls VALUES (1), (2)",
		"a-2.db": "CREATE TABLE other (id INTEGER)",
		"a-3.db": "CREATE TABLE calls (id INTEGER); INSERT INTO calls VALUES (3)",
		"b.db":   "CREATE TABLE calls (id INTEGER); INSERT INTO calls VALUES (4)",
	} {
		db, err := sql.Open("sqlite", filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := db.Exec(statements); err != nil {
			t.Fatal(err)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
	}
	for _, v := range []struct {
		files, query string
		want         []int
		fails        string // part of the error
	}{
		{"a-*.db", "SELECT id FROM calls", []int{1, 2, 3}, ""},
		{"*.db", "SELECT id FROM calls WHERE id > 2", []int{3, 4}, ""},
		{"none-*.db", "SELECT id FROM calls", nil, ""},
		{"a-2.db", "SELECT id FROM calls", nil, "no such table"},
		{"a-*.db", "SELECT id FROM nowhere", nil, "no such table"},
		{"a-*.db", "SELECT absent FROM calls", nil, "no such column"},
		{"b.db", "DELETE FROM calls RETURNING id", nil, "readonly"},
		{"[", "SELECT id FROM calls", nil, "syntax error"},
	} {
		var got []int
		err := QuerySQLite(t.Context(), filepath.Join(dir, v.files), v.query, func(rows *sql.Rows) error {
			var id int
			err := rows.Scan(&id)
			got = append(got, id)
			return err
		})
		if (err == nil) != (v.fails == "") || err != nil && !strings.Contains(err.Error(), v.fails) || !slices.Equal(got, v.want) {
			t.Errorf("%s of %s: %v, %v; want %v, %q", v.query, v.files, got, err, v.want, v.fails)
		}
	}
}
