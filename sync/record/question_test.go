package record

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestQuestion(t *testing.T) {
	q, err := DecodeQuestion([]byte(`{"id":"a1","ask":"bindings","first":"1000","last":"1999","limit":5,"new":true}`))
	if err != nil || q != (Question{ID: "a1", Ask: "bindings", First: "1000", Last: "1999", Limit: 5}) {
		t.Errorf("%+v, %v", q, err)
	}
	q, err = DecodeQuestion([]byte(`{"id":"a1","ask":"bindings"}`))
	if err != nil || q.Limit != 100 {
		t.Errorf("%+v, %v", q, err)
	}
}

func TestQuestionErrors(t *testing.T) {
	for _, tt := range []struct{ text, id, want string }{
		{"", "", "is no JSON"},
		{"[]", "", "is no JSON"},
		{`{"id":7}`, "", "is no JSON"},
		{`{"id":"a"`, "", "is no JSON"},
		{`{"ask":"bindings"}`, "", "has no id"},
		{`{"id":"a b","ask":"bindings"}`, "", "has no id"},
		{`{"id":"` + strings.Repeat("a", 64) + `","ask":"bindings"}`, "", "has no id"},
		{`{"id":"a"}`, "a", `nothing is known of "": ask for bindings or calls`},
		{`{"id":"a","ask":"` + strings.Repeat("x", 100) + `"}`, "a", `nothing is known of "` + strings.Repeat("x", 64) + `":`},
		{`{"id":"a","ask":"bindings","first":"1"}`, "a", `numbers "1" to "": two of equal length are wanted`},
		{`{"id":"a","ask":"bindings","first":"2","last":"1"}`, "a", `numbers "2" to "1"`},
		{`{"id":"a","ask":"bindings","first":"+2","last":"+3"}`, "a", `numbers "+2" to "+3"`},
		{`{"id":"a","ask":"bindings","limit":1001}`, "a", "a limit of 1001: at most 1000"},
		{`{"id":"a","ask":"bindings","limit":-1}`, "a", "a limit of -1"},
		{strings.Repeat(" ", MaxQuestion+1), "", "a question of 4097 bytes: at most 4096"},
	} {
		q, err := DecodeQuestion([]byte(tt.text))
		if err == nil || !strings.Contains(err.Error(), tt.want) || q.ID != tt.id {
			t.Errorf("%.80s: id %q, %v; want %q, %s", tt.text, q.ID, err, tt.id, tt.want)
		}
	}
}

func TestAnswer(t *testing.T) {
	b, err := EncodeAnswer(&Answer{ID: "a1"})
	if err != nil || string(b) != `{"id":"a1","bindings":[],"more":0}` {
		t.Errorf("%s, %v", b, err)
	}
	for _, tt := range []struct{ have, long, want int }{
		{3, 10, 3},
		{MaxBindings, 10, MaxBindings},
		{MaxBindings + 7, 10, MaxBindings},
		{MaxBindings, 2000, 125}, // 2 MB: halved until it fits
		{2, MaxAnswer, 0},
	} {
		a := &Answer{ID: "a1", More: 5}
		for range tt.have {
			a.Bindings = append(a.Bindings, Binding{Number: "1000", Contact: strings.Repeat("x", tt.long)})
		}
		b, err := EncodeAnswer(a)
		if err != nil || len(b) > MaxAnswer {
			t.Fatalf("%d bytes, %v", len(b), err)
		}
		got, err := DecodeAnswer(b)
		if err != nil || got.ID != "a1" || len(got.Bindings) != tt.want || got.More != 5+tt.have-tt.want {
			t.Errorf("%d of %d bindings, %d more, %v", len(got.Bindings), tt.have, got.More, err)
		}
		if len(a.Bindings) != tt.have || a.More != 5 {
			t.Error("the answer itself was changed")
		}
	}
	if _, err := EncodeAnswer(&Answer{Error: strings.Repeat("x", MaxAnswer)}); err == nil || !strings.Contains(err.Error(), "without a binding") {
		t.Errorf("%v", err)
	}
	for text, want := range map[string]string{
		"":                               "is no JSON",
		`{"more":-1}`:                    "-1 more",
		strings.Repeat(" ", MaxAnswer+1): "an answer of 524289 bytes: at most 524288",
		`{"bindings":[` + strings.TrimSuffix(strings.Repeat("{},", MaxBindings+1), ",") + `]}`: "the answer has 1001 bindings, of at most 1000",
	} {
		if _, err := DecodeAnswer([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.40s: %v, want %s", text, err, want)
		}
	}
}

// TestAnswerOfCalls: as many of the newest as fit are kept, and the others are counted.
func TestAnswerOfCalls(t *testing.T) {
	a := &Answer{ID: "a1", More: 5}
	for range MaxCalls {
		a.Calls = append(a.Calls, LiveCall{CallID: strings.Repeat("x", maxLiveText), Caller: strings.Repeat("y", maxLiveText)})
	}
	b, err := EncodeAnswer(a)
	if err != nil || len(b) > MaxAnswer {
		t.Fatal(len(b), err)
	}
	got, err := DecodeAnswer(b)
	if err != nil || len(got.Calls) != MaxCalls/2 || got.More != 5+MaxCalls/2 {
		t.Errorf("%d calls, %d more, %v", len(got.Calls), got.More, err)
	}
	if _, err := DecodeAnswer([]byte(`{"calls":[` + strings.TrimSuffix(strings.Repeat("{},", MaxCalls+1), ",") + `]}`)); err == nil {
		t.Error("too many calls are read")
	}
}

func FuzzQuestion(f *testing.F) {
	f.Add([]byte(`{"id":"a1","ask":"bindings","first":"1000","last":"1999","limit":5}`))
	f.Add([]byte(`{"id":"a1","bindings":[{"number":"1000"}],"more":3}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		if q, err := DecodeQuestion(b); err == nil {
			again, err := json.Marshal(q)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := DecodeQuestion(again); err != nil || got != q {
				t.Errorf("%+v came back as %+v, %v", q, got, err)
			}
		}
		if a, err := DecodeAnswer(b); err == nil {
			if _, err := EncodeAnswer(a); err != nil && !strings.Contains(err.Error(), "without a binding") {
				t.Error(err)
			}
		}
	})
}
