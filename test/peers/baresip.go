package peers

import (
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
)

// Phone is baresip without a sound card: it says a tone, registers with the
// switch, and answers calls.
type Phone struct {
	Host     *Host
	Number   string
	Local    netip.Addr
	Switch   netip.Addr
	Password string
	TLS      bool // to the switch
	proc     *Proc
}

// controlTCP is where a phone takes commands; each is on a host of its own.
const controlTCP = 4444

const phoneConfig = `sip_listen %[1]s:5060
audio_player aubridge,sink
audio_source ausine,440
ausrc_srate 48000
ausrc_channels 2
audio_alert aubridge,alert
rtp_ports 16000-16100
module_path /usr/lib/baresip/modules
module g711.so
module ausine.so
module aubridge.so
module_app account.so
module_app menu.so
module_app ctrl_tcp.so
ctrl_tcp_listen 127.0.0.1:%[2]d
`

// Start starts the phone and returns when it takes commands.
func (p *Phone) Start(ctx context.Context) (err error) {
	dir := filepath.Join(p.Host.lab.Dir, "phone-"+p.Number)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	transport := ""
	if p.TLS {
		transport = ";transport=tls"
	}
	files := map[string]string{
		"config":   fmt.Sprintf(phoneConfig, hostPart(p.Local), controlTCP),
		"accounts": fmt.Sprintf("<sip:%s@%s%s>;auth_pass=%s;answermode=auto;regint=3600;dtmfmode=rtpevent\n", p.Number, hostPart(p.Switch), transport, p.Password),
		"contacts": "",
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			return err
		}
	}
	p.proc, err = p.Host.Start("phone-"+p.Number, "baresip", "-f", dir)
	if err != nil {
		return err
	}
	return p.proc.WaitSocket(ctx, "tcp", controlTCP)
}

// WaitLog waits until the phone has printed text.
func (p *Phone) WaitLog(ctx context.Context, text string) error { return p.proc.WaitLog(ctx, text) }

// Do gives the phone a command of baresip's menu, such as dial or hangup.
func (p *Phone) Do(ctx context.Context, command, parameter string) error {
	b, err := json.Marshal(map[string]string{"command": command, "params": parameter})
	if err != nil {
		return err
	}
	// The control channel takes netstrings, and is reached from the phone's
	// own host only: bash opens the connection there.
	const send = `exec 3<>/dev/tcp/127.0.0.1/$1 && printf '%s:%s,' "${#2}" "$2" >&3 && IFS= read -r -d , -t 5 answer <&3 && printf %s "$answer"`
	return p.Host.Run(ctx, "bash", "-c", send, "phone", fmt.Sprint(controlTCP), string(b))
}
