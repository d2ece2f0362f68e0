// Package metric describes the metrics of a program once: what Prometheus is told of
// them and the tables of the documentation both come from it.
package metric

import (
	"slices"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
)

// Kind is the type of a metric.
type Kind uint8

// Kinds; the zero value is invalid.
const (
	Gauge Kind = iota + 1
	Counter
	Histogram
	Summary // sum and count: quantiles cannot be added up over hosts
)

// String returns the word that Prometheus has for a type.
func (k Kind) String() string {
	switch k {
	case Gauge:
		return "gauge"
	case Counter:
		return "counter"
	case Histogram:
		return "histogram"
	case Summary:
		return "summary"
	}
	return "invalid"
}

// Label is a label of a metric. Values are all that it can have; none when they are
// of the site, such as names of customers.
type Label struct {
	Name   string
	Values []string
}

// Open is a label with values of the site.
func Open(name string) Label { return Label{Name: name} }

// Closed is a label that has one of these values.
func Closed(name string, values ...string) Label { return Label{name, values} }

// Def describes a metric. Help is one sentence in Markdown: code and links in it are
// for the documentation, Prometheus gets it without their marks.
type Def struct {
	Name   string
	Kind   Kind
	Help   string
	Labels []Label
}

// NewGauge describes a gauge.
func NewGauge(name, help string, labels ...Label) Def { return Def{name, Gauge, help, labels} }

// NewCounter describes a counter.
func NewCounter(name, help string, labels ...Label) Def { return Def{name, Counter, help, labels} }

// NewHistogram describes a histogram.
func NewHistogram(name, help string, labels ...Label) Def {
	return Def{name, Histogram, help, labels}
}

// NewSummary describes a sum and its count.
func NewSummary(name, help string, labels ...Label) Def { return Def{name, Summary, help, labels} }

// Names returns the names of the labels.
func (d *Def) Names() []string {
	var out []string
	for _, l := range d.Labels {
		out = append(out, l.Name)
	}
	return out
}

// Desc returns what Prometheus is told.
func (d *Def) Desc() *prometheus.Desc {
	return prometheus.NewDesc(d.Name, plain(d.Help), d.Names(), nil)
}

// Group is a table of the documentation.
type Group struct {
	Name string
	Defs []Def
}

// Set is the metrics of a program, to be sent by name.
type Set map[string]described

type described struct {
	kind Kind
	desc *prometheus.Desc
}

// NewSet takes in all metrics of groups. It panics when a name is there twice.
func NewSet(groups ...Group) Set {
	s := Set{}
	for _, g := range groups {
		for i := range g.Defs {
			d := &g.Defs[i]
			if _, twice := s[d.Name]; twice {
				panic("two metrics have the name " + d.Name)
			}
			s[d.Name] = described{d.Kind, d.Desc()}
		}
	}
	return s
}

// Describe sends every description.
func (s Set) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range s {
		ch <- d.desc
	}
}

// To returns a sender of metrics of the set. A name that is not in the set is a bug,
// and panics; the values of labels are in the order of their description.
func (s Set) To(ch chan<- prometheus.Metric) Sender { return Sender{s, ch} }

// Sender sends metrics by name.
type Sender struct {
	set Set
	ch  chan<- prometheus.Metric
}

// Send sends a gauge or a counter.
func (s Sender) Send(name string, v float64, labels ...string) {
	d := s.set[name]
	kind := prometheus.GaugeValue
	if d.kind == Counter {
		kind = prometheus.CounterValue
	}
	s.ch <- prometheus.MustNewConstMetric(d.desc, kind, v, labels...)
}

// Count sends a counter of whole things.
func (s Sender) Count(name string, n uint64, labels ...string) { s.Send(name, float64(n), labels...) }

// Truth sends 1 for yes and 0 for no.
func (s Sender) Truth(name string, yes bool, labels ...string) {
	v := 0.0
	if yes {
		v = 1
	}
	s.Send(name, v, labels...)
}

// Histogram sends a histogram: buckets are by their upper bound, each with all below.
func (s Sender) Histogram(name string, n uint64, sum float64, buckets map[float64]uint64, labels ...string) {
	s.ch <- prometheus.MustNewConstHistogram(s.set[name].desc, n, sum, buckets, labels...)
}

// Summary sends a sum and its count.
func (s Sender) Summary(name string, n uint64, sum float64, labels ...string) {
	s.ch <- prometheus.MustNewConstSummary(s.set[name].desc, n, sum, nil, labels...)
}

// plain returns a line of Markdown without the marks of code and links.
func plain(text string) string {
	for {
		before, rest, ok := strings.Cut(text, "](")
		open := strings.LastIndexByte(before, '[')
		_, after, closed := strings.Cut(rest, ")")
		if !ok || open < 0 || !closed {
			return strings.ReplaceAll(text, "`", "")
		}
		text = before[:open] + before[open+1:] + after
	}
}

// Allows reports whether the label may have the value.
func (l *Label) Allows(value string) bool { return l.Values == nil || slices.Contains(l.Values, value) }
