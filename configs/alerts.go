package configs

import (
	"net/mail"
	"slices"
	"strings"
)

// Alerts says how people and programs are told of alerts. Which alerts there are is
// set in the dashboard.
type Alerts struct {
	Mail    Mail    `yaml:"mail"`    // server that takes e-mail
	Webhook Webhook `yaml:"webhook"` // how programs are called
}

// Mail is a server that takes e-mail.
type Mail struct {
	Host         string `yaml:"host"`          // name or address without a port; "" for no e-mail
	Port         int    `yaml:"port"`          // 0: 587, with tls 465, with none 25
	Security     string `yaml:"security"`      // starttls, tls or none
	Username     string `yaml:"username"`      // "" for none
	PasswordFile string `yaml:"password_file"` // of Username
	From         string `yaml:"from"`          // address of the sender

	Password Secret // what PasswordFile holds
}

// Webhook says how webhooks are called.
type Webhook struct {
	SecretFile   string `yaml:"secret_file"`   // what signs requests; "" for no signature
	AllowPrivate bool   `yaml:"allow_private"` // they may lead to loopback and private addresses

	Secret Secret // what SecretFile holds
}

// On reports whether e-mail can be sent.
func (m *Mail) On() bool { return m.Host != "" }

// check refuses what could not be sent, and a password in clear.
func (m *Mail) check(d *decoder) {
	if !slices.Contains([]string{"starttls", "tls", "none"}, m.Security) {
		d.at("alerts.mail.security", "security %q: choose starttls, tls, or none", m.Security)
	}
	if m.Port < 0 || m.Port > 65_535 {
		d.at("alerts.mail.port", "%d is no port", m.Port)
	}
	if (m.Username == "") != (m.PasswordFile == "") {
		d.at("alerts.mail.username", "username and password_file go together")
	}
	if !m.On() {
		if m.Port != 0 || m.Username+m.PasswordFile+m.From != "" {
			d.at("alerts.mail", "nothing here is used without host: name the mail server, or remove the rest")
		}
		return
	}
	if strings.ContainsAny(m.Host, " \t\r\n/[]") || strings.Count(m.Host, ":") == 1 {
		d.at("alerts.mail.host", "host %q: write a name or address without a port", m.Host)
	}
	if m.Security == "none" && m.Username != "" {
		d.at("alerts.mail.security", "a password is not sent without TLS: choose starttls or tls, or leave username out")
	}
	if a, err := mail.ParseAddress(m.From); err != nil || a.Address != m.From {
		d.at("alerts.mail.from", "from %q: write the sender's address as sipward@example.org", m.From)
	}
}
