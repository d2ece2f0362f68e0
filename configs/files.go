package configs

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// maxFile bounds a configuration file.
const maxFile = 16 << 20

// readText reads a configuration file of sensible size.
func readText(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("reading the configuration: %w", err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("reading the configuration: %w", err)
	}
	if len(text) > maxFile {
		return nil, fmt.Errorf("reading the configuration: %s is larger than %d MiB", path, maxFile>>20)
	}
	return text, nil
}

// Explain says why path cannot be used and what to do about it, in one line as a
// service's log should have it; err is what Load or LoadCollector returned for it.
// reference is the configuration that the project has as an example.
func Explain(err error, path, reference string) error {
	var all Problems
	switch {
	case errors.As(err, &all) && len(all) > 1:
		return fmt.Errorf("%w (the first of %d problems; check lists all)", all[0], len(all))
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%w; copy %s there, or name another file with --config", err, reference)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%w; become root or, for the service, give %s its group, and mode 0640", err, path)
	}
	return err
}

// ExplainAll is Explain with a line for each problem.
func ExplainAll(err error, path, reference string) error {
	var all Problems
	if errors.As(err, &all) && len(all) > 1 {
		return fmt.Errorf("%s has %d problems:\n%w", path, len(all), all)
	}
	return Explain(err, path, reference)
}

// under makes a relative path begin at dir.
func under(dir string, path *string) {
	if *path != "" && !filepath.IsAbs(*path) {
		*path = filepath.Join(dir, *path)
	}
}

// explainFile says what to do about a file that a key of the configuration names.
func explainFile(err error) error {
	switch {
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%w; let the service's user read it: give it the service's group, and mode 0640", err)
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%w; put the file there, or correct its name", err)
	}
	return err
}

func readSecret(path string) (Secret, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	b = bytes.TrimSpace(b)
	if len(b) == 0 {
		return "", errors.New(path + " is empty; put the secret into it, or remove the key")
	}
	return Secret(b), nil
}

// Files are those that the configuration names and the agent reads.
func (a *Agent) Files() []string {
	u := &a.Uplink
	out := []string{u.CAFile, u.CertFile, u.KeyFile, u.PasswordFile, a.Table.PublicKeyFile}
	for i := range a.Capture.HEP {
		h := &a.Capture.HEP[i]
		out = append(out, h.CertFile, h.KeyFile, h.AuthFile)
	}
	return out
}

// Files are those that the configuration names and the collector reads.
func (c *Collector) Files() []string {
	x := &c.External
	return []string{x.CAFile, x.CertFile, x.KeyFile, x.PasswordFile, x.ShareFile, c.Store.PasswordFile,
		c.Web.CertFile, c.Web.KeyFile, c.Alerts.Mail.PasswordFile, c.Alerts.Webhook.SecretFile}
}
