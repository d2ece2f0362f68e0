package configs

import (
	"fmt"
	"net/netip"
	"reflect"
	"strconv"
	"time"
)

// text hands a scalar as it is written to set: 0100 stays 0100.
func (d *decoder) text(n *node, at *trail, want string, set func([]byte) error) {
	if n.kind != scalar {
		d.fail(n.line, "%s: expected %s, found %s", at, want, n.name())
		return
	}
	if err := set([]byte(n.text)); err != nil {
		if want == wantAddress {
			err = fmt.Errorf("%q is no IP address; write it alone, as in 192.0.2.1", n.text)
		}
		d.fail(n.line, "%s: %v", at, err)
	}
}

var (
	durationType = reflect.TypeFor[time.Duration]()
	timeType     = reflect.TypeFor[time.Time]()
	addrType     = reflect.TypeFor[netip.Addr]()
)

const wantAddress = "an IP address"

func setScalar(s string, v reflect.Value) error {
	switch {
	case v.Type() == durationType:
		d, err := time.ParseDuration(s)
		if err != nil {
			return fmt.Errorf("%q is no duration; write it as 90s, 5m or 12h", s)
		}
		v.SetInt(int64(d))
	case v.Type() == timeType:
		t, err := time.Parse(time.RFC3339, s)
		if err != nil {
			return fmt.Errorf("%q is no time; write it as 2026-01-31T12:00:00Z", s)
		}
		v.Set(reflect.ValueOf(t.UTC()))
	case v.Kind() == reflect.String:
		v.SetString(s)
	case v.Kind() == reflect.Bool:
		if s != "true" && s != "false" {
			return fmt.Errorf("%q is neither true nor false", s)
		}
		v.SetBool(s == "true")
	case v.CanInt():
		n, err := strconv.ParseInt(s, 10, v.Type().Bits())
		if err != nil {
			return fmt.Errorf("%q is no whole number in range", s)
		}
		v.SetInt(n)
	case v.CanUint():
		n, err := strconv.ParseUint(s, 10, v.Type().Bits())
		if err != nil {
			return fmt.Errorf("%q is no number from 0 to %d", s, uint64(1)<<v.Type().Bits()-1)
		}
		v.SetUint(n)
	default:
		panic("configs: no rule for " + v.Type().String())
	}
	return nil
}

func kindName(k reflect.Kind) string {
	switch k {
	case reflect.Bool:
		return "true or false"
	case reflect.String:
		return "a text"
	case reflect.Struct:
		return "a time"
	default:
		return "a number"
	}
}
