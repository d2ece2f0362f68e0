// Package fill tells the fields of a struct apart by their values, for tests
// that every counter is shown, and under its own name.
package fill

import (
	"reflect"
	"slices"
)

// Numbers gives every uint64 of the structs that parts point at, and of the
// structs and arrays in them, a number of its own from 1, and returns these
// with the names of their fields. Fields of the types in not are left as they
// are.
func Numbers(parts []any, not ...reflect.Type) map[uint64]string {
	out := map[uint64]string{}
	for _, p := range parts {
		v := reflect.ValueOf(p).Elem()
		fill(v, v.Type().Name(), out, not)
	}
	return out
}

func fill(v reflect.Value, path string, into map[uint64]string, not []reflect.Type) {
	if slices.Contains(not, v.Type()) {
		return
	}
	switch v.Kind() {
	case reflect.Uint64:
		n := uint64(len(into) + 1)
		v.SetUint(n)
		into[n] = path
	case reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i), path+"."+v.Type().Field(i).Name, into, not)
		}
	case reflect.Array:
		for i := range v.Len() {
			fill(v.Index(i), path, into, not)
		}
	default: // states, and numbers of what is there now
	}
}
