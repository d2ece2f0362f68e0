package upgrade

import (
	"archive/tar"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/klauspost/compress/zstd"
)

// wantName is the file of an archive that says what must be found in the others.
const wantName = "want.json"

// pack writes files and folders of dir, and what must be found in them.
func pack(file, dir string, want *kept, names ...string) (err error) {
	text, err := json.MarshalIndent(want, "", " ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, wantName), text, 0o600); err != nil {
		return err
	}
	f, err := os.Create(file)
	if err != nil {
		return err
	}
	z, err := zstd.NewWriter(f, zstd.WithEncoderLevel(zstd.SpeedBestCompression))
	if err != nil {
		return errors.Join(err, f.Close())
	}
	t := tar.NewWriter(z)
	for _, name := range append(names, wantName) {
		if err := packTree(t, dir, name); err != nil {
			return errors.Join(err, f.Close())
		}
	}
	return errors.Join(t.Close(), z.Close(), f.Close())
}

func packTree(t *tar.Writer, dir, name string) error {
	return filepath.WalkDir(filepath.Join(dir, name), func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		rel, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if err := t.WriteHeader(&tar.Header{Name: filepath.ToSlash(rel), Mode: 0o600, Size: int64(len(data))}); err != nil {
			return err
		}
		_, err = t.Write(data)
		return err
	})
}

// unpack lays the files of an archive into dir, and returns what must be found in them.
func unpack(file, dir string) (*kept, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	z, err := zstd.NewReader(f)
	if err != nil {
		return nil, err
	}
	defer z.Close()
	t := tar.NewReader(z)
	for {
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		path := filepath.Join(dir, filepath.FromSlash(h.Name))
		data, err := io.ReadAll(t)
		if err != nil {
			return nil, err
		}
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, data, 0o600)); err != nil {
			return nil, err
		}
	}
	text, err := os.ReadFile(filepath.Join(dir, wantName))
	if err != nil {
		return nil, err
	}
	want := new(kept)
	return want, json.Unmarshal(text, want)
}
