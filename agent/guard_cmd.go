package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/sipward/sipward/agent/admin"
	"github.com/sipward/sipward/agent/guard"
)

type guardCmd struct {
	Check    guardCheckCmd    `cmd:"" help:"Say what would become of a REGISTER, and why, step by step. It changes and counts nothing. Exit status 1 when it would be refused."`
	Bindings guardBindingsCmd `cmd:"" help:"List who is registered."`
	Strays   guardStraysCmd   `cmd:"" help:"List who is registered with a number that the blocks do not allow."`
	Bans     guardBansCmd     `cmd:"" help:"List the sources that are banned, or lift a ban."`
	Rules    guardRulesCmd    `cmd:"" help:"Print, install or remove the firewall rules of mode nfqueue. Needs no running agent."`
}

// guardPlace finds the running agent. Only its socket tells who owns which number.
type guardPlace struct {
	Config string `default:"${config}" placeholder:"FILE" help:"Configuration of the running agent; its admin.socket is asked (${default})."`
	Socket string `placeholder:"PATH" help:"Ask this unix socket instead."`
	JSON   bool   `name:"json" help:"Print JSON for programs."`
}

var errNoSocket = errors.New("who owns which number is told on the unix socket alone, and admin.socket is off: turn it on")

// ask asks for a page below /guard/ and decodes it; with --json it prints it.
func (p *guardPlace) ask(method, page string, query url.Values, to any) (printed bool, err error) {
	where, err := (&statusCmd{Config: p.Config, Socket: p.Socket}).where()
	if err != nil {
		return false, err
	}
	if strings.HasPrefix(where, "http://") {
		return false, errNoSocket
	}
	raw, err := admin.Program.Ask(context.Background(), where, method, "/guard/"+page+"?"+query.Encode(), to)
	if err != nil || !p.JSON {
		return false, err
	}
	_, err = os.Stdout.Write(raw)
	return true, err
}

type guardCheckCmd struct {
	guardPlace
	User        string `required:"" placeholder:"NUMBER" help:"Number, or user part, that is to be registered."`
	Source      string `required:"" placeholder:"ADDRESS" help:"Address that the REGISTER comes from."`
	Domain      string `placeholder:"HOST" help:"Host of the address of record, as in To."`
	RequestHost string `placeholder:"HOST" help:"Host of the Request-URI. Default: the domain."`
	Username    string `placeholder:"NAME" help:"Username of the digest credentials."`
	Contact     string `placeholder:"HOST" help:"Host of the contact. Default: the source."`
	Expires     int    `default:"3600" placeholder:"SECONDS" help:"Seconds that it asks for (${default}); 0 is a de-registration."`
}

var errRefused = errors.New("a REGISTER like this would be refused")

// Run asks the agent and prints the steps.
func (c *guardCheckCmd) Run() error {
	q := url.Values{"user": {c.User}, "source": {c.Source}, "expires": {strconv.Itoa(c.Expires)}}
	for key, v := range map[string]string{"domain": c.Domain, "request_host": c.RequestHost, "username": c.Username, "contact": c.Contact} {
		if v != "" {
			q.Set(key, v)
		}
	}
	var v guard.Checked
	printed, err := c.ask(http.MethodGet, "check", q, &v)
	if err != nil {
		return err
	}
	if !printed {
		writeChecked(os.Stdout, &v)
	}
	if v.Verdict != guard.Passed {
		return errRefused
	}
	return nil
}

func writeChecked(w io.Writer, v *guard.Checked) {
	for i, s := range v.Steps {
		mark := " "
		if s.Decides {
			mark = ">"
		}
		fmt.Fprintf(w, "%s %2d  %-18s %s\n", mark, i+1, s.Check, s.Text)
	}
	fmt.Fprintf(w, "\n%s: %s (customer %s, mode %s)\n", v.Verdict, v.Reason, v.Customer, v.Mode)
}

// guardSelection says which bindings are meant.
type guardSelection struct {
	guardPlace
	Number   string `placeholder:"NUMBER" help:"Only this number."`
	First    string `placeholder:"NUMBER" help:"Only numbers from this one ..."`
	Last     string `placeholder:"NUMBER" help:"... to this one, of equal length."`
	Customer string `placeholder:"ID" help:"Only those of this customer."`
	Limit    int    `default:"1000" placeholder:"N" help:"Most that are listed (${default})."`
}

// pageMost is how many bindings the agent shows at a time.
const pageMost = 1000

// bindingsPage is one page of them.
type bindingsPage struct {
	Bindings []guard.Binding `json:"bindings"`
	Next     uint32          `json:"next,omitempty"`
}

// list asks page by page.
func (s *guardSelection) list(page string) error {
	q := url.Values{}
	for key, v := range map[string]string{"number": s.Number, "first": s.First, "last": s.Last, "customer": s.Customer} {
		if v != "" {
			q.Set(key, v)
		}
	}
	place := s.guardPlace
	place.JSON = false // one list, not one a page
	all := bindingsPage{Bindings: []guard.Binding{}}
	for {
		q.Set("limit", strconv.Itoa(min(max(s.Limit-len(all.Bindings), 1), pageMost)))
		var p bindingsPage
		if _, err := place.ask(http.MethodGet, page, q, &p); err != nil {
			return err
		}
		all.Bindings, all.Next = append(all.Bindings, p.Bindings...), p.Next
		if p.Next == 0 || len(all.Bindings) >= s.Limit {
			break
		}
		q.Set("after", strconv.FormatUint(uint64(p.Next), 10))
	}
	if s.JSON {
		return json.NewEncoder(os.Stdout).Encode(all)
	}
	return writeBindings(os.Stdout, &all, time.Now())
}

func writeBindings(w io.Writer, p *bindingsPage, now time.Time) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "number\tdomain\tcustomer\tsource\tover\texpires in\tcontact\tstray")
	for i := range p.Bindings {
		b := &p.Bindings[i]
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", b.Number, b.Domain, b.Customer, cmp.Or(b.Source, "not seen"), b.Transport,
			time.UnixMilli(b.ExpiresUnixMs).Sub(now).Round(time.Second), b.Contact, b.Stray)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	if p.Next != 0 {
		fmt.Fprintf(w, "there are more: raise --limit, or give --first and --last\n")
	}
	return nil
}

type guardBindingsCmd struct{ guardSelection }

// Run lists them.
func (c *guardBindingsCmd) Run() error { return c.list("bindings") }

type guardStraysCmd struct{ guardSelection }

// Run lists them.
func (c *guardStraysCmd) Run() error { return c.list("strays") }

type guardBansCmd struct {
	guardPlace
	Lift string `placeholder:"ADDRESS" help:"End the ban of this address."`
}

// Run lists or lifts.
func (c *guardBansCmd) Run() error {
	if c.Lift != "" {
		var lifted struct {
			Lifted string `json:"lifted"`
		}
		printed, err := c.ask(http.MethodDelete, "bans", url.Values{"source": {c.Lift}}, &lifted)
		if err == nil && !printed {
			fmt.Println("lifted the ban of", lifted.Lifted)
		}
		return err
	}
	var list guard.BanList
	if printed, err := c.ask(http.MethodGet, "bans", nil, &list); err != nil || printed {
		return err
	}
	t := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "source\tsince\tends in\trefusals\tREGISTERs since\tby the kernel")
	for _, b := range list.Bans {
		fmt.Fprintf(t, "%s\t%s\t%s\t%d\t%d\t%t\n", b.Site, time.UnixMilli(b.SinceUnixMs).UTC().Format(time.RFC3339),
			time.Duration(b.UntilUnixMs-list.NowUnixMs)*time.Millisecond, b.Refusals, b.Seen, b.Kernel)
	}
	return t.Flush()
}
