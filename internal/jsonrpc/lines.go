package jsonrpc

import (
	"bufio"
	"bytes"
	"errors"
	"io"
)

// ErrTooLong is for a line beyond the bound.
var ErrTooLong = errors.New("jsonrpc: the line is too long")

// Lines reads messages that stand on a line each. It is not safe for concurrent use.
type Lines struct {
	r   *bufio.Reader
	max int
	err error
}

// NewLines reads lines of at most max bytes from r.
func NewLines(r io.Reader, max int) *Lines {
	return &Lines{r: bufio.NewReaderSize(r, 64<<10), max: max}
}

// Next returns the next line that is not blank, without its end and for the caller to
// keep; io.EOF after the last. An end in the middle of a line is io.ErrUnexpectedEOF. A
// line that is too long ends the reading.
func (l *Lines) Next() ([]byte, error) {
	for l.err == nil {
		line, err := l.line()
		if l.err = err; err != nil {
			break
		}
		if line = bytes.TrimSpace(line); len(line) > 0 {
			return line, nil
		}
	}
	return nil, l.err
}

func (l *Lines) line() (line []byte, err error) {
	for {
		part, err := l.r.ReadSlice('\n')
		if len(line)+len(part) > l.max {
			return nil, ErrTooLong
		}
		line = append(line, part...)
		switch {
		case err == nil:
			return line, nil
		case err == io.EOF && len(bytes.TrimSpace(line)) > 0:
			return nil, io.ErrUnexpectedEOF
		case err != bufio.ErrBufferFull:
			return nil, err
		}
	}
}
