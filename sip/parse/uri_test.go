package parse

import "testing"

func TestParseURI(t *testing.T) {
	for _, c := range []struct {
		in   string
		want URI
		port uint16
	}{
		{"sip:1004@pbx.example.com", URI{"1004", "pbx.example.com"}, 0},
		{"sip:1004@PBX.Example.COM.:5062;transport=tcp", URI{"1004", "pbx.example.com"}, 5062},
		{"SIPS:bob:secret@example.com", URI{"bob", "example.com"}, 0},
		{"sip:example.com", URI{"", "example.com"}, 0},
		{"sip:example.com:5080;lr?X=y", URI{"", "example.com"}, 5080},
		{"sip:+1-212;phone-context=example.com@gw.example.net;user=phone", URI{"+1-212", "gw.example.net"}, 0},
		{"sip:%31%30%30@example.com", URI{"100", "example.com"}, 0},
		{"sip:100%@example.com", URI{"100%", "example.com"}, 0},
		{"sip:a%zz%4@example.com", URI{"a%zz%4", "example.com"}, 0},
		{"sip:*98@example.com", URI{"*98", "example.com"}, 0},
		{"sip:alice@[2001:DB8::1]:5070", URI{"alice", "2001:db8::1"}, 5070},
		{"sip:[2001:db8::1]", URI{"", "2001:db8::1"}, 0},
		{"sip:alice@2001:db8::1", URI{"alice", "2001:db8::1"}, 0},
		{"sip:alice@[2001:db8::1", URI{"alice", "2001:db8::1"}, 0},
		{"sip:alice@example.com:http", URI{"alice", "example.com"}, 0},
		{"sip:alice@example.com:99999", URI{"alice", "example.com"}, 0},
		{"sip:alice@example.com:-1", URI{"alice", "example.com"}, 0},
		{"sip:@example.com", URI{"", "example.com"}, 0},
		{"sip:alice@", URI{"alice", ""}, 0},
		{"sip:", URI{}, 0},
		{"", URI{}, 0},
		{"*", URI{"", "*"}, 0},
		{"tel:+1-212-555.01(23);phone-context=x", URI{"+12125550123", ""}, 0},
		{"TEL:7042;phone-context=example.com", URI{"7042", ""}, 0},
		{"urn:service:sos.fire", URI{"service:sos.fire", ""}, 0},
		{"mailto:alice@example.com", URI{"alice", "example.com"}, 0},
		{"http://www.example.com/path", URI{"", "www.example.com"}, 0},
		{"alice@example.com", URI{"alice", "example.com"}, 0},
		{"1004@192.0.2.1:5061", URI{"1004", "192.0.2.1"}, 5061},
		{"192.0.2.1:5061", URI{"", "192.0.2.1"}, 5061},
		{"example.com", URI{"", "example.com"}, 0},
		{"<sip:alice@example.com>", URI{"alice", "example.com"}, 0},
		{"sip: alice@example.com", URI{"alice", "example.com"}, 0},
		{"sip:\u00e4lice@example.com", URI{"\u00e4lice", "example.com"}, 0},
		{"sip:a\x00b@example.com", URI{"a\x00b", "example.com"}, 0},
		{"sip:;@example.com", URI{"", "example.com"}, 0},
	} {
		got, port := NewParser().parseURI(c.in)
		if got != c.want || port != c.port {
			t.Errorf("parseURI(%q) = %q, %d, want %q, %d", c.in, got, port, c.want, c.port)
		}
	}
}

func TestReadAddress(t *testing.T) {
	for _, c := range []struct {
		in   string
		want URI
		tag  string
	}{
		{"<sip:a@b.example>;tag=1", URI{"a", "b.example"}, "1"},
		{"sip:a@b.example;tag=1", URI{"a", "b.example"}, "1"},
		{`"x" <sip:a@b.example>;TAG=1`, URI{"a", "b.example"}, "1"},
		{`"x;tag=0 <sip:z@z>" <sip:a@b.example>;tag=1`, URI{"a", "b.example"}, "1"},
		{`"x\";tag=0 <" <sip:a@b.example>;tag=1`, URI{"a", "b.example"}, "1"},
		{`"x, y" <sip:a@b.example;tag=0>;tag=1`, URI{"a", "b.example"}, "1"},
		{"<sip:a@b.example;tag=0>", URI{"a", "b.example"}, ""},
		{`<sip:a@b.example>;p="x;tag=0;y";tag=1`, URI{"a", "b.example"}, "1"},
		{"<sip:a@b.example> ; tag = 1 ; x", URI{"a", "b.example"}, "1"},
		{"<sip:a@b.example>;x;tag=1=2", URI{"a", "b.example"}, "1=2"},
		{"<sip:a@b.example>;tag", URI{"a", "b.example"}, ""},
		{"<sip:a@b.example>;tag=", URI{"a", "b.example"}, ""},
		{"<sip:a@b.example>tag=1", URI{"a", "b.example"}, "1"},
		{"<sip:a@b.example>;tag=1;tag=2", URI{"a", "b.example"}, "1"},
		{"<sip:a@b.example;tag=1", URI{"a", "b.example"}, "1"},
		{`"never closed <sip:a@b.example>;tag=1`, URI{"a", "b.example"}, "1"},
		{`"x" sip:a@b.example;tag=1`, URI{"a", "b.example"}, "1"},
		{"Some Name sip:a@b.example;tag=1", URI{"a", "b.example"}, "1"},
		{"Bell, A. <sip:a@b.example>;tag=1", URI{"a", "b.example"}, "1"},
		{"<tel:+4930123456>;tag=1", URI{"+4930123456", ""}, "1"},
		{"a@b.example;tag=1", URI{"a", "b.example"}, "1"},
		{"<>;tag=1", URI{}, "1"},
		{";tag=1", URI{}, "1"},
		{`"`, URI{"", `"`}, ""},
		{"Anonymous <sip:c8oqz84zk7z@privacy.example>;tag=hyh8", URI{"c8oqz84zk7z", "privacy.example"}, "hyh8"},
		{`<sip:a@b.example>;tag="quoted 1"`, URI{"a", "b.example"}, "quoted 1"},
	} {
		u, tag := NewParser().readAddress(c.in)
		if u != c.want || tag != c.tag {
			t.Errorf("readAddress(%q) = %q, %q, want %q, %q", c.in, u, tag, c.want, c.tag)
		}
	}
}

func TestNextValue(t *testing.T) {
	for _, c := range []struct {
		in   string
		want []string
	}{
		{"a", []string{"a"}},
		{"a, b ,c", []string{"a", "b", "c"}},
		{`"x,y" <sip:a,b@c>;p="1,2", *`, []string{`"x,y" <sip:a,b@c>;p="1,2"`, "*"}},
		{`"x\",y" <sip:a@b>,c`, []string{`"x\",y" <sip:a@b>`, "c"}},
		{`a, "x, y`, []string{"a", `"x, y`}},
		{",,a,", []string{"", "", "a"}},
	} {
		var got []string
		for s := c.in; s != ""; {
			var v string
			v, s = nextValue(s)
			got = append(got, v)
		}
		if len(got) != len(c.want) {
			t.Errorf("%q: got %q, want %q", c.in, got, c.want)
			continue
		}
		for i := range got {
			if got[i] != c.want[i] {
				t.Errorf("%q: got %q, want %q", c.in, got, c.want)
			}
		}
	}
}
