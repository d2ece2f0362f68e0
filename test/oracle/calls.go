package oracle

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// never is the end of what does not end in the capture.
const never = -1

// dialog is a pair of tags, in either order: a BYE from the callee swaps them.
type dialog [2]string

func dialogOf(m *message) dialog {
	return dialog{min(m.fromTag, m.toTag), max(m.fromTag, m.toTag)}
}

// request is a From tag and a CSeq number: each side of a dialog counts for
// itself (RFC 3261 section 12.2.1.1).
type request struct{ fromTag, cseq string }

// story is all messages of one Call-ID, and what they amount to.
type story struct {
	callID   string
	messages []*message
	initial  map[request]bool // INVITEs without To tag

	begin    float64 // the first INVITE
	answer   float64 // the first 2xx to an initial INVITE, or never
	end      float64 // of the last answered dialog, or of the last failure; or never
	answered bool
}

// countCalls fills in f.Calls and f.DTMFInfo.
func countCalls(f *Figures, messages []message) {
	f.DTMFInfo = make(map[string]string)
	var live, talking []span
	for _, s := range stories(messages) {
		f.Calls.Reinvites += s.reinvites()
		if len(s.initial) == 0 {
			if s.midcall() {
				f.Calls.SeenMidcall++
			}
			continue
		}
		s.judge()
		f.Calls.Total++
		live = append(live, span{s.begin, s.end})
		if s.answered {
			f.Calls.Answered++
			talking = append(talking, span{s.answer, s.end})
			if s.end == never {
				f.Calls.OpenAtEnd++
			} else {
				f.Calls.EndedByBye++
			}
		}
		if s.has(func(m *message) bool { return m.method == "CANCEL" }) {
			f.Calls.Cancelled++
		}
		if s.forked() {
			f.Calls.Forked++
		}
		if digits := s.infoDigits(); digits != "" {
			f.DTMFInfo[s.callID] = digits
		}
	}
	f.Calls.MaxLive, f.Calls.MaxAnswered = most(live), most(talking)
}

// stories groups messages by Call-ID, in order of appearance.
func stories(messages []message) []*story {
	var all []*story
	by := make(map[string]*story)
	for i := range messages {
		m := &messages[i]
		if m.callID == "" {
			continue
		}
		s := by[m.callID]
		if s == nil {
			s = &story{callID: m.callID, initial: make(map[request]bool)}
			by[m.callID] = s
			all = append(all, s)
		}
		s.messages = append(s.messages, m)
		if m.method == "INVITE" && m.toTag == "" {
			if len(s.initial) == 0 {
				s.begin = m.time
			}
			s.initial[request{m.fromTag, m.cseq}] = true
		}
	}
	return all
}

func (s *story) has(is func(*message) bool) bool { return slices.ContainsFunc(s.messages, is) }

// midcall reports whether a call shows though its INVITE was not captured.
func (s *story) midcall() bool {
	return s.has(func(m *message) bool {
		return m.method == "INVITE" || m.method == "BYE" || m.cseqFor == "INVITE" && m.status/100 == 2
	})
}

// reinvites counts INVITEs inside dialogs, a re-sent one once.
func (s *story) reinvites() int {
	seen := make(map[request]bool)
	for _, m := range s.messages {
		if r := (request{m.fromTag, m.cseq}); m.method == "INVITE" && m.toTag != "" && !s.initial[r] {
			seen[r] = true
		}
	}
	return len(seen)
}

// toInitial reports whether m is a response to an initial INVITE.
func (s *story) toInitial(m *message) bool {
	return !m.request() && m.cseqFor == "INVITE" && s.initial[request{m.fromTag, m.cseq}]
}

// forked reports whether more than one callee's tag rang or answered.
func (s *story) forked() bool {
	tags := make(map[string]bool)
	for _, m := range s.messages {
		if s.toInitial(m) && m.status > 100 && m.status < 300 && m.toTag != "" {
			tags[m.toTag] = true
		}
	}
	return len(tags) > 1
}

// judge finds out whether and when the call was answered, and its end.
func (s *story) judge() {
	s.answer, s.end = never, never
	var dialogs []dialog
	began := make(map[dialog]float64)
	failed := float64(never)
	for _, m := range s.messages {
		switch {
		case !s.toInitial(m):
		case m.status/100 == 2:
			if !s.answered {
				s.answered, s.answer = true, m.time
			}
			d := dialogOf(m)
			if _, have := began[d]; !have {
				began[d] = m.time
				dialogs = append(dialogs, d)
			}
		case m.status >= 300:
			failed = m.time
		}
	}
	if !s.answered {
		s.end = failed
		return
	}
	for _, d := range dialogs {
		end := s.bye(func(m *message) bool { return dialogOf(m) == d })
		if end == never && len(dialogs) == 1 {
			// Some change their tags on the way; there is but one to end.
			end = s.bye(func(m *message) bool { return m.time >= began[d] })
		}
		if end == never {
			s.end = never
			return
		}
		s.end = max(s.end, end)
	}
}

// bye returns when the first BYE that is asked for came, or never.
func (s *story) bye(is func(*message) bool) float64 {
	first := float64(never)
	for _, m := range s.messages {
		if m.method == "BYE" && is(m) && (first == never || m.time < first) {
			first = m.time
		}
	}
	return first
}

var (
	relayed = regexp.MustCompile(`(?i)Signal\s*=\s*([0-9A-D*#]+)`)
	plain   = regexp.MustCompile(`(?i)^\s*([0-9A-D*#]{1,2})\s*$`)
)

// infoDigits returns the digits that came by INFO, each request once.
func (s *story) infoDigits() string {
	var digits strings.Builder
	seen := make(map[[2]string]bool)
	for _, m := range s.messages {
		key := [2]string{m.fromTag, m.cseq}
		if m.method != "INFO" || !strings.Contains(m.content, "dtmf") || seen[key] {
			continue
		}
		seen[key] = true
		found := relayed.FindSubmatch(m.body)
		if found == nil {
			found = plain.FindSubmatch(m.body)
		}
		if found == nil {
			continue
		}
		switch d := strings.ToUpper(string(found[1])); d {
		case "10":
			digits.WriteByte('*')
		case "11":
			digits.WriteByte('#')
		default:
			digits.WriteString(d)
		}
	}
	return digits.String()
}

// span is a time during which something lasts; to may be never.
type span struct{ from, to float64 }

// most returns how many spans overlap at most. One that ends when another
// begins does not overlap it.
func most(spans []span) int {
	type event struct {
		at   float64
		step int
	}
	var events []event
	for _, s := range spans {
		events = append(events, event{s.from, 1})
		if s.to != never {
			events = append(events, event{max(s.from, s.to), -1})
		}
	}
	slices.SortFunc(events, func(a, b event) int {
		switch {
		case a.at < b.at:
			return -1
		case a.at > b.at:
			return 1
		}
		return a.step - b.step
	})
	now, best := 0, 0
	for _, e := range events {
		now += e.step
		best = max(best, now)
	}
	return best
}

// countRegistrations fills in f.Registrations: a transaction is a Call-ID and
// CSeq, its outcome the first final response.
func countRegistrations(f *Figures, messages []message) {
	outcome := make(map[[2]string]int)
	for i := range messages {
		if m := &messages[i]; m.method == "REGISTER" {
			f.Registrations.Requests++
			outcome[[2]string{m.callID, m.cseq}] = 0
		}
	}
	f.Registrations.Transactions = len(outcome)
	for i := range messages {
		m := &messages[i]
		key := [2]string{m.callID, m.cseq}
		if status, have := outcome[key]; have && status == 0 && m.cseqFor == "REGISTER" && m.status >= 200 {
			outcome[key] = m.status
		}
	}
	f.Registrations.Outcomes = make(map[string]int)
	for _, status := range outcome {
		if status != 0 {
			f.Registrations.Outcomes[strconv.Itoa(status)]++
		}
	}
}
