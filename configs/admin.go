package configs

import (
	"net"
	"path/filepath"
)

// Admin says where a program serves its figures.
type Admin struct {
	Listen string `yaml:"listen"` // address:port of the HTTP server, or off
	Socket string `yaml:"socket"` // unix socket that `status` reads, or off
}

// Off turns a listener off.
const Off = "off"

// Places returns Listen and Socket, "" for what is off.
func (a Admin) Places() (listen, socket string) {
	on := func(s string) string {
		if s == Off {
			return ""
		}
		return s
	}
	return on(a.Listen), on(a.Socket)
}

func (a Admin) check(d *decoder) {
	if a.Listen != Off && !address(a.Listen) {
		d.at("admin.listen", "listen %q: write address:port, or off%s", a.Listen, addressHint(a.Listen))
	}
	if s := a.Socket; s != Off && (!filepath.IsAbs(s) || len(s) > 100) {
		d.at("admin.socket", "socket %q: write an absolute path of at most 100 characters, or off", s)
	}
}

func (a Admin) odd(note noter) {
	if host, _, err := net.SplitHostPort(a.Listen); err == nil && !loopback(host) {
		note("admin.listen", "figures are served beyond this host, without encryption or password; a firewall should guard %s", a.Listen)
	}
}

// AdminOf returns where the program with this configuration serves its figures,
// usual unless the file says otherwise. Whatever else is wrong with the file, or
// cannot be read by whoever asks, is no matter: the program that runs has read an
// older one, as another user.
func AdminOf(path string, usual Admin) Admin {
	text, err := readText(path)
	if err != nil {
		return usual
	}
	file := struct {
		Admin Admin `yaml:"admin"`
	}{usual}
	decode(path, text, &file)
	d := &decoder{}
	if file.Admin.check(d); len(d.errs) > 0 {
		return usual
	}
	return file.Admin
}
