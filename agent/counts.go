package main

import (
	"reflect"
	"slices"
	"strings"
	"unicode"

	"github.com/sipward/sipward/agent/admin"
)

// countsOf lists the uint64 fields of a struct of statistics as counters of a
// stage, under their own names: OutOfOrder is out_of_order. What skip names is
// shown elsewhere.
func countsOf(stage string, stats any, skip ...string) []admin.Count {
	return fieldCounts(stage, reflect.ValueOf(stats), skip)
}

func fieldCounts(stage string, v reflect.Value, skip []string) []admin.Count {
	var out []admin.Count
	for i := range v.NumField() {
		f := v.Type().Field(i)
		name := snake(f.Name)
		switch {
		case f.Anonymous:
			out = append(out, fieldCounts(stage, v.Field(i), skip)...)
		case f.Type.Kind() == reflect.Uint64 && !slices.Contains(skip, name):
			out = append(out, admin.Count{Stage: stage, Event: name, N: v.Field(i).Uint()})
		}
	}
	return out
}

// snake turns PassedUDP into passed_udp and WSOther into ws_other.
func snake(name string) string {
	var b strings.Builder
	r := []rune(name)
	for i, c := range r {
		if unicode.IsUpper(c) && i > 0 && (!unicode.IsUpper(r[i-1]) || i+1 < len(r) && unicode.IsLower(r[i+1])) {
			b.WriteByte('_')
		}
		b.WriteRune(unicode.ToLower(c))
	}
	return b.String()
}
