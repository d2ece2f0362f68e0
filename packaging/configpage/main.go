// Command configpage writes the manual page of a configuration file from its
// reference file, which it reads from standard input:
//
//	configpage PROGRAM FILE VERSION DATE < configs/agent.yaml
package main

import (
	"fmt"
	"io"
	"os"

	"github.com/sipward/sipward/internal/manual"
)

func main() {
	if len(os.Args) != 5 {
		fmt.Fprintln(os.Stderr, "usage: configpage PROGRAM FILE VERSION DATE < REFERENCE")
		os.Exit(2)
	}
	reference, err := io.ReadAll(os.Stdin)
	if err != nil {
		fmt.Fprintln(os.Stderr, "configpage: reading the reference:", err)
		os.Exit(1)
	}
	program, file := os.Args[1], os.Args[2]
	fmt.Print(manual.ConfigPage(program, file, string(reference), manual.About{
		Version: os.Args[3], Date: os.Args[4], SeeAlso: []string{program + "(1)"},
	}))
}
