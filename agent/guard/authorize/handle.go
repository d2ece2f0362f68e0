package authorize

import (
	"errors"
	"io"
	"net/http"
	"net/netip"
	"runtime/debug"
	"strings"
	"time"

	"github.com/sipward/sipward/sip/packet"
	"github.com/sipward/sipward/sip/parse"
	"github.com/sipward/sipward/sip/register"
)

// work is what one question needs; it is used again for the next. It is not
// safe for concurrent use.
type work struct {
	parser   *parse.Parser
	message  parse.Message
	request  register.Request
	question question
	body     []byte // of the HTTP request
	sip      []byte // REGISTER that JSON or a form describes
	out      []byte // answer
}

func newWork() *work { return &work{parser: parse.NewParser(), body: make([]byte, 0, 4<<10)} }

// keep is the size up to which buffers are used again, in bytes: one big
// question must not cost memory for ever.
const keep = 16 << 10

// ServeHTTP answers one question, without a listener too.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	select {
	case s.places <- struct{}{}:
		defer func() { <-s.places }()
	default:
		s.count.busy.Add(1)
		w.Header().Set("Retry-After", "1")
		write(w, http.StatusServiceUnavailable, problemType, appendProblem(nil, http.StatusServiceUnavailable, "too many questions at once"))
		return
	}
	k := s.works.Get().(*work) //nolint:forcetypeassert // nothing else is put in
	defer s.finish(w, k)
	answer := s.authorize
	switch r.URL.Path {
	case "/v1/authorize":
	case "/v1/freeswitch":
		answer = s.freeswitch
	default:
		s.bad(w, k, &problem{http.StatusNotFound, "there is /v1/authorize and /v1/freeswitch"})
		return
	}
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		s.bad(w, k, &problem{http.StatusMethodNotAllowed, "ask by POST"})
		return
	}
	answer(w, r, k)
}

// finish takes k back. A fault of ours that a message brings about costs that
// question, not the agent: what becomes of the REGISTER is the switch's to say,
// as when nobody answers.
func (s *Server) finish(w http.ResponseWriter, k *work) {
	p := recover()
	if p == nil {
		s.putBack(k)
		return
	}
	if s.faulty.CompareAndSwap(false, true) { // one is enough to find it; phones could fill the log
		s.cfg.Log.Error("a fault in the agent cost the switch an answer; please report it", "fault", p, "stack", string(debug.Stack()))
	}
	s.bad(w, newWork(), &problem{http.StatusInternalServerError, "a fault in the agent"})
}

func (s *Server) putBack(k *work) {
	if cap(k.body) > keep {
		k.body = make([]byte, 0, 4<<10)
	}
	if cap(k.sip) > keep {
		k.sip = nil
	}
	clear(k.message.Contacts[:cap(k.message.Contacts)]) // or they would keep what they are part of
	k.message = parse.Message{Contacts: k.message.Contacts[:0]}
	k.request, k.question = register.Request{}, question{Contacts: k.question.Contacts[:0]}
	s.works.Put(k)
}

// problem is why a question could not be answered: an HTTP status and what the
// one who asks should know.
type problem struct {
	status int
	detail string
}

// authorize answers POST /v1/authorize.
func (s *Server) authorize(w http.ResponseWriter, r *http.Request, k *work) {
	p := k.read(r)
	started := time.Now()
	defer s.watch(started)
	var about About
	if p == nil {
		about, p = k.understand(r)
	}
	if p != nil {
		s.bad(w, k, p)
		return
	}
	v := s.judge(&k.request, about)
	status := http.StatusForbidden
	if v.Pass() {
		status = http.StatusOK
	}
	k.out = s.appendAnswer(k.out[:0], v)
	write(w, status, jsonType, k.out)
}

func (s *Server) judge(q *register.Request, about About) register.Verdict {
	v := s.cfg.Judge.Judge(q, about)
	if v.Pass() {
		s.count.allowed.Add(1)
	} else {
		s.count.refused.Add(1)
	}
	return v
}

func (s *Server) watch(started time.Time) {
	if time.Since(started) > slowAfter {
		s.count.slow.Add(1)
	}
}

func (s *Server) bad(w http.ResponseWriter, k *work, p *problem) {
	s.count.bad.Add(1)
	k.out = appendProblem(k.out[:0], p.status, p.detail)
	write(w, p.status, problemType, k.out)
}

// read reads the body, or the first maxBody bytes of one that is larger.
func (k *work) read(r *http.Request) *problem {
	k.body = k.body[:0]
	for {
		if len(k.body) == cap(k.body) {
			k.body = append(k.body, 0)[:len(k.body)]
		}
		n, err := r.Body.Read(k.body[len(k.body):cap(k.body)])
		k.body = k.body[:len(k.body)+n]
		switch {
		case len(k.body) > maxBody:
			k.body = k.body[:maxBody]
			return &problem{http.StatusRequestEntityTooLarge, "the body is larger than 128 KiB"}
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return &problem{http.StatusBadRequest, "the body ended early: " + err.Error()}
		}
	}
}

// understand fills k.request from what was asked.
func (k *work) understand(r *http.Request) (About, *problem) {
	switch kind := mediaType(r.Header.Get("Content-Type")); kind {
	case "message/sip":
		return k.understandSIP(r.URL.RawQuery)
	case "application/json":
		return k.understandJSON(r.URL.RawQuery)
	default:
		return About{}, &problem{http.StatusUnsupportedMediaType,
			"Content-Type " + quoted(kind) + ": send message/sip (the REGISTER as it came) or application/json"}
	}
}

// mediaType returns a media type without its parameters.
func mediaType(s string) string {
	s, _, _ = strings.Cut(s, ";")
	return strings.ToLower(strings.TrimSpace(s))
}

func (k *work) understandSIP(query string) (About, *problem) {
	from, p := readSource(query)
	if p != nil {
		return About{}, p
	}
	if len(k.body) == 0 {
		return About{}, &problem{http.StatusBadRequest, "there is no body: send the REGISTER as it came"}
	}
	err := k.parser.Parse(k.body, &k.message)
	if err == nil && (k.message.Method != parse.REGISTER || !k.message.Request()) {
		return About{}, &problem{http.StatusBadRequest, "the message is no REGISTER: only REGISTERs are judged"}
	}
	return k.fill(from, err != nil), nil
}

// fill makes the request of the message. What is broken, though the switch
// takes it for a REGISTER, is a verdict and no bad question: phones send it.
func (k *work) fill(from source, broken bool) About {
	m := &k.message
	k.request.Fill(m, &packet.Packet{Src: packet.EndpointFrom(netip.AddrPortFrom(from.addr, from.port)), Transport: from.transport, Whole: true})
	k.request.Broken = k.request.Broken || broken
	return About{Port: from.port, Transport: from.transport.String(), CallID: m.CallID, CSeq: m.CSeq, UserAgent: m.UserAgent}
}
