package main

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
)

// about is the program that the parts are of.
type about struct{ name, version, date string }

// Of CycloneDX 1.5 these are the fields that are filled in.
type (
	document struct {
		Format       string      `json:"bomFormat"`
		Spec         string      `json:"specVersion"`
		Serial       string      `json:"serialNumber"`
		Version      int         `json:"version"`
		Metadata     metadata    `json:"metadata"`
		Components   []component `json:"components"`
		Dependencies []edge      `json:"dependencies"`
	}
	metadata struct {
		Timestamp string    `json:"timestamp,omitempty"`
		Component component `json:"component"`
	}
	component struct {
		Type     string   `json:"type"`
		Ref      string   `json:"bom-ref"`
		Name     string   `json:"name"`
		Version  string   `json:"version"`
		Hashes   []hash   `json:"hashes,omitempty"`
		Licenses []choice `json:"licenses,omitempty"`
		Purl     string   `json:"purl,omitempty"`
	}
	hash struct {
		Alg     string `json:"alg"`
		Content string `json:"content"`
	}
	choice struct {
		Expression string `json:"expression"`
	}
	edge struct {
		Ref string   `json:"ref"`
		On  []string `json:"dependsOn,omitempty"`
	}
)

// bill returns the bill of materials. Its serial number is made of what it says,
// so that the same program has the same bill.
func bill(a about, parts []part) []byte {
	root := component{Type: "application", Ref: a.name, Name: a.name, Version: a.version,
		Licenses: []choice{{"Apache-2.0"}}, Purl: "pkg:golang/github.com/sipward/sipward@" + a.version}
	d := document{Format: "CycloneDX", Spec: "1.5", Version: 1, Metadata: metadata{a.date, root}}
	var refs []string
	for _, p := range parts {
		c := component{Type: "library", Ref: p.Purl, Name: p.Name, Version: p.Version, Purl: p.Purl}
		if p.Hash != "" {
			c.Hashes = []hash{{p.Alg, p.Hash}}
		}
		if p.License != "" {
			c.Licenses = []choice{{p.License}}
		}
		d.Components = append(d.Components, c)
		refs = append(refs, c.Ref)
	}
	d.Dependencies = []edge{{Ref: root.Ref, On: refs}}
	for _, r := range refs {
		d.Dependencies = append(d.Dependencies, edge{Ref: r})
	}
	content, err := json.Marshal(d)
	if err != nil {
		panic(err) // strings and lists of them
	}
	sum := sha256.Sum256(content)
	sum[6], sum[8] = sum[6]&0x0f|0x80, sum[8]&0x3f|0x80 // RFC 9562: version 8, of our own making
	d.Serial = fmt.Sprintf("urn:uuid:%x-%x-%x-%x-%x", sum[:4], sum[4:6], sum[6:8], sum[8:10], sum[10:16])
	content, _ = json.MarshalIndent(d, "", "  ")
	return append(content, '\n')
}
