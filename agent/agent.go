package main

import (
	"log/slog"
	"net/http"
	"time"

	"github.com/sipward/sipward/agent/admin"
	"github.com/sipward/sipward/agent/capture"
	"github.com/sipward/sipward/agent/outbox"
	"github.com/sipward/sipward/agent/pipeline"
	"github.com/sipward/sipward/agent/records"
	"github.com/sipward/sipward/configs"
	"github.com/sipward/sipward/internal/certs"
	"github.com/sipward/sipward/sip/dialog"
	"github.com/sipward/sipward/sip/media"
	"github.com/sipward/sipward/sip/party"
	"github.com/sipward/sipward/sync/spool"
	"github.com/sipward/sipward/sync/uplink"
)

// queueBatches is how many batches of 512 frames may wait for the pipeline.
const queueBatches = 64

// agent is all parts of one agent. It does not change while they run.
type agent struct {
	cfg     *configs.Agent
	log     *slog.Logger
	started time.Time
	book    *party.Book // of the start
	queue   *pipeline.Queue
	core    *pipeline.Core // the task's, once it runs
	task    *pipeline.Task
	live    *capture.Live // nil without interfaces
	heps    []*capture.HEP
	records *records.Recorder // nil without a file
	spool   *spool.Spool      // nil without an uplink
	outbox  *outbox.Outbox    // feeds the spool; the pipeline's, made by restore
	uplink  *uplink.Uplink
	guard   *guards
	certs   *certs.Watch
	tables  *tables // nil when customers are those of the configuration
	admin   *admin.Server
}

// newAgent builds every part; none of them does anything yet.
func newAgent(cfg *configs.Agent, log *slog.Logger) (*agent, error) {
	book, err := cfg.Book(nil)
	if err != nil {
		return nil, err
	}
	a := &agent{cfg: cfg, log: log, started: time.Now(), book: book, queue: pipeline.NewQueue(queueBatches), certs: certs.NewWatch(certFiles(cfg)...)}
	core := coreConfig(cfg, book)
	if err := a.addCaptures(); err != nil {
		return nil, err
	}
	if a.live != nil {
		core.Kernel = a.live.Filter()
	}
	if cfg.Records.File != "" {
		a.records = records.New(records.Config{File: cfg.Records.File, Log: log})
	}
	if err := a.addTable(); err != nil {
		return nil, err
	}
	if err := a.addSync(&core); err != nil {
		return nil, err
	}
	if a.records != nil || a.spool != nil {
		core.Finished = a.finished
	}
	if err := a.addGuard(&core); err != nil {
		return nil, err
	}
	a.core = pipeline.New(core)
	a.task = pipeline.NewTask(a.core, a.queue)
	listen, socket := cfg.Admin.Places()
	a.admin = admin.New(admin.Config{Listen: listen, Socket: socket, Source: a, Local: map[string]http.Handler{"/guard/": a.guard.Pages()}, Calls: a.calls, Log: log})
	return a, nil
}

// certFiles lists the certificates that end one day.
func certFiles(cfg *configs.Agent) []certs.File {
	var out []certs.File
	if u := &cfg.Uplink; u.On() {
		out = append(out, certs.File{Use: admin.CertUplink, Path: u.CertFile}, certs.File{Use: admin.CertUplinkCA, Path: u.CAFile, Authority: true})
	}
	for i := range cfg.Capture.HEP {
		out = append(out, certs.File{Use: admin.CertHEP, Path: cfg.Capture.HEP[i].CertFile})
	}
	return out
}

// addCaptures builds what frames come from.
func (a *agent) addCaptures() (err error) {
	if len(a.cfg.Capture.Interfaces) > 0 {
		if a.live, err = capture.NewLive(liveConfig(a.cfg, a.queue, a.log)); err != nil {
			return err
		}
	}
	for i := range a.cfg.Capture.HEP {
		hep, err := capture.NewHEP(hepConfig(&a.cfg.Capture.HEP[i]), a.queue)
		if err != nil {
			return err
		}
		a.heps = append(a.heps, hep)
	}
	return nil
}

func liveConfig(cfg *configs.Agent, sink capture.Sink, log *slog.Logger) capture.LiveConfig {
	c := &cfg.Capture
	modes := map[configs.Filter]capture.Mode{configs.FilterEBPF: capture.EBPF, configs.FilterClassic: capture.Classic}
	return capture.LiveConfig{
		Interfaces: c.Interfaces, SIPPorts: c.SIPPorts, RingBytes: c.RingMiB << 20, MaxEndpoints: c.MaxEndpoints,
		Tunnels: c.Tunnels, RTCP: c.RTCP, Promiscuous: c.Promiscuous, Mode: modes[c.Filter], Sink: sink, Log: log,
	}
}

func hepConfig(h *configs.HEPListener) capture.HEPConfig {
	return capture.HEPConfig{
		Listeners: []capture.HEPListener{{Network: h.Network, Address: h.Address, Cert: h.CertFile, Key: h.KeyFile}},
		Secret:    []byte(h.AuthKey.Reveal()),
	}
}

// coreConfig is what run and replay have in common.
func coreConfig(cfg *configs.Agent, book *party.Book) pipeline.Config {
	keep := cfg.DTMF.Digits.Keeps()
	return pipeline.Config{
		Book: book,
		Dialog: dialog.Config{
			MaxLegs: cfg.Calls.Max, SetupTimeout: cfg.Calls.SetupTimeout,
			MediaTimeout: time.Duration(cfg.Calls.MediaTimeout), MaxAge: cfg.Calls.MaxAge, KeepDigits: keep,
		},
		Media: media.Options{Endpoints: cfg.Capture.MaxEndpoints, Digits: keep},
	}
}
