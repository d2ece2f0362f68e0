package promtool

import "testing"

func TestLinterFindsFaults(t *testing.T) {
	if run(t, "# TYPE sipward_calls counter\nsipward_calls 1\n") == "" {
		t.Error("promtool accepts a counter without _total and help")
	}
	if said := run(t, "# HELP sipward_calls_total Calls.\n# TYPE sipward_calls_total counter\nsipward_calls_total 1\n# TYPE go_x counter\ngo_x 1\n"); said != "" {
		t.Errorf("what is right is found fault with: %s", said)
	}
}
