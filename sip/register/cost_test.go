package register

import (
	"fmt"
	"net/netip"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/sipward/sipward/internal/testkit/heap"
	"github.com/sipward/sipward/internal/testkit/race"
	"github.com/sipward/sipward/sip/packet"
	"github.com/sipward/sipward/sip/parse"
	"github.com/sipward/sipward/sip/party"
)

const (
	manyCustomers = 10_000
	manyBlocks    = 50_000
	manyBindings  = 1_000_000
	phones        = 2 // with one number
)

// manyEntries are 10,000 customers with a prefix and a domain each and 50,000
// blocks of 100 numbers between them.
func manyEntries() []party.Entry {
	entries := make([]party.Entry, manyCustomers)
	for i := range entries {
		e := &entries[i]
		*e = party.Entry{Name: fmt.Sprintf("customer-%05d", i), Kind: party.Customer, Domains: []string{fmt.Sprintf("c%05d.pbx.example", i)}}
		e.Addresses = []netip.Prefix{netip.PrefixFrom(customerAddr(i), []int{24, 28, 30, 32}[i%4])}
	}
	for i := range manyBlocks {
		e := &entries[i%manyCustomers]
		e.Blocks = append(e.Blocks, party.Block{First: fmt.Sprintf("49%07d", i*100), Last: fmt.Sprintf("49%07d", i*100+99)})
	}
	return entries
}

func customerAddr(i int) netip.Addr { return netip.AddrFrom4([4]byte{10, byte(i >> 8), byte(i), 0}) }

// manyBinding is one of a million bindings: half a million numbers with two
// phones each.
func manyBinding(i int) Binding {
	number := i / phones
	block := number % manyBlocks
	b := Binding{
		ID: uint64(i + 1), Number: fmt.Sprintf("49%07d", block*100+number/manyBlocks), Transport: packet.UDP,
		Domain: fmt.Sprintf("c%05d.pbx.example", block%manyCustomers),
		Source: netip.AddrPortFrom(customerAddr(block%manyCustomers), 5060),
		Since:  1_000 * second, Refreshed: 1_000 * second, Expires: (1_000 + 3_600 + int64(i%600)) * second,
	}
	b.RequestHost, b.Username = b.Domain, b.Number
	b.Contact = parse.Contact{URI: parse.URI{User: b.Number, Host: fmt.Sprintf("192.168.%d.%d", i>>8&255, i&255)}, Port: 5060, Expires: -1}
	if i%2 == 0 {
		b.Contact.Instance, b.Contact.RegID = fmt.Sprintf("urn:uuid:00000000-0000-1000-8000-%012x", i), 1
	}
	return b
}

func manyRegistry(tb testing.TB, bindings int) *Registry {
	tb.Helper()
	book, err := party.NewBook(manyEntries(), nil)
	if err != nil {
		tb.Fatal(err)
	}
	r := NewRegistry(Config{Book: book, Policy: Policy{UnknownCustomer: party.Allow, MaxContacts: 10}})
	for i := range bindings {
		b := manyBinding(i)
		key, _, _ := keyOf(r.seed, uri(b.Number, b.Domain))
		r.changes = r.changes[:0]
		r.store(key, 0, &b)
	}
	r.changes = nil
	return r
}

func manyRequest(i int) *Request {
	b := manyBinding(i)
	b.Contact.Expires = 600
	return &Request{To: uri(b.Number, b.Domain), RequestHost: b.Domain, Username: b.Number, Source: b.Source.Addr(), Contacts: []parse.Contact{b.Contact}, Expires: 3600}
}

// BenchmarkJudge judges REGISTERs of numbers in no order, all checks of which
// are walked, with 10,000 customers, 50,000 blocks and 1,000,000 bindings.
func BenchmarkJudge(b *testing.B) {
	r := manyRegistry(b, manyBindings)
	requests := make([]*Request, 1<<12)
	for i := range requests {
		requests[i] = manyRequest(i * 7919 % manyBindings)
	}
	foreign := make([]*Request, len(requests))
	for i, q := range requests {
		f := *q
		f.Source, f.To.Host, f.RequestHost = customerAddr((i*31+1)%manyCustomers), "elsewhere.example", "elsewhere.example"
		foreign[i] = &f
	}
	renewed, err := r.book.Next(manyEntries(), nil)
	if err != nil {
		b.Fatal(err)
	}
	// A REGISTER that is judged has just been read: it is touched before.
	const batch = 32
	run := func(name string, requests []*Request, want Reason) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			var i, touched int
			var took time.Duration
			for b.Loop() {
				now := requests[i*batch%len(requests):][:batch]
				for _, q := range now {
					touched += int(q.To.User[0]) + int(q.To.Host[0]) + int(q.Username[0]) + int(q.Contacts[0].URI.Host[0])
				}
				began := time.Now()
				for _, q := range now {
					if v := r.Judge(q, 2_000*second); v.Reason != want {
						b.Fatal(v.Reason)
					}
				}
				took += time.Since(began)
				i++
			}
			b.ReportMetric(float64(took.Nanoseconds())/float64(i*batch), "ns/verdict")
		})
	}
	run("allowed", requests, Allowed)
	run("outside", foreign, OutsideBlocks)
	r.SetBook(renewed)
	run("allowed, new table", requests, Allowed)
}

func BenchmarkMessage(b *testing.B) {
	r := manyRegistry(b, manyBindings)
	b.ReportAllocs()
	i := 0
	p := &packet.Packet{Time: 2_000 * second, Transport: packet.UDP}
	m := &parse.Message{}
	var requests [1 << 12]*Request
	for i := range requests {
		q := manyRequest(i * 7919 % (manyBindings / phones) * phones)
		q.Contacts = append(q.Contacts, manyRequest(i*7919%(manyBindings/phones)*phones+1).Contacts...)
		requests[i] = q
	}
	for b.Loop() {
		q := requests[i&(len(requests)-1)]
		*m = parse.Message{
			Method: parse.REGISTER, CallID: "a84b4c76e66710@pc33.example", CSeq: uint32(i), Vias: 1, To: q.To, RequestURI: q.To, // as many
			AuthUser: q.Username, Contacts: q.Contacts[:1], Expires: 600,
		}
		p.Src, p.Dst = packet.EndpointFrom(netip.AddrPortFrom(q.Source, 5060)), endpoint(theSwitch)
		r.Message(p, m)
		m.Status, m.Contacts = 200, q.Contacts
		p.Src, p.Dst = p.Dst, p.Src
		if got := r.Message(p, m); len(got) != phones {
			b.Fatal(got)
		}
		p.Time += int64(time.Microsecond)
		i++
	}
}

// BenchmarkTick is what a step of the sweep after a new table costs, and what
// SetBook itself does.
func BenchmarkTick(b *testing.B) {
	r := manyRegistry(b, manyBindings)
	next, err := r.book.Next(manyEntries(), nil)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("sweep of 1,000", func(b *testing.B) {
		for b.Loop() {
			if r.sweep == 0 {
				r.SetBook(next)
			}
			r.Tick(2_000*second, 1_000)
		}
	})
	b.Run("SetBook", func(b *testing.B) {
		for b.Loop() {
			r.SetBook(next)
		}
	})
}

// TestBindingCost holds a million bindings (a quarter under the race detector: the
// maps are as full), and measures the heap that one takes
// and what they cost the garbage collector.
func TestBindingCost(t *testing.T) {
	if testing.Short() {
		t.Skip("a million bindings")
	}
	const bound = 250 // bytes
	held := race.Of(manyBindings, manyBindings/4)
	entries := manyEntries()
	b, err := party.NewBook(entries, nil)
	if err != nil {
		t.Fatal(err)
	}
	r := NewRegistry(Config{Book: b})
	before := heap.Bytes()
	began := time.Now()
	var saved []byte
	for i := range held {
		x := manyBinding(i)
		saved = x.Append(saved[:0])
		if err := r.Restore(saved, 2_000*second); err != nil {
			t.Fatal(err)
		}
	}
	took := time.Since(began)
	cost := (heap.Bytes() - before) / uint64(held) // positive
	began = time.Now()
	runtime.GC()
	t.Logf("%d bytes a binding (%d on disk); %v to restore them; a collection takes %v", cost, len(saved), took, time.Since(began))
	if cost > bound {
		t.Errorf("a binding costs %d bytes of heap, want at most %d", cost, bound)
	}
	runtime.KeepAlive(r)
}

// TestJudgeAllocations: a verdict, whichever, costs no allocation.
func TestJudgeAllocations(t *testing.T) {
	r := manyRegistry(t, 10_000)
	requests := []*Request{manyRequest(5), manyRequest(12), manyRequest(77)}
	for _, change := range []func(q *Request){
		func(q *Request) { q.Source = netip.MustParseAddr("203.0.113.9") },
		func(q *Request) { q.To.User = "alice" },
		func(q *Request) { q.Username = "490000100@realm" },
		func(q *Request) { q.Contacts = slices.Repeat(q.Contacts, 11) },
		func(q *Request) { q.Broken = true },
		func(q *Request) { q.Expires, q.Contacts[0].Expires = 0, -1 },
		func(q *Request) {
			q.Source, q.To.Host, q.RequestHost = netip.MustParseAddr("2001:db8::1"), "x", "y"
		},
	} {
		q := manyRequest(5)
		change(q)
		requests = append(requests, q)
	}
	next, err := r.book.Next(manyEntries(), nil)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if n := testing.AllocsPerRun(100, func() {
			for _, q := range requests {
				r.Judge(q, 2_000*second)
			}
		}); n != 0 {
			t.Errorf("%v allocations, want 0", n)
		}
		r.SetBook(next) // by which nothing is judged yet
	}
}
