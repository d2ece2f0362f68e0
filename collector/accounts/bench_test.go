package accounts_test

import (
	"context"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/sipward/sipward/collector/accounts"
	"github.com/sipward/sipward/collector/accounts/accountstest"
)

func benchService(b *testing.B, c accounts.Cost) (*accounts.Service, *accounts.Login) {
	b.Helper()
	s, err := accounts.New(accountstest.NewMemory(), accounts.Options{Cost: c})
	if err != nil {
		b.Fatal(err)
	}
	link, err := s.Setup(context.Background())
	if err != nil {
		b.Fatal(err)
	}
	l, err := s.FirstOperator(context.Background(), link.Token, accounts.NewAccount{Email: boss, Password: bossPass}, home, agent)
	if err != nil {
		b.Fatal(err)
	}
	return s, l
}

// BenchmarkLogin is a whole login at the cost that is the default.
func BenchmarkLogin(b *testing.B) {
	s, _ := benchService(b, accounts.DefaultCost)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Login(context.Background(), accounts.Credentials{Email: boss, Password: bossPass, From: home}); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkWrong compares what a stranger could measure: a name that exists and
// one that does not.
func BenchmarkWrong(b *testing.B) {
	for name, email := range map[string]string{"known": boss, "unknown": "nobody@example.net"} {
		b.Run(name, func(b *testing.B) {
			s, _ := benchService(b, accounts.DefaultCost)
			i := uint32(0)
			for b.Loop() {
				from := netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)})
				if _, err := s.Login(context.Background(), accounts.Credentials{Email: email, Password: "wrong", From: from}); err == nil {
					b.Fatal("logged in")
				}
				if i++; i%4 == 0 { // a success in between keeps the account open
					b.StopTimer()
					s = fresh(b)
					b.StartTimer()
				}
			}
		})
	}
}

func fresh(b *testing.B) *accounts.Service {
	s, _ := benchService(b, accounts.DefaultCost)
	return s
}

// BenchmarkLocked is what a guess costs that comes too early.
func BenchmarkLocked(b *testing.B) {
	s, _ := benchService(b, accounts.Cost{MemoryKiB: 64, Passes: 1, Lanes: 1})
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Login(context.Background(), accounts.Credentials{Email: boss, Password: "wrong", From: stranger}); err == nil {
			b.Fatal("logged in")
		}
	}
}

// BenchmarkAuthenticate is what every request pays.
func BenchmarkAuthenticate(b *testing.B) {
	s, l := benchService(b, accounts.Cost{MemoryKiB: 64, Passes: 1, Lanes: 1})
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Authenticate(context.Background(), l.Token, home); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkProgram is the same for a program.
func BenchmarkProgram(b *testing.B) {
	s, l := benchService(b, accounts.Cost{MemoryKiB: 64, Passes: 1, Lanes: 1})
	p, err := s.Authenticate(context.Background(), l.Token, home)
	if err != nil {
		b.Fatal(err)
	}
	plain, _, err := s.CreateToken(context.Background(), p, accounts.NewToken{Name: "x", Role: accounts.Viewer, Expires: time.Now().Add(time.Hour)})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Program(context.Background(), plain, home); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkCheckPassword takes the longest that is looked at.
func BenchmarkCheckPassword(b *testing.B) {
	long := ""
	for i := 0; len(long) < 1000; i++ {
		long += fmt.Sprintf("w%x ", i*2654435761)
	}
	for b.Loop() {
		if err := accounts.CheckPassword(long, boss); err != nil {
			b.Fatal(err)
		}
	}
}
