package main

import (
	"fmt"
	"io"
)

// printer writes an answer: its text as it comes, tool calls on lines of their
// own, a line break at the end.
type printer struct {
	out   io.Writer
	notes io.Writer // for what is not the answer
	open  bool      // the last line has no end yet
	any   bool      // something was printed
	cut   string    // why the answer is shorter than the model wanted
}

func (p *printer) text(s string) {
	if s != "" {
		io.WriteString(p.out, s)
		p.open, p.any = true, true
	}
}

func (p *printer) toolCall(name, arguments string) {
	p.closeLine()
	fmt.Fprintf(p.out, "[tool call %s %s]\n", name, arguments)
	p.any = true
}

func (p *printer) closeLine() {
	if p.open {
		fmt.Fprintln(p.out)
		p.open = false
	}
}

// end closes the last line; even an empty answer has one, unless it failed.
func (p *printer) end(err error) {
	if !p.any && err == nil {
		p.open = true
	}
	p.closeLine()
	if p.cut != "" && err == nil {
		fmt.Fprintf(p.notes, "agwctl: the answer is cut short (%s)\n", oneLine(p.cut))
	}
}
