package configs

import (
	"github.com/goccy/go-yaml/ast"
)

// node is one value of a file, by whichever reader: what it means is decided in
// one place.
type node struct {
	kind  kind
	line  int    // from 1
	text  string // of a scalar, as it is written: 0100 stays 0100; what it is, of strange
	items []node // of a sequence
	pairs []pair // of a mapping
}

// pair is a key and its value.
type pair struct {
	key   string
	line  int // of the key
	value node
}

// kind is what YAML knows, as far as it matters here.
type kind uint8

const (
	null kind = iota + 1
	scalar
	sequence
	mapping
	refused // anchors, aliases, tags and merge keys
	strange // nothing that a value can be
)

// name is what people are told was found.
func (n *node) name() string {
	switch n.kind {
	case null:
		return "nothing"
	case scalar:
		return "string"
	case sequence:
		return "sequence"
	case mapping:
		return "mapping"
	case refused:
		return "reference"
	case strange:
	}
	return n.text
}

// fromAST takes over what the YAML library read.
func fromAST(n ast.Node) node {
	out := node{line: line(n)}
	switch n := n.(type) {
	case nil, *ast.NullNode:
		out.kind = null
	case *ast.AnchorNode, *ast.AliasNode, *ast.TagNode, *ast.MergeKeyNode:
		out.kind = refused
	case *ast.MappingNode:
		out.kind = mapping
		for _, p := range n.Values {
			out.pairs = append(out.pairs, pairOf(p))
		}
	case *ast.MappingValueNode:
		out.kind, out.pairs = mapping, []pair{pairOf(n)}
	case *ast.SequenceNode:
		out.kind, out.items = sequence, make([]node, len(n.Values))
		for i, x := range n.Values {
			out.items[i] = fromAST(x)
		}
	case *ast.StringNode:
		out.kind, out.text = scalar, n.Value
	case *ast.LiteralNode:
		out.kind, out.text = scalar, n.Value.Value
	case ast.ScalarNode:
		out.kind, out.text = scalar, n.GetToken().Value
	default:
		out.kind, out.text = strange, n.Type().YAMLName()
	}
	return out
}

func pairOf(p *ast.MappingValueNode) pair {
	return pair{p.Key.GetToken().Value, line(p.Key), fromAST(p.Value)}
}

func line(n ast.Node) int {
	if n == nil || n.GetToken() == nil {
		return 1
	}
	return n.GetToken().Position.Line
}
