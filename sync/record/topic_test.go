package record

import (
	"strings"
	"testing"
)

func TestTopics(t *testing.T) {
	for _, leaf := range []string{TopicHello, TopicAck, TopicCmd, TopicAnswer, TopicTable, TopicState, TopicLive, TopicData + Calls.String()} {
		node, got, ok := SplitTopic(Topic("sw-1.example_A", leaf))
		if !ok || node != "sw-1.example_A" || got != leaf {
			t.Errorf("%s: %q %q %v", leaf, node, got, ok)
		}
	}
	for _, bad := range []string{"", "sipward/v1/", "sipward/v1/n", "sipward/v1/n/", "sipward/v1//ack", "sipward/v2/n/ack", "other/v1/n/ack", "sipward/v1/+/ack", "sipward/v1/../ack"} {
		if node, leaf, ok := SplitTopic(bad); ok {
			t.Errorf("%q is a topic of %q: %q", bad, node, leaf)
		}
	}
}

func TestValidNode(t *testing.T) {
	for id, want := range map[string]bool{
		"a": true, "sw1": true, "SW-1.dc_2": true, "...": true, strings.Repeat("x", 63): true,
		"": false, ".": false, "..": false, strings.Repeat("x", 64): false, "a/b": false, "a b": false, "+": false, "#": false,
		"$share": false, "a\x00": false, "ü": false, "a%": false,
	} {
		if ValidNode(id) != want {
			t.Errorf("%q: %v", id, !want)
		}
	}
}

func TestStreams(t *testing.T) {
	for _, s := range Streams {
		if got, err := ParseStream(s.String()); err != nil || got != s {
			t.Errorf("%v: %v, %v", s, got, err)
		}
	}
	for _, word := range []string{"", "invalid", "Calls"} {
		if s, err := ParseStream(word); err == nil {
			t.Errorf("%q is %v", word, s)
		}
	}
}
