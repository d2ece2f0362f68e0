package peers

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
)

// AgentBinding is a phone that is registered.
type AgentBinding struct {
	Number        string `json:"number"`
	Customer      string `json:"customer"`
	Contact       string `json:"contact"`
	Source        string `json:"source"`
	Transport     string `json:"transport"`
	Stray         string `json:"stray"`
	ExpiresUnixMs int64  `json:"expires_unix_ms"`
}

// AgentChecked is a verdict that was asked for.
type AgentChecked struct {
	Verdict  string `json:"verdict"`
	Reason   string `json:"reason"`
	Customer string `json:"customer"`
	Block    string `json:"block"`
	Holder   string `json:"holder"`
	Steps    []struct {
		Check   string `json:"check"`
		Decides bool   `json:"decides"`
		Text    string `json:"text"`
	} `json:"steps"`
}

// Bindings lists who is registered, or with what "strays" of them, as an operator
// would ask.
func (a *Agent) Bindings(ctx context.Context, what string, args ...string) ([]AgentBinding, error) {
	var list struct {
		Bindings []AgentBinding `json:"bindings"`
	}
	err := a.guard(ctx, &list, append([]string{what}, args...)...)
	return list.Bindings, err
}

// Check asks what would become of a REGISTER. It is no error that it would be
// refused.
func (a *Agent) Check(ctx context.Context, user string, source netip.Addr, args ...string) (*AgentChecked, error) {
	v := new(AgentChecked)
	err := a.guard(ctx, v, append([]string{"check", "--user", user, "--source", source.String()}, args...)...)
	return v, err
}

// guard runs a command of the guard. An exit status is no error when the answer
// is there.
func (a *Agent) guard(ctx context.Context, to any, args ...string) error {
	cmd := a.Host.Command(ctx, a.Program, append(append([]string{"guard"}, args...), "--json", "--config", a.config)...)
	var complaint bytes.Buffer
	cmd.Stderr = &complaint
	out, err := cmd.Output()
	if err != nil && len(out) == 0 {
		return fmt.Errorf("sipward-agent guard %s: %w: %s", args[0], err, complaint.Bytes())
	}
	if err := json.Unmarshal(out, to); err != nil {
		return fmt.Errorf("sipward-agent guard %s: %w: %s", args[0], err, out)
	}
	return nil
}
