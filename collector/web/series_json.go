package web

import (
	"math"
	"strconv"
)

// appendJSON writes a graph. A month of five minutes of 50 carriers is 860,000 numbers:
// by reflection they take longer than to read them from the database.
func (s *series) appendJSON(b []byte) []byte {
	b = append(b, `{"figure":`...)
	b = append(b, marshal(s.Figure)...)
	b = append(b, `,"from_unix_s":`...)
	b = strconv.AppendInt(b, s.From, 10)
	b = append(b, `,"step_s":`...)
	b = strconv.AppendInt(b, s.Step, 10)
	b = append(b, `,"points":`...)
	b = strconv.AppendInt(b, int64(s.Points), 10)
	b = append(b, `,"pending":`...)
	b = append(b, marshal(s.Pending)...)
	b = append(b, `,"more":`...)
	b = strconv.AppendInt(b, int64(s.More), 10)
	b = append(b, `,"lines":[`...)
	for i := range s.Lines {
		if i > 0 {
			b = append(b, ',')
		}
		b = s.Lines[i].appendJSON(b, s.Figure)
	}
	return append(b, "]}"...)
}

func (l *line) appendJSON(b []byte, figure string) []byte {
	b = append(b, `{"kind":`...)
	b = append(b, marshal(l.Kind)...)
	b = append(b, `,"party":`...)
	b = append(b, marshal(l.Party)...)
	b = append(b, `,"limit":`...)
	b = append(b, marshal(l.Limit)...)
	b = append(b, `,"num":[`...)
	for i, v := range l.num {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendNumber(b, v)
	}
	second := "den"
	if figure == "channels" {
		second = "answered"
	}
	b = append(b, `],"`+second+`":[`...)
	for i, v := range l.second {
		if i > 0 {
			b = append(b, ',')
		}
		if math.IsNaN(l.num[i]) {
			b = append(b, "null"...)
		} else {
			b = strconv.AppendInt(b, v, 10)
		}
	}
	return append(b, "]}"...)
}

// appendNumber writes a number, or null for NaN.
func appendNumber(b []byte, v float64) []byte {
	switch {
	case math.IsNaN(v):
		return append(b, "null"...)
	case v == math.Trunc(v) && math.Abs(v) < 1<<53:
		return strconv.AppendInt(b, int64(v), 10)
	}
	return strconv.AppendFloat(b, v, 'f', -1, 64)
}
