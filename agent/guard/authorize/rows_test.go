package authorize

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sipward/sipward/configs"
	"github.com/sipward/sipward/internal/testkit/verdicts"
	"github.com/sipward/sipward/sip/packet"
	"github.com/sipward/sipward/sip/parse"
	"github.com/sipward/sipward/sip/party"
	"github.com/sipward/sipward/sip/register"
)

// rowJudge judges one row of the specification. Rows are asked one by one.
type rowJudge struct {
	book     *party.Book
	registry *register.Registry
	banned   bool
}

func (j *rowJudge) Judge(q *register.Request, _ About) register.Verdict {
	q.Banned = j.banned
	return j.registry.Judge(q, time.Now().UnixNano())
}

func (j *rowJudge) name(id party.ID) string { return j.book.Entry(id).Name }

// answer is what a switch can read of an answer.
type answer struct {
	Allow                           bool
	Reason, Customer, Block, Holder string
}

// TestVerdicts runs the specification over HTTP: the REGISTER itself, its parts
// as JSON, and FreeSWITCH's form, as far as they can say what the row does.
func TestVerdicts(t *testing.T) {
	rows := verdicts.Rows()
	if len(rows) < 60 {
		t.Fatalf("%d rows", len(rows))
	}
	var judge *rowJudge
	s, err := New(Config{Listen: "127.0.0.1:0", Judge: judgeFunc(func(q *register.Request, about About) register.Verdict {
		return judge.Judge(q, about)
	}), Name: func(id party.ID) string { return judge.name(id) }})
	if err != nil {
		t.Fatal(err)
	}
	at := run(t, s)
	client := &http.Client{Transport: &http.Transport{}}
	t.Cleanup(client.CloseIdleConnections)
	described, formed := 0, 0
	for i := range rows {
		row := &rows[i]
		t.Run(row.Name, func(t *testing.T) {
			judge = newRowJudge(t, row)
			query := url.Values{"source": {row.Source}, "port": {"5060"}, "transport": {"udp"}}
			status, body := post(t, client, at+"/v1/authorize?"+query.Encode(), sipType, string(row.Message(verdicts.At{Via: row.Source, Transport: "UDP", CallID: "row"})))
			compare(t, row, status, body)
			if row.Broken { // in a way that parts cannot be
				return
			}
			described++
			status, body = post(t, client, at+"/v1/authorize", json1, rowJSON(t, row))
			compare(t, row, status, body)
			if saysLess(row) {
				return
			}
			formed++
			status, body = post(t, client, at+"/v1/freeswitch", formType, rowForm(row))
			if status != http.StatusOK || (body == notFound) != row.Pass() || strings.Contains(body, "sip-forbid-register") == row.Pass() {
				t.Errorf("FreeSWITCH: %d %s", status, body)
			}
		})
	}
	if described < 80 || formed < 60 {
		t.Errorf("only %d rows as JSON, %d as a form", described, formed)
	}
}

type judgeFunc func(q *register.Request, about About) register.Verdict

func (f judgeFunc) Judge(q *register.Request, about About) register.Verdict { return f(q, about) }

func compare(t *testing.T, row *verdicts.Row, status int, body string) {
	t.Helper()
	var got answer
	if err := json.Unmarshal([]byte(body), &got); err != nil {
		t.Fatalf("%v: %s", err, body)
	}
	want := http.StatusForbidden
	if row.Pass() {
		want = http.StatusOK
	}
	if diff := cmp.Diff(answer{row.Pass(), row.Reason, row.Customer, row.Block, row.Holder}, got); diff != "" || status != want {
		t.Errorf("%d %s", status, diff)
	}
}

// rowJSON renders the row as a switch's script would.
func rowJSON(t *testing.T, row *verdicts.Row) string {
	t.Helper()
	q := map[string]any{"user": row.User(), "domain": row.Domain(), "request_host": row.RequestHost(), "source": row.Source, "port": 5060, "transport": "udp"}
	var contacts []string
	for _, p := range row.Phones {
		contacts = append(contacts, p.Value())
	}
	if contacts != nil {
		q["contacts"] = contacts
	}
	if n, err := strconv.Atoi(row.Expires); err == nil { // what is no number says nothing
		q["expires"] = n
	}
	if row.Username != "" {
		q["username"] = row.Username
	}
	b, err := json.Marshal(q)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// saysLess reports whether FreeSWITCH's form leaves out what the row is about:
// its contacts and when they expire.
func saysLess(row *verdicts.Row) bool {
	return row.Reason == "deregistration" || row.Reason == "too_many_contacts" || row.Reason == "malformed"
}

func rowForm(row *verdicts.Row) string {
	username := row.Username
	if username == "" {
		username = "somebody" // without credentials it does not ask
	}
	form := url.Values{"section": {"directory"}, "action": {"sip_auth"}, "sip_auth_method": {"REGISTER"}, "key_value": {row.Domain()}, "domain": {row.Domain()},
		"user": {username}, "sip_auth_username": {username}, "sip_to_user": {row.User()}, "sip_to_host": {row.Domain()}, "sip_request_host": {row.RequestHost()},
		"ip": {row.Source}, "client_port": {"5060"}, "sip_via_protocol": {"udp"}}
	return form.Encode()
}

// newRowJudge knows the parties of a row, and saw its bindings come to be.
func newRowJudge(t *testing.T, row *verdicts.Row) *rowJudge {
	t.Helper()
	text := fmt.Sprintf("node: test\nlocal_addresses: [\"%s\"]\nguard:\n  unknown_customer: %s\n  max_contacts: %d\n",
		strings.Join(row.Table.Local, `", "`), row.Table.UnknownCustomer, row.Table.MaxContacts)
	cfg, err := configs.Parse("agent.yaml", []byte(text+row.Table.YAML()))
	if err != nil {
		t.Fatal(err)
	}
	book, err := cfg.Book(nil)
	if err != nil {
		t.Fatal(err)
	}
	j := &rowJudge{book, register.NewRegistry(register.Config{Book: book, Policy: cfg.Guard.Policy()}), row.Banned}
	j.learn(t, row.Over, time.Now().Add(-2*time.Hour))
	j.learn(t, row.Bindings, time.Now().Add(-time.Second))
	return j
}

func (j *rowJudge) learn(t *testing.T, list []verdicts.Binding, at time.Time) {
	t.Helper()
	listed := map[string][]verdicts.Phone{} // by address of record: the registrar lists all that it has
	see := func(src, dst netip.AddrPort, b []byte) {
		var m parse.Message
		if err := parse.NewParser().Parse(b, &m); err != nil {
			t.Fatal(err)
		}
		p := packet.Packet{Time: at.UnixNano(), Src: packet.EndpointFrom(src), Dst: packet.EndpointFrom(dst), Payload: b, Transport: packet.UDP}
		j.registry.Message(&p, &m)
	}
	registrar := netip.MustParseAddrPort("192.0.2.1:5060")
	for i, b := range list {
		row, source := b.Row(), b.Source
		if source == "" { // listed to somebody who asks
			source, row.Phones = "100.127.255.255", nil
		}
		phone := netip.AddrPortFrom(netip.MustParseAddr(source), 5060)
		where := verdicts.At{Via: phone.String(), Transport: "UDP", CallID: fmt.Sprintf("%d-%d", at.UnixNano(), i)}
		listed[b.To] = append(listed[b.To], b.Phone)
		see(phone, registrar, row.Message(where))
		see(registrar, phone, verdicts.Answer(b, where, listed[b.To]))
	}
}
