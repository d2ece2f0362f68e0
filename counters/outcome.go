package counters

import "github.com/sipward/sipward/sip/dialog"

// SIP codes that figures single out.
const (
	requestTimeout     = 408
	unavailable        = 480
	busyHere           = 486
	requestTerminated  = 487
	serverError        = 500
	serviceUnavailable = 503
	serverTimeout      = 504
	busyEverywhere     = 600
	decline            = 603
)

// Outcome reports whether a leg counts in ASR and NER, and whether the network
// did its part.
func Outcome(l *dialog.Leg) (outcome, ok bool) {
	if !l.Initial {
		return false, false
	}
	t := trialOfLeg(l)
	return t.judge()
}

// AttemptOutcome does the same of an attempt that is over.
func AttemptOutcome(a *dialog.Attempt) (outcome, ok bool) {
	t := trialOfAttempt(a)
	return t.judge()
}

func (t *trial) judge() (outcome, ok bool) {
	switch {
	case t.answer != 0:
		return true, true
	case !t.reached():
		return false, false
	}
	return true, effective(t.code(), t.rang != 0)
}

// trial is the part of a leg or an attempt that its outcome follows from.
type trial struct {
	invited, rang, answer, end int64
	status                     uint16
	release                    dialog.Release
}

func trialOfLeg(l *dialog.Leg) trial {
	return trial{l.Invited, l.Rang, l.Answer, l.End, l.Status, l.Release}
}

func trialOfAttempt(a *dialog.Attempt) trial {
	return trial{a.Invited, a.Rang, a.Answer, a.End, a.Status, a.Release}
}

// code returns the status that stands for how an unanswered trial ended, 0
// when no response stands for it. One that was given up, by its caller or
// because another branch was answered, is a 487 whether or not that response
// was seen. A Status that is older than the release does not count.
func (t *trial) code() uint16 {
	switch t.release {
	case dialog.Failed:
		return t.status
	case dialog.Cancelled, dialog.ByeCaller, dialog.ByeCallee:
		return requestTerminated
	case dialog.NoResponse, dialog.MaxAge, dialog.SessionTimer, dialog.MediaSilence,
		dialog.DialogGone, dialog.Reused, dialog.CaptureEnd, dialog.EndMissed:
	}
	return 0
}

// reached reports whether an unanswered trial has an outcome: it failed or was
// given up. What was still open when the capture ended has none, nor has one
// that another call replaced before anything final came, or whose end passed
// unseen.
func (t *trial) reached() bool {
	return t.release != dialog.CaptureEnd && t.release != dialog.Reused && t.release != dialog.EndMissed
}

// outcome counts a trial that failed for good.
func (f *Figures) outcome(t *trial) {
	if !t.reached() {
		return
	}
	f.Outcomes++
	code := t.code()
	f.ByClass[class(code)]++
	if effective(code, t.rang != 0) {
		f.Effective++
	}
	switch code {
	case unavailable, busyHere, busyEverywhere, decline:
		f.Decided++
	case 0, requestTimeout, serverError, serviceUnavailable, serverTimeout:
		f.Defects++
	}
	if class(code) == 3 {
		f.Redirects++
	}
	if delay, ok := dialog.PDD(t.invited, t.rang, 0); ok {
		f.PDD.observe(delay)
	}
}

// effective reports whether the network did its part though nobody answered:
// the called side was busy (486, 600), declined (603), was not available (480),
// or rang and was not picked up (408, 487). A 408 or 487 without ringing is the
// network's: the far side stayed silent, or the caller gave up waiting for it.
func effective(code uint16, rang bool) bool {
	switch code {
	case busyHere, busyEverywhere, decline, unavailable:
		return true
	case requestTimeout, requestTerminated:
		return rang
	}
	return false
}

// answer counts a trial that was answered. late says that it had failed before:
// a 2xx that lost a race with a CANCEL. Its outcome is counted already, and how
// is not known any more, so only the answer is added to it.
func (f *Figures) answer(t *trial, late bool) {
	f.Answered++
	if late {
		return
	}
	f.Outcomes++
	f.Effective++
	f.Decided++
	f.ByClass[2]++
	if delay, ok := dialog.PDD(t.invited, t.rang, t.answer); ok {
		f.PDD.observe(delay)
	}
}

// over counts the end of a trial, and its length when it was answered.
func (f *Figures) over(t *trial) {
	f.ByRelease[t.release]++
	if t.answer != 0 {
		f.Ended++
		f.AnsweredMs += milliseconds(t.end - t.answer)
	} else if !t.reached() {
		return
	}
	f.Over++
	if t.completed() {
		f.Completed++
	}
}

// completed reports whether a trial ended without failing for lack of a
// response (RFC 6076 section 4.9): hung up, or refused by a response of its
// own. Timers, a peer that lost the dialog and a 408 or 504 are lacks.
func (t *trial) completed() bool {
	switch t.release {
	case dialog.ByeCaller, dialog.ByeCallee, dialog.Cancelled:
		return true
	case dialog.Failed:
		return t.status != requestTimeout && t.status != serverTimeout
	case dialog.NoResponse, dialog.SessionTimer, dialog.MediaSilence, dialog.MaxAge,
		dialog.DialogGone, dialog.Reused, dialog.CaptureEnd, dialog.EndMissed:
	}
	return false
}

// class returns the hundred of a final status, 0 when there was none.
func class(code uint16) int {
	if c := int(code / 100); c >= 2 && c < StatusClasses {
		return c
	}
	return 0
}
