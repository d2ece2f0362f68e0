package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"text/tabwriter"
	"time"

	"github.com/sipward/sipward/configs"
	"github.com/sipward/sipward/sync/record"
	"github.com/sipward/sipward/sync/spool"
)

type spoolCmd struct {
	List   spoolListCmd   `cmd:"" help:"List the files of the spool: what runs of the agent they are of, and which records they hold."`
	Dump   spoolDumpCmd   `cmd:"" help:"Print the records on disk, one JSON object a line."`
	Verify spoolVerifyCmd `cmd:"" help:"Read everything and hold it against its checksums. Exit status 1 when something is damaged."`
}

// spoolPlace names a folder. A running agent is not disturbed.
type spoolPlace struct {
	Dir    string `arg:"" optional:"" help:"The spool's folder. Default: spool.dir of the configuration."`
	Config string `default:"${config}" placeholder:"FILE" help:"Configuration that names the folder (${default})."`
}

func (p *spoolPlace) dir() (string, error) {
	if p.Dir != "" {
		return p.Dir, nil
	}
	cfg, err := configs.Load(p.Config)
	switch {
	case errors.Is(err, fs.ErrNotExist) && p.Config == defaultConfig:
		return configs.Defaults().Spool.Dir, nil
	case err != nil:
		return "", explainConfig(p.Config, err)
	}
	return cfg.Spool.Dir, nil
}

func (p *spoolPlace) inspect(verify bool) (*spool.Folder, error) {
	dir, err := p.dir()
	if err != nil {
		return nil, err
	}
	f, err := spool.Inspect(dir, verify)
	return f, explainSpool(dir, err)
}

func explainSpool(dir string, err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%w; there is no spool at %s: name its folder, or a configuration with --config", err, dir)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%w; run as the agent's user, or as root", err)
	}
	return err
}

type spoolListCmd struct {
	spoolPlace
	JSON bool `name:"json" help:"Print one JSON object a file."`
}

// Run lists the files.
func (c *spoolListCmd) Run() error {
	f, err := c.inspect(false)
	if err != nil {
		return err
	}
	if c.JSON {
		return listJSON(f)
	}
	return listTable(f)
}

func listJSON(f *spool.Folder) error {
	out := json.NewEncoder(os.Stdout)
	for i := range f.Files {
		x := &f.Files[i]
		line := struct {
			File    string         `json:"file"`
			Epoch   string         `json:"epoch"`
			Stream  string         `json:"stream"`
			Kind    string         `json:"kind"`
			Records uint64         `json:"records"`
			Ranges  []record.Range `json:"ranges"`
			Bytes   int64          `json:"bytes"`
			Created int64          `json:"created_unix_ms,omitempty"`
			InUse   bool           `json:"in_use"`
			Damage  string         `json:"damage,omitempty"`
		}{
			x.Name, epochText(x.Epoch), x.Stream.String(), x.Kind, x.Records.Len(), x.Records, x.Bytes, 0, x.InUse, "",
		}
		if !x.Created.IsZero() {
			line.Created = x.Created.UnixMilli()
		}
		if x.Damage != nil {
			line.Damage = x.Damage.Error()
		}
		if err := out.Encode(line); err != nil {
			return err
		}
	}
	return nil
}

func listTable(f *spool.Folder) error {
	w := tabwriter.NewWriter(os.Stdout, 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, "file\tmade\tstream\tepoch\tnumbers\trecords\tsize\t")
	var records uint64
	var size int64
	for i := range f.Files {
		x := &f.Files[i]
		made := ""
		if !x.Created.IsZero() {
			made = x.Created.UTC().Format(time.DateTime)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%d\t%d KiB\t%s\n", x.Name, made, x.Stream, epochText(x.Epoch), numbers(x.Records), x.Records.Len(), x.Bytes>>10, remark(x))
		if x.Kind != "shed" {
			records += x.Records.Len()
		}
		size += x.Bytes
	}
	if err := w.Flush(); err != nil {
		return err
	}
	use := "no agent runs on it"
	if f.InUse {
		use = "an agent runs on it"
	}
	fmt.Fprintf(os.Stdout, "%s: %d files, %d records, %d KiB; %s\n", f.Dir, len(f.Files), records, size>>10, use)
	switch {
	case f.Open != nil:
		fmt.Fprintf(os.Stdout, "calls that go on: cannot be read: %v\n", f.Open)
	case !f.Alive.IsZero():
		fmt.Fprintf(os.Stdout, "calls that go on: %d at %s\n", f.Calls, f.Alive.UTC().Format(time.DateTime))
	}
	return nil
}

func numbers(r record.Ranges) string {
	switch len(r) {
	case 0:
		return "none"
	case 1:
		return fmt.Sprintf("%d-%d", r[0].First, r[0].Last)
	}
	return fmt.Sprintf("%d-%d in %d parts", r[0].First, r.Last(), len(r))
}

func remark(x *spool.File) string {
	switch {
	case x.Damage != nil:
		return "DAMAGED: " + x.Damage.Error()
	case x.Kind == "shed":
		return "gave way to calls"
	case x.InUse:
		return "being written"
	}
	return ""
}

type spoolVerifyCmd struct{ spoolPlace }

// Run reads everything.
func (c *spoolVerifyCmd) Run() error {
	f, err := c.inspect(true)
	if err != nil {
		return err
	}
	if err := listTable(f); err != nil {
		return err
	}
	damaged := 0
	for i := range f.Files {
		if f.Files[i].Damage != nil {
			damaged++
		}
	}
	if damaged > 0 {
		return fmt.Errorf("%d files are damaged; the agent sets them aside at its next start, sends what can be read, and declares the rest lost", damaged)
	}
	return nil
}

type spoolDumpCmd struct {
	spoolPlace
	Stream string `enum:"calls,telemetry,all" default:"all" help:"Only this stream: calls or telemetry."`
	JSON   bool   `name:"json" hidden:"" help:"The only format."`
}

// Run prints the records.
func (c *spoolDumpCmd) Run() error {
	dir, err := c.dir()
	if err != nil {
		return err
	}
	out := bufio.NewWriterSize(os.Stdout, 1<<16)
	lines := json.NewEncoder(out)
	lines.SetEscapeHTML(false)
	want := func(_ uint64, st record.Stream) bool { return c.Stream == "all" || c.Stream == st.String() }
	var failed error
	err = spool.Dump(dir, want, func(epoch uint64, st record.Stream, seq uint64, data []byte) bool {
		failed = dumpRecord(lines, epoch, st, seq, data)
		return failed == nil
	})
	return errors.Join(explainSpool(dir, err), failed, out.Flush())
}

func dumpRecord(out *json.Encoder, epoch uint64, st record.Stream, seq uint64, data []byte) error {
	line := struct {
		Epoch  string `json:"epoch"`
		Stream string `json:"stream"`
		Seq    uint64 `json:"seq"`
		Kind   string `json:"kind"`
		Record any    `json:"record,omitempty"`
	}{Epoch: epochText(epoch), Stream: st.String(), Seq: seq, Kind: "unknown"}
	if r, err := record.Decode(data); err == nil {
		line.Kind, line.Record = r.Kind()
	}
	return out.Encode(line)
}
